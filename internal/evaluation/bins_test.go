package evaluation

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weighlock/weighlock/internal/metric"
)

func TestBins(t *testing.T) {
	var b strings.Builder
	b.WriteString("number,few,text,flag\n")
	for i := range 80 {
		number := fmt.Sprint(i)
		if i == 7 {
			number = ""
		}
		fmt.Fprintf(&b, "%s,%d,%s,%v\n", number, i%3, []string{"a", "a", "b", "c", "c"}[i%5], i%2 == 0)
	}
	table := read(t, b.String())
	for _, c := range []struct {
		column string
		most   int
		names  []string
		counts []int
	}{
		{"number", 4, []string{"number ≤ 20", "number = 20 – 40", "number = 40 – 59", "number > 59", "number = (missing)"}, []int{20, 20, 19, 20, 1}},
		{"few", 4, []string{"few = 0", "few = 1", "few = 2"}, []int{27, 27, 26}},
		{"text", 2, []string{"text = a", "text = c"}, []int{32, 32}},
		{"flag", 4, []string{"flag = false", "flag = true"}, []int{40, 40}},
	} {
		column, _ := table.Column(c.column)
		names, codes := Bins(column, c.most)
		counts := make([]int, len(names))
		for _, code := range codes {
			if code != NoBin {
				counts[code]++
			}
		}
		if diff := cmp.Diff(c.names, names); diff != "" {
			t.Errorf("%s: %s", c.column, diff)
		}
		if diff := cmp.Diff(c.counts, counts); diff != "" {
			t.Errorf("%s: %s", c.column, diff)
		}
	}
}

func TestMomentsAreInTheOrderOfTime(t *testing.T) {
	table := read(t, "id,y,day\n1,10,2026-03-02\n2,20,2026-01-05\n3,30,2026-03-02\n4,40,2026-02-01\n")
	keys, err := table.Keys("id", nil)
	if err != nil {
		t.Fatal(err)
	}
	r, _, err := NewRows(table, keys, RowsOptions{Task: metric.Forecast, Target: "y", Time: "day", Horizon: 2})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{2, 0, 2, 1}, r.Moment); diff != "" || r.Horizon != 2 {
		t.Error(diff, r.Horizon)
	}
	for _, bad := range []string{"id,y,day\n1,10,\n2,20,2026-01-05\n", "id,y,day\n1,10,spring\n2,20,autumn\n"} {
		table := read(t, bad)
		keys, _ := table.Keys("id", nil)
		if _, _, err := NewRows(table, keys, RowsOptions{Task: metric.Forecast, Target: "y", Time: "day"}); err == nil {
			t.Errorf("%q has an order", bad)
		}
	}
}
