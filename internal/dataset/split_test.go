package dataset

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestKeys(t *testing.T) {
	table := mustRead(t, "a.csv", "id,x,y\n7,1,a\n08,1,b\n9,1,a\n", Options{Text: []string{"id"}})
	keys, err := table.Keys("id", nil)
	if err != nil || !slices.Equal(keys, []string{"7", "08", "9"}) {
		t.Errorf("%v, %v", keys, err)
	}
	content, err := table.Keys("", []string{"y", "x"})
	if err != nil {
		t.Fatal(err)
	}
	if len(content[0]) != 32 || content[2] != content[0]+"#2" || content[1] == content[0] {
		t.Errorf("%q", content)
	}
	if again, _ := table.Keys("", []string{"x", "y"}); !slices.Equal(again, content) {
		t.Errorf("the order of columns changes keys: %q", again)
	}
	for id, want := range map[string]string{
		"x":   `a.csv:3, column 2 (x): the id "1" is already on line 2`,
		"who": `a.csv: there is no column "who": columns are "id", "x", "y"`,
	} {
		if _, err := table.Keys(id, nil); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := mustRead(t, "a.csv", "id,x\n,1\n", Options{}).Keys("id", nil); err == nil || err.Error() != "a.csv:2, column 1 (id): the id is missing" {
		t.Error(err)
	}
}

func TestDigestIgnoresOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := anyTable(t)
		rows := make([]int, table.Rows())
		for i := range rows {
			rows[i] = i
		}
		mixed := table.Select(rapid.Permutation(rows).Draw(t, "rows"))
		mixed.Columns = rapid.Permutation(mixed.Columns).Draw(t, "columns")
		over := table.Names()[:1]
		a, err := table.Keys("", over)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := mixed.Keys("", over)
		if table.Digest(a) != mixed.Digest(b) {
			t.Fatal("digests differ")
		}
		x := NewTexts("one more", append(make([]string, table.Rows()-1), "x"))
		if more, err := table.With(x); err == nil && more.Digest(a) == table.Digest(a) {
			t.Fatal("another value has the same digest")
		}
	})
}

func people(n int) *Table {
	var b strings.Builder
	b.WriteString("id,class,group,at,x\n")
	for i := range n {
		fmt.Fprintf(&b, "p%d,%s,g%d,%s,%d\n", i, []string{"a", "b", "b", "b"}[i%4], i%40, appendDate(nil, float64(i/3*86400)), i*i%997)
	}
	t, err := Read(files("p.csv", b.String()), "p.csv", Options{})
	if err != nil {
		panic(err)
	}
	return t
}

func idsOf(t *Table, rows []int) map[string]bool {
	c, _ := t.Column("id")
	out := make(map[string]bool)
	for _, r := range rows {
		out[c.Text(r)] = true
	}
	return out
}

func TestMakeSplit(t *testing.T) {
	table := people(1000)
	for _, s := range []SplitSpec{
		{Holdout: 0.3, Seed: 7},
		{Holdout: 0.3, Seed: 7, Stratify: "class"},
		{Holdout: 0.3, Seed: 7, Group: "group"},
		{Holdout: 0.3, Seed: 7, Time: "at"},
	} {
		keys, _ := table.Keys("id", nil)
		split, err := MakeSplit(table, keys, s)
		if err != nil {
			t.Fatal(err)
		}
		n := len(split.Evaluate)
		if len(split.Train)+n != 1000 || math.Abs(float64(n)-300) > 100 {
			t.Errorf("%+v: %d rows evaluate", s, n)
		}
		reversed := make([]int, 1000)
		for i := range reversed {
			reversed[i] = 999 - i
		}
		other := table.Select(reversed)
		otherKeys, _ := other.Keys("id", nil)
		again, err := MakeSplit(other, otherKeys, s)
		if err != nil || !cmp.Equal(idsOf(table, split.Evaluate), idsOf(other, again.Evaluate)) {
			t.Errorf("%+v: the split depends on the order of rows (%v)", s, err)
		}
		switch {
		case s.Stratify != "":
			class, _ := table.Column("class")
			if a := len(where(n, func(i int) bool { return class.Text(split.Evaluate[i]) == "a" })); a != 75 || n != 300 {
				t.Errorf("%d of class a among %d, want 75 of 300", a, n)
			}
		case s.Time != "":
			at, _ := table.Column("at")
			for _, r := range split.Train {
				if at.Floats[r] >= split.Cutoff {
					t.Fatal("a training row is not before the cut-off")
				}
			}
			if same, err := SplitAt(other, "at", split.Cutoff); err != nil || len(same.Evaluate) != n {
				t.Errorf("cut-off applied again: %v, %v", len(same.Evaluate), err)
			}
		}
		train := table.Select(split.Train)
		for _, c := range RunChecks(CheckInput{Train: train, Evaluate: table.Select(split.Evaluate), TrainKeys: keys[:len(split.Train)], Target: "class", Group: s.Group, Time: s.Time}) {
			if c.Name == "group-overlap" || c.Name == "time-leakage" {
				t.Errorf("%+v: %s", s, c.Message)
			}
		}
	}
}

// New rows move none; equal rows stay together.
func TestMakeSplitIsStable(t *testing.T) {
	small, large := people(500), people(1000)
	for _, group := range []string{"", "group"} {
		s := SplitSpec{Holdout: 0.2, Seed: 1, Group: group}
		a, _ := small.Keys("id", nil)
		b, _ := large.Keys("id", nil)
		first, err1 := MakeSplit(small, a, s)
		second, err2 := MakeSplit(large, b, s)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		kept := slices.DeleteFunc(second.Evaluate, func(r int) bool { return r >= 500 })
		if !slices.Equal(first.Evaluate, kept) {
			t.Errorf("group %q: new rows moved old ones", group)
		}
	}
	twice := mustRead(t, "a.csv", "x\n"+strings.Repeat("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n", 2), Options{})
	keys, _ := twice.Keys("", nil)
	split, err := MakeSplit(twice, keys, SplitSpec{Holdout: 0.4, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range split.Evaluate {
		if !slices.Contains(split.Evaluate, (r+10)%20) {
			t.Errorf("row %d evaluates, its copy does not", r)
		}
	}
}

func TestMakeSplitMistakes(t *testing.T) {
	table := people(10)
	keys, _ := table.Keys("id", nil)
	for want, s := range map[string]SplitSpec{
		"split p.csv: holdout is 1.5, want a share between 0 and 1":                       {Holdout: 1.5},
		"split p.csv: stratify, group and time exclude each other":                        {Holdout: 0.5, Group: "group", Time: "at"},
		`p.csv: there is no column "z": columns are "id", "class", "group", "at", "x"`:    {Holdout: 0.5, Stratify: "z"},
		`split p.csv: column "class" is a category: only dates and numbers can be a time`: {Holdout: 0.5, Time: "class"},
	} {
		if _, err := MakeSplit(table, keys, s); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestFolds(t *testing.T) {
	table := people(103)
	keys, _ := table.Keys("id", nil)
	size := make([]int, 5)
	for _, f := range Folds(keys, 5, 9) {
		size[f]++
	}
	slices.Sort(size)
	if size[0] != 20 || size[4] != 21 {
		t.Errorf("sizes %v", size)
	}
}
