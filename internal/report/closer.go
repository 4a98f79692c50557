package report

import (
	"maps"
	"slices"
	"strings"

	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/metric"
)

// Explained says where in the rows the difference lies, by one metric. Nothing in it judges.
type Explained struct {
	Metric    string        `json:"metric"`
	Params    metric.Params `json:"params,omitzero"`
	Direction string        `json:"direction"`
	// Broken rows were right and are wrong now, mended ones the other way round; both are 0 for quantities.
	Broken int `json:"broken"`
	Mended int `json:"mended"`
	// Rows are those that lost most.
	Rows []FlippedRow `json:"rows,omitempty"`
	// Parts split the difference over the levels of each slice column.
	Parts []Part `json:"parts,omitempty"`
	// Worst are the slices that lost most, of Searched that have at least SearchedRows rows.
	Worst        []WorstSlice `json:"worst,omitempty"`
	Searched     int          `json:"searched"`
	SearchedRows int          `json:"searched_rows"`
}

// FlippedRow is a row that got worse. Truth, Baseline and Candidate are there only where the policy reveals values.
type FlippedRow struct {
	ID string `json:"id"`
	// Loss is what the row lost, in the units of the metric.
	Loss      float64  `json:"loss"`
	Slices    []string `json:"slices,omitempty"`
	Truth     string   `json:"truth,omitempty"`
	Baseline  string   `json:"baseline,omitempty"`
	Candidate string   `json:"candidate,omitempty"`
}

// Part is one column's split of a difference; the contributions add up to it.
type Part struct {
	By     string  `json:"by"`
	Levels []Share `json:"levels"`
}

// Share is what one level has in a difference, candidate minus baseline: its share of the rows times its own mean.
type Share struct {
	Level        string  `json:"level"`
	Rows         int     `json:"rows"`
	Share        float64 `json:"share"`
	Mean         float64 `json:"mean"`
	Contribution float64 `json:"contribution"`
}

// WorstSlice is a part of the rows that the search found; P is adjusted for the whole search.
type WorstSlice struct {
	Where []string `json:"where"`
	Rows  int      `json:"rows"`
	Mean  float64  `json:"mean"`
	P     float64  `json:"p_adjusted"`
}

// Fairness is how both models treat the groups of one column.
type Fairness struct {
	By      string   `json:"by"`
	Groups  []Group  `json:"groups"`
	Gaps    []Gap    `json:"gaps"`
	LeftOut []string `json:"left_out,omitempty"`
}

// Group is one group; Baseline is nil on a first run.
type Group struct {
	Level     string `json:"level"`
	Rows      int    `json:"rows"`
	Candidate *Rates `json:"candidate"`
	Baseline  *Rates `json:"baseline"`
}

// Rates are a model's rates on one group; one without a value is nil.
type Rates struct {
	Selection *float64 `json:"selection_rate"`
	TPR       *float64 `json:"true_positive_rate"`
	FPR       *float64 `json:"false_positive_rate"`
	// Predicted and Observed are the mean predicted probability and the share of positive rows.
	Predicted *float64 `json:"predicted"`
	Observed  *float64 `json:"observed"`
}

// Gap is one disparity between the groups; Interval is that of Candidate, Change that of candidate minus baseline.
type Gap struct {
	Name      string    `json:"name"`
	Candidate *float64  `json:"candidate"`
	Baseline  *float64  `json:"baseline"`
	Interval  *Interval `json:"interval"`
	Change    *Interval `json:"change"`
}

// Observation is a difference that no rule asks about. PAdjusted is Benjamini and Hochberg's over all of them.
type Observation struct {
	Metric    string    `json:"metric"`
	Slice     string    `json:"slice"`
	Direction string    `json:"direction"`
	Baseline  float64   `json:"baseline"`
	Candidate float64   `json:"candidate"`
	Delta     float64   `json:"delta"`
	Interval  *Interval `json:"interval"`
	PAdjusted float64   `json:"p_adjusted"`
	// Noticed is "better" or "worse", or empty where the difference may well be chance.
	Noticed string   `json:"noticed,omitempty"`
	Rows    int      `json:"rows"`
	Method  string   `json:"method"`
	Flags   []string `json:"flags,omitempty"`
}

// Wear is how often the evaluation rows have judged before. It counts what images show, so the truth may be more.
type Wear struct {
	Judged int `json:"judged"`
}

