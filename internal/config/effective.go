package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/gate"
)

// Effective is what a change is judged by: the law of the base revision and the training of the change. It lists in
// words what the change would alter in the law, which has no effect on this run.
//
// The law is task, policy, the meaning of columns (target, id, positive, weight, declared schema), the rows that judge,
// image, and what training may reach and take (network, sandbox, limits).
func Effective(base, change *File) (effective *File, changed []string) {
	e := *change
	e.Task, e.Policy, e.Image = base.Task, base.Policy, base.Image
	e.Image.Uses, e.Image.Limits, e.Image.Licenses = change.Image.Uses, change.Image.Limits, change.Image.Licenses
	e.Data.Target, e.Data.ID, e.Data.Positive, e.Data.Weight = base.Data.Target, base.Data.ID, base.Data.Positive, base.Data.Weight
	e.Data.Evaluate = base.Data.Evaluate
	e.Data.Schema = slices.Clone(base.Data.Schema)
	for _, f := range change.Data.Schema {
		if _, declared := base.Data.Schema.Field(f.Name); !declared {
			e.Data.Schema = append(e.Data.Schema, f)
		}
	}
	e.Train.Network, e.Train.Sandbox, e.Train.Limits = base.Train.Network, base.Train.Sandbox, base.Train.Limits
	return &e, differences(base, change)
}

