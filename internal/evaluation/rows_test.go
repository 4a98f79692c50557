package evaluation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
)

func read(t testing.TB, csv string) *dataset.Table {
	t.Helper()
	table, err := dataset.Read(fstest.MapFS{"t.csv": {Data: []byte(csv)}}, "t.csv", dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestRowsAreInCanonicalOrder(t *testing.T) {
	table := read(t, "id,y,x,w,g,s\n3,30,c,1,u,true\n1,10,a,2,v,\n2,20,b,0,u,false\n")
	keys, err := table.Keys("id", nil)
	if err != nil {
		t.Fatal(err)
	}
	r, features, err := NewRows(table, keys, RowsOptions{
		Task: metric.Regression, Target: "y", Weight: "w", Group: "g", SliceBy: []string{"s", "x"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Rows{
		Keys:    []string{"1", "2", "3"},
		Truth:   metric.Truth{Task: metric.Regression, Values: []float64{10, 20, 30}, Weights: []float64{2, 0, 1}},
		Cluster: []int{0, 1, 1}, Digest: table.Digest(keys),
		Slices: map[string]*dataset.Column{
			"s": {Name: "s", Kind: dataset.Category, Codes: []int32{0, 1, 2}, Levels: []string{MissingLevel, "false", "true"}},
			"x": {Name: "x", Kind: dataset.Category, Codes: []int32{0, 1, 2}, Levels: []string{"a", "b", "c"}},
		},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"id", "x", "w", "g", "s"}, features.Names()); diff != "" {
		t.Error(diff)
	}
	if c, _ := features.Column("x"); c.Text(0) != "a" || c.Text(2) != "c" {
		t.Errorf("features are %v, in another order than the rows", c.Codes)
	}
}

// Rows without an id, some of them equal but for their target, give the same evaluation set from any order of the file.
func TestPermutingAFileChangesNothing(t *testing.T) {
	lines := []string{"1,a,5", "1,a,4", "1,a,9", "2,b,1", "3,c,2", "2,b,0"}
	var first Rows
	for turn := range 20 {
		rand.New(rand.NewPCG(1, uint64(turn))).Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		table := read(t, "x,s,y\n"+strings.Join(lines, "\n")+"\n")
		keys, err := table.Keys("", []string{"x", "s"})
		if err != nil {
			t.Fatal(err)
		}
		r, _, err := NewRows(table, keys, RowsOptions{Task: metric.Regression, Target: "y", SliceBy: []string{"s"}})
		if err != nil {
			t.Fatal(err)
		}
		if turn == 0 {
			first = r
		}
		if diff := cmp.Diff(first, r); diff != "" {
			t.Fatal(diff)
		}
		if !slices.IsSorted(r.Keys) {
			t.Fatalf("keys are not sorted: %q", r.Keys)
		}
	}
}

func TestClasses(t *testing.T) {
	for _, c := range []struct {
		csv     string
		classes []string
		want    metric.Truth
	}{
		{"no\nyes\nno", nil, metric.Truth{Task: metric.Binary, Labels: []int32{0, 1, 0}, Classes: []string{"no", "yes"}}},
		{"true\nfalse\ntrue", nil, metric.Truth{Task: metric.Binary, Labels: []int32{1, 0, 1}, Classes: []string{"false", "true"}}},
		{"0\n1\n1", nil, metric.Truth{Task: metric.Binary, Labels: []int32{0, 1, 1}, Classes: []string{"0", "1"}}},
		{"b\nb\nb", []string{"b", "a"}, metric.Truth{Task: metric.Binary, Labels: []int32{1, 1, 1}, Classes: []string{"a", "b"}}},
	} {
		r, _, err := NewRows(read(t, "y\n"+c.csv+"\n"), []string{"1", "2", "3"}, RowsOptions{Task: metric.Binary, Target: "y", Classes: c.classes})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, r.Truth); diff != "" {
			t.Error(diff)
		}
	}
}

func TestNewRowsRefuses(t *testing.T) {
	table := func(csv string) *dataset.Table { return read(t, csv) }
	two := []string{"a", "b"}
	for want, c := range map[string]struct {
		t    *dataset.Table
		keys []string
		o    RowsOptions
	}{
		"3 keys for 2 rows":            {table("y\n1\n2\n"), []string{"a", "b", "c"}, RowsOptions{Target: "y"}},
		`two rows have the key "a"`:    {table("y\n1\n2\n"), []string{"a", "a"}, RowsOptions{Target: "y"}},
		`no column "z" for the target`: {table("y\n1\n2\n"), two, RowsOptions{Target: "z"}},
		`no column "s" for the slice`:  {table("y\n1\n2\n"), two, RowsOptions{Target: "y", SliceBy: []string{"s"}}},
		`no column "g" for the group`:  {table("y\n1\n2\n"), two, RowsOptions{Target: "y", Group: "g"}},
		`line 3: the target "y" is mi`: {table("x,y\n1,2\n2,\n"), two, RowsOptions{Target: "y"}},
		"wants numbers":                {table("y\na\nb\n"), two, RowsOptions{Task: metric.Regression, Target: "y"}},
		`is "c"; classes are "a", "b"`: {table("y\na\nc\n"), two, RowsOptions{Task: metric.Binary, Target: "y", Classes: two}},
		"a binary task has two":        {table("y\na\na\n"), two, RowsOptions{Task: metric.Binary, Target: "y"}},
		"not negative":                 {table("y,w\n1,1\n1,-1\n"), two, RowsOptions{Target: "y", Weight: "w"}},
		`the weight "w" is missing`:    {table("y,w\n1,1\n1,\n"), two, RowsOptions{Target: "y", Weight: "w"}},
		"is 0 on every row":            {table("y,w\n1,0\n1,0\n"), two, RowsOptions{Target: "y", Weight: "w"}},
		"is a category, not a number":  {table("y,w\n1,a\n1,b\n"), two, RowsOptions{Target: "y", Weight: "w"}},
		"no row to judge by":           {&dataset.Table{Name: "t"}, nil, RowsOptions{Target: "y"}},
	} {
		_, _, err := NewRows(c.t, c.keys, c.o)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "take evaluation rows of t") {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// levels slices a column and names the level of each row.
func levels(t *testing.T, cells ...string) (*dataset.Column, []string) {
	t.Helper()
	var csv strings.Builder
	keys := make([]string, len(cells))
	csv.WriteString("y,s\n")
	for i, cell := range cells {
		fmt.Fprintf(&csv, "1,%s\n", cell)
		keys[i] = fmt.Sprintf("%06d", i)
	}
	r, _, err := NewRows(read(t, csv.String()), keys, RowsOptions{Task: metric.Regression, Target: "y", SliceBy: []string{"s"}})
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, len(cells))
	for i := range names {
		names[i] = r.Slices["s"].Levels[r.Slices["s"].Codes[i]]
	}
	return r.Slices["s"], names
}

func TestNumbersAreCutAtQuartiles(t *testing.T) {
	cells := []string{""}
	for i := range 12 {
		cells = append(cells, fmt.Sprint(12-i)+".5")
	}
	c, got := levels(t, cells...)
	// 1.5 to 12.5: the lower quartiles are the 3rd, 6th and 9th value.
	a, b, d, e := "Q1 (≤ 3.5)", "Q2 (3.5 – 6.5)", "Q3 (6.5 – 9.5)", "Q4 (> 9.5)"
	if diff := cmp.Diff([]string{MissingLevel, e, e, e, d, d, d, b, b, b, a, a, a}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{MissingLevel, a, b, d, e}, c.Levels); diff != "" {
		t.Errorf("levels do not sort as the numbers do: %s", diff)
	}
}

func TestFewNumbersAreLevelsOfTheirOwn(t *testing.T) {
	if _, got := levels(t, "1", "2", "2", "1"); !slices.Equal(got, []string{"1", "2", "2", "1"}) {
		t.Errorf("levels %q", got)
	}
}

func TestCloseNumbersKeepTheirDigits(t *testing.T) {
	var cells []string
	for i := range 20 {
		cells = append(cells, fmt.Sprintf("100000.%02d", i))
	}
	c, _ := levels(t, cells...)
	if c.Levels[0] != "Q1 (≤ 100000.04)" {
		t.Errorf("levels %q", c.Levels)
	}
}

func TestATiedColumnHasFewerQuarters(t *testing.T) {
	cells := slices.Repeat([]string{"0"}, 80)
	for i := range 20 {
		cells = append(cells, fmt.Sprint(i))
	}
	c, got := levels(t, cells...)
	if !slices.Equal(c.Levels, []string{"Q1 (≤ 0)", "Q2 (> 0)"}) || got[0] != "Q1 (≤ 0)" || got[99] != "Q2 (> 0)" {
		t.Errorf("levels %q", c.Levels)
	}
	cells = slices.Repeat([]string{"19"}, 80)
	for i := range 19 {
		cells = append(cells, fmt.Sprint(i))
	}
	if c, _ = levels(t, cells...); len(c.Levels) != 2 && len(c.Levels) != 1 {
		t.Errorf("levels %q", c.Levels)
	}
}

func TestDatesAreCutAtQuartiles(t *testing.T) {
	var cells []string
	for i := range 16 {
		cells = append(cells, fmt.Sprintf("2026-01-%02d", i+1))
	}
	c, _ := levels(t, cells...)
	if c.Levels[0] != "Q1 (≤ 2026-01-04)" || len(c.Levels) != 4 {
		t.Errorf("levels %q", c.Levels)
	}
}

// A level that the data knows but the evaluation rows lack stays, with no rows.
func TestAVanishedLevelIsKept(t *testing.T) {
	table := read(t, "y,s\n1,a\n2,b\n3,c\n").Select([]int{0, 2})
	r, _, err := NewRows(table, []string{"x", "y"}, RowsOptions{Task: metric.Regression, Target: "y", SliceBy: []string{"s"}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Levels("s")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Level{{"a", []int{0}}, {"b", nil}, {"c", []int{1}}}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := r.Levels("t"); err == nil {
		t.Error("an unknown slice has levels")
	}
}

func TestTooManyLevelsAreRefused(t *testing.T) {
	var csv strings.Builder
	csv.WriteString("y,s\n")
	var keys []string
	for i := range MostLevels + 1 {
		fmt.Fprintf(&csv, "1,level %d\n", i)
		keys = append(keys, fmt.Sprintf("%06d", i))
	}
	_, _, err := NewRows(read(t, csv.String()), keys, RowsOptions{Task: metric.Regression, Target: "y", SliceBy: []string{"s"}})
	if err == nil || !strings.Contains(err.Error(), "1001 levels") {
		t.Errorf("error %v", err)
	}
}
