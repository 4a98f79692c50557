package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/weighlock/weighlock/internal/gate"
)

func policyFields(p *gate.Policy) []field {
	return []field{
		{"confidence", false, number(&p.Confidence, 0.5, 0.9999)},
		{"mode", false, choice(&p.Mode, gate.Modes()...)},
		{"rules", false, rules(&p.Rules)},
		{"slices", false, sliceRules(&p.Slices)},
		{"fairness", false, fairnessRules(&p.Fairness)},
		{"anchor", false, text(&p.Anchor)},
		{"reveal", false, choice(&p.Reveal, gate.RevealNothing, gate.RevealIDs, gate.RevealValues)},
		{"inconclusive", false, choice(&p.Inconclusive, gate.InconclusivePass, gate.InconclusiveWarn, gate.InconclusiveBlock)},
		{"owners", false, texts(&p.Owners, "user names", true)},
		{"waivers", false, in(func() []field { return waiverFields(&p.Waivers) })},
	}
}

func waiverFields(w *gate.WaiverPolicy) []field {
	return []field{
		{"allow", true, texts(&w.Allow, "permissions or user names", true)},
		{"author", false, boolean(&w.Author)},
		{"days", false, whole(&w.Days, 1, 90)},
		{"exact", false, boolean(&w.Exact)},
	}
}

func rules(into *[]gate.Rule) read {
	return func(r *reader, n *yaml.Node, key string) {
		r.list(n, key, "rules", func(i int, item *yaml.Node) {
			var rule gate.Rule
			full := fmt.Sprintf("%s[%d]", key, i)
			r.at[full] = r.position(item)
			r.section(item, full, []field{
				{"metric", true, text(&rule.Metric)},
				{"margin", false, margin(&rule.Margin)},
				{"min", false, optional(&rule.Min)},
				{"max", false, optional(&rule.Max)},
				{"quantile", false, share(&rule.Params.Quantile)},
				{"k", false, whole(&rule.Params.K, 1, 1000)},
			})
			*into = append(*into, rule)
		})
	}
}

func sliceRules(into *[]gate.SliceRule) read {
	return func(r *reader, n *yaml.Node, key string) {
		r.list(n, key, "slice rules", func(i int, item *yaml.Node) {
			var rule gate.SliceRule
			full := fmt.Sprintf("%s[%d]", key, i)
			r.at[full] = r.position(item)
			r.section(item, full, []field{
				{"by", true, text(&rule.By)},
				{"metrics", true, texts(&rule.Metrics, "metrics", true)},
				{"margin", false, margin(&rule.Margin)},
				{"min", false, optional(&rule.Min)},
				{"max", false, optional(&rule.Max)},
				{"min_rows", false, whole(&rule.MinRows, 1, math.MaxInt32)},
			})
			*into = append(*into, rule)
		})
	}
}

// ceilings are the keys of a fairness rule that bound a disparity.
var ceilings = []struct{ key, disparity string }{
	{"max_demographic_parity_difference", "demographic_parity_difference"},
	{"min_demographic_parity_ratio", "demographic_parity_ratio"},
	{"max_equalized_odds_difference", "equalized_odds_difference"},
	{"min_equalized_odds_ratio", "equalized_odds_ratio"},
}

func fairnessRules(into *[]gate.FairnessRule) read {
	return func(r *reader, n *yaml.Node, key string) {
		r.list(n, key, "fairness rules", func(i int, item *yaml.Node) {
			var rule gate.FairnessRule
			full := fmt.Sprintf("%s[%d]", key, i)
			r.at[full] = r.position(item)
			fields := []field{
				{"by", true, text(&rule.By)},
				{"metrics", false, texts(&rule.Metrics, "metrics", true)},
				{"margin", false, margin(&rule.Margin)},
				{"min_rows", false, whole(&rule.MinRows, 1, math.MaxInt32)},
			}
			limits := make([]*float64, len(ceilings))
			for c, ceiling := range ceilings {
				fields = append(fields, field{ceiling.key, false, optional(&limits[c])})
			}
			r.section(item, full, fields)
			for c, ceiling := range ceilings {
				if limits[c] == nil {
					continue
				}
				if rule.Ceilings == nil {
					rule.Ceilings = map[string]float64{}
				}
				rule.Ceilings[ceiling.disparity] = *limits[c]
			}
			*into = append(*into, rule)
		})
	}
}

// margin reads an absolute number, or a share of the baseline with a %.
func margin(into **gate.Margin) read {
	return func(r *reader, n *yaml.Node, key string) {
		value, ok := r.scalar(n, key, "a number, or a share such as 2%")
		if !ok {
			return
		}
		m := gate.Margin{}
		digits, relative := strings.CutSuffix(value, "%")
		x, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) || x < 0 {
			r.problem(n, "%s is %s, want a number that is not negative, or a share of the baseline such as 2%%", show(key), clip(value))
			return
		}
		m.Value, m.Relative = x, relative
		if relative {
			m.Value = x / 100
		}
		*into = &m
	}
}
