package attest

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/model"
	"github.com/weighlock/weighlock/internal/report"
)

var (
	testDigest = "sha256:" + strings.Repeat("0a", 32)
	testTime   = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
)

func testReport(t testing.TB, name string) *report.Report {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "report", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	r, err := report.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func testAbout(t testing.TB) About {
	t.Helper()
	self, err := os.ReadFile(os.Args[0]) // a Go program with build information, like a server
	if err != nil {
		t.Fatal(err)
	}
	score := func(v float64) map[string]evaluation.Score { return map[string]evaluation.Score{"rmse": {Value: &v}} }
	return About{
		Image: "ghcr.io/acme/diabetes", Digest: testDigest, Manifests: map[string]string{"linux/amd64": "sha256:" + strings.Repeat("0b", 32)},
		Source: "https://github.com/acme/diabetes", Created: testTime, Report: testReport(t, "passed.json"),
		Evaluation: evaluation.Evaluation{Task: metric.Regression, Rows: 133, Metrics: score(53.1), Slices: []evaluation.SliceScore{
			{By: "sex", Level: "F", Rows: 60, Metrics: score(55.25)}, {By: "sex", Level: "M", Rows: 73, Metrics: score(51)},
		}},
		Model: model.Description{
			Kind: "linear", Task: metric.Regression, Target: "progression", Origin: model.Origin{Estimator: "ridge", Rows: 309, Notes: []string{"bp carries no coefficient"}},
			Features: []model.Feature{{Name: "age", Kind: dataset.Number}, {Name: "sex", Kind: dataset.Category}},
		},
		Train:     map[string]any{"estimator": "ridge", "params": map[string]any{"alpha": 0.1}},
		Documents: map[string]string{"evaluation": "sha256:" + strings.Repeat("0c", 32)}, Servers: map[string][]byte{"linux/amd64": self},
		Builder: "https://github.com/actions/runner", Invocation: "https://github.com/acme/diabetes/actions/runs/1/attempts/1",
		Finished: testTime.Add(time.Hour), Version: "1.2.3", Uses: []string{"Triage"}, Limits: []string{"Not for children"}, Licenses: "Apache-2.0",
	}
}

// claims makes and parses every statement about an image.
func claims(t testing.TB, a About) []Statement {
	t.Helper()
	var out []Statement
	for _, write := range []func() ([]byte, error){
		func() ([]byte, error) { return Signature(a.Digest) },
		func() ([]byte, error) { return Verdict(a) },
		func() ([]byte, error) { return Provenance(a) },
	} {
		raw, err := write()
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

func testImage(a About) Image {
	return Image{Digest: a.Digest, Created: a.Created, Annotations: map[string]string{
		annotationRevision: a.Report.Head.Commit, annotationPolicy: a.Report.Policy.Digest,
		annotationEvaluation: a.Report.Data.Evaluation.Digest, AnnotationMetric + "rmse": "53.1",
	}}
}

func failed(all []Finding) []string {
	out := []string{}
	for _, f := range all {
		if !f.Holds {
			out = append(out, f.Check)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestClaimsHold(t *testing.T) {
	a := testAbout(t)
	found := Check(testImage(a), claims(t, a))
	if diff := cmp.Diff([]string{}, failed(found)); diff != "" {
		t.Errorf("%s\n%+v", diff, found)
	}
	if len(found) < 8 {
		t.Errorf("only %d things were checked: %+v", len(found), found)
	}
}

// Each way in which an image and its claims can fail to belong together has its own finding.
func TestClaimsDoNotHold(t *testing.T) {
	without := func(kind string) func(*Image, *[]Statement, *About) {
		return func(_ *Image, s *[]Statement, _ *About) {
			*s = slices.DeleteFunc(*s, func(one Statement) bool { return one.PredicateType == kind })
		}
	}
	annotated := func(key, value string) func(*Image, *[]Statement, *About) {
		return func(img *Image, _ *[]Statement, _ *About) { img.Annotations[key] = value }
	}
	for name, c := range map[string]struct {
		spoil func(*Image, *[]Statement, *About)
		want  []string
	}{
		"nothing signed":   {func(_ *Image, s *[]Statement, _ *About) { *s = nil }, []string{"provenance", "signature", "verdict"}},
		"no verdict":       {without(VerdictType), []string{"verdict"}},
		"no provenance":    {without(ProvenanceType), []string{"provenance"}},
		"no signature":     {without(SignatureType), []string{"signature"}},
		"another policy":   {annotated(annotationPolicy, testDigest), []string{"policy"}},
		"no policy":        {annotated(annotationPolicy, ""), []string{"policy"}},
		"other rows":       {annotated(annotationEvaluation, testDigest), []string{"evaluation"}},
		"another commit":   {annotated(annotationRevision, strings.Repeat("1", 40)), []string{"commit"}},
		"claims of others": {func(img *Image, _ *[]Statement, _ *About) { img.Digest = "sha256:" + strings.Repeat("ff", 32) }, []string{"provenance", "signature", "statements", "verdict"}},
		"another hash":     {func(img *Image, _ *[]Statement, _ *About) { img.Digest = "sha512:" + strings.Repeat("0a", 32) }, []string{"provenance", "signature", "statements", "verdict"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := testAbout(t)
			img, all := testImage(a), claims(t, a)
			c.spoil(&img, &all, &a)
			found := Check(img, all)
			if diff := cmp.Diff(c.want, failed(found)); diff != "" {
				t.Error(diff)
			}
			if !slices.ContainsFunc(found, func(f Finding) bool { return f.Broken }) {
				t.Error("nothing is called broken")
			}
		})
	}
}

// A verdict that failed is a true claim about a model that must not be used; with two verdicts the worse one counts.
func TestFailedVerdict(t *testing.T) {
	a := testAbout(t)
	all := claims(t, a)
	a.Report = testReport(t, "blocked.json")
	all = append(all, claims(t, a)[1])
	a.Report = testReport(t, "passed.json")
	found := Check(testImage(a), all)
	if !slices.Contains(failed(found), "verdict") {
		t.Errorf("a failed verdict beside a passed one passes: %+v", found)
	}
}

func TestVerdict(t *testing.T) {
	for name, want := range map[string]string{
		"passed.json": ResultPassed, "blocked.json": ResultFailed, "waived.json": ResultWarned, "undecided.json": ResultFailed, "invalid.json": ResultFailed,
	} {
		a := testAbout(t)
		a.Report = testReport(t, name)
		a.Report.Warnings = nil
		raw, err := Verdict(a)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		var got testResult
		if err := json.Unmarshal(s.Predicate, &got); err != nil {
			t.Fatal(err)
		}
		if got.Result != want {
			t.Errorf("%s is %s, want %s: %+v", name, got.Result, want, got)
		}
		if n := len(got.PassedTests) + len(got.WarnedTests) + len(got.FailedTests); n != len(a.Report.Rules)+len(a.Report.Checks) {
			t.Errorf("%s: %d tests for %d rules and %d checks", name, n, len(a.Report.Rules), len(a.Report.Checks))
		}
		if a.Report.Decision != gate.Passed && got.Result == ResultPassed {
			t.Errorf("%s: %s became %s", name, a.Report.Decision, got.Result)
		}
	}
}

func TestDemands(t *testing.T) {
	a := testAbout(t)
	img, all := testImage(a), claims(t, a)
	for text, want := range map[string][]string{
		"max_age_days: 30\n": {},
		"max_age_days: 3\n":  {"age"},
		"sources: ['https://github.com/acme/diabetes']\n":                               {},
		"sources: ['https://github.com/evil/diabetes']\n":                               {"accepted source"},
		"builders: ['https://github.com/actions/runner']\n":                             {},
		"builders: [laptop]\n":                                                          {"accepted builder"},
		"metrics: {rmse: {max: 60, min: 1}}\n":                                          {},
		"metrics: {rmse: {max: 53}}\n":                                                  {"rmse"},
		"metrics: {r2: {min: 0.4}}\n":                                                   {"r2"},
		"policies: [" + a.Report.Policy.Digest + "]\n":                                  {},
		"policies: [" + testDigest + "]\n":                                              {"accepted policy"},
		"no_warnings: true\nmetrics: {rmse: {min: 60}}\npolicies: [" + testDigest + "]": {"accepted policy", "rmse"},
	} {
		d, err := ParseDemands("deploy.yaml", []byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, failed(d.Demand(img, all, testTime.AddDate(0, 0, 10)))); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	for _, text := range []string{"", "min_rows: 3\n", "policies: [abc]\n", "metrics: {rmse: {}}\n", "metrics: {rmse: {most: 1}}\n", "max_age_days: -1\n", "sources: x\n---\nsources: [x]\n", "sources: x: y\n"} {
		if _, err := ParseDemands("deploy.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), "deploy.yaml") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

// The bill of materials is what CycloneDX's own schema wants, and the same each time.
func TestBOM(t *testing.T) {
	a := testAbout(t)
	raw, err := BOM(a)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := BOM(a); err != nil || !bytes.Equal(raw, again) {
		t.Errorf("the second one differs: %v", err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if err := cycloneDXSchema(t).Validate(document); err != nil {
		t.Errorf("%v", err)
	}
	for _, want := range []string{
		`"machine-learning-model"`, `"ridge"`, `"sex=F"`, `"55.25"`, `"Triage"`, `"Not for children"`, `"pkg:golang/std@`,
		`"sex = F (60 of 133 rows)"`, `"lowerBound"`, "bp carries no coefficient",
	} {
		if !bytes.Contains(raw, []byte(want)) {
			t.Errorf("it does not hold %s", want)
		}
	}
	a.Servers["linux/amd64"] = []byte("not a program")
	if _, err := BOM(a); err == nil {
		t.Error("a server whose modules cannot be read has a bill of materials")
	}
}

// cycloneDXSchema compiles the schema that the library carries.
func cycloneDXSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	folder := filepath.Join(strings.TrimSpace(string(out)), "schema")
	for name, file := range map[string]string{"spdx.schema.json": "spdx.schema.json", "jsf-0.82.schema.json": "jsf-0.82.schemax.json"} {
		f, err := os.Open(filepath.Join(folder, file))
		if err != nil {
			t.Fatal(err)
		}
		document, err := jsonschema.UnmarshalJSON(f)
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource("http://cyclonedx.org/schema/"+name, document); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := c.Compile(filepath.Join(folder, "bom-1.6.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func FuzzCheck(f *testing.F) {
	a := testAbout(f)
	for _, s := range claims(f, a) {
		f.Add([]byte(s.Predicate), s.PredicateType)
	}
	f.Fuzz(func(t *testing.T, predicate []byte, kind string) {
		s := Statement{statementType, a.subjects(), kind, predicate}
		// One claim of one kind is never enough.
		if len(failed(Check(testImage(a), []Statement{s}))) == 0 {
			t.Errorf("%s alone passes: %s", kind, predicate)
		}
	})
}
