package estimator

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path"
	"strconv"
	"testing"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/model"
)

func readJSON(t *testing.T, name string, v any) {
	t.Helper()
	b, err := os.ReadFile(path.Join("testdata", name))
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func numbers(t testing.TB, names []string, rows [][]float64) *dataset.Table {
	t.Helper()
	var columns []*dataset.Column
	for j, name := range names {
		v := make([]float64, len(rows))
		for i := range rows {
			v[i] = rows[i][j]
		}
		c, err := dataset.NewFloats(name, dataset.Number, v)
		if err != nil {
			t.Fatal(err)
		}
		columns = append(columns, c)
	}
	table, err := dataset.New("table", columns...)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// digits is NIST's log relative error: how many digits of got are those of want.
func digits(got, want float64) float64 {
	if got == want {
		return 16
	}
	return -math.Log10(math.Abs(got-want) / math.Abs(want))
}

// TestLinearOnCertifiedData holds linear regression against NIST's Statistical Reference Datasets, whose coefficients
// are certified to 15 digits. The numbers of digits asked for are those of the exact least squares solution of the
// designs as float64 holds them, less a little.
func TestLinearOnCertifiedData(t *testing.T) {
	var sets []struct {
		Name      string
		Degree    int
		Digits    float64
		Certified []float64
		Rows      [][]float64
	}
	readJSON(t, "nist.json", &sets)
	if len(sets) != 4 {
		t.Fatalf("%d sets", len(sets))
	}
	for _, set := range sets {
		t.Run(set.Name, func(t *testing.T) {
			names := []string{"y"}
			for j := 1; j < len(set.Certified); j++ {
				names = append(names, "x"+strconv.Itoa(j))
			}
			if set.Degree > 1 {
				for i, row := range set.Rows {
					for k := 2; k <= set.Degree; k++ {
						row = append(row, math.Pow(row[1], float64(k)))
					}
					set.Rows[i] = row
				}
			}
			for _, spec := range []Spec{{Name: "linear"}, {Name: "ridge", Params: map[string]any{"alpha": 0, "standardise": false}}} {
				spec.Task, spec.Target = metric.Regression, "y"
				m, err := Fit(context.Background(), spec, numbers(t, names, set.Rows))
				if err != nil {
					t.Fatal(err)
				}
				d := m.Describe()
				least := digits(d.Intercepts[0].Value, set.Certified[0])
				for j, c := range d.Coefficients {
					least = min(least, digits(c.Value, set.Certified[j+1]))
				}
				t.Logf("%s: %.1f digits, notes %q", spec.Name, least, d.Origin.Notes)
				if !(least >= set.Digits) {
					t.Errorf("%s: %.1f digits are right, want %v", spec.Name, least, set.Digits)
				}
			}
		})
	}
}

type referenceCase struct {
	Name, File, Target, Task, Estimator string
	Params                              map[string]any
	Exclude, Classes                    []string
	Intercepts                          []float64
	Coefficients                        []map[string]float64
	FirstPredictions                    []float64 `json:"first_predictions"`
}

func example(t testing.TB, file string) *dataset.Table {
	t.Helper()
	table, err := dataset.Read(os.DirFS("../../examples"), file, dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestEqualToScikitLearn compares coefficients in the units of the raw columns, and predictions. testdata/sklearn.json
// says which versions made it; its solvers ran to a tolerance of 1e-14.
func TestEqualToScikitLearn(t *testing.T) {
	var reference struct{ Cases []referenceCase }
	readJSON(t, "sklearn.json", &reference)
	if len(reference.Cases) < 9 {
		t.Fatalf("%d cases", len(reference.Cases))
	}
	for _, c := range reference.Cases {
		t.Run(c.Name, func(t *testing.T) {
			table := example(t, c.File)
			m, err := Fit(context.Background(), Spec{
				Name: c.Estimator, Params: c.Params, Task: metric.Task(c.Task), Target: c.Target, Exclude: c.Exclude,
			}, table)
			if err != nil {
				t.Fatal(err)
			}
			if notes := m.Origin().Notes; notes != nil {
				t.Errorf("notes %q", notes)
			}
			compareCoefficients(t, m, c)
			p, err := m.Predict(table)
			if err != nil {
				t.Fatal(err)
			}
			got := p.Values
			if got == nil {
				got = p.Probabilities
			}
			for i, want := range c.FirstPredictions {
				if !near(got[i], want) {
					t.Errorf("prediction %d is %v, want %v", i, got[i], want)
				}
			}
		})
	}
}

func compareCoefficients(t *testing.T, m *model.Model, c referenceCase) {
	t.Helper()
	d := m.Describe()
	size := 0
	for k, want := range c.Coefficients {
		size += len(want)
		if got := d.Intercepts[k].Value; !near(got, c.Intercepts[k]) {
			t.Errorf("intercept %d is %v, want %v", k, got, c.Intercepts[k])
		}
	}
	if len(d.Coefficients) != size {
		t.Errorf("%d coefficients, want %d", len(d.Coefficients), size)
	}
	for i, got := range d.Coefficients {
		want, ok := c.Coefficients[i*len(c.Coefficients)/size][got.Term]
		if !ok || !near(got.Value, want) {
			t.Errorf("coefficient of %q is %v, want %v", got.Term, got.Value, want)
		}
	}
}

// near allows a relative error of 1e-9, or an absolute one where a value is far below 1.
func near(got, want float64) bool { return math.Abs(got-want) <= 1e-9*max(math.Abs(want), 1e-2) }

// TestDiabetesOLS holds the numbers that everybody knows: those of scikit-learn's LinearRegression on all 442 rows.
func TestDiabetesOLS(t *testing.T) {
	table := example(t, "healthcare/data/diabetes.csv")
	m, err := Fit(context.Background(), Spec{Name: "linear", Task: metric.Regression, Target: "progression", Exclude: []string{"patient"}}, table)
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.Predict(table)
	if err != nil {
		t.Fatal(err)
	}
	y, _ := table.Column("progression")
	mean, residual, total := 0.0, 0.0, 0.0
	for i, v := range p.Values {
		mean += v / 442
		residual += (y.Floats[i] - v) * (y.Floats[i] - v)
	}
	for _, v := range y.Floats {
		total += (v - mean) * (v - mean)
	}
	for _, c := range []struct {
		name      string
		got, want float64
	}{{"R2", 1 - residual/total, .51774842222035}, {"MSE", residual / 442, 2859.69634758675}, {"mean", mean, 152.133484162896}} {
		if math.Abs(c.got-c.want) > 1e-12*c.want {
			t.Errorf("%s is %.15g, want %.15g", c.name, c.got, c.want)
		}
	}
}

// TestSameBytesOnEveryPlatform pins digests, so that a platform that fuses products and sums, or has its own exp, shows.
// A change of an algorithm or of the file format changes them, and then a re-trained baseline differs too: say so in the
// change log.
func TestSameBytesOnEveryPlatform(t *testing.T) {
	for _, c := range []struct {
		file, exclude, want string
		spec                Spec
	}{
		{"healthcare/data/diabetes.csv", "patient", "sha256:a9e8f7b36cef057d6ff5193c0aedc5b825d5e235583a00814dcc39c6ef6cac4b", Spec{Name: "linear", Task: metric.Regression, Target: "progression", Params: map[string]any{"degree": 2, "log_target": true}}},
		{"healthcare/data/diabetes.csv", "patient", "sha256:881f61f9057b5ccdb397753452a60e4f14e21fcbe0cac70dcb74e3237f133402", Spec{Name: "ridge", Task: metric.Regression, Target: "progression", Params: map[string]any{"log": []string{"bmi"}}}},
		{"finance/data/german_credit.csv", "application", "sha256:734d5553b8ed4058f2484c28d498d29790cc3e8278ec5123ca1bb94945b89f0c", Spec{Name: "logistic", Task: metric.Binary, Target: "default"}},
		{"manufacturing/data/wine.csv", "batch", "sha256:96913db953265a1d5e2769b9e539f8a43e5c1e2410e727494b5eeeaa9cdf49ee", Spec{Name: "logistic", Task: metric.Multiclass, Target: "grade"}},
	} {
		c.spec.Exclude = []string{c.exclude}
		if got := mustFit(t, c.spec, example(t, c.file)).Digest(); got != c.want {
			t.Errorf("%s on %s is %s, want %s", c.spec.Name, c.file, got, c.want)
		}
	}
}
