package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/estimator"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/metric"
)

var tableMark = regexp.MustCompile(`^<!-- table: (\S+) -->$`)

const tableEnd = "<!-- end of table -->"

// tables are written from the program itself, so that a page cannot forget a key.
func tables(t *testing.T) map[string][]string {
	return map[string][]string{"keys": keyTable(t), "metrics": metricTable(), "estimators": estimatorTable(), "commands": commandTable()}
}

// TestDocumentedTablesAreThoseOfTheProgram compares every generated table; -update rewrites the pages.
func TestDocumentedTablesAreThoseOfTheProgram(t *testing.T) {
	all, seen := tables(t), map[string]bool{}
	for _, name := range documents(t) {
		lines := readLines(t, name)
		var got []string
		for i := 0; i < len(lines); i++ {
			got = append(got, lines[i])
			m := tableMark.FindStringSubmatch(lines[i])
			if m == nil {
				continue
			}
			end := slices.Index(lines[i:], tableEnd)
			if all[m[1]] == nil || end < 0 {
				t.Fatalf("%s:%d: there is no table %q, or it does not end", name, i+1, m[1])
			}
			seen[m[1]] = true
			got = append(append(got, all[m[1]]...), tableEnd)
			i += end
		}
		if *update && !slices.Equal(got, lines) {
			if err := os.WriteFile(name, []byte(strings.Join(got, "\n")), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(lines, got); diff != "" {
			t.Errorf("%s: go test ./cmd/weighlock -run Documented -update rewrites it (-page +program):\n%s", filepath.Base(name), diff)
		}
	}
	for name := range all {
		if !seen[name] {
			t.Errorf("no page shows the table %q", name)
		}
	}
}

// keyTable lists every key of weighlock.yaml as the JSON Schema describes it, in its order.
func keyTable(t *testing.T) []string {
	t.Helper()
	var schema yaml.Node // JSON is YAML, and a node keeps the order
	if err := yaml.Unmarshal(config.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	out := []string{"| key | value | meaning |", "|---|---|---|"}
	return append(out, keysOf(schema.Content[0], "")...)
}

func keysOf(section *yaml.Node, prefix string) []string {
	var out []string
	properties := child(section, "properties")
	required := words(child(section, "required"))
	if properties == nil {
		return nil
	}
	for i := 0; i+1 < len(properties.Content); i += 2 {
		name, n := properties.Content[i].Value, properties.Content[i+1]
		meaning := valueOf(n, "description")
		if slices.Contains(required, name) {
			meaning = "**Required.** " + meaning
		}
		out = append(out, row("`"+prefix+name+"`", kindOf(n), meaning))
		out = append(out, keysOf(n, prefix+name+".")...)
		if inner := child(n, "additionalProperties"); inner != nil && inner.Kind == yaml.MappingNode {
			out = append(out, keysOf(inner, prefix+name+".COLUMN.")...)
		}
		if items := child(n, "items"); items != nil {
			out = append(out, keysOf(items, prefix+name+"[].")...)
		}
	}
	return out
}

func child(n *yaml.Node, key string) *yaml.Node {
	for i := 0; n != nil && n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func valueOf(n *yaml.Node, key string) string {
	if c := child(n, key); c != nil {
		return c.Value
	}
	return ""
}

func words(n *yaml.Node) []string {
	var out []string
	for i := 0; n != nil && i < len(n.Content); i++ {
		out = append(out, n.Content[i].Value)
	}
	return out
}

// kindOf says what a value looks like.
func kindOf(n *yaml.Node) string {
	if choices := words(child(n, "enum")); choices != nil {
		return strings.Join(choices, ", ")
	}
	if only := valueOf(n, "const"); only != "" {
		return only
	}
	if child(n, "oneOf") != nil {
		return "number or share"
	}
	kind := map[string]string{"string": "text", "array": "list", "object": "section", "boolean": "true, false", "integer": "whole number"}
	if word, ok := kind[valueOf(n, "type")]; ok {
		return word
	}
	return "number"
}

// metricTable lists the metrics of every task.
func metricTable() []string {
	out := []string{"| metric | task | better | usual margin | meaning |", "|---|---|---|---|---|"}
	for _, m := range metric.All() {
		var tasks []string
		for _, task := range m.Tasks {
			tasks = append(tasks, string(task))
		}
		margin := "none yet: give `min` or `max`"
		if gate.CheckRule(m.Tasks[0], gate.Rule{Metric: m.Name, Margin: &gate.Margin{Value: 0.01}}) == nil {
			margin = gate.Margin{Value: m.DefaultMargin, Relative: m.Relative}.String()
		}
		out = append(out, row("`"+m.Name+"`", strings.Join(tasks, ", "), better(m.Direction), margin, m.Doc))
	}
	return out
}

func better(d metric.Direction) string {
	if d == metric.LowerIsBetter {
		return "lower"
	}
	return "higher"
}

// estimatorTable lists the parameters of every estimator.
func estimatorTable() []string {
	out := []string{"| estimator | parameter | default | meaning |", "|---|---|---|---|"}
	for _, e := range estimator.All() {
		for _, p := range e.Params {
			out = append(out, row("`"+e.Name+"`", "`"+p.Name+"`", defaultOf(p.Default), p.Doc+choicesOf(p)))
		}
	}
	return out
}

func defaultOf(v any) string {
	switch v := v.(type) {
	case []string:
		return "none"
	case float64:
		if v == math.Trunc(v) {
			return strconv.Itoa(int(v))
		}
	}
	return fmt.Sprint(v)
}

func choicesOf(p estimator.Param) string {
	if len(p.Choices) == 0 {
		return ""
	}
	return " One of " + strings.Join(p.Choices, ", ") + "."
}

// commandTable lists the commands.
func commandTable() []string {
	out := []string{"| command | what it does |", "|---|---|"}
	for _, c := range commands(world{}) {
		out = append(out, row("`weighlock "+c.Use+"`", c.Short))
	}
	return out
}

// row is one line of a table; a bar within a cell would end it, also within code.
func row(cells ...string) string {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, "|", `\|`)
	}
	return "| " + strings.Join(cells, " | ") + " |"
}