// closer fills in what lies behind the rules.
func (r *Report) closer(in Inputs) {
	r.Explained = explainedOf(in)
	if in.Result != nil {
		for _, f := range in.Result.Fairness {
			r.Fairness = append(r.Fairness, fairnessOf(f))
		}
	}
	for _, o := range in.Observations {
		r.Others = append(r.Others, Observation{
			Metric: o.Metric, Slice: o.Slice, Direction: o.Direction.String(), Baseline: o.Baseline, Candidate: o.Candidate,
			Delta: o.Delta, Interval: intervalOf(o.Interval), PAdjusted: o.PAdjusted, Noticed: o.Noticed, Rows: o.Rows,
			Method: o.Method, Flags: slices.Clone(o.Flags),
		})
	}
	if in.Judged > 0 {
		r.Wear = &Wear{Judged: in.Judged}
	}
}

func intervalOf(i *gate.Interval) *Interval {
	if i == nil {
		return nil
	}
	return &Interval{Low: finite(&i.Low), High: finite(&i.High), Level: i.Level}
}

func explainedOf(in Inputs) *Explained {
	e := in.Explanation
	if e == nil {
		return nil
	}
	out := &Explained{
		Metric: e.Metric, Params: e.Params, Direction: e.Direction.String(), Broken: e.Flips.Broken, Mended: e.Flips.Mended,
		Searched: e.Searched, SearchedRows: e.SearchedRows,
	}
	for _, row := range e.Flips.Rows {
		if in.Reveal == gate.RevealNothing || row.Row >= len(in.Keys) {
			break
		}
		f := FlippedRow{ID: in.Keys[row.Row], Loss: row.Loss, Slices: slices.Clone(row.Slices)}
		if in.Reveal == gate.RevealValues && in.Truth != nil && in.Candidate != nil && in.Baseline != nil {
			f.Truth = answer(in.Truth.Values, in.Truth.Labels, in.Truth.Classes, row.Row)
			b, c := in.Baseline.Predictions, in.Candidate.Predictions
			f.Baseline, f.Candidate = answer(b.Values, b.Labels, b.Classes, row.Row), answer(c.Values, c.Labels, c.Classes, row.Row)
		}
		out.Rows = append(out.Rows, f)
	}
	for _, p := range e.Parts {
		part := Part{By: p.By, Levels: []Share{}}
		for _, l := range p.Levels {
			part.Levels = append(part.Levels, Share(l))
		}
		out.Parts = append(out.Parts, part)
	}
	for _, w := range e.Worst {
		out.Worst = append(out.Worst, WorstSlice{Where: slices.Clone(w.Where), Rows: w.Rows, Mean: w.Mean, P: w.P})
	}
	return out
}

// answer is a quantity or the name of a class.
func answer(values []float64, labels []int32, classes []string, row int) string {
	switch {
	case row < len(values):
		return configured(values[row])
	case row < len(labels) && int(labels[row]) < len(classes):
		return classes[labels[row]]
	}
	return ""
}

func fairnessOf(f gate.Fairness) Fairness {
	out := Fairness{By: f.By, Groups: []Group{}, Gaps: []Gap{}, LeftOut: slices.Clone(f.LeftOut)}
	rates := func(r *gate.GroupRates) *Rates {
		if r == nil {
			return nil
		}
		return &Rates{finite(r.Selection), finite(r.TPR), finite(r.FPR), finite(r.Predicted), finite(r.Observed)}
	}
	for _, g := range f.Groups {
		out.Groups = append(out.Groups, Group{Level: g.Level, Rows: g.Rows, Candidate: rates(g.Candidate), Baseline: rates(g.Baseline)})
	}
	for _, g := range f.Gaps {
		out.Gaps = append(out.Gaps, Gap{
			Name: g.Name, Candidate: finite(g.Candidate), Baseline: finite(g.Baseline), Interval: intervalOf(g.Interval), Change: intervalOf(g.Change),
		})
	}
	return out
}

// WithoutIDs is a copy that names no row, for places where ids must not go, such as a registry.
func (r *Report) WithoutIDs() *Report {
	c := *r
	if r.Explained != nil {
		e := *r.Explained
		e.Rows = nil
		c.Explained = &e
	}
	c.Checks = list(r.Checks)
	for i := range c.Checks {
		c.Checks[i].Rows = nil
	}
	c.Policy.Changed = list(r.Policy.Changed)
	for i, change := range c.Policy.Changed {
		c.Policy.Changed[i], _, _ = strings.Cut(change, ", such as ")
	}
	return &c
}

// Known lists the slice columns of a report and the levels that had rows, for a later run to hold its own against.
func (r *Report) Known() map[string][]string {
	known := map[string][]string{}
	for _, s := range r.Slices {
		if s.Rows > 0 && !slices.Contains(known[s.By], s.Level) {
			known[s.By] = append(known[s.By], s.Level)
		}
	}
	for _, by := range slices.Collect(maps.Keys(known)) {
		slices.Sort(known[by])
	}
	return known
}
