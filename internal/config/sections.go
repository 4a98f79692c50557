package config

import (
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/metric"
)

// newFile holds the defaults of everything that a file may leave out.
func newFile() *File {
	return &File{
		Comment: CommentAlways, PublishError: PublishWarn,
		Train:  Train{Format: "csv", Sandbox: SandboxOn},
		Policy: gate.Policy{Mode: gate.Balanced, Confidence: 0.95, Inconclusive: gate.InconclusiveWarn, Reveal: gate.RevealIDs},
	}
}

// fields are the keys of a file, each with where its value goes.
func (f *File) fields() []field {
	var version int
	return []field{
		{"version", true, whole(&version, Version, Version)},
		{"model", true, name(&f.Model)},
		{"task", true, choice(&f.Task, metric.Tasks()...)},
		{"data", true, in(f.Data.fields)},
		{"train", true, in(f.Train.fields)},
		{"policy", true, in(func() []field { return policyFields(&f.Policy) })},
		{"image", false, in(f.Image.fields)},
		{"comment", false, choice(&f.Comment, CommentAlways, CommentOnChange, CommentOnBlock, CommentNever)},
		{"publish_error", false, choice(&f.PublishError, PublishWarn, PublishFail)},
	}
}

func name(into *string) read {
	return func(r *reader, n *yaml.Node, key string) {
		value, ok := r.scalar(n, key, "a name")
		switch {
		case !ok:
		case !modelName.MatchString(value) || len(value) > maxModelName:
			r.problem(n, "%s is %s, want at most %d lower-case letters, digits and single . _ - between them", show(key), clip(value), maxModelName)
		default:
			*into = value
		}
	}
}

func (d *Data) fields() []field {
	return []field{
		{"path", true, file(&d.Path)},
		{"target", true, text(&d.Target)},
		{"id", false, text(&d.ID)},
		{"positive", false, text(&d.Positive)},
		{"weight", false, text(&d.Weight)},
		{"exclude", false, texts(&d.Exclude, "columns", true)},
		{"files", false, files(&d.Files)},
		{"schema", false, schema(&d.Schema)},
		{"evaluate", true, in(d.Evaluate.fields)},
	}
}

func (e *Evaluate) fields() []field {
	return []field{
		{"path", false, file(&e.Path)},
		{"holdout", false, share(&e.Holdout)},
		{"seed", false, whole(&e.Seed, 0, math.MaxUint64)},
		{"stratify", false, text(&e.Stratify)},
		{"group", false, text(&e.Group)},
		{"time", false, text(&e.Time)},
		{"horizon", false, whole(&e.Horizon, 1, 100_000)},
		{"folds", false, whole(&e.Folds, 2, 100)},
		{"repeats", false, whole(&e.Repeats, 1, 100)},
	}
}

func (t *Train) fields() []field {
	return []field{
		{"estimator", false, text(&t.Estimator)},
		{"params", false, params(&t.Params)},
		{"command", false, command(&t.Command)},
		{"setup", false, command(&t.Setup)},
		{"predict", false, command(&t.Predict)},
		{"predictions", false, file(&t.Predictions)},
		{"image", false, text(&t.Image)},
		{"format", false, choice(&t.Format, "csv", "parquet")},
		{"network", false, boolean(&t.Network)},
		{"sandbox", false, choice(&t.Sandbox, SandboxOn, SandboxOff)},
		{"limits", false, in(t.Limits.fields)},
		{"seed", false, whole(&t.Seed, 1, math.MaxUint64)},
		{"tuned_on", false, file(&t.TunedOn)},
	}
}

func (l *Limits) fields() []field {
	return []field{
		{"time", false, duration(&l.Time)},
		{"silence", false, duration(&l.Silence)},
		{"memory", false, size(&l.Memory)},
		{"processes", false, whole(&l.Processes, 1, math.MaxInt32)},
	}
}

func (i *Image) fields() []field {
	return []field{
		{"name", false, text(&i.Name)},
		{"key", false, file(&i.Key)},
		{"base", false, text(&i.Base)},
		{"uses", false, texts(&i.Uses, "sentences", false)},
		{"limits", false, texts(&i.Limits, "sentences", false)},
		{"licenses", false, text(&i.Licenses)},
	}
}

// longest is the largest duration that a limit may have.
const longest = 7 * 24 * time.Hour

// duration reads a time such as 90s, 30m or 2h.
func duration(into *time.Duration) read {
	return func(r *reader, n *yaml.Node, key string) {
		value, ok := r.scalar(n, key, "a duration such as 30m")
		if !ok {
			return
		}
		d, err := time.ParseDuration(value)
		if err != nil || d < time.Second || d > longest {
			r.problem(n, "%s is %s, want a duration between 1s and %s, such as 90s, 30m or 2h", show(key), clip(value), longest)
			return
		}
		*into = d
	}
}

