package attest

import (
	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/report"
)

// The results of in-toto's test-result predicate.
const (
	ResultPassed = "PASSED"
	ResultWarned = "WARNED"
	ResultFailed = "FAILED"
)

// The names of what a verdict's configuration lists.
const (
	configPolicy     = "policy"
	configEvaluation = "evaluation"
	configModel      = "model"
)

// testResult is the predicate https://in-toto.io/attestation/test-result/v0.1.
type testResult struct {
	Result        string     `json:"result"`
	Configuration []resource `json:"configuration"`
	PassedTests   []string   `json:"passedTests"`
	WarnedTests   []string   `json:"warnedTests"`
	FailedTests   []string   `json:"failedTests"`
}

// Verdict claims what the gate decided about the model in an image: each rule and each data check is a test, and the
// configuration names policy, evaluation rows and model by their digests.
func Verdict(a About) ([]byte, error) {
	r := a.Report
	t := testResult{
		Result: ResultPassed, PassedTests: []string{}, WarnedTests: []string{}, FailedTests: []string{},
		Configuration: []resource{
			{Name: configPolicy, Digest: sha256Digest(r.Policy.Digest), Annotations: map[string]any{"commit": r.Policy.Commit}},
			{Name: configEvaluation, Digest: sha256Digest(r.Data.Evaluation.Digest), Annotations: map[string]any{"rows": r.Data.Evaluation.Rows}},
			{Name: configModel, Digest: sha256Digest(r.ModelFile.Digest)},
		},
	}
	for _, rule := range r.Rules {
		t.add(testName(rule), rule.Blocks && !rule.Waived, rule.Waived || warns(rule.Verdict))
	}
	for _, check := range r.Checks {
		t.add("check: "+check.Name, check.Severity == dataset.Block, check.Severity == dataset.Warn)
	}
	switch {
	case r.Decision != gate.Passed || len(t.FailedTests) > 0:
		t.Result = ResultFailed
	case len(t.WarnedTests) > 0 || len(r.Warnings) > 0:
		t.Result = ResultWarned
	}
	return statement(a.subjects(), VerdictType, t)
}

func (t *testResult) add(name string, failed, warned bool) {
	switch {
	case failed:
		t.FailedTests = append(t.FailedTests, name)
	case warned:
		t.WarnedTests = append(t.WarnedTests, name)
	default:
		t.PassedTests = append(t.PassedTests, name)
	}
}

func testName(rule report.Rule) string {
	if rule.Slice == "" {
		return rule.Metric
	}
	return rule.Metric + " where " + rule.Slice
}

// warns reports whether a verdict that does not block is still one to look at.
func warns(v gate.Verdict) bool { return v != gate.Improved && v != gate.Unchanged }
