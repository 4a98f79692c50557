package report

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/gate"
)

func TestRoundTrip(t *testing.T) {
	for name, r := range fixtures() {
		raw := encode(t, r)
		back, err := Decode(bytes.NewReader(raw))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if again := encode(t, back); !bytes.Equal(raw, again) {
			t.Errorf("%s: another encoding after decoding:\n%s", name, cmp.Diff(string(raw), string(again)))
		}
		if !bytes.HasSuffix(raw, []byte("}\n")) {
			t.Errorf("%s: no newline at the end", name)
		}
	}
}

func TestEncodingsFitTheSchema(t *testing.T) {
	schema := compile(t)
	for name, r := range fixtures() {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(encode(t, r)))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("report.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("report.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// TestSchemaKnowsEveryField walks the structs and the schema side by side.
func TestSchemaKnowsEveryField(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	compareFields(t, "report", reflect.TypeFor[Report](), root, root)
}

func compareFields(t *testing.T, path string, typ reflect.Type, node, root map[string]any) {
	t.Helper()
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if ref, ok := node["$ref"].(string); ok {
		node = root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
	switch typ.Kind() { //nolint:exhaustive // all others are leaves
	case reflect.Slice, reflect.Array:
		compareFields(t, path+"[]", typ.Elem(), node["items"].(map[string]any), root)
	case reflect.Struct:
		properties, _ := node["properties"].(map[string]any)
		known, required := fields(typ)
		if want := sortedNames(node["required"]); !slices.Equal(slices.Sorted(slices.Values(required)), want) {
			t.Errorf("%s: the struct always writes %v, the schema requires %v", path, required, want)
		}
		for name := range properties {
			if _, ok := known[name]; !ok {
				t.Errorf("%s: the schema has %q, the struct has not", path, name)
			}
		}
		for name, field := range known {
			child, ok := properties[name].(map[string]any)
			if !ok {
				t.Errorf("%s: the struct has %q, the schema has not", path, name)
				continue
			}
			compareFields(t, path+"."+name, field, child, root)
		}
	}
}

func sortedNames(v any) []string {
	var out []string
	list, _ := v.([]any)
	for _, name := range list {
		out = append(out, name.(string))
	}
	slices.Sort(out)
	return out
}

// TestProtocolNames holds the names of the design's section 5: none may be renamed.
func TestProtocolNames(t *testing.T) {
	for _, c := range []struct {
		value any
		names string
	}{
		{Report{}, "version tool model task decision exit_code reasons head base data policy rules measured checks waivers warnings"},
		{Head{}, "commit dirty"},
		{Base{}, "commit image commits_back how"},
		{Data{}, "digest rows evaluation"},
		{Evaluation{}, "digest rows"},
		{Policy{}, "digest commit changed"},
		{Rule{}, "metric slice direction baseline candidate delta delta_relative interval margin min max verdict p_adjusted detectable rows rows_needed method flags"},
		{Interval{}, "low high level"},
		{Margin{}, "value relative"},
	} {
		known, required := fields(reflect.TypeOf(c.value))
		for name := range strings.FieldsSeq(c.names) {
			if _, ok := known[name]; !ok || !slices.Contains(required, name) {
				t.Errorf("%T: %q is missing, or may be left out", c.value, name)
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := string(encode(t, New(undecidedInputs())))
	change := func(from, to string) string {
		if !strings.Contains(good, from) {
			t.Fatalf("%q is not in the report", from)
		}
		return strings.Replace(good, from, to, 1)
	}
	for name, c := range map[string]struct{ source, want string }{
		"empty":             {"", "unexpected EOF"},
		"half":              {good[:len(good)/2], "EOF"},
		"a list":            {"[]", "cannot unmarshal"},
		"key twice":         {change(`"model":`, `"model": "x", "model":`), "stands twice"},
		"key in other case": {change(`"decision":`, `"Decision":`), "must be written"},
		"key folded":        {change(`"tasK":`[:4]+`k":`, `"tas`+"\u212A"+`":`), "must be written"},
		"missing key":       {change(`"decision": "undecided",`, ``), "missing"},
		"null":              {change(`"decision": "undecided"`, `"decision": null`), "null"},
		"NaN":               {change(`54.1043`, `NaN`), "invalid character"},
		"too large":         {change(`54.1043`, `1e999`), "does not fit"},
		"trailing":          {good + "{}", "follows"},
		"trailing bracket":  {good + "]", "follows"},
		"newer version":     {change(`"version": 1`, `"version": 2`), "version 2"},
		"unknown decision":  {change(`"decision": "undecided"`, `"decision": "splendid"`), "is none"},
		"wrong exit code":   {change(`"exit_code": 3`, `"exit_code": 0`), "exit code"},
		"unknown verdict":   {change(`"verdict": "inconclusive"`, `"verdict": "superb"`), "is none"},
		"deep":              {change(`"tool":`, `"x": `+strings.Repeat("[", 40)+strings.Repeat("]", 40)+`, "tool":`), "levels"},
		"not UTF-8":         {change(`diabetes`, "diab\xff"), "UTF-8"},
		"half a pair":       {change(`"rows": 442`, `"rows": "many"`), "cannot unmarshal"},
		"oversize":          {good + strings.Repeat(" ", maxBytes), "longer"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Decode(strings.NewReader(c.source)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v does not say %q", err, c.want)
			}
		})
	}
	if _, err := Decode(strings.NewReader(change(`"tool":`, `"later_field": {"a": [1]}, "tool":`))); err != nil {
		t.Errorf("a field of a later version: %v", err)
	}
}

func TestDecodeRefusesContradictions(t *testing.T) {
	for name, forge := range map[string]func(r *Report){
		"passed with a blocking rule": func(r *Report) { r.Decision, r.ExitCode = gate.Passed, 0 },
		"passed with a blocking check": func(r *Report) {
			r.Rules, r.Checks, r.Decision, r.ExitCode = nil, []dataset.Check{{Severity: dataset.Block}}, gate.Passed, 0
		},
		"waived although invalid": func(r *Report) { r.Rules[0].Verdict, r.Rules[0].Waived = "invalid", true },
		"interval backwards":      func(r *Report) { r.Rules[0].Interval = &Interval{Low: new(2.0), High: new(1.0), Level: 0.95} },
		"curve of two lengths":    func(r *Report) { r.Plots = &Plots{ROC: []Curve{{Of: "candidate", X: []float64{1}}}} },
		"cell outside":            func(r *Report) { r.Plots.Residuals.Models[0].Cells[0][0] = 999 },
		"huge grid":               func(r *Report) { r.Plots.Residuals.Across = 1 << 30 },
	} {
		r := New(blockedInputs())
		forge(r)
		raw, err := json.Marshal(r.whole())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(bytes.NewReader(raw)); err == nil {
			t.Errorf("%s is let through", name)
		}
		if _, err := r.Encode(); err == nil {
			t.Errorf("%s is written", name)
		}
	}
}

func TestNewNeverMilder(t *testing.T) {
	passed := binaryInputs
	for name, c := range map[string]struct {
		edit func(in *Inputs)
		want gate.Decision
	}{
		"as the gate says":     {func(*Inputs) {}, "passed"},
		"nothing judged":       {func(in *Inputs) { in.Result = nil }, "invalid"},
		"failed without name":  {func(in *Inputs) { in.Failure = &Failure{Message: "x"} }, "invalid"},
		"failed as passed":     {func(in *Inputs) { in.FailedAs, in.Failure = "passed", &Failure{Message: "x"} }, "invalid"},
		"unavailable":          {func(in *Inputs) { in.FailedAs = "unavailable" }, "unavailable"},
		"a check blocks":       {func(in *Inputs) { in.Checks = []dataset.Check{{Name: "x", Severity: dataset.Block}} }, "blocked"},
		"a check warns":        {func(in *Inputs) { in.Checks = []dataset.Check{{Name: "x", Severity: dataset.Warn}} }, "passed"},
		"law changed":          {func(in *Inputs) { in.Policy.Changed = []string{"x"} }, "blocked"},
		"law changed, allowed": {func(in *Inputs) { in.Policy.Changed, in.Policy.ApprovedBy = []string{"x"}, []string{"owner"} }, "passed"},
	} {
		in := passed()
		c.edit(&in)
		if r := New(in); r.Decision != c.want || r.ExitCode != c.want.ExitCode() {
			t.Errorf("%s: %s (%d), want %s", name, r.Decision, r.ExitCode, c.want)
		}
	}
	in := blockedInputs()
	in.Result.Decision = gate.Passed
	in.Result.Rules[0].Waived = &gate.Waiver{Commit: "another head"}
	in.Result.Rules[0].Interval = &gate.Interval{Low: math.Inf(-1), High: math.Inf(1), Level: 0.95}
	in.Result.Rules[0].Detectable = new(math.Inf(1))
	r := New(in)
	if r.Rules[0].Waived || r.Decision != gate.Blocked || len(r.Waivers) != 0 {
		t.Error("a waiver of another head holds")
	}
	if r.Rules[0].Interval.Low != nil || r.Rules[0].interval() != "−∞ to +∞" {
		t.Errorf("an unbounded interval reads %s", r.Rules[0].interval())
	}
	encode(t, r)
}

func TestBudgetHolds(t *testing.T) {
	in := manyInputs(5000)
	for i := range in.Result.Rules {
		in.Result.Rules[i].Slice = strings.Repeat("界|", 60)
		in.Checks = append(in.Checks, dataset.Check{Name: "check", Severity: dataset.Warn, Message: strings.Repeat("<x>", 200)})
		in.Policy.Changed = append(in.Policy.Changed, strings.Repeat("@", 300))
	}
	r := New(in)
	for _, budget := range []int{0, 60_000, 30_000, 12_000, 3_000} {
		got := Markdown(r, MarkdownOptions{Budget: budget, Marker: marker})
		most := budget
		if budget == 0 {
			most = DefaultBudget
		}
		if n := length(got); n > most || len(got) > 3*most {
			t.Errorf("budget %d: %d characters, %d bytes", most, n, len(got))
		}
		if !strings.HasPrefix(got, marker+"\n## ") || !strings.Contains(got, "left out here") {
			t.Errorf("budget %d: no marker, no headline or no word on what is missing", most)
		}
		if strings.Count(got, "<details>") != strings.Count(got, "</details>") || strings.Count(got, "```")%2 != 0 {
			t.Errorf("budget %d: something was cut in half", most)
		}
		for line := range strings.SplitSeq(got, "\n") {
			if strings.HasPrefix(line, "|") && !strings.HasSuffix(line, "|") {
				t.Errorf("budget %d: a row was cut: %s", most, line)
			}
		}
	}
	var out bytes.Buffer
	for name, render := range map[string]func(io.Writer) error{
		"text": func(w io.Writer) error { return Text(w, r, TextOptions{}) },
		"html": func(w io.Writer) error { return HTML(w, r) },
	} {
		out.Reset()
		if err := render(&out); err != nil || out.Len() > 4<<20 {
			t.Errorf("%s of 5,000 rules: %d bytes, %v", name, out.Len(), err)
		}
	}
}

func TestColour(t *testing.T) {
	r := New(blockedInputs())
	var plain, colour bytes.Buffer
	if err := Text(&plain, r, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := Text(&colour, r, TextOptions{Color: true}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(plain.String(), "\x1b") || !strings.Contains(colour.String(), "\x1b[31mregressed") {
		t.Error("colours where none are wanted, or none where they are")
	}
	stripped := colour.String()
	for _, code := range []string{"\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[1m", "\x1b[2m", "\x1b[0m"} {
		stripped = strings.ReplaceAll(stripped, code, "")
	}
	if diff := cmp.Diff(plain.String(), stripped); diff != "" {
		t.Errorf("colour moves the text: %s", diff)
	}
	for i, line := range strings.Split(plain.String(), "\n") {
		if n := len([]rune(line)); n > 100 && !strings.Contains(line, "@sha256:") { // a digest is for copying, so it is never broken
			t.Errorf("line %d has %d columns: %s", i, n, line)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, r := range []*Report{New(undecidedInputs()), New(invalidInputs()), New(firstRunInputs())} {
		raw, err := r.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := Decode(bytes.NewReader(raw))
		if err != nil {
			return
		}
		again, err := r.Encode()
		if err != nil {
			t.Fatalf("decoded but not encoded: %v", err)
		}
		back, err := Decode(bytes.NewReader(again))
		if err != nil {
			t.Fatalf("encoded but not decoded: %v", err)
		}
		if diff := cmp.Diff(r, back); diff != "" {
			t.Fatalf("another report after a round trip: %s", diff)
		}
		for _, render := range []func() error{
			func() error { return Text(io.Discard, r, TextOptions{}) },
			func() error { return HTML(io.Discard, r) },
			func() error { return JUnit(io.Discard, r) },
		} {
			if err := render(); err != nil {
				t.Fatal(err)
			}
		}
		if got := Markdown(r, MarkdownOptions{}); length(got) > DefaultBudget {
			t.Fatalf("%d characters", length(got))
		}
	})
}

// What goes to a registry names no row.
func TestWithoutIDs(t *testing.T) {
	in := closerInputs()
	in.Checks = []dataset.Check{{Name: "id-overlap", Severity: dataset.Warn, Message: "4 rows", Rows: []string{"patient-17"}, Count: 4}}
	in.Policy.Changed = []string{"evaluation set: 3 labels, such as patient-93"}
	in.Keys = []string{"patient-1", "patient-2"}
	r := New(in)
	before := string(encode(t, r))
	if strings.Count(before, "patient-") != 4 {
		t.Fatalf("%d ids before", strings.Count(before, "patient-"))
	}
	if after := string(encode(t, r.WithoutIDs())); strings.Contains(after, "patient-") || !strings.Contains(after, "3 labels") {
		t.Errorf("ids are left: %s", after)
	}
	if string(encode(t, r)) != before {
		t.Error("the report itself was changed")
	}
}

func TestWhatAPolicyReveals(t *testing.T) {
	for reveal, want := range map[gate.Reveal]string{"": "r-4", gate.RevealIDs: "r-4", gate.RevealNothing: "", gate.RevealValues: "r-4 paid"} {
		in := closerInputs()
		in.Reveal = reveal
		got := ""
		if rows := New(in).Explained.Rows; len(rows) > 0 {
			got = strings.TrimSpace(rows[0].ID + " " + rows[0].Truth)
		}
		if got != want && got != strings.Replace(want, "paid", "default", 1) {
			t.Errorf("%q reveals %q, want %q", reveal, got, want)
		}
	}
}
