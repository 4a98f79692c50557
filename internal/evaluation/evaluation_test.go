package evaluation

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weighlock/weighlock/internal/metric"
)

// scored evaluates ten rows in two slices, one of which has rows of one class only.
func scored(t testing.TB) Evaluation {
	t.Helper()
	r, p := patients(t)
	e, err := Evaluate(r, p, Options{Model: "diabetes", ModelDigest: "sha256:m", ModelBytes: 12, Latency: &Latency{0.5}})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func patients(t testing.TB) (Rows, metric.Predictions) {
	t.Helper()
	table := read(t, "id,sex,sick,age\n"+
		"d,F,no,50\na,F,yes,20\nb,M,no,30\nc,M,no,40\n")
	r, _, err := NewRows(table, []string{"d", "a", "b", "c"}, RowsOptions{Task: metric.Binary, Target: "sick", SliceBy: []string{"sex"}})
	if err != nil {
		t.Fatal(err)
	}
	// In the order a, b, c, d; the second class is "yes".
	return r, metric.Predictions{
		Classes: []string{"no", "yes"}, Labels: []int32{1, 0, 1, 0},
		Probabilities: []float64{.25, .75, .5, .5, .25, .75, .75, .25},
	}
}

func TestEvaluateScoresRowsAndSlices(t *testing.T) {
	e := scored(t)
	value := func(scores map[string]Score, name string) float64 {
		t.Helper()
		s, ok := scores[name]
		if !ok || s.Value == nil {
			t.Fatalf("%s = %+v", name, s)
		}
		return *s.Value
	}
	// a is right, b right, c wrong, d right; "yes" scores .75 against .5, .75 and .25: (1 + .5 + 1)/3.
	if got := value(e.Metrics, "accuracy"); got != 0.75 {
		t.Errorf("accuracy = %v", got)
	}
	if got := value(e.Metrics, "roc_auc"); math.Abs(got-2.5/3) > 1e-15 {
		t.Errorf("roc_auc = %v", got)
	}
	if diff := cmp.Diff([][]int{{2, 1}, {0, 1}}, e.Confusion); diff != "" {
		t.Error(diff)
	}
	if len(e.Slices) != 2 || e.Slices[0].Level != "F" || e.Slices[1].Level != "M" || e.Slices[1].Rows != 2 {
		t.Fatalf("slices are %+v", e.Slices)
	}
	if got := value(e.Slices[1].Metrics, "accuracy"); got != 0.5 {
		t.Errorf("accuracy of M = %v", got)
	}
	if s := e.Slices[1].Metrics["roc_auc"]; s.Value != nil || s.Undefined != string(metric.OneClass) {
		t.Errorf("roc_auc of M = %+v", s)
	}
	if len(e.Metrics) != len(metric.ForTask(metric.Binary)) {
		t.Errorf("%d metrics of %d", len(e.Metrics), len(metric.ForTask(metric.Binary)))
	}
}

func TestEvaluateRefusesPredictionsThatDoNotFit(t *testing.T) {
	r, p := patients(t)
	p.Probabilities[0] = math.NaN()
	if _, err := Evaluate(r, p, Options{Model: "m"}); err == nil || !strings.HasPrefix(err.Error(), "evaluate m: check predictions: ") {
		t.Errorf("error %v", err)
	}
}

func TestJSONIsAPublicFormat(t *testing.T) {
	raw, err := scored(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "evaluation.json")
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(raw)); diff != "" {
		t.Errorf("version 1 has changed: %s", diff)
	}
	back, err := Decode(bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(scored(t), back); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeIsStrict(t *testing.T) {
	good := `{"version":1,"model":"m","task":"binary","data_digest":"d","rows":4,"classes":["a","b"],"metrics":{"accuracy":{"value":1}}}`
	if _, err := Decode(strings.NewReader(good + " \n")); err != nil {
		t.Fatal(err)
	}
	swap := func(old, other string) string { return strings.Replace(good, old, other, 1) }
	for want, raw := range map[string]string{
		"it is empty":                     "",
		"version 2 is not 1":              swap(`"version":1`, `"version":2,"later":true`),
		"version 0 is not 1":              swap(`"version":1,`, ""),
		`unknown field "color"`:           swap(`"rows":4`, `"rows":4,"color":1`),
		`"model" repeats`:                 swap(`"rows":4`, `"rows":4,"model":"n"`),
		`"Model" repeats or is not lower`: swap(`"model"`, `"Model"`),
		`"accuracy" repeats`:              swap(`{"value":1}`, `{"value":1},"accuracy":{"value":2}`),
		"invalid character 'N'":           swap(`"value":1`, `"value":NaN`),
		"cannot unmarshal number 1e999":   swap(`"value":1`, `"value":1e999`),
		"something follows":               good + "{}",
		"unexpected EOF":                  good[:len(good)-1],
		"either a value or the reason":    swap(`"value":1`, `"value":1,"undefined":"one class only"`),
		"wants either a value":            swap(`"value":1`, ``),
		`task "cooking" is none`:          swap(`"binary"`, `"cooking"`),
		"a count is negative":             swap(`"rows":4`, `"rows":-4`),
		"no metrics":                      swap(`,"metrics":{"accuracy":{"value":1}}`, ""),
		"no part of the rows":             swap(`"metrics"`, `"slices":[{"by":"s","level":"l","rows":5,"metrics":{}}],"metrics"`),
		"does not fit the classes":        swap(`"metrics"`, `"confusion":[[1,2],[3]],"metrics"`),
		"the latency":                     swap(`"metrics"`, `"latency":{"row_microseconds":-1},"metrics"`),
		"nested too deeply":               swap(`"metrics"`, `"x":`+strings.Repeat("[", 30)+strings.Repeat("]", 30)+`,"metrics"`),
		"not UTF-8":                       swap(`"m"`, "\"\xff\""),
	} {
		if _, err := Decode(strings.NewReader(raw)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestEncodeRefusesNaN(t *testing.T) {
	e, nan := scored(t), math.NaN()
	e.Metrics["accuracy"] = Score{Value: &nan}
	if _, err := e.Encode(); err == nil || !strings.Contains(err.Error(), "is NaN") {
		t.Errorf("error %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	raw, err := scored(f).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"version":1,"task":"regression","metrics":{"rmse":{"undefined":"no rows"}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := Decode(bytes.NewReader(raw))
		if err != nil {
			return
		}
		again, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(bytes.NewReader(again))
		if err != nil {
			t.Fatal(err)
		}
		once, err := back.Encode()
		if err != nil || !bytes.Equal(once, again) {
			t.Fatalf("%v, %s became %s", err, again, once)
		}
	})
}
