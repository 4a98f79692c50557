package pipeline

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/metric"
)

// Every row judges in exactly one fold, groups stay whole, folds differ by one unit at most, classes are spread, and
// another seed deals other folds.
func TestEveryRowJudgesOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, folds := rapid.IntRange(2, 200).Draw(t, "rows"), rapid.IntRange(2, 12).Draw(t, "folds")
		grouped := rapid.Bool().Draw(t, "grouped")
		rows := evaluation.Rows{Truth: metric.Truth{Task: metric.Binary, Labels: make([]int32, n), Classes: []string{"a", "b"}}}
		for i := range n {
			rows.Keys = append(rows.Keys, fmt.Sprintf("%04d", i))
			rows.Truth.Labels[i] = int32(i % 5 / 4)
			if grouped {
				rows.Cluster = append(rows.Cluster, i/3)
			}
		}
		dealt := dealFolds(rows, folds, 7)
		var all []int
		home := map[int]int{}
		for k, part := range dealt {
			all = append(all, part...)
			positive := 0
			for _, row := range part {
				if grouped {
					if before, seen := home[row/3]; seen && before != k {
						t.Fatalf("group %d is torn apart", row/3)
					}
					home[row/3] = k
				}
				positive += int(rows.Truth.Labels[row])
			}
			if !grouped && (len(part) < n/folds || len(part) > n/folds+1 || positive > n/5/folds+2) {
				t.Fatalf("fold %d has %d rows, %d positive, of %d", k, len(part), positive, n)
			}
		}
		slices.Sort(all)
		for i, row := range all {
			if i != row {
				t.Fatalf("row %d judges not once", i)
			}
		}
		if len(all) != n {
			t.Fatalf("%d of %d rows judge", len(all), n)
		}
		if diff := cmp.Diff(dealt, dealFolds(rows, folds, 7)); diff != "" {
			t.Fatal(diff)
		}
	})
	rows := evaluation.Rows{Truth: metric.Truth{Task: metric.Regression}}
	for i := range 50 {
		rows.Keys = append(rows.Keys, fmt.Sprint(i))
	}
	if cmp.Equal(dealFolds(rows, 5, 1), dealFolds(rows, 5, 2)) {
		t.Error("two seeds deal the same folds")
	}
}
