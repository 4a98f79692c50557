package estimator

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// ParamKind is what a parameter's value may be.
type ParamKind string

// The kinds of parameters.
const (
	Number  ParamKind = "number"
	Integer ParamKind = "integer"
	Boolean ParamKind = "boolean"
	// Choice is one of the texts in Param.Choices.
	Choice ParamKind = "choice"
	// Columns is a list of column names.
	Columns ParamKind = "columns"
	// ClassWeights is one of Param.Choices, or a map from class to a positive number.
	ClassWeights ParamKind = "class weights"
)

// Param is one parameter of an estimator.
type Param struct {
	Name    string    `json:"name"`
	Kind    ParamKind `json:"kind"`
	Default any       `json:"default"`
	// Min and Max bound numbers and integers; Open says that Min and Max themselves are out of bounds.
	Min     float64  `json:"min"`
	Max     float64  `json:"max"`
	Open    bool     `json:"open,omitempty"`
	Choices []string `json:"choices,omitempty"`
	Doc     string   `json:"doc"`
}

// values are checked parameters by name: float64, int, bool, string, []string or map[string]float64.
type values map[string]any

func (v values) number(name string) float64   { x, _ := v[name].(float64); return x }
func (v values) integer(name string) int      { x, _ := v[name].(int); return x }
func (v values) boolean(name string) bool     { x, _ := v[name].(bool); return x }
func (v values) text(name string) string      { x, _ := v[name].(string); return x }
func (v values) columns(name string) []string { x, _ := v[name].([]string); return x }

// CheckParams says what is wrong with the parameters of the named estimator, and what would be right: an unknown
// estimator or parameter, a value of the wrong kind or out of range.
func CheckParams(name string, params map[string]any) error {
	e, ok := Lookup(name)
	if !ok {
		return unknownEstimator(name)
	}
	_, err := e.values(params)
	return err
}

// values checks params and adds defaults.
func (e Estimator) values(params map[string]any) (values, error) {
	out := make(values, len(e.Params))
	for _, p := range e.Params {
		out[p.Name] = p.Default
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		i := slices.IndexFunc(e.Params, func(p Param) bool { return p.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("unknown parameter %q of %s: choices are %s", name, e.Name, e.paramNames())
		}
		v, err := e.Params[i].value(params[name])
		if err != nil {
			return nil, fmt.Errorf("parameter %s of %s: %w", name, e.Name, err)
		}
		out[name] = v
	}
	return out, nil
}

func (e Estimator) paramNames() string {
	var out []string
	for _, p := range e.Params {
		out = append(out, p.Name)
	}
	return strings.Join(out, ", ")
}

// value checks one value and brings it into the Go type of the kind.
func (p Param) value(v any) (any, error) {
	switch p.Kind {
	case Number, Integer:
		x, ok := toNumber(v)
		if !ok || (p.Kind == Integer && x != math.Trunc(x)) || !p.within(x) {
			return nil, fmt.Errorf("%s is no %s", show(v), p.Range())
		}
		if p.Kind == Integer {
			return int(x), nil
		}
		return x, nil
	case Boolean:
		if b, ok := v.(bool); ok {
			return b, nil
		}
	case Choice:
		if s, ok := v.(string); ok && slices.Contains(p.Choices, s) {
			return s, nil
		}
	case Columns:
		if names, ok := toTexts(v); ok {
			return names, nil
		}
	case ClassWeights:
		if s, ok := v.(string); ok && slices.Contains(p.Choices, s) {
			return s, nil
		}
		if w, ok := toWeights(v); ok {
			return w, nil
		}
	}
	return nil, fmt.Errorf("%s is no %s", show(v), p.Range())
}

func (p Param) within(x float64) bool {
	if p.Open {
		return x > p.Min && x < p.Max
	}
	return x >= p.Min && x <= p.Max
}

// Range says in words what the parameter may be: "number in [0, 1e+09]", "choice: mean, median".
func (p Param) Range() string {
	switch p.Kind {
	case Number, Integer:
		left, right := "[", "]"
		if p.Open {
			left, right = "(", ")"
		}
		bound := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
		return fmt.Sprintf("%s in %s%s, %s%s", p.Kind, left, bound(p.Min), bound(p.Max), right)
	case Boolean:
		return "boolean: true or false"
	case Choice:
		return "choice: " + strings.Join(p.Choices, ", ")
	case Columns:
		return "list of distinct column names"
	case ClassWeights:
		return "choice: " + strings.Join(p.Choices, ", ") + ", or a map from class to a positive number"
	}
	return string(p.Kind)
}

func show(v any) string {
	if s, ok := v.(string); ok {
		return strconv.Quote(s)
	}
	return fmt.Sprintf("%v", v)
}

// toNumber takes what YAML and JSON readers make of a number.
func toNumber(v any) (float64, bool) {
	switch x := v.(type) {
	case float64:
		return x, !math.IsNaN(x) && !math.IsInf(x, 0)
	case float32:
		return float64(x), true
	case int:
		return float64(x), true
	case int64:
		return float64(x), true
	case uint64:
		return float64(x), true
	case int32:
		return float64(x), true
	case uint32:
		return float64(x), true
	case uint:
		return float64(x), true
	}
	return 0, false
}

func toTexts(v any) ([]string, bool) {
	var out []string
	switch list := v.(type) {
	case []string:
		out = slices.Clone(list)
	case []any:
		for _, x := range list {
			s, ok := x.(string)
			if !ok {
				return nil, false
			}
			out = append(out, s)
		}
	default:
		return nil, false
	}
	sorted := slices.Sorted(slices.Values(out))
	return out, len(slices.Compact(sorted)) == len(out)
}

// toWeights reads a map from class to weight; a key that YAML read as a number or boolean is a class of that text.
func toWeights(v any) (map[string]float64, bool) {
	out := map[string]float64{}
	add := func(key string, v any) bool {
		x, ok := toNumber(v)
		out[key] = x
		return ok && x > 0
	}
	switch m := v.(type) {
	case map[string]float64:
		for k, x := range m {
			if !add(k, x) {
				return nil, false
			}
		}
	case map[string]any:
		for k, x := range m {
			if !add(k, x) {
				return nil, false
			}
		}
	case map[any]any:
		for k, x := range m {
			if !add(fmt.Sprint(k), x) {
				return nil, false
			}
		}
	default:
		return nil, false
	}
	return out, len(out) > 0
}

// describe prints every effective value, for the model's origin.
func (v values) describe() map[string]string {
	out := make(map[string]string, len(v))
	for name, x := range v {
		switch x := x.(type) {
		case float64:
			out[name] = strconv.FormatFloat(x, 'g', -1, 64)
		case []string:
			out[name] = strings.Join(x, ", ")
		case map[string]float64:
			var parts []string
			for _, class := range slices.Sorted(maps.Keys(x)) {
				parts = append(parts, class+": "+strconv.FormatFloat(x[class], 'g', -1, 64))
			}
			out[name] = strings.Join(parts, ", ")
		default:
			out[name] = fmt.Sprint(x)
		}
	}
	return out
}