// LawDigest identifies the law of a file: two files of the same law have the same, whatever their layout and comments.
func (f *File) LawDigest() string {
	h := sha256.New()
	law := f.law()
	for _, key := range slices.Sorted(maps.Keys(law)) {
		_, _ = fmt.Fprintf(h, "%d:%s%d:%s", len(key), key, len(law[key]), law[key])
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

func differences(base, change *File) []string {
	before, after := base.law(), change.law()
	for name := range after { // a column that only the change declares tightens nothing that was promised
		if _, was := before[name]; !was && strings.HasPrefix(name, schemaKey) {
			delete(after, name)
		}
	}
	keys := map[string]bool{}
	for key := range before {
		keys[key] = true
	}
	for key := range after {
		keys[key] = true
	}
	var out []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		old, was := before[key]
		now, is := after[key]
		switch {
		case was && !is:
			out = append(out, fmt.Sprintf("%s: removed (was %s)", key, old))
		case !was && is:
			out = append(out, fmt.Sprintf("%s: added (%s)", key, now))
		case old != now:
			out = append(out, fmt.Sprintf("%s: %s became %s", key, old, now))
		}
	}
	return out
}

const schemaKey = "data.schema "

// law lists every value of the law by a name that a reader understands. A value that has its default is listed too.
func (f *File) law() map[string]string {
	p, e := f.Policy, f.Data.Evaluate
	out := map[string]string{
		"task": string(f.Task), "policy.confidence": short(p.Confidence), "policy.mode": string(p.Mode),
		"policy.inconclusive": p.Inconclusive, "policy.owners": listed(p.Owners), "policy.waivers.allow": listed(p.Waivers.Allow),
		"policy.waivers.author": strconv.FormatBool(p.Waivers.Author), "policy.waivers.days": strconv.Itoa(p.Waivers.Days),
		"policy.waivers.exact": strconv.FormatBool(p.Waivers.Exact),
		"data.target":          f.Data.Target, "data.id": orNone(f.Data.ID), "data.positive": orNone(f.Data.Positive), "data.weight": orNone(f.Data.Weight),
		"data.evaluate.path": orNone(e.Path), "data.evaluate.holdout": short(e.Holdout), "data.evaluate.seed": strconv.FormatUint(e.Seed, 10),
		"data.evaluate.stratify": orNone(e.Stratify), "data.evaluate.group": orNone(e.Group), "data.evaluate.time": orNone(e.Time),
		"data.evaluate.horizon": strconv.Itoa(e.Horizon), "data.evaluate.folds": strconv.Itoa(e.Folds), "data.evaluate.repeats": strconv.Itoa(e.Repeats),
		"policy.anchor": orNone(p.Anchor), "policy.reveal": string(p.Reveal),
		"image.name": orNone(f.Image.Name), "image.key": orNone(f.Image.Key), "image.base": orNone(f.Image.Base),
		"train.network": strconv.FormatBool(f.Train.Network), "train.sandbox": f.Train.Sandbox,
		"train.limits": f.Train.Limits.String(),
	}
	for _, rule := range p.Rules {
		out["policy.rules "+ruleName(rule)] = bounds(rule.Margin, rule.Min, rule.Max)
	}
	for _, rule := range p.Slices {
		for _, m := range rule.Metrics {
			value := bounds(rule.Margin, rule.Min, rule.Max)
			if rule.MinRows > 0 {
				value += fmt.Sprintf(", min_rows %d", rule.MinRows)
			}
			out["policy.slices "+sliceName(rule, m)] = value
		}
	}
	for _, rule := range p.Fairness {
		out["policy.fairness by "+rule.By] = fairness(rule)
	}
	for _, field := range f.Data.Schema {
		out[schemaKey+field.Name] = declared(field)
	}
	return out
}

// String is how limits would stand in the file; what is left out has its default.
func (l Limits) String() string {
	var parts []string
	for _, part := range []struct {
		name, value string
		set         bool
	}{
		{"time", l.Time.String(), l.Time != 0},
		{"silence", l.Silence.String(), l.Silence != 0},
		{"memory", strconv.FormatUint(l.Memory>>20, 10) + "MiB", l.Memory != 0},
		{"processes", strconv.FormatUint(l.Processes, 10), l.Processes != 0},
	} {
		if part.set {
			parts = append(parts, part.name+" "+part.value)
		}
	}
	return orNone(strings.Join(parts, ", "))
}

func fairness(r gate.FairnessRule) string {
	parts := []string{bounds(r.Margin, nil, nil)}
	if r.Metrics != nil {
		parts = append(parts, "metrics "+listed(r.Metrics))
	}
	for _, c := range ceilings {
		if limit, ok := r.Ceilings[c.disparity]; ok {
			parts = append(parts, c.key+" "+short(limit))
		}
	}
	if r.MinRows > 0 {
		parts = append(parts, fmt.Sprintf("min_rows %d", r.MinRows))
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

func ruleName(r gate.Rule) string {
	switch {
	case r.Params.Quantile != 0:
		return r.Metric + " at quantile " + short(r.Params.Quantile)
	case r.Params.K != 0:
		return r.Metric + " of " + strconv.Itoa(r.Params.K)
	}
	return r.Metric
}

func sliceName(r gate.SliceRule, metric string) string { return metric + " by " + r.By }

// bounds says what a rule tolerates, as it would stand in the file.
func bounds(margin *gate.Margin, low, high *float64) string {
	var parts []string
	if margin != nil {
		text := short(margin.Value)
		if margin.Relative {
			text = short(margin.Value*100) + "%"
		}
		parts = append(parts, "margin "+text)
	}
	if low != nil {
		parts = append(parts, "min "+short(*low))
	}
	if high != nil {
		parts = append(parts, "max "+short(*high))
	}
	return strings.Join(parts, ", ")
}

func declared(f dataset.Field) string {
	parts := []string{}
	if f.Kind != 0 {
		parts = append(parts, f.Kind.String())
	}
	if f.Nullable {
		parts = append(parts, "nullable")
	}
	if f.Levels != nil {
		parts = append(parts, "levels "+listed(f.Levels))
	}
	if b := bounds(nil, f.Min, f.Max); b != "" {
		parts = append(parts, b)
	}
	if f.Unique {
		parts = append(parts, "unique")
	}
	return strings.Join(parts, ", ")
}

// short writes a number with at most 15 digits, so that 2 % does not become 2.0000000000000004 %.
func short(x float64) string {
	text := strconv.FormatFloat(x, 'g', 15, 64)
	if back, err := strconv.ParseFloat(text, 64); err == nil {
		return strconv.FormatFloat(back, 'g', -1, 64)
	}
	return text
}

func listed(names []string) string {
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, ", ")
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func item(list string, i int, key string) string { return fmt.Sprintf("%s[%d].%s", list, i, key) }
