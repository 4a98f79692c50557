package evaluation

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
)

func numbersSheet() Sheet {
	return Sheet{ID: "id", Row: map[string]int{"1": 2, "2": 0, "3": 1}, Task: metric.Regression}
}

func classesSheet() Sheet {
	return Sheet{ID: "id", Row: map[string]int{"1": 1, "2": 0}, Task: metric.Binary, Classes: []string{"no", "yes"}}
}

func TestSheetPutsAnswersInOrder(t *testing.T) {
	want := metric.Predictions{Values: []float64{0.2, 0.3, 0.1}}
	for name, content := range map[string]string{
		"csv":         "id,prediction\n1,0.1\n2,0.2\n3,0.3\n",
		"other order": "prediction,id\n0.3,3\n0.1,1\n0.2,2\n",
		"jsonl":       `{"id": 2, "prediction": 0.2}` + "\n" + `{"id": 1, "prediction": 0.1}` + "\n" + `{"id": 3, "prediction": 0.3}` + "\n",
		"no newline":  "id,prediction\r\n1,0.1\r\n2,0.2\r\n3,0.3",
	} {
		got, err := numbersSheet().Read([]byte(content))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	table, err := dataset.ReadCSV([]byte("id,prediction\n1,0.1\n2,0.2\n3,0.3\n"), "a.csv", dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var parquet bytes.Buffer
	if err := dataset.Write(&parquet, table, "parquet"); err != nil {
		t.Fatal(err)
	}
	if got, err := numbersSheet().Read(parquet.Bytes()); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("parquet: %v, %v", got, err)
	}
}

func TestSheetReadsClassesAndQuantiles(t *testing.T) {
	got, err := classesSheet().Read([]byte("id,probability:yes,probability:no\n1,0.9,0.1\n2,0.25,0.75\n"))
	want := metric.Predictions{Classes: []string{"no", "yes"}, Labels: []int32{0, 1}, Probabilities: []float64{0.75, 0.25, 0.1, 0.9}}
	if err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("probabilities: %v, %v", got, err)
	}
	got, err = classesSheet().Read([]byte("id,prediction\n1,yes\n2,no\n"))
	if want.Probabilities = nil; err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("classes alone: %v, %v", got, err)
	}
	// The threshold belongs to the model, so its own class counts.
	got, err = classesSheet().Read([]byte("id,prediction,probability:yes,probability:no\n1,no,0.9,0.1\n2,no,0.25,0.75\n"))
	if err != nil || !cmp.Equal(got.Labels, []int32{0, 0}) {
		t.Errorf("own threshold: %v, %v", got, err)
	}
	got, err = numbersSheet().Read([]byte("id,quantile:0.5,quantile:0.9\n1,1,2\n2,3,4\n3,5,6\n"))
	if err != nil || !cmp.Equal(got.Values, []float64{3, 5, 1}) || !cmp.Equal(got.Quantiles[0.9], []float64{4, 6, 2}) {
		t.Errorf("quantiles: %v, %v", got, err)
	}
}

func TestSheetNamesEachMistake(t *testing.T) {
	for name, tt := range map[string]struct{ content, want string }{
		"empty":            {"", "the file is empty"},
		"no rows":          {"id,prediction\n", "no rows"},
		"no id":            {"key,prediction\n1,2\n", `"id"`},
		"id missing":       {"id,prediction\n1,1\n2,2\n,3\n", "row 3 has no id"},
		"unknown id":       {"id,prediction\n1,1\n2,2\n4,3\n", `id "4" is no evaluation row`},
		"twice":            {"id,prediction\n1,1\n2,2\n2,3\n", `id "2" is there twice`},
		"too few":          {"id,prediction\n1,1\n2,2\n", "1 of 3 evaluation rows have no prediction, such as id 3"},
		"not a number":     {"id,prediction\n1,1\n2,nan\n3,3\n", "id 2: prediction is missing or not a finite number"},
		"infinite":         {"id,prediction\n1,1\n2,Infinity\n3,3\n", "finite number"},
		"word":             {"id,prediction\n1,1\n2,two\n3,3\n", `id 2: prediction is "two"`},
		"unknown column":   {"id,prediction,truth\n1,1,1\n2,2,2\n3,3,3\n", `column "truth" is unknown`},
		"no prediction":    {"id,quantile:0.9\n1,1\n2,2\n3,3\n", `there is no column "prediction"`},
		"odd quantile":     {"id,prediction,quantile:1.5\n1,1,1\n2,2,2\n3,3,3\n", "is unknown"},
		"quantile twice":   {"id,prediction,quantile:0.9,quantile:0.90\n1,1,1,1\n2,2,2,2\n3,3,3,3\n", "there twice"},
		"damaged parquet":  {"PAR1abcdefghijkl", "predictions.parquet"},
		"damaged json":     {"{\"id\": 1", "predictions.jsonl"},
		"too many by far":  {"id,prediction\n" + strings.Repeat("1,1\n", 3000), "predictions.csv"},
		"binary":           {"\x00\x01\x02", "predictions.csv"},
		"ragged":           {"id,prediction\n1\n", "predictions.csv"},
		"a column of text": {"id,prediction\n1,a\n2,b\n3,c\n", "want a finite number"},
	} {
		p, err := numbersSheet().Read([]byte(tt.content))
		if err == nil || !strings.Contains(err.Error(), tt.want) || p.Values != nil {
			t.Errorf("%s: got %v, %v, want %q", name, p, err, tt.want)
		}
	}
	for name, tt := range map[string]struct{ content, want string }{
		"unknown class":    {"id,prediction\n1,maybe\n2,no\n", `prediction "maybe" is no class: classes are no, yes`},
		"one class":        {"id,probability:yes\n1,1\n2,0\n", "probabilities for 1 of 2 classes"},
		"third class":      {"id,probability:yes,probability:no,probability:maybe\n1,1,0,0\n2,0,1,0\n", "is unknown"},
		"negative":         {"id,probability:yes,probability:no\n1,1.5,-0.5\n2,0,1\n", "outside 0 to 1"},
		"sum":              {"id,probability:yes,probability:no\n1,0.5,0.4\n2,0,1\n", "id 1: the probabilities sum to 0.9"},
		"nothing to judge": {"id\n1\n2\n", `there is no column "prediction"`},
	} {
		if _, err := classesSheet().Read([]byte(tt.content)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}

// FuzzSheet: whatever the bytes are, what is accepted fits the rows and is finite.
func FuzzSheet(f *testing.F) {
	f.Add([]byte("id,prediction\n1,0.1\n2,0.2\n3,0.3\n"))
	f.Add([]byte("id,probability:yes,probability:no\n1,0.9,0.1\n2,0.25,0.75\n"))
	f.Add([]byte(`{"id": 2, "prediction": 0.2}` + "\n"))
	f.Add([]byte("PAR1\x00\x00\x00\x00\x00\x00\x00\x00PAR1"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if p, err := numbersSheet().Read(content); err == nil {
			if len(p.Values) != 3 {
				t.Errorf("%d values", len(p.Values))
			}
			for _, v := range p.Values {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Errorf("value %v", v)
				}
			}
		}
		truth := metric.Truth{Task: metric.Binary, Classes: []string{"no", "yes"}, Labels: []int32{0, 1}}
		if p, err := classesSheet().Read(content); err == nil {
			if err := p.Check(truth); err != nil {
				t.Error(fmt.Errorf("accepted, but %w", err))
			}
		}
	})
}
