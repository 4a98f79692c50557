package config

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestEveryPartOfTheLawComesFromTheBase edits one line of the law at a time: the edit must be named, must have no
// effect, and must give another digest.
func TestEveryPartOfTheLawComesFromTheBase(t *testing.T) {
	base := parseFile(t, "testdata/ok/full.yaml")
	for _, edit := range []struct{ from, to, named string }{
		{"target: default", "target: late", "data.target: default became late"},
		{"id: customer\n", "id: account\n", "data.id: customer became account"},
		{`positive: "yes"`, `positive: "no"`, "data.positive: yes became no"},
		{"  weight: exposure\n", "", "data.weight: exposure became none"},
		{"min: 18,", "min: 0,", "data.schema age: number, min 18, max 120 became number, min 0, max 120"},
		{"    customer: {unique: true}\n", "", "data.schema customer: removed (was unique)"},
		{"holdout: 0.3", "holdout: 0.01", "data.evaluate.holdout: 0.3 became 0.01"},
		{"seed: 7", "seed: 8", "data.evaluate.seed: 7 became 8"},
		{"group: household", "stratify: housing", "data.evaluate.group: household became none"},
		{"network: true", "network: false", "train.network: true became false"},
		{`sandbox: "on"`, `sandbox: "off"`, "train.sandbox: on became off"},
		{
			"limits: {time: 30m,", "limits: {time: 24h,",
			"train.limits: time 30m0s, silence 5m0s, memory 4096MiB, processes 64 became time 24h0m0s, silence 5m0s, memory 4096MiB, processes 64",
		},
		{"confidence: 0.9", "confidence: 0.5", "policy.confidence: 0.9 became 0.5"},
		{"mode: strict", "mode: lenient", "policy.mode: strict became lenient"},
		{"margin: 0.01, min: 0.6", "margin: 0.5, min: 0.6", "policy.rules roc_auc: margin 0.01, min 0.6, max 0.99 became margin 0.5, min 0.6, max 0.99"},
		{"margin: 2%", "margin: 90%", "policy.rules log_loss: margin 2% became margin 90%"},
		{"    - {metric: log_loss, margin: 2%}\n", "", "policy.rules log_loss: removed (was margin 2%)"},
		{"metric: log_loss, margin: 2%", "metric: brier, margin: 2%", "policy.rules brier: added (margin 2%)"},
		{"metrics: [recall], margin: 0.05, min_rows", "metrics: [recall], margin: 0.9, min_rows", "policy.slices recall by housing: margin 0.05, min_rows 50 became margin 0.9, min_rows 50"},
		{"min_rows: 50", "min_rows: 5000", "policy.slices recall by housing: margin 0.05, min_rows 50 became margin 0.05, min_rows 5000"},
		{"margin: 0.05, max_demo", "margin: 0.5, max_demo", "policy.fairness by housing: margin 0.05, metrics recall, max_demographic_parity_difference 0.2, min_demographic_parity_ratio 0.8, max_equalized_odds_difference 0.2, min_equalized_odds_ratio 0.8, min_rows 40 became margin 0.5, metrics recall, max_demographic_parity_difference 0.2, min_demographic_parity_ratio 0.8, max_equalized_odds_difference 0.2, min_equalized_odds_ratio 0.8, min_rows 40"},
		{"  anchor: v1.0.0\n", "", "policy.anchor: v1.0.0 became none"},
		{"reveal: values", "reveal: nothing", "policy.reveal: values became nothing"},
		{"group: household", "time: since\n    horizon: 3", "data.evaluate.horizon: 0 became 3"},
		{"inconclusive: block", "inconclusive: pass", "policy.inconclusive: block became pass"},
		{"owners: [ada, grace]", "owners: [mallory]", "policy.owners: ada, grace became mallory"},
		{"allow: [maintain, ada]", "allow: [read]", "policy.waivers.allow: maintain, ada became read"},
		{"author: true", "author: false", "policy.waivers.author: true became false"},
		{"days: 3", "days: 90", "policy.waivers.days: 3 became 90"},
		{"exact: true", "exact: false", "policy.waivers.exact: true became false"},
		{"name: ghcr.io/acme/credit", "name: ghcr.io/mallory/credit", "image.name: ghcr.io/acme/credit became ghcr.io/mallory/credit"},
		{"key: keys/weighlock.pub", "key: keys/mallory.pub", "image.key: keys/weighlock.pub became keys/mallory.pub"},
		{"base: ghcr.io", "base: evil.example", "image.base: ghcr.io/acme/python@sha256:00 became evil.example/acme/python@sha256:00"},
	} {
		t.Run(edit.named, func(t *testing.T) {
			change := edited(t, edit.from, edit.to)
			effective, changed := Effective(base, change)
			if !slices.Contains(changed, edit.named) {
				t.Errorf("changed lists %q, want %q among it", changed, edit.named)
			}
			if effective.LawDigest() != base.LawDigest() {
				t.Error("the edit had an effect on the law")
			}
			if change.LawDigest() == base.LawDigest() {
				t.Error("two laws have one digest")
			}
		})
	}
}

func TestTrainingComesFromTheChange(t *testing.T) {
	base := parseFile(t, "testdata/ok/full.yaml")
	for _, edit := range []struct{ from, to string }{
		{"path: ./data/train.csv.gz", "path: data/other.csv"},
		{"exclude: [branch, notes]", "exclude: [branch]"},
		{"command: [uv, run, train.py]", "command: [uv, run, better.py]"},
		{"format: parquet", "format: csv"},
		{"  seed: 3", "  seed: 4"},
		{"tuned_on: data/valid.csv", "tuned_on: data/other.csv"},
		{"    age: {kind: number, min: 18, max: 120}\n", "    age: {kind: number, min: 18, max: 120}\n    income: {kind: number}\n"},
		{"version: 1", "# a comment\nversion: 1"},
	} {
		change := edited(t, edit.from, edit.to)
		effective, changed := Effective(base, change)
		if len(changed) > 0 {
			t.Errorf("%q: the law changed: %q", edit.to, changed)
		}
		if strings.Contains(edit.to, "income") {
			if _, ok := effective.Data.Schema.Field("income"); !ok {
				t.Error("a column that only the change declares was dropped")
			}
		} else if effective.Data.Path != change.Data.Path || !slices.Equal(effective.Data.Exclude, change.Data.Exclude) ||
			!slices.Equal(effective.Train.Command, change.Train.Command) || effective.Train.Seed != change.Train.Seed {
			t.Errorf("%q had no effect", edit.to)
		}
	}
}

func TestEffectiveLeavesItsInputsAlone(t *testing.T) {
	base, change := parseFile(t, "testdata/ok/full.yaml"), edited(t, "mode: strict", "mode: lenient")
	before := change.LawDigest()
	effective, _ := Effective(base, change)
	effective.Data.Schema[0].Name = "other"
	if base.Data.Schema[0].Name != "age" || change.LawDigest() != before {
		t.Error("Effective shares its schema with its inputs, or wrote to them")
	}
}

func edited(t *testing.T, from, to string) *File {
	t.Helper()
	content, err := os.ReadFile("testdata/ok/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(content), from); n != 1 {
		t.Fatalf("%q stands there %d times", from, n)
	}
	f, err := Parse("weighlock.yaml", []byte(strings.Replace(string(content), from, to, 1)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}
