package estimator

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/model"
)

// mixed is a table with every kind of column, missing values, a constant column, a column without any value, a column
// that is the sum of two others, and a target for each task.
func mixed(t testing.TB, rows int) *dataset.Table {
	t.Helper()
	r := rand.New(rand.NewPCG(3, uint64(rows)))
	float := map[string][]float64{}
	text := map[string][]string{}
	for i := range rows {
		a, b := r.NormFloat64()*3+1000, r.ExpFloat64()
		flag := float64(r.IntN(2))
		day := float64(1.6e9 + 86400*float64(r.IntN(1000)))
		city := []string{"Bern", "Rome", "Oslo", "Riga"}[min(r.IntN(4), r.IntN(6))]
		if i%50 == 7 {
			city = fmt.Sprintf("village %d", i)
		}
		score := 0.4*(a-1000) - b + flag + 2*float64(len(city)%3) + r.NormFloat64()
		float["number"] = append(float["number"], hole(r, a))
		float["skewed"] = append(float["skewed"], b)
		float["sum"] = append(float["sum"], b+2*flag)
		float["constant"] = append(float["constant"], 0.1)
		float["empty"] = append(float["empty"], math.NaN())
		float["flag"] = append(float["flag"], flag)
		float["day"] = append(float["day"], hole(r, day))
		text["city"] = append(text["city"], city)
		text["rarely"] = append(text["rarely"], []string{"", "x"}[r.IntN(20)/19])
		float["regression"] = append(float["regression"], 10*score+500)
		text["binary"] = append(text["binary"], map[bool]string{true: "good", false: "bad"}[score > 2])
		text["multiclass"] = append(text["multiclass"], []string{"low", "middle", "high"}[min(2, max(0, int(score+2)/3))])
		text["id"] = append(text["id"], fmt.Sprint("r", i))
	}
	kinds := map[string]dataset.Kind{"flag": dataset.Boolean, "day": dataset.Date}
	var columns []*dataset.Column
	for _, name := range []string{
		"id", "number", "skewed", "constant", "empty", "flag", "sum", "day", "city", "rarely", "regression", "binary", "multiclass",
	} {
		if v, ok := text[name]; ok {
			columns = append(columns, dataset.NewTexts(name, v))
			continue
		}
		kind := max(kinds[name], dataset.Number)
		c, err := dataset.NewFloats(name, kind, float[name])
		if err != nil {
			t.Fatal(err)
		}
		columns = append(columns, c)
	}
	table, err := dataset.New("mixed", columns...)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func hole(r *rand.Rand, v float64) float64 {
	if r.IntN(15) == 0 {
		return math.NaN()
	}
	return v
}

// everyFit calls check for each estimator, task and set of parameters that the suite knows.
func everyFit(t *testing.T, check func(t *testing.T, s Spec)) {
	variants := map[string][]map[string]any{
		"dummy":    {nil},
		"linear":   {nil, {"degree": 2, "interactions": []any{"city", "flag"}, "missing_indicator": true}, {"log_target": true}},
		"ridge":    {nil, {"alpha": 0.0}, {"standardise": false, "impute": "mean", "log": []any{"skewed"}}},
		"logistic": {nil, {"penalty": "none"}, {"class_weight": "balanced", "standardise": false, "interactions": []any{"city", "skewed"}}},
	}
	targets := []string{"regression", "binary", "multiclass"}
	for _, e := range All() {
		if len(variants[e.Name]) == 0 {
			t.Errorf("%s has no variants in the suite: add a row with its parameters", e.Name)
		}
		for _, task := range e.Tasks {
			for i, params := range variants[e.Name] {
				others := slices.DeleteFunc(slices.Clone(targets), func(s string) bool { return s == string(task) })
				s := Spec{Name: e.Name, Params: params, Task: task, Target: string(task), Exclude: append(others, "id"), Seed: 7, Workers: 2}
				t.Run(fmt.Sprintf("%s/%s/%d", e.Name, task, i), func(t *testing.T) { check(t, s) })
			}
		}
	}
}

func mustFit(t testing.TB, s Spec, table *dataset.Table) *model.Model {
	t.Helper()
	m, err := Fit(context.Background(), s, table)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mustPredict(t testing.TB, m *model.Model, table *dataset.Table) metric.Predictions {
	t.Helper()
	p, err := m.Predict(table)
	if err != nil {
		t.Fatal(err)
	}
	if p.Rows() != table.Rows() {
		t.Fatalf("%d predictions for %d rows", p.Rows(), table.Rows())
	}
	for i, v := range slices.Concat(p.Values, p.Probabilities) {
		if v-v != 0 {
			t.Fatalf("prediction %d is %v", i, v)
		}
	}
	for i := range p.Labels {
		sum := 0.0
		for _, v := range p.Probabilities[i*len(p.Classes) : (i+1)*len(p.Classes)] {
			if v < 0 || v > 1 {
				t.Fatalf("row %d has probability %v", i, v)
			}
			sum += v
		}
		if math.Abs(sum-1) > 1e-12 || p.Labels[i] < 0 || int(p.Labels[i]) >= len(p.Classes) {
			t.Fatalf("row %d: probabilities sum to %v, label %d", i, sum, p.Labels[i])
		}
	}
	return p
}

func filesOf(t testing.TB, m *model.Model) map[string][]byte {
	t.Helper()
	f, err := m.Files()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestSameBytesForAnyWorkers(t *testing.T) {
	table := mixed(t, 2100) // three chunks
	everyFit(t, func(t *testing.T, s Spec) {
		want := filesOf(t, mustFit(t, s, table))
		for _, s.Workers = range []int{1, 2, 7} {
			if diff := cmp.Diff(want, filesOf(t, mustFit(t, s, table))); diff != "" {
				t.Errorf("%d workers: %s", s.Workers, diff)
			}
		}
	})
}

func TestOrderOfLevelsDoesNotMatter(t *testing.T) {
	table := mixed(t, 300)
	turned := table.Without()
	for i, c := range turned.Columns {
		if c.Kind != dataset.Category {
			continue
		}
		n := int32(len(c.Levels))
		d := &dataset.Column{Name: c.Name, Kind: c.Kind, Levels: slices.Clone(c.Levels), Codes: slices.Clone(c.Codes)}
		slices.Reverse(d.Levels)
		for k, code := range d.Codes {
			if code >= 0 {
				d.Codes[k] = n - 1 - code
			}
		}
		turned.Columns[i] = d
	}
	everyFit(t, func(t *testing.T, s Spec) {
		m := mustFit(t, s, table)
		if got := mustFit(t, s, turned).Digest(); got != m.Digest() {
			t.Errorf("another order of levels gives another model")
		}
		if diff := cmp.Diff(mustPredict(t, m, table), mustPredict(t, m, turned)); diff != "" {
			t.Error(diff)
		}
	})
}

// TestBetterThanNothing sees that a model of each kind beats the dummy on its own training rows, and that it scores
// strangers: unseen categories, missing values everywhere, extra columns, a single row.
func TestBetterThanNothing(t *testing.T) {
	table := mixed(t, 600)
	everyFit(t, func(t *testing.T, s Spec) {
		m := mustFit(t, s, table)
		dummy := mustFit(t, Spec{Name: "dummy", Task: s.Task, Target: s.Target}, table)
		target, _ := table.Column(s.Target)
		loss := func(m *model.Model) float64 {
			p := mustPredict(t, m, table)
			sum := 0.0
			for i := range p.Rows() {
				if s.Task == metric.Regression {
					miss := p.Values[i] - target.Floats[i]
					sum += miss * miss
				} else if p.Classes[p.Labels[i]] != target.Text(i) {
					sum++
				}
			}
			return sum
		}
		if s.Name != "dummy" && !(loss(m) < 0.9*loss(dummy)) {
			t.Errorf("loss %v, the dummy's is %v", loss(m), loss(dummy))
		}
		strangers, err := table.Select([]int{0, 1}).Without("city", "number").With(dataset.NewTexts("city", []string{"Atlantis", ""}))
		if err != nil {
			t.Fatal(err)
		}
		nan := math.NaN()
		if strangers, err = strangers.With(&dataset.Column{Name: "number", Kind: dataset.Number, Floats: []float64{nan, nan}}); err != nil {
			t.Fatal(err)
		}
		mustPredict(t, m, strangers)
		mustPredict(t, m, table.Select(nil))
		if s.Name != "dummy" {
			if _, err := m.Predict(table.Without("city")); err == nil || !strings.Contains(err.Error(), `"city"`) {
				t.Errorf("a missing column gives %v", err)
			}
		}
	})
}

func TestFewRows(t *testing.T) {
	everyFit(t, func(t *testing.T, s Spec) {
		whole := mixed(t, 40)
		for _, rows := range [][]int{{0}, {0, 1}, {0, 0, 0}, {0, 1, 2, 3}} {
			table := whole.Select(rows)
			m, err := Fit(context.Background(), s, table)
			if errors.Is(err, ErrOneClass) && s.Name == "logistic" {
				continue
			}
			if err != nil {
				t.Fatalf("%d rows: %v", len(rows), err)
			}
			mustPredict(t, m, whole)
		}
		if _, err := Fit(context.Background(), s, whole.Select(nil)); !errors.Is(err, ErrNoRows) {
			t.Errorf("no rows give %v", err)
		}
		target, err := dataset.New("target", whole.Columns[slices.IndexFunc(whole.Columns, func(c *dataset.Column) bool { return c.Name == s.Target })])
		if err != nil {
			t.Fatal(err)
		}
		s.Params = nil
		mustPredict(t, mustFit(t, s, target), whole)
	})
}

func TestOneClass(t *testing.T) {
	table, err := mixed(t, 30).Without("binary").With(dataset.NewTexts("binary", slices.Repeat([]string{"good"}, 30)))
	if err != nil {
		t.Fatal(err)
	}
	everyFit(t, func(t *testing.T, s Spec) {
		if s.Task != metric.Binary {
			return
		}
		m, err := Fit(context.Background(), s, table)
		if s.Name == "logistic" {
			if !errors.Is(err, ErrOneClass) || !strings.Contains(err.Error(), `"good"`) {
				t.Errorf("got %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		mustPredict(t, m, table)
	})
}

// countdown is a context that is cancelled when it was asked for the so-and-so-many-th time.
type countdown struct {
	context.Context
	left atomic.Int64
}

func (c *countdown) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// TestCancels cancels at many of the places where a fit looks.
func TestCancels(t *testing.T) {
	table := mixed(t, 100)
	everyFit(t, func(t *testing.T, s Spec) {
		want := mustFit(t, s, table).Digest()
		for looks := int64(0); looks < 5000; looks += 1 + looks/3 {
			ctx := &countdown{Context: context.Background()}
			ctx.left.Store(looks)
			m, err := Fit(ctx, s, table)
			if err == nil {
				if m.Digest() != want || looks == 0 {
					t.Errorf("after %d looks: another model", looks)
				}
				return
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("after %d looks: %v", looks, err)
			}
		}
		t.Error("it never ends")
	})
}

func TestSurvivesTheFile(t *testing.T) {
	table := mixed(t, 300)
	everyFit(t, func(t *testing.T, s Spec) {
		m := mustFit(t, s, table)
		loaded, err := model.Load(memory(filesOf(t, m)))
		if err != nil {
			t.Fatal(err)
		}
		if loaded.Digest() != m.Digest() {
			t.Error("the digest changed")
		}
		if diff := cmp.Diff(mustPredict(t, m, table), mustPredict(t, loaded, table)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(m.Describe(), loaded.Describe()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRefusesTargets(t *testing.T) {
	table := mixed(t, 60)
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{Spec{Name: "nothing"}, `fit: unknown estimator "nothing": choices are dummy, linear, ridge, logistic`},
		{Spec{Name: "linear", Task: metric.Binary}, "fit linear: it does not answer a binary task: choices are dummy, logistic"},
		{Spec{Name: "ridge", Task: metric.Regression, Target: "nope"}, `fit ridge: target "nope": there is no such column`},
		{Spec{Name: "ridge", Task: metric.Regression, Target: "city"}, `fit ridge: target "city": it is a category: a regression task wants numbers`},
		{Spec{Name: "ridge", Task: metric.Regression, Target: "empty"}, `fit ridge: target "empty": 60 of 60 rows have no value, the first at line 1`},
		{Spec{Name: "logistic", Task: metric.Binary, Target: "multiclass"}, `fit logistic: target "multiclass": 3 classes in a binary task: want 2`},
		{Spec{Name: "ridge", Task: metric.Regression, Target: "skewed", Weight: "number"}, `fit ridge: weight "number": row `},
		{
			Spec{Name: "ridge", Task: metric.Regression, Target: "skewed", Params: map[string]any{"log": []any{"city"}}},
			`fit ridge: take log of "city": it is no number column of the features: choices are number, `,
		},
		{
			Spec{Name: "logistic", Task: metric.Binary, Target: "binary", Params: map[string]any{"class_weight": map[string]any{"evil": 2}}},
			`fit logistic: class_weight: no training row is "evil": classes are bad, good`,
		},
		{Spec{Name: "linear", Task: metric.Regression, Target: "sum", Params: map[string]any{"log_target": true}, Weight: "constant", Exclude: []string{"x"}}, ""},
	} {
		_, err := Fit(context.Background(), c.spec, table)
		if c.want == "" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
}
