package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// reader walks a YAML tree, collects every mistake with its place, and remembers where each key has its value.
type reader struct {
	file     string
	problems Problems
	at       map[string]Position
	// keys lists the keys that each section may have; a test compares it with the JSON Schema.
	keys map[string][]string
}

// read takes one value into where it belongs; key is its dotted name.
type read func(r *reader, n *yaml.Node, key string)

// field is one key of a section.
type field struct {
	name     string
	required bool
	read     read
}

func (r *reader) position(n *yaml.Node) Position {
	return Position{r.file, max(1, n.Line), max(1, n.Column)}
}

func (r *reader) problem(n *yaml.Node, format string, args ...any) {
	r.problems = append(r.problems, Problem{r.position(n), fmt.Sprintf(format, args...)})
}

// section reads a mapping: unknown, repeated and missing keys are mistakes.
func (r *reader) section(n *yaml.Node, key string, fields []field) {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	r.keys[pattern(key)] = names
	if n.Kind != yaml.MappingNode {
		r.problem(n, "%s is %s, want a section with keys among %s", show(key), kindOf(n), strings.Join(names, ", "))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		at := slices.Index(names, name.Value)
		switch {
		case at < 0:
			r.unknown(name, key, names)
		case seen[name.Value]:
			r.problem(name, "key %q stands twice in %s", name.Value, show(key))
		default:
			full := dotted(key, name.Value)
			r.at[full] = r.position(value)
			fields[at].read(r, value, full)
		}
		seen[name.Value] = true
	}
	for _, f := range fields {
		if f.required && !seen[f.name] {
			r.problem(n, "%s lacks the key %q", show(key), f.name)
		}
	}
}

func (r *reader) unknown(name *yaml.Node, key string, names []string) {
	hint := ""
	if near := nearest(name.Value, names); near != "" {
		hint = fmt.Sprintf(", did you mean %q?", near)
	}
	r.problem(name, "unknown key %s in %s%s choices are %s", clip(name.Value), show(key), orColon(hint), strings.Join(names, ", "))
}

func orColon(hint string) string {
	if hint == "" {
		return ":"
	}
	return hint
}

// in reads a subsection.
func in(fields func() []field) read {
	return func(r *reader, n *yaml.Node, key string) { r.section(n, key, fields()) }
}

// scalar returns the text of a plain value, or reports that there is none.
func (r *reader) scalar(n *yaml.Node, key, want string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		r.problem(n, "%s is %s, want %s", show(key), kindOf(n), want)
		return "", false
	}
	return n.Value, true
}

// text reads a text that is not empty.
func text(into *string) read {
	return func(r *reader, n *yaml.Node, key string) {
		value, ok := r.scalar(n, key, "a text")
		switch {
		case !ok:
		case strings.TrimSpace(value) == "":
			r.problem(n, "%s is empty, want a text", show(key))
		case strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c == 0x7f }):
			r.problem(n, "%s holds a control character", show(key))
		default:
			*into = value
		}
	}
}

// texts reads a list of texts, of which none repeats.
func texts(into *[]string, what string, distinct bool) read {
	return func(r *reader, n *yaml.Node, key string) {
		r.list(n, key, what, func(i int, item *yaml.Node) {
			var one string
			text(&one)(r, item, fmt.Sprintf("%s[%d]", key, i))
			if distinct && one != "" && slices.Contains(*into, one) {
				r.problem(item, "%s names %s twice", show(key), clip(one))
			}
			*into = append(*into, one)
		})
	}
}

func (r *reader) list(n *yaml.Node, key, what string, each func(i int, item *yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		r.problem(n, "%s is %s, want a list of %s such as [a, b]", show(key), kindOf(n), what)
		return
	}
	for i, item := range n.Content {
		each(i, item)
	}
}