// size reads a number of bytes such as 512MiB or 4GiB.
func size(into *uint64) read {
	return func(r *reader, n *yaml.Node, key string) {
		value, ok := r.scalar(n, key, "a size such as 4GiB")
		if !ok {
			return
		}
		for _, unit := range []struct {
			name  string
			shift int
		}{{"MiB", 20}, {"GiB", 30}, {"TiB", 40}} {
			digits, found := strings.CutSuffix(value, unit.name)
			if !found {
				continue
			}
			if count, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 20); err == nil && count > 0 {
				*into = count << unit.shift
				return
			}
		}
		r.problem(n, "%s is %s, want a size such as 512MiB or 4GiB", show(key), clip(value))
	}
}

// file reads a path below the folder of the configuration.
func file(into *string) read {
	return func(r *reader, n *yaml.Node, key string) {
		before := len(r.problems)
		var value string
		text(&value)(r, n, key)
		if len(r.problems) > before {
			return
		}
		if clean := strings.TrimPrefix(value, "./"); !fs.ValidPath(clean) || strings.Contains(clean, `\`) || clean == "." {
			r.problem(n, "%s is %s, want a path below the folder of this file, with / between its parts and without ..", show(key), clip(value))
			return
		}
		*into = strings.TrimPrefix(value, "./")
	}
}

func files(into *[]string) read {
	return func(r *reader, n *yaml.Node, key string) {
		r.list(n, key, "folders", func(i int, item *yaml.Node) {
			var one string
			file(&one)(r, item, fmt.Sprintf("%s[%d]", key, i))
			*into = append(*into, one)
		})
	}
}

// command reads an argument list.
func command(into *[]string) read {
	return func(r *reader, n *yaml.Node, key string) {
		if n.Kind == yaml.ScalarNode {
			r.problem(n, "%s is a text, want a list such as [%s]: no shell takes part", show(key), strings.Join(strings.Fields(n.Value), ", "))
			return
		}
		texts(into, "arguments", false)(r, n, key)
		if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
			r.problem(n, "%s is empty, want a program and its arguments", show(key))
		}
	}
}

// schema reads declared columns: a section from the column's name to what is known of it.
func schema(into *dataset.Schema) read {
	return func(r *reader, n *yaml.Node, key string) {
		if n.Kind != yaml.MappingNode {
			r.problem(n, "%s is %s, want a section from column to properties, such as {age: {kind: number, min: 0}}", show(key), kindOf(n))
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			column := dataset.Field{Name: n.Content[i].Value}
			if _, twice := into.Field(column.Name); twice {
				r.problem(n.Content[i], "column %s stands twice in %s", clip(column.Name), show(key))
				continue
			}
			full := fmt.Sprintf("%s[%d]", key, i/2)
			r.at[full] = r.position(n.Content[i])
			r.section(n.Content[i+1], full, []field{
				{"kind", false, kind(&column.Kind)},
				{"nullable", false, boolean(&column.Nullable)},
				{"levels", false, texts(&column.Levels, "levels", true)},
				{"min", false, optional(&column.Min)},
				{"max", false, optional(&column.Max)},
				{"unique", false, boolean(&column.Unique)},
			})
			if column.Min != nil && column.Max != nil && *column.Min > *column.Max {
				r.problem(n.Content[i+1], "%s has min above max", clip(column.Name))
			}
			*into = append(*into, column)
		}
	}
}

// params reads the parameters of an estimator as they stand; together checks them once the estimator is known.
func params(into *map[string]any) read {
	return func(r *reader, n *yaml.Node, key string) {
		if n.Kind != yaml.MappingNode {
			r.problem(n, "%s is %s, want a section such as {alpha: 0.1}", show(key), kindOf(n))
			return
		}
		*into = map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			one := n.Content[i].Value
			if _, twice := (*into)[one]; twice {
				r.problem(n.Content[i], "key %q stands twice in %s", one, show(key))
				continue
			}
			var value any
			if err := n.Content[i+1].Decode(&value); err != nil {
				r.problem(n.Content[i+1], "%s cannot be read: %v", dotted(key, one), err)
				continue
			}
			r.at[dotted(key, one)] = r.position(n.Content[i+1])
			(*into)[one] = value
		}
	}
}

func kind(into *dataset.Kind) read {
	return func(r *reader, n *yaml.Node, key string) {
		value, ok := r.scalar(n, key, "a kind")
		if !ok {
			return
		}
		parsed, err := dataset.ParseKind(value)
		if err != nil {
			r.problem(n, "%s: %v", show(key), err)
			return
		}
		*into = parsed
	}
}
