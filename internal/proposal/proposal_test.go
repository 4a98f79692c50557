package proposal_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/proposal"
)

// propose makes a proposal for a table in memory.
func propose(t *testing.T, csv string, r proposal.Request) (*proposal.Proposal, error) {
	t.Helper()
	r.Files, r.Path, r.DataPath = fstest.MapFS{"table.csv": {Data: []byte(csv)}}, "table.csv", "data/table.csv"
	return proposal.Make(t.Context(), r)
}

// rows writes a table of n rows; each column says what stands in row i.
func rows(n int, columns ...func(i int) string) string {
	var b strings.Builder
	for i := -1; i < n; i++ {
		for j, c := range columns {
			if j > 0 {
				b.WriteByte(',')
			}
			b.WriteString(c(i))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// column names row -1 and fills the others.
func column(name string, value func(i int) any) func(int) string {
	return func(i int) string {
		if i < 0 {
			return name
		}
		return fmt.Sprint(value(i))
	}
}

// noise is a number without pattern in [0, 1).
func noise(i, salt int) float64 {
	x := uint64(i)*0x9E3779B97F4A7C15 + uint64(salt)*0xBF58476D1CE4E5B9
	x ^= x >> 31
	x *= 0x94D049BB133111EB
	x ^= x >> 29
	return float64(x>>11) / (1 << 53)
}

func number(salt int) func(int) any {
	return func(i int) any { return math.Round(1e4*noise(i, salt)) / 100 }
}

func TestExamples(t *testing.T) {
	for _, c := range []struct {
		file, target, task, id, positive, estimator string
		rules                                       []string
		evaluate                                    int
	}{
		{"healthcare/data/diabetes.csv", "progression", "regression", "patient", "", "ridge", []string{"rmse", "mae", "r2"}, 120},
		{"finance/data/german_credit.csv", "default", "binary", "application", "yes", "logistic", []string{"roc_auc", "log_loss"}, 300},
		{"manufacturing/data/wine.csv", "grade", "multiclass", "batch", "", "logistic", []string{"balanced_accuracy"}, 408},
		{"retail/data/diamonds.csv.gz", "price", "regression", "stone", "", "ridge", []string{"rmse", "mae", "r2"}, 16228},
	} {
		t.Run(c.target, func(t *testing.T) {
			p, err := proposal.Make(t.Context(), proposal.Request{Files: os.DirFS("../../examples"), Path: c.file, DataPath: c.file})
			if err != nil {
				t.Fatal(err)
			}
			got := []string{p.Target.Value, p.Task.Value, p.ID.Value, p.Positive.Value, p.Estimator}
			if want := []string{c.target, c.task, c.id, c.positive, c.estimator}; !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
			var rules []string
			for _, r := range p.Rules {
				rules = append(rules, r.Metric.Name)
				carries(t, r)
			}
			if !slices.Equal(rules, c.rules) {
				t.Errorf("rules %q, want %q", rules, c.rules)
			}
			if p.Evaluate != c.evaluate || p.Train+p.Evaluate != p.Rows {
				t.Errorf("%d rows judge and %d train of %d", p.Evaluate, p.Train, p.Rows)
			}
			read(t, p)
		})
	}
}

// carries checks what is promised of every margin: the rows can show a difference of its size.
func carries(t *testing.T, r proposal.Rule) {
	t.Helper()
	if r.Small == nil || r.Simple == nil || r.Dummy == nil {
		t.Errorf("%s: nothing was measured: %+v", r.Metric.Name, r)
		return
	}
	margin := r.Margin.Value
	if r.Margin.Relative {
		margin *= math.Abs(*r.Simple)
	}
	if margin < *r.Small*(1-1e-9) {
		t.Errorf("%s: the margin %v is below the %v that the rows show", r.Metric.Name, margin, *r.Small)
	}
	if r.Min != nil && (*r.Min > *r.Simple || *r.Min < *r.Dummy-0.01) {
		t.Errorf("%s: the floor %v does not lie between %v and %v", r.Metric.Name, *r.Min, *r.Dummy, *r.Simple)
	}
}

// read reads the proposal as a run will.
func read(t *testing.T, p *proposal.Proposal) *config.File {
	t.Helper()
	f, err := config.Parse("weighlock.yaml", p.YAML())
	if err != nil {
		t.Fatalf("%v in\n%s", err, p.YAML())
	}
	if f.Data.Target != p.Target.Value || string(f.Task) != p.Task.Value || f.Data.ID != p.ID.Value || f.Model != p.Model {
		t.Errorf("%+v was read from\n%s", f, p.YAML())
	}
	if len(p.Words()) < 100 {
		t.Errorf("words %q", p.Words())
	}
	return f
}

func TestColumnsThatAreNoFeatures(t *testing.T) {
	y := func(i int) float64 { return 3*noise(i, 1) + noise(i, 2) }
	p, err := propose(t, rows(400,
		column("customer_id", func(i int) any { return fmt.Sprintf("C%03d", i) }),
		column("x", func(i int) any { return noise(i, 1) }),
		column("currency", func(int) any { return "EUR" }),
		column("note", func(i int) any { return fmt.Sprintf("called on day %d", i*7919%399) }),
		column("leak", func(i int) any { return 2*y(i) + 1 }),
		column("void", func(int) any { return "" }),
		column("region", func(i int) any { return []string{"north", "south"}[i%2] }),
		column("spend", func(i int) any { return y(i) }),
	), proposal.Request{})
	if err != nil {
		t.Fatal(err)
	}
	f := read(t, p)
	slices.Sort(f.Data.Exclude)
	if want := []string{"currency", "leak", "note", "void"}; !slices.Equal(f.Data.Exclude, want) {
		t.Errorf("excluded %q, want %q", f.Data.Exclude, want)
	}
	if f.Data.ID != "customer_id" || f.Data.Target != "spend" {
		t.Errorf("id %q, target %q", f.Data.ID, f.Data.Target)
	}
	if len(f.Policy.Slices) != 1 || f.Policy.Slices[0].By != "region" {
		t.Errorf("slices %+v", f.Policy.Slices)
	}
}

func TestGroupsAndTimes(t *testing.T) {
	plain := []func(int) string{column("x", number(1)), column("y", number(2))}
	grouped, err := propose(t, rows(600, append(plain, column("patient_id", func(i int) any { return fmt.Sprintf("P%d", i/6) }))...), proposal.Request{})
	if err != nil {
		t.Fatal(err)
	}
	if f := read(t, grouped); f.Data.Evaluate.Group != "patient_id" || f.Data.ID != "" {
		t.Errorf("%+v", f.Data)
	}
	timed, err := propose(t, rows(600, append(plain, column("day", func(i int) any { return fmt.Sprintf("2026-%02d-%02d", 1+i/50, 1+i%28) }))...), proposal.Request{})
	if err != nil {
		t.Fatal(err)
	}
	if f := read(t, timed); f.Data.Evaluate.Time != "day" || f.Data.Target != "y" {
		t.Errorf("%+v", f.Data)
	}
}

func TestTasks(t *testing.T) {
	for name, c := range map[string]struct {
		y    func(i int) any
		task metric.Task
		ask  metric.Task
	}{
		"two numbers":         {func(i int) any { return i % 2 }, metric.Binary, ""},
		"two words":           {func(i int) any { return []string{"no", "yes"}[i%2] }, metric.Binary, ""},
		"two truths":          {func(i int) any { return i%3 == 0 }, metric.Binary, ""},
		"five marks":          {func(i int) any { return i % 5 }, metric.Multiclass, ""},
		"five marks, a scale": {func(i int) any { return i % 5 }, metric.Regression, metric.Regression},
		"three words":         {func(i int) any { return []string{"a", "b", "c"}[i%3] }, metric.Multiclass, ""},
		"many numbers":        {number(3), metric.Regression, ""},
		"many whole numbers":  {func(i int) any { return i * 7919 % 400 }, metric.Regression, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := propose(t, rows(400, column("x", number(1)), column("y", c.y)), proposal.Request{Target: "y", Task: c.ask})
			if err != nil {
				t.Fatal(err)
			}
			if p.Task.Value != string(c.task) {
				t.Errorf("task %s (%s), want %s", p.Task.Value, p.Task.Why, c.task)
			}
			read(t, p)
		})
	}
}

func TestTablesThatCannotBeDescribed(t *testing.T) {
	x := column("x", number(1))
	for _, c := range []struct{ table, want string }{
		{rows(100, x, column("y", func(int) any { return 1 })), `read target "y": all rows have the same value`},
		{rows(100, x, column("y", func(i int) any { return fmt.Sprintf("t%d", i) })), `read target "y": it has 100 different texts`},
		{rows(100, x, column("y", func(i int) any { return []string{"", "1", "2.5"}[i%3] })), `read target "y": 34 of 100 rows have no value`},
		{"x,y\n", "has no rows"},
		{"x,y\n1\n", "table.csv:2"},
	} {
		_, err := propose(t, c.table, proposal.Request{Target: "y"})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	_, err := propose(t, rows(100, x), proposal.Request{Target: "z"})
	if err == nil || !strings.Contains(err.Error(), `has no column "z": choices are x`) {
		t.Errorf("%v", err)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	table := rows(400, column("x", number(1)), column("y", number(2)))
	_, err := proposal.Make(ctx, proposal.Request{Files: fstest.MapFS{"t.csv": {Data: []byte(table)}}, Path: "t.csv", DataPath: "t.csv"})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestHostileNames: whatever columns, values and files are called, the proposal is one that Parse reads back to the same
// names, or an error; it never breaks out of a comment or a value.
func TestHostileNames(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("ab1 :#{}[]\"'\\%&*!|>-?,@`~\té¥\u2028\u202e")), 1, 12, -1).Filter(func(s string) bool { return strings.TrimSpace(s) == s && s != "x" })
		target, class := text.Draw(rt, "target"), text.Draw(rt, "class")
		quote := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
		table := rows(120, column("x", number(1)), column(quote(target), func(i int) any {
			if i%2 == 0 {
				return quote(class)
			}
			return "other"
		}))
		p, err := propose(t, table, proposal.Request{Target: target})
		if err != nil {
			return // such as a class that reads as a missing value
		}
		f, err := config.Parse("weighlock.yaml", p.YAML())
		if err != nil {
			if strings.ContainsAny(target+class, "\t") { // a configuration cannot name it, and init says so
				return
			}
			rt.Fatalf("%v in\n%s", err, p.YAML())
		}
		if f.Data.Target != target || f.Data.Positive != p.Positive.Value {
			rt.Fatalf("target %q, positive %q were read from\n%s", f.Data.Target, f.Data.Positive, p.YAML())
		}
	})
}

// TestWorkersDoNotMatter: the proposal is a function of the table.
func TestWorkersDoNotMatter(t *testing.T) {
	var first []byte
	for _, workers := range []int{1, 2, 7} {
		p, err := proposal.Make(t.Context(), proposal.Request{
			Files: os.DirFS("../../examples/finance"), Path: "data/german_credit.csv", DataPath: "data/german_credit.csv", Workers: workers,
		})
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = p.YAML()
		} else if string(first) != string(p.YAML()) {
			t.Errorf("%d workers propose\n%s\none proposes\n%s", workers, p.YAML(), first)
		}
	}
}