// choice reads one of some words.
func choice[T ~string](into *T, choices ...T) read {
	return func(r *reader, n *yaml.Node, key string) {
		words := make([]string, len(choices))
		for i, c := range choices {
			words[i] = string(c)
		}
		value, ok := r.scalar(n, key, "one of "+strings.Join(words, ", "))
		if !ok {
			return
		}
		if !slices.Contains(words, value) {
			r.problem(n, "%s is %s: choices are %s", show(key), clip(value), strings.Join(words, ", "))
			return
		}
		*into = T(value)
	}
}

// number reads a finite number within [low, high].
func number(into *float64, low, high float64) read {
	return func(r *reader, n *yaml.Node, key string) {
		value, ok := r.scalar(n, key, "a number")
		if !ok {
			return
		}
		x, err := strconv.ParseFloat(value, 64)
		switch {
		case err != nil || n.Tag == "!!str" || math.IsNaN(x) || math.IsInf(x, 0):
			r.problem(n, "%s is %s, want a number", show(key), clip(value))
		case x < low || x > high:
			r.problem(n, "%s is %s, want a number from %v to %v", show(key), value, low, high)
		default:
			*into = x
		}
	}
}

// share reads a number strictly between 0 and 1.
func share(into *float64) read {
	return func(r *reader, n *yaml.Node, key string) {
		var x float64
		before := len(r.problems)
		number(&x, math.Inf(-1), math.Inf(1))(r, n, key)
		if len(r.problems) > before {
			return
		}
		if x <= 0 || x >= 1 {
			r.problem(n, "%s is %s, want a number between 0 and 1", show(key), n.Value)
			return
		}
		*into = x
	}
}

// optional reads a number that may be left out.
func optional(into **float64) read {
	return func(r *reader, n *yaml.Node, key string) {
		var x float64
		before := len(r.problems)
		number(&x, -math.MaxFloat64, math.MaxFloat64)(r, n, key)
		if len(r.problems) == before {
			*into = &x
		}
	}
}

// whole reads a whole number from low to high.
func whole[T int | uint64](into *T, low, high T) read {
	return func(r *reader, n *yaml.Node, key string) {
		value, ok := r.scalar(n, key, "a whole number")
		if !ok {
			return
		}
		x, err := strconv.ParseUint(value, 10, 64)
		if err != nil || n.Tag != "!!int" || x < uint64(low) || x > uint64(high) {
			r.problem(n, "%s is %s, want a whole number from %d to %d", show(key), clip(value), low, high)
			return
		}
		*into = T(x)
	}
}

func boolean(into *bool) read {
	return func(r *reader, n *yaml.Node, key string) {
		value, ok := r.scalar(n, key, "true or false")
		if !ok {
			return
		}
		if n.Tag != "!!bool" || (value != "true" && value != "false") {
			r.problem(n, "%s is %s: choices are true, false", show(key), clip(value))
			return
		}
		*into = value == "true"
	}
}

// dotted is the name of a key within a section.
func dotted(section, name string) string {
	if section == "" {
		return name
	}
	return section + "." + name
}

// parent is the section around a key; that of a whole file is "".
func parent(key string) string {
	if at := strings.LastIndexAny(key, ".["); at >= 0 {
		return key[:at]
	}
	return ""
}

// pattern is a key without the numbers of list items.
func pattern(key string) string {
	var b strings.Builder
	for len(key) > 0 {
		before, rest, ok := strings.Cut(key, "[")
		b.WriteString(before)
		if !ok {
			break
		}
		b.WriteString("[]")
		_, key, _ = strings.Cut(rest, "]")
	}
	return b.String()
}

// show names a key in a message.
func show(key string) string {
	if key == "" {
		return "the file"
	}
	return key
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a section"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return "empty"
		}
		return clip(n.Value)
	case yaml.DocumentNode, yaml.AliasNode, yaml.StreamNode:
	}
	return "nothing that can be read"
}

// clip quotes a foreign text for a message, shortened.
func clip(s string) string {
	const longest = 60
	if runes := []rune(s); len(runes) > longest {
		return strconv.Quote(string(runes[:longest])) + "..."
	}
	return strconv.Quote(s)
}
