package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/estimator"
	"github.com/weighlock/weighlock/internal/metric"
)

// fitted writes a linear model of y = 1 + 2x + 0.1 where the colour is red (as a level, compared with blue).
func fitted(t *testing.T) string {
	t.Helper()
	const rows = "x,colour,y\n0,blue,1\n1,blue,3\n2,blue,5\n0,red,1.1\n1,red,3.1\n3,blue,7\n4,red,9.1\n5,blue,11\n6,red,13.1\n7,red,15.1\n8,blue,17\n"
	train, err := dataset.ReadCSV([]byte(rows), "train.csv", dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := estimator.Fit(t.Context(), estimator.Spec{Name: "linear", Task: metric.Regression, Target: "y"}, train)
	if err != nil {
		t.Fatal(err)
	}
	files, err := m.Files()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "model")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// command runs one command line as main does.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, talk bytes.Buffer
	code = run(t.Context(), args, world{strings.NewReader(""), &out, &talk, func(string) string { return "" }})
	return code, out.String(), talk.String()
}

func TestInspectModelInWordsAndJSON(t *testing.T) {
	folder := fitted(t)
	code, words, talk := command(t, "inspect", folder)
	if code != 0 || talk != "" {
		t.Fatalf("exit %d, %s", code, talk)
	}
	for _, want := range []string{
		"linear", "regression of y", "trained on  11 rows", "sha256:", "(x - 0) / 1; missing is 3", "compared with blue",
		"coefficients, in the units of the raw columns", "colour = red  0.1",
	} {
		if !strings.Contains(words, want) {
			t.Errorf("%q is missing in\n%s", want, words)
		}
	}
	// a run's folder, and the document itself, lead to the same model
	for _, path := range []string{filepath.Dir(folder), filepath.Join(folder, "model.json")} {
		if _, again, _ := command(t, "inspect", path); again != words {
			t.Errorf("inspect %s differs:\n%s", path, again)
		}
	}
	code, raw, _ := command(t, "inspect", "--json", folder)
	var found struct {
		Model struct {
			Coefficients []struct {
				Term  string
				Value float64
			}
			Digest string
		}
	}
	if err := json.Unmarshal([]byte(raw), &found); err != nil || code != 0 {
		t.Fatalf("exit %d: %v\n%s", code, err, raw)
	}
	if c := found.Model.Coefficients; len(c) != 2 || c[0].Term != "x" || c[0].Value < 2-1e-13 || c[0].Value > 2+1e-13 {
		t.Errorf("coefficients %v", c)
	}
	if !strings.Contains(words, found.Model.Digest) {
		t.Errorf("words and JSON name different digests")
	}
}

func TestInspectSaysWhatIsWrong(t *testing.T) {
	damaged := fitted(t)
	if err := os.WriteFile(filepath.Join(damaged, "weights.bin"), []byte("12345678"), 0o644); err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(t.TempDir(), "report.json")
	if err := os.WriteFile(report, []byte(`{"version": 1, "decision": "passed"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		code int
		says string
	}{
		{damaged, 4, "weights.bin: 8 bytes"},
		{report, 4, "weighlock report reads a report.json"},
		{t.TempDir(), 2, "there is no model.json in it"},
		{"nowhere", 2, "neither a folder nor an image"},
		{"oci:" + t.TempDir() + ":v1", 2, "find image"},
	} {
		code, out, talk := command(t, "inspect", c.path)
		if code != c.code || out != "" || !strings.Contains(talk, c.says) {
			t.Errorf("inspect %s: exit %d %q, want %d and %q", c.path, code, talk, c.code, c.says)
		}
	}
}
