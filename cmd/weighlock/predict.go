package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/weighlock/weighlock/internal/atomicfile"
	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/registry"
	"github.com/weighlock/weighlock/internal/serving"
)

func newPredict(w world) *cobra.Command {
	var output, format, id string
	c := &cobra.Command{
		Use:   "predict MODEL FILE",
		Short: "Score the rows of a file with a model",
		Long: withCodes(`
Score every row of a table (csv, csv.gz, csv.zst, jsonl, parquet) with a model: a folder
that weighlock run wrote, or an image by tag or digest. The same code scores in the gate
and in the server.`, codeDone, codeMisconfigured, "4    the model is damaged", codeUnavailable),
		Example: `  weighlock predict .weighlock/churn/model data/new.csv
  weighlock predict oci:images@sha256:... data/new.csv --id customer --output scored.csv`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			m, end, err := loadServed(c.Context(), w, args[0], "")
			if err != nil {
				return err
			}
			defer end()
			if err := awaitReady(c.Context(), m); err != nil {
				return err
			}
			var schema dataset.Schema
			for _, f := range m.Features {
				schema = append(schema, dataset.Field{Name: f.Name, Kind: f.Kind, Nullable: true})
			}
			options := dataset.Options{Schema: schema}
			if id != "" {
				options.Text, options.Require = []string{id}, []string{id}
			}
			t, err := dataset.Read(os.DirFS(filepath.Dir(args[1])), filepath.Base(args[1]), options)
			if err != nil {
				return fmt.Errorf("read rows: %w", err)
			}
			p, err := m.Predict(t)
			if err != nil {
				return fmt.Errorf("score %s: %w", args[1], err)
			}
			scored, err := scoredTable(t, p, id)
			if err != nil {
				return err
			}
			var content bytes.Buffer
			if err := dataset.Write(&content, scored, format); err != nil {
				return err
			}
			if output == "" || output == "-" {
				_, err = io.Copy(w.stdout, &content)
				return err
			}
			return atomicfile.WriteFile(output, content.Bytes(), 0o644)
		},
	}
	f := c.Flags()
	f.StringVar(&id, "id", "", "copy this column in front of the predictions")
	f.StringVarP(&format, "format", "f", "csv", "csv, jsonl or parquet")
	completeFlag(c, "format", dataset.Formats()...)
	f.StringVarP(&output, "output", "o", "", "write to this file instead of standard output")
	return c
}

// awaitReady waits for the program of an opaque model to import what it needs.
func awaitReady(ctx context.Context, m serving.Model) error {
	if m.Ready == nil {
		return nil
	}
	patience := time.NewTimer(5 * time.Minute)
	defer patience.Stop()
	for !m.Ready() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-patience.C:
			return fmt.Errorf("start the model's program: it was not ready after 5 minutes: %w", registry.ErrInvalid)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// scoredTable holds one row per row of t: its id where asked for, the prediction, and a column per class.
func scoredTable(t *dataset.Table, p metric.Predictions, id string) (*dataset.Table, error) {
	var columns []*dataset.Column
	if id != "" {
		column, ok := t.Column(id)
		if !ok {
			return nil, fmt.Errorf("copy column %q: it is not in %s", id, t.Name)
		}
		columns = append(columns, column)
	}
	add := func(name string, values []float64) error {
		column, err := dataset.NewFloats(name, dataset.Number, values)
		columns = append(columns, column)
		return err
	}
	if p.Labels == nil {
		if err := add("prediction", p.Values); err != nil {
			return nil, err
		}
		return dataset.New("predictions", columns...)
	}
	labels := make([]string, len(p.Labels))
	for i, label := range p.Labels {
		labels[i] = p.Classes[label]
	}
	columns = append(columns, dataset.NewTexts("prediction", labels))
	if p.Probabilities == nil {
		return dataset.New("predictions", columns...)
	}
	k := len(p.Classes)
	for class, name := range p.Classes {
		values := make([]float64, len(p.Labels))
		for row := range values {
			values[row] = p.Probabilities[row*k+class]
		}
		if err := add("probability:"+name, values); err != nil {
			return nil, err
		}
	}
	if names := columnNames(columns); len(slices.Compact(slices.Sorted(slices.Values(names)))) < len(names) {
		return nil, errors.New("write predictions: two columns would have the same name; leave --id out")
	}
	return dataset.New("predictions", columns...)
}

func columnNames(columns []*dataset.Column) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return names
}
