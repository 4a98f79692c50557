package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// judgedByTheBase is the base's rule in the table of a summary: rmse against the margin of 4 %, not in order.
var judgedByTheBase = regexp.MustCompile(`(?m)^\| (❌|⚠️) \| rmse<br>.*\| 4% \| \*\*(regressed|inconclusive)\*\* \|$`)

// TestTenPullRequestsThatTamperWithTheirGate plays the tricks that were seen in the wild, each beside a model that is
// worse. Every one is judged by the base's policy, blocked, and named.
func TestTenPullRequestsThatTamperWithTheirGate(t *testing.T) {
	t.Parallel()
	base := newLab(t)
	base.onPush().want(t, 0, "passed")
	lines := func(l *lab, change func(lines []string) []string) {
		name := filepath.Join(l.dir, "data", "diabetes.csv")
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all := strings.Split(strings.TrimSpace(string(content)), "\n")
		l.write("data/diabetes.csv", strings.Join(change(all), "\n")+"\n")
	}
	// judges are the patients of the base's evaluation set.
	judges := map[string]bool{}
	for _, line := range strings.Split(base.git("show", "main:data/diabetes.csv"), "\n")[1:] {
		judges[strings.SplitN(line, ",", 2)[0]] = true
	}
	tests := []struct {
		name   string
		tamper func(l *lab)
		code   int
		named  string
	}{
		{"a wider margin", func(l *lab) { l.edit("weighlock.yaml", "margin: 4%}", "margin: 40%}") }, 1, "became margin 40%"},
		{"a slice less", func(l *lab) {
			l.edit("weighlock.yaml", "  slices:\n    - {by: sex, metrics: [rmse], margin: 8%}  # as good for both sexes\n", "")
		}, 1, "removed"},
		{"another metric", func(l *lab) {
			l.edit("weighlock.yaml", "{metric: rmse, margin: 4%}", "{metric: median_ae, margin: 4%}")
		}, 1, "rmse"},
		{"test rows swapped", func(l *lab) {
			lines(l, func(all []string) []string {
				for i := 1; i < len(all); i++ {
					all[i] = "X" + all[i][1:]
				}
				return all
			})
		}, 1, "removed row"},
		{"test rows cut", func(l *lab) { lines(l, func(all []string) []string { return all[:len(all)/2] }) }, 1, "removed row"},
		{"labels flipped", func(l *lab) {
			lines(l, func(all []string) []string {
				for i := 1; i < len(all); i++ {
					all[i] = regexp.MustCompile(`,\d+$`).ReplaceAllString(all[i], ",150")
				}
				return all
			})
		}, 1, "label"},
		{"configuration as a link", func(l *lab) {
			content, err := os.ReadFile(filepath.Join(l.dir, "weighlock.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			l.write("mine.yaml", strings.ReplaceAll(string(content), "4%", "40%"))
			if err := os.Remove(filepath.Join(l.dir, "weighlock.yaml")); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("mine.yaml", filepath.Join(l.dir, "weighlock.yaml")); err != nil {
				t.Fatal(err)
			}
		}, 2, "symbolic link"},
		{"second configuration", func(l *lab) {
			content, err := os.ReadFile(filepath.Join(l.dir, "weighlock.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			l.write("weighlock.yaml", string(content)+"---\n"+strings.ReplaceAll(string(content), "4%", "40%"))
		}, 2, "document"},
		{"merge keys", func(l *lab) {
			l.edit("weighlock.yaml", "policy:\n", "x: &lax {confidence: 0.5}\npolicy:\n  <<: *lax\n")
		}, 2, "anchor"},
		{"its own workflow", func(l *lab) { l.write(".github/workflows/gate.yml", gateWorkflow+"# no gate\n") }, 1, ".github/workflows/gate.yml: differs"},
		{"another seed", func(l *lab) { l.edit("weighlock.yaml", "seed: 7", "seed: 8") }, 1, "data.evaluate.seed"},
		{"a moved configuration", func(l *lab) {
			l.git("mv", "weighlock.yaml", "lax.yaml")
			l.edit("lax.yaml", "margin: 4%}", "margin: 40%}")
			l.inputs["config"] = "lax.yaml"
		}, 1, "moved to lax.yaml"},
		{"moved and renamed at once", func(l *lab) {
			l.git("mv", "weighlock.yaml", "fresh.yaml")
			l.edit("fresh.yaml", "model: diabetes", "model: fresh")
			l.write(".github/workflows/gate.yml", gateWorkflow+"# config: fresh.yaml\n")
			l.inputs["config"] = "fresh.yaml"
		}, 1, "configuration: weighlock.yaml, the law of model diabetes, is gone"},
		{"another configuration by its workflow", func(l *lab) {
			content, err := os.ReadFile(filepath.Join(l.dir, "weighlock.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			l.write("fresh.yaml", strings.ReplaceAll(string(content), "model: diabetes", "model: fresh"))
			l.write(".github/workflows/gate.yml", gateWorkflow+"# config: fresh.yaml\n")
			l.inputs["config"] = "fresh.yaml"
		}, 1, ".github/workflows/gate.yml: differs"},
		{"another model's name", func(l *lab) { l.edit("weighlock.yaml", "model: diabetes", "model: fresh") }, 1, "model: diabetes became fresh"},
	}
	// What has no baseline cannot be judged by the base's rules: it is red because the base's law is gone.
	lawless := map[string]bool{"moved and renamed at once": true, "another configuration by its workflow": true}
	if len(judges) < 100 {
		t.Fatal("the table has no rows")
	}
	blocked := 0
	for _, tt := range tests {
		l := *base
		l.inputs, l.pull = map[string]string{}, nil
		base.github.Pulls, base.github.Comments = nil, nil
		l.propose(func() {
			l.worse()
			tt.tamper(&l)
		})
		j := l.onPull()
		if j.code != tt.code {
			t.Errorf("%s: exit code %d, want %d\n%s", tt.name, j.code, tt.code, j.log)
		}
		if !strings.Contains(j.log, tt.named) || !strings.Contains(l.comment()+j.summary, tt.named) {
			t.Errorf("%s: %q is not named in log and comment\n%s\n%s", tt.name, tt.named, j.log, l.comment())
		}
		if j.code == 1 && !lawless[tt.name] && !judgedByTheBase.MatchString(j.summary) {
			t.Errorf("%s: the base's rules did not judge\n%s", tt.name, j.log)
		}
		if j.code != 0 {
			blocked++
		}
		base.run = l.run
	}
	t.Logf("%d of %d pull requests that tamper with their gate are red", blocked, len(tests))
}
