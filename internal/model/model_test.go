package model_test

import (
	"encoding/json"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/model"
)

func floats(t testing.TB, name string, kind dataset.Kind, v ...float64) *dataset.Column {
	t.Helper()
	c, err := dataset.NewFloats(name, kind, v)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func table(t testing.TB, columns ...*dataset.Column) *dataset.Table {
	t.Helper()
	out, err := dataset.New("rows.csv", columns...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var nan = math.NaN()

// people is a small table with every kind of column.
func people(t testing.TB) *dataset.Table {
	return table(t,
		floats(t, "age", dataset.Number, 20, 30, nan, 50, 60, 80),
		floats(t, "smoker", dataset.Boolean, 0, 1, 0, nan, 0, 0),
		floats(t, "seen", dataset.Date, 0, 86400, 172800, nan, 86400, 86400),
		dataset.NewTexts("city", []string{"Rome", "Oslo", "Rome", "", "Riga", "Rome"}),
	)
}

func fit(t testing.TB, o model.EncoderOptions) *model.Encoder {
	t.Helper()
	e, err := model.FitEncoder(people(t), []string{"age", "smoker", "seen", "city"}, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEncode(t *testing.T) {
	for _, c := range []struct {
		name    string
		options model.EncoderOptions
		names   []string
		first   []float64 // of row 0
		fourth  []float64 // of row 3, which lacks everything but the age
	}{
		{
			"plain",
			model.EncoderOptions{},
			[]string{"age", "smoker", "seen", "city = Oslo", "city = Riga", "city = Rome", "city = (missing)"},
			[]float64{20, 0, 0, 0, 0, 1, 0},
			[]float64{50, 0, 1, 0, 0, 0, 1},
		},
		{
			"reference, rare levels and indicators",
			model.EncoderOptions{Reference: true, MinCount: 2, Indicator: true, Mean: true},
			[]string{"age", "age missing", "smoker", "smoker missing", "seen", "seen missing", "city = (rare or unseen)"},
			[]float64{20, 0, 0, 0, 0, 0, 0},
			[]float64{50, 0, 0, 1, 1, 1, 1},
		},
		{
			"at most one level",
			model.EncoderOptions{MaxLevels: 1},
			[]string{"age", "smoker", "seen", "city = Rome", "city = (rare or unseen)", "city = (missing)"},
			[]float64{20, 0, 0, 1, 0, 0},
			[]float64{50, 0, 1, 0, 0, 1},
		},
		{
			"squares and interactions",
			model.EncoderOptions{MinCount: 3, Squares: true, Interactions: []string{"city", "smoker"}, Log: []string{"age"}},
			[]string{
				"log1p(age)", "smoker", "seen", "city = Rome", "city = (rare or unseen)",
				"log1p(age)²", "log1p(age) × seen", "smoker × city = Rome", "smoker × city = (rare or unseen)", "seen²",
			},
			[]float64{math.Log(21), 0, 0, 1, 0, math.Log(21) * math.Log(21), 0, 0, 0, 0},
			[]float64{math.Log(51), 0, 1, 0, 1, math.Log(51) * math.Log(51), math.Log(51), 0, 0, 1},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := fit(t, c.options)
			if diff := cmp.Diff(c.names, e.Names()); diff != "" {
				t.Fatal(diff)
			}
			x, err := e.Encode(people(t))
			if err != nil {
				t.Fatal(err)
			}
			w := e.Width()
			for row, want := range map[int][]float64{0: c.first, 3: c.fourth} {
				for j, v := range want {
					if math.Abs(x[row*w+j]-v) > 1e-14 {
						t.Errorf("row %d, %s is %v, want %v", row, c.names[j], x[row*w+j], v)
					}
				}
			}
		})
	}
}

// Nothing was missing in training, and yet a request may lack a value: it counts as the usual one, not as 0.
func TestMissingValueOfACompleteColumn(t *testing.T) {
	for mean, want := range map[bool]float64{false: 40, true: 50} {
		whole := table(t, floats(t, "age", dataset.Number, 30, 80, 40))
		e, err := model.FitEncoder(whole, []string{"age"}, model.EncoderOptions{Mean: mean, Workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.Encode(table(t, floats(t, "age", dataset.Number, nan)))
		if err != nil || got[0] != want {
			t.Errorf("mean %t: got %v, %v, want %v", mean, got, err, want)
		}
	}
}

func TestStandardise(t *testing.T) {
	e := fit(t, model.EncoderOptions{Standardise: true})
	x, err := e.Encode(people(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range []int{0, 2} { // age and seen
		mean, square := 0.0, 0.0
		for i := range 6 {
			mean += x[i*e.Width()+j] / 6
			square += x[i*e.Width()+j] * x[i*e.Width()+j] / 6
		}
		if math.Abs(mean) > 1e-15 || math.Abs(square-1) > 1e-15 {
			t.Errorf("column %d has mean %v and mean square %v", j, mean, square)
		}
	}
	if x[1*e.Width()+1] != 1 {
		t.Error("a boolean does not stay 0 or 1")
	}
}

// linear is a model over people whose weights are 1, 2, 3 and so on.
func linear(t testing.TB, o model.EncoderOptions, link model.Link) *model.Model {
	t.Helper()
	e := fit(t, o)
	l := model.Linear{Meta: model.Meta{Task: metric.Regression, Target: "y", Origin: model.Origin{Estimator: "test", Rows: 6}}, Encoder: e, Link: link}
	rows := 1
	switch link {
	case model.Logistic:
		l.Task, l.Classes = metric.Binary, []string{"no", "yes"}
	case model.Multinomial:
		l.Task, l.Classes, rows = metric.Multiclass, []string{"a", "b", "c"}, 3
	case model.Identity, model.Exponential:
	}
	for i := range rows * (e.Width() + 1) {
		l.Weights = append(l.Weights, 0.01*float64(i+1)*float64(1-i%2*2))
	}
	m, err := model.NewLinear(l)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var everyOption = model.EncoderOptions{
	Standardise: true, Indicator: true, MinCount: 2, Squares: true, Interactions: []string{"city", "smoker", "age"},
}

// TestPredictIsTheDesignTimesTheWeights compares the fast row kernel with the definition.
func TestPredictIsTheDesignTimesTheWeights(t *testing.T) {
	for _, o := range []model.EncoderOptions{{}, {Reference: true, Mean: true}, everyOption, {Log: []string{"age"}, Standardise: true, Squares: true}} {
		e := fit(t, o)
		rows := people(t).Select([]int{0, 1, 2, 3, 4, 5, 5, 4, 3, 2, 1, 0})
		x, err := e.Encode(rows)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range []model.Link{model.Identity, model.Exponential, model.Logistic, model.Multinomial} {
			m := linear(t, o, link)
			p, err := m.Predict(rows)
			if err != nil {
				t.Fatal(err)
			}
			for i := range rows.Rows() {
				eta := make([]float64, max(1, len(m.Classes())))
				for k := range eta {
					at := k * (e.Width() + 1)
					weight := func(j int) float64 { return 0.01 * float64(at+j+1) * float64(1-(at+j)%2*2) }
					eta[k] = weight(0)
					for j, v := range x[i*e.Width() : (i+1)*e.Width()] {
						eta[k] += weight(j+1) * v
					}
				}
				var got, want float64
				switch link {
				case model.Identity:
					got, want = p.Values[i], eta[0]
				case model.Exponential:
					got, want = p.Values[i], math.Exp(eta[0])
				case model.Logistic:
					got, want = p.Probabilities[2*i+1], 1/(1+math.Exp(-eta[0]))
				case model.Multinomial:
					sum := math.Exp(eta[0]) + math.Exp(eta[1]) + math.Exp(eta[2])
					got, want = p.Probabilities[3*i+1], math.Exp(eta[1])/sum
				}
				if math.Abs(got-want) > 1e-13*max(1, math.Abs(want)) {
					t.Errorf("%s, row %d: %v, want %v", link, i, got, want)
				}
			}
		}
	}
}

// TestDescribeInRawUnits computes predictions from the described coefficients and raw values alone.
func TestDescribeInRawUnits(t *testing.T) {
	o := everyOption
	o.Indicator = false
	m := linear(t, o, model.Identity)
	d := m.Describe()
	p, err := m.Predict(people(t))
	if err != nil {
		t.Fatal(err)
	}
	raw := map[string][]float64{
		"age": {20, 30, 50, 50, 60, 80}, "smoker": {0, 1, 0, 0, 0, 0}, "seen": {0, 1, 2, 1, 1, 1},
		"city = Rome": {1, 0, 1, 0, 0, 1}, "city = (rare or unseen)": {0, 1, 0, 1, 1, 0},
	}
	for i, want := range p.Values {
		got := d.Intercepts[0].Value
		for _, c := range d.Coefficients {
			factors := strings.Split(c.Term, " × ")
			if square, ok := strings.CutSuffix(c.Term, "²"); ok {
				factors = []string{square, square}
			}
			term := c.Value
			for _, f := range factors {
				if raw[f] == nil {
					t.Fatalf("unknown term %q", f)
				}
				term *= raw[f][i]
			}
			got += term
		}
		if math.Abs(got-want) > 1e-12 {
			t.Errorf("row %d: %v, want %v", i, got, want)
		}
	}
	if _, err := json.Marshal(d); err != nil {
		t.Error(err)
	}
}

func TestPredictKnowsTextsNotCodes(t *testing.T) {
	m := linear(t, model.EncoderOptions{MinCount: 2}, model.Identity)
	rows := people(t)
	want, err := m.Predict(rows)
	if err != nil {
		t.Fatal(err)
	}
	shuffled := rows.Without("city", "age")
	for _, c := range []*dataset.Column{
		{Name: "city", Kind: dataset.Category, Levels: []string{"Atlantis", "Rome", "Utopia"}, Codes: []int32{1, 0, 1, -1, 2, 1}},
		floats(t, "extra", dataset.Number, 1, 2, 3, 4, 5, 6), rows.Columns[0],
	} {
		if shuffled, err = shuffled.With(c); err != nil {
			t.Fatal(err)
		}
	}
	got, err := m.Predict(shuffled)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPredictChecksColumns(t *testing.T) {
	m := linear(t, model.EncoderOptions{}, model.Identity)
	rows := people(t)
	replace := func(c *dataset.Column) *dataset.Table {
		out, err := rows.Without(c.Name).With(c)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	six := make([]float64, 6)
	holes := []float64{nan, nan, nan, nan, nan, nan}
	for _, c := range []struct {
		name string
		rows *dataset.Table
		want string // "" where it is accepted
	}{
		{"missing column", rows.Without("age", "city"), `predict rows.csv: columns "age", "city" missing: the table has smoker, seen`},
		{"text for a number", replace(dataset.NewTexts("age", []string{"x", "", "", "", "", ""})), `predict rows.csv: column "age": it is a category, the model wants a number`},
		{"date for a number", replace(floats(t, "age", dataset.Date, six...)), `predict rows.csv: column "age": it is a date, the model wants a number`},
		{"boolean for a number", replace(floats(t, "age", dataset.Boolean, six...)), ""},
		{"number for a boolean", replace(floats(t, "smoker", dataset.Number, 0, 1, nan, 0, 0, 0)), ""},
		{"2 for a boolean", replace(floats(t, "smoker", dataset.Number, 0, 1, 2, 0, 0, 0)), `predict rows.csv: column "smoker": row 3 is 2: the model wants a boolean`},
		{"number for a date", replace(floats(t, "seen", dataset.Number, six...)), `predict rows.csv: column "seen": it is a number, the model wants a date`},
		{"number for a category", replace(floats(t, "city", dataset.Number, six...)), ""},
		{"nothing for a date", replace(floats(t, "seen", dataset.Number, holes...)), ""},
		{"nothing for a number", replace(dataset.NewTexts("age", make([]string, 6))), ""},
		{"too large", replace(floats(t, "age", dataset.Number, 1, 1, 1, 1, math.MaxFloat64, 1)), ""},
	} {
		_, err := m.Predict(c.rows)
		if got := ""; err != nil {
			got = err.Error()
			if got != c.want {
				t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
			}
		} else if c.want != "" {
			t.Errorf("%s is accepted", c.name)
		}
	}
}

func TestPredictRefusesOverflow(t *testing.T) {
	rows := people(t)
	rows.Columns[0] = floats(t, "age", dataset.Number, 1, 1e308, 1, 1, 1, 1)
	for _, link := range []model.Link{model.Identity, model.Exponential, model.Multinomial} {
		_, err := linear(t, model.EncoderOptions{Squares: true}, link).Predict(rows)
		if err == nil || !strings.HasPrefix(err.Error(), "predict rows.csv: row 2: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", link, err)
		}
	}
}

func TestThreshold(t *testing.T) {
	e, err := model.FitEncoder(people(t), nil, model.EncoderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		threshold float64
		want      int32
	}{{0, 0}, {0.3, 0}, {0.25, 1}, {0.2, 1}} {
		m, err := model.NewLinear(model.Linear{
			Meta: model.Meta{Task: metric.Binary, Target: "y", Classes: []string{"no", "yes"}}, Encoder: e, Link: model.Logistic,
			Threshold: c.threshold, Weights: []float64{-math.Log(3)},
		})
		if err != nil {
			t.Fatal(err)
		}
		p, err := m.Predict(people(t))
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(p.Probabilities[1]-0.25) > 1e-15 || p.Labels[0] != c.want {
			t.Errorf("threshold %v: probability %v, label %d, want %d", c.threshold, p.Probabilities[1], p.Labels[0], c.want)
		}
	}
}

func TestConstant(t *testing.T) {
	value, err := model.NewConstant(model.Constant{Meta: model.Meta{Task: metric.Regression, Target: "y"}, Value: 1.5})
	if err != nil {
		t.Fatal(err)
	}
	p, err := value.Predict(people(t))
	if diff := cmp.Diff([]float64{1.5, 1.5, 1.5, 1.5, 1.5, 1.5}, p.Values); diff != "" || err != nil {
		t.Error(diff, err)
	}
	class, err := model.NewConstant(model.Constant{
		Meta: model.Meta{Task: metric.Multiclass, Target: "y", Classes: []string{"a", "b", "c"}}, Probabilities: []float64{0.2, 0.4, 0.4},
	})
	if err != nil {
		t.Fatal(err)
	}
	if p, err = class.Predict(people(t).Select([]int{0, 1})); err != nil {
		t.Fatal(err)
	}
	want := metric.Predictions{Classes: []string{"a", "b", "c"}, Labels: []int32{1, 1}, Probabilities: []float64{0.2, 0.4, 0.4, 0.2, 0.4, 0.4}}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Error(diff)
	}
	if class.Features() != nil {
		t.Error("a constant wants features")
	}
}

func TestPredictFromManyGoroutines(t *testing.T) {
	m := linear(t, everyOption, model.Multinomial)
	want, err := m.Predict(people(t))
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 20 {
				got, err := m.Predict(people(t))
				if diff := cmp.Diff(want, got); diff != "" || err != nil {
					t.Error(diff, err)
				}
			}
		})
	}
	wait.Wait()
}

func folder(files map[string][]byte) fstest.MapFS {
	out := fstest.MapFS{}
	for name, content := range files {
		out[name] = &fstest.MapFile{Data: content}
	}
	return out
}
