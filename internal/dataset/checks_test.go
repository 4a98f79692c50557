package dataset

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// noise makes n rows with a number, a category and a class that depends on neither, moved by shift.
func noise(seed uint64, n int, shift float64) *Table {
	rng := rand.New(rand.NewPCG(seed, 0))
	var b strings.Builder
	b.WriteString("id,x,c,y\n")
	for i := range n {
		fmt.Fprintf(&b, "%d-%d,%v,%s,%s\n", seed, i, rng.NormFloat64()+shift, []string{"k", "l", "m"}[rng.IntN(3)], []string{"no", "yes"}[rng.IntN(2)])
	}
	t, err := Read(files("n.csv", b.String()), "n.csv", Options{})
	if err != nil {
		panic(err)
	}
	return t
}

func checkNames(in CheckInput) []string {
	in.TrainKeys, _ = in.Train.Keys(in.ID, nil)
	in.EvaluateKeys, _ = in.Evaluate.Keys(in.ID, nil)
	var out []string
	for _, c := range RunChecks(in) {
		out = append(out, fmt.Sprintf("%s %s %s", c.Severity, c.Name, c.Column))
	}
	return out
}

func TestRunChecks(t *testing.T) {
	clean := CheckInput{Train: noise(1, 600, 0), Evaluate: noise(2, 300, 0), Target: "y", ID: "id"}
	edit := func(f func(*CheckInput)) CheckInput {
		in := clean
		f(&in)
		return in
	}
	with := func(t *Table, name string, v func(i int) string) *Table {
		texts := make([]string, t.Rows())
		for i := range texts {
			texts[i] = v(i)
		}
		out, err := t.Without(name).With(NewTexts(name, texts))
		if err != nil {
			panic(err)
		}
		return out
	}
	half := 0.5
	for name, test := range map[string]struct {
		in   CheckInput
		want []string
	}{
		"clean":      {clean, nil},
		"id overlap": {edit(func(in *CheckInput) { in.Evaluate = noise(1, 200, 0) }), []string{"block id-overlap id", "block shared-rows "}},
		"shared rows": {edit(func(in *CheckInput) {
			in.Evaluate, in.ID = noise(1, 200, 0).Without("id"), ""
			in.Train = in.Train.Without("id")
		}), []string{"block shared-rows "}},
		"group overlap": {edit(func(in *CheckInput) { in.Group = "c" }), []string{"block group-overlap c"}},
		"drift":         {edit(func(in *CheckInput) { in.Evaluate = noise(2, 300, 1) }), []string{"warn drift x"}},
		"no drift":      {edit(func(in *CheckInput) { in.Evaluate = noise(2, 300, 0.05) }), nil},
		"kind changed":  {edit(func(in *CheckInput) { in.BaseSchema = Schema{{Name: "x", Kind: Category, Nullable: true}} }), []string{"block schema x", "info new-column id", "info new-column c", "info new-column y"}},
		"column gone":   {edit(func(in *CheckInput) { in.Declared = Schema{{Name: "z"}} }), []string{"block schema z"}},
		"out of range":  {edit(func(in *CheckInput) { in.Declared = Schema{{Name: "x", Kind: Number, Max: &half}} }), []string{"block schema x"}},
		"base range":    {edit(func(in *CheckInput) { in.BaseSchema = in.Train.Schema(); in.BaseSchema[1].Max = &half }), nil},
		"constant": {edit(func(in *CheckInput) {
			in.Train = with(in.Train, "c", func(int) string { return "k" })
			in.Evaluate = with(in.Evaluate, "c", func(int) string { return "k" })
		}), []string{"warn constant-column c"}},
		"unseen class": {edit(func(in *CheckInput) {
			in.Evaluate = with(in.Evaluate, "y", func(i int) string { return []string{"yes", "no", "perhaps"}[min(2, i%2+i/299*2)] })
		}), []string{"warn class-missing y"}},
		"leak": {edit(func(in *CheckInput) {
			y, _ := in.Train.Column("y")
			in.Train = with(in.Train, "c", func(i int) string { return "was " + y.Text(i) })
			z, _ := in.Evaluate.Column("y")
			in.Evaluate = with(in.Evaluate, "c", func(i int) string { return "was " + z.Text(i) })
		}), []string{"warn target-leak c"}},
		"no target": {edit(func(in *CheckInput) {
			in.Evaluate = with(in.Evaluate, "y", func(i int) string { return []string{"yes", "no", ""}[i%3] })
		}), []string{"block missing-target y", "warn target-drift y"}},
	} {
		got := checkNames(test.in)
		if name == "base range" {
			if !slices.Contains(got, "warn schema x") || slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "block") }) {
				t.Errorf("%s: %q", name, got)
			}
			continue
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
	train := mustRead(t, "t.csv", "at,y\n2024-01-01,1\n2024-01-05,2\n", Options{})
	evaluate := mustRead(t, "e.csv", "at,y\n2024-01-05,3\n2024-01-06,4\n", Options{})
	if got := checkNames(CheckInput{Train: train, Evaluate: evaluate, Target: "y", Time: "at"}); !slices.Contains(got, "block time-leakage at") {
		t.Errorf("time leakage: %q", got)
	}
}

