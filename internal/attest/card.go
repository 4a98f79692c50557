package attest

import (
	"fmt"
	"maps"
	"slices"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/metric"
)

// modelComponent is the model with its card.
func modelComponent(a About) cdx.Component {
	r := a.Report
	return cdx.Component{
		BOMRef: refModel, Type: cdx.ComponentTypeMachineLearningModel, Name: r.Model, Version: r.Head.Commit,
		Hashes: hashes(r.ModelFile.Digest), Licenses: licenses(a.Licenses),
		Properties: &[]cdx.Property{
			{Name: "dev.weighlock.target", Value: a.Model.Target},
			{Name: "dev.weighlock.decision", Value: string(r.Decision)},
			{Name: "dev.weighlock.policy.digest", Value: r.Policy.Digest},
		},
		ModelCard: &cdx.MLModelCard{
			ModelParameters:      modelParameters(a),
			QuantitativeAnalysis: &cdx.MLQuantitativeAnalysis{PerformanceMetrics: performance(a)},
			Considerations:       considerations(a),
		},
	}
}

func modelParameters(a About) *cdx.MLModelParameters {
	var inputs []cdx.MLInputOutputParameters
	for _, f := range a.Model.Features {
		inputs = append(inputs, cdx.MLInputOutputParameters{Format: f.Name + ": " + f.Kind.String()})
	}
	output := a.Model.Target + ": number"
	if a.Report.Task.Classifies() {
		output = a.Model.Target + ": one of the classes, with a probability for each"
	}
	p := &cdx.MLModelParameters{
		Approach: &cdx.MLModelParametersApproach{Type: cdx.MLModelParametersApproachTypeSupervised},
		Task:     string(a.Report.Task), ArchitectureFamily: a.Model.Kind, ModelArchitecture: a.Model.Origin.Estimator,
		Datasets: &[]cdx.MLDatasetChoice{{Ref: refTraining}, {Ref: refEvaluation}},
		Outputs:  &[]cdx.MLInputOutputParameters{{Format: output}},
	}
	if len(inputs) > 0 {
		p.Inputs = &inputs
	}
	return p
}

// performance lists every metric over all rows and on each slice. The interval of a rule is about the difference to the
// baseline, and is named so.
func performance(a About) *[]cdx.MLPerformanceMetric {
	var out []cdx.MLPerformanceMetric
	add := func(slice string, scores map[string]evaluation.Score) {
		for _, name := range slices.Sorted(maps.Keys(scores)) {
			if v := scores[name].Value; v != nil {
				out = append(out, cdx.MLPerformanceMetric{Type: name, Value: number(*v), Slice: slice})
			}
		}
	}
	add("", a.Evaluation.Metrics)
	for _, s := range a.Evaluation.Slices {
		add(s.By+"="+s.Level, s.Metrics)
	}
	for _, rule := range a.Report.Rules {
		if rule.Delta == nil {
			continue
		}
		m := cdx.MLPerformanceMetric{Type: rule.Metric + ", difference to the baseline", Value: number(*rule.Delta), Slice: rule.Slice}
		if i := rule.Interval; i != nil && i.Low != nil && i.High != nil {
			m.ConfidenceInterval = &cdx.MLPerformanceMetricConfidenceInterval{LowerBound: number(*i.Low), UpperBound: number(*i.High)}
		}
		out = append(out, m)
	}
	return &out
}

func considerations(a About) *cdx.MLModelCardConsiderations {
	c := &cdx.MLModelCardConsiderations{}
	if len(a.Uses) > 0 {
		c.UseCases = &a.Uses
	}
	limits := slices.Concat(a.Limits, knownLimits(a))
	c.TechnicalLimitations = &limits
	if groups := fairness(a.Evaluation); len(groups) > 0 {
		c.FairnessAssessments = &groups
	}
	return c
}

// knownLimits are those that the run itself shows.
func knownLimits(a About) []string {
	r := a.Report
	out := []string{fmt.Sprintf("Fitted to %d rows and judged on %d others; what it scores on rows of another kind was not measured.",
		a.Model.Origin.Rows, r.Data.Evaluation.Rows)}
	if len(a.Uses) == 0 {
		out = append(out, "Its owner has not said what it is to be used for.")
	}
	if r.FirstRun {
		out = append(out, "It is the first of its line: no earlier model was there to compare it with.")
	}
	for _, rule := range r.Rules {
		if warns(rule.Verdict) {
			out = append(out, fmt.Sprintf("%s was %s.", testName(rule), rule.Verdict))
		}
	}
	return append(append(out, a.Model.Origin.Notes...), r.Warnings...)
}

// fairness says for each group of rows that the policy names how the model scores on it, beside all rows.
func fairness(e evaluation.Evaluation) []cdx.MLModelCardFairnessAssessment {
	name := mainMetric(e.Task)
	overall := e.Metrics[name].Value
	if overall == nil {
		return nil
	}
	var out []cdx.MLModelCardFairnessAssessment
	for _, s := range e.Slices {
		if v := s.Metrics[name].Value; v != nil {
			out = append(out, cdx.MLModelCardFairnessAssessment{
				GroupAtRisk: fmt.Sprintf("%s = %s (%d of %d rows)", s.By, s.Level, s.Rows, e.Rows),
				Harms:       fmt.Sprintf("%s is %s here and %s over all rows", name, number(*v), number(*overall)),
			})
		}
	}
	return out
}

// mainMetric is the one that groups are compared by.
func mainMetric(t metric.Task) string {
	if t.Classifies() {
		return "accuracy"
	}
	return "rmse"
}
