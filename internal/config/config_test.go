package config

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/metric"
)

var update = flag.Bool("update", false, "rewrite the expected messages in testdata/err")

func TestParseReadsEveryKey(t *testing.T) {
	got := parseFile(t, "testdata/ok/full.yaml")
	low, high, floor, ceiling := 18.0, 120.0, 0.6, 0.99
	want := &File{
		Model: "credit-default", Task: metric.Binary,
		Data: Data{
			Path: "data/train.csv.gz", Target: "default", ID: "customer", Positive: "yes", Weight: "exposure",
			Exclude: []string{"branch", "notes"}, Files: []string{"documents"},
			Schema: dataset.Schema{
				{Name: "age", Kind: dataset.Number, Min: &low, Max: &high},
				{Name: "housing", Kind: dataset.Category, Levels: []string{"own", "rent"}, Nullable: true},
				{Name: "customer", Unique: true},
			},
			Evaluate: Evaluate{Holdout: 0.3, Seed: 7, Group: "household"},
		},
		Train: Train{
			Command: []string{"uv", "run", "train.py"}, Setup: []string{"uv", "sync", "--frozen"},
			Predict: []string{"uv", "run", "predict.py"}, Image: "registry.example/train@sha256:00",
			Format: "parquet", Network: true, Sandbox: SandboxOn, Seed: 3, TunedOn: "data/valid.csv",
			Limits: Limits{Time: 30 * time.Minute, Silence: 5 * time.Minute, Memory: 4 << 30, Processes: 64},
		},
		Policy: gate.Policy{
			Mode: gate.Strict, Confidence: 0.9, Inconclusive: gate.InconclusiveBlock, Owners: []string{"ada", "grace"},
			Rules: []gate.Rule{
				{Metric: "roc_auc", Margin: &gate.Margin{Value: 0.01}, Min: &floor, Max: &ceiling},
				{Metric: "log_loss", Margin: &gate.Margin{Value: 0.02, Relative: true}},
			},
			Slices: []gate.SliceRule{{By: "housing", Metrics: []string{"recall"}, Margin: &gate.Margin{Value: 0.05}, MinRows: 50}},
			Anchor: "v1.0.0", Reveal: gate.RevealValues,
			Fairness: []gate.FairnessRule{{
				By: "housing", Metrics: []string{"recall"}, Margin: &gate.Margin{Value: 0.05}, MinRows: 40, Ceilings: map[string]float64{
					"demographic_parity_difference": 0.2, "demographic_parity_ratio": 0.8, "equalized_odds_difference": 0.2, "equalized_odds_ratio": 0.8,
				},
			}},
			Waivers: gate.WaiverPolicy{Allow: []string{"maintain", "ada"}, Author: true, Days: 3, Exact: true},
		},
		Image:   Image{Name: "ghcr.io/acme/credit", Key: "keys/weighlock.pub", Base: "ghcr.io/acme/python@sha256:00", Uses: []string{"Ranks applications for a clerk who decides"}, Limits: []string{"Says nothing about firms"}, Licenses: "Apache-2.0"},
		Comment: CommentOnBlock, PublishError: PublishFail,
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(File{})); diff != "" {
		t.Error(diff)
	}
}

func TestParseFillsInDefaults(t *testing.T) {
	got := parseFile(t, "testdata/ok/small.yaml")
	if got.Policy.Mode != gate.Balanced || got.Policy.Confidence != 0.95 || got.Policy.Inconclusive != gate.InconclusiveWarn {
		t.Errorf("policy defaults are %+v", got.Policy)
	}
	if got.Comment != CommentAlways || got.PublishError != PublishWarn || got.Train.Sandbox != SandboxOn || got.Train.Format != "csv" {
		t.Errorf("defaults are %q %q %q %q", got.Comment, got.PublishError, got.Train.Sandbox, got.Train.Format)
	}
	if at := got.At("train.params.alpha").String(); at != "testdata/ok/small.yaml:6:43" {
		t.Errorf("train.params.alpha stands at %s", at)
	}
	if at := got.At("data.id").String(); at != got.At("data").String() {
		t.Errorf("a key that was left out stands at %s, want its section", at)
	}
}

// TestMistakes reads each file of testdata/err and compares every message with the .out file beside it. Run with
// -update to rewrite those, and read the difference.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/err/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("found %d files: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := Parse(filepath.Base(file), content)
			var problems Problems
			if parsed != nil || !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("got %v, %v; want problems", parsed, err)
			}
			for _, p := range problems {
				if p.Position.Line < 1 || p.Position.Column < 1 || p.Position.File != filepath.Base(file) {
					t.Errorf("%v has no place", p)
				}
			}
			got, out := err.Error()+"\n", strings.TrimSuffix(file, ".yaml")+".out"
			if *update {
				if err := os.WriteFile(out, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(out)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseRefusesHugeAndDeepFiles(t *testing.T) {
	for name, content := range map[string]string{
		"huge": "version: 1 #" + strings.Repeat("x", maxBytes),
		"deep": strings.Repeat("{a: ", 400) + "1" + strings.Repeat("}", 400),
	} {
		if _, err := Parse(name, []byte(content)); err == nil || !strings.HasPrefix(err.Error(), name+":") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/ok/*.yaml", "testdata/err/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(content)
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := Parse("f.yaml", content)
		var problems Problems
		switch {
		case err == nil:
			if err := gate.CheckPolicy(file.Task, file.Policy); err != nil {
				t.Errorf("the gate refuses what Parse let through: %v", err)
			}
			if _, changed := Effective(file, file); len(changed) > 0 {
				t.Errorf("a file differs from itself: %v", changed)
			}
		case !errors.As(err, &problems) || len(problems) == 0:
			t.Errorf("the error is no list of problems: %v", err)
		default:
			if !slices.IsSortedFunc(problems, func(a, b Problem) int { return a.Position.Line - b.Position.Line }) {
				t.Errorf("the problems are not in order: %v", problems)
			}
			if strings.Count(err.Error(), "\n") != len(problems)-1 {
				t.Errorf("a problem has more than one line: %q", err)
			}
		}
	})
}

func parseFile(t *testing.T, name string) *File {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(name, content)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