func TestChangedRows(t *testing.T) {
	o := Options{Text: []string{"id"}}
	base := mustRead(t, "b.csv", "id,x,y\n1,1,a\n2,2,b\n3,3,a\n4,4,b\n", o)
	change := mustRead(t, "c.csv", "z,y,x,id\n0,b,1,1\n0,b,2,2\n0,a,9,3\n0,a,5,5\n", o)
	a, _ := base.Keys("id", nil)
	b, _ := change.Keys("id", nil)
	want := Changes{Labels: []string{"1"}, Altered: []string{"3"}, Removed: []string{"4"}, Added: []string{"5"}, NewColumns: []string{"z"}}
	if diff := cmp.Diff(want, ChangedRows(Comparison{Base: base, Change: change, BaseKeys: a, ChangeKeys: b, Target: "y"})); diff != "" {
		t.Error(diff)
	}
	if n := len(want.Checks("y")); n != 5 {
		t.Errorf("%d checks", n)
	}
	// copies of a row with different labels may stand in any order
	base = mustRead(t, "b.csv", "x,y\n1,a\n1,b\n1,b\n2,a\n", Options{})
	change = mustRead(t, "c.csv", "x,y\n2,a\n1,b\n1,a\n1,b\n", Options{})
	a, _ = base.Keys("", []string{"x"})
	b, _ = change.Keys("", []string{"x"})
	if diff := cmp.Diff(Changes{}, ChangedRows(Comparison{Base: base, Change: change, BaseKeys: a, ChangeKeys: b, Target: "y"})); diff != "" {
		t.Error(diff)
	}
	change = mustRead(t, "c.csv", "x,y\n2,a\n1,b\n1,a\n1,a\n", Options{})
	b, _ = change.Keys("", []string{"x"})
	if got := ChangedRows(Comparison{Base: base, Change: change, BaseKeys: a, ChangeKeys: b, Target: "y"}); len(got.Labels) != 1 || len(got.Added)+len(got.Removed) != 0 {
		t.Errorf("%+v", got)
	}
}

// TestChangedRowsByIDs: an id that looks like the key of a repeated row hides no label behind a twin of the old row.
func TestChangedRowsByIDs(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef"
	base := mustRead(t, "b.csv", "id,x,y\n"+id+",1,a\n", Options{Text: []string{"id"}})
	change := mustRead(t, "c.csv", "id,x,y\n"+id+",1,b\n"+id+"#2,1,a\n", Options{Text: []string{"id"}})
	in := Comparison{Base: base.Without("id"), Change: change.Without("id"), Named: true, Target: "y"}
	in.BaseKeys, _ = base.Keys("id", nil)
	in.ChangeKeys, _ = change.Keys("id", nil)
	if diff := cmp.Diff(Changes{Labels: []string{id}, Added: []string{id + "#2"}}, ChangedRows(in)); diff != "" {
		t.Error(diff)
	}
}

// The Kolmogorov tail at 1.36 is the textbook's 5 % point (Smirnov 1948, table: 1 - 0.950512).
func TestKolmogorov(t *testing.T) {
	if p := kolmogorov(1.36); math.Abs(p-0.049486) > 1e-5 {
		t.Errorf("%v", p)
	}
}
