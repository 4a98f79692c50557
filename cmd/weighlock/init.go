package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weighlock/weighlock/internal/atomicfile"
	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/pipeline"
	"github.com/weighlock/weighlock/internal/proposal"
)

// initFlags are the flags of init.
type initFlags struct {
	target, task, model string
	output              string
	force               bool
	workers             int
	// github also writes workflows, forks the pair of them that may weigh what strangers propose.
	github, forks bool
}

func newInit(w world) *cobra.Command {
	var flags initFlags
	c := &cobra.Command{
		Use:   "init [TABLE]",
		Short: "Look at a table and write a commented weighlock.yaml",
		Long: withCodes(`
Look at a table and propose everything that a first weighlock.yaml needs: task, target,
id, columns that are no features (constants, ids, leaks), which rows judge, metrics,
margins and floors. A few simple models are fitted to say how small a difference the
evaluation rows can show; no margin is proposed below that.

TABLE is csv, csv.gz, csv.zst, jsonl or parquet; where left out, the only table here or
in data/. The file is new or untouched: an existing one stays without --force, and there
is never half a file.

Models that Weighlock cannot train itself: replace train.estimator by
  command: [python, train.py]   a program that trains and writes predictions
  predictions: FILE             predictions that an earlier step wrote`,
			codeDone, "2    misconfigured: no such table or target, or the file exists", codeCancelled),
		Example: `  weighlock init data/customers.csv
  weighlock init data/wine.csv --target quality --task regression
  weighlock init data/customers.csv --output -
  weighlock init --github --forks`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			table := ""
			if len(args) > 0 {
				table = args[0]
			}
			return initialise(c.Context(), w, table, flags)
		},
	}
	f := c.Flags()
	f.StringVar(&flags.target, "target", "", "the column to predict; guessed where left out")
	f.StringVar(&flags.task, "task", "", "regression, binary, multiclass or forecast; seen in the target where left out")
	f.StringVar(&flags.model, "model", "", "the model's name; the table's where left out")
	f.StringVarP(&flags.output, "output", "o", pipeline.DefaultConfig, "the file to write; - for standard output")
	f.BoolVar(&flags.force, "force", false, "replace a file that exists")
	f.IntVar(&flags.workers, "workers", 0, "processors to use; 0 for all. Never changes the proposal")
	f.BoolVar(&flags.github, "github", false, "also write the workflows for GitHub; alone where the configuration exists")
	f.BoolVar(&flags.forks, "forks", false, "with --github: the pair of workflows that is safe for pull requests from forks")
	completeFlag(c, "task", "regression", "binary", "multiclass", "forecast")
	return c
}

// newFile is a file that init writes.
type newFile struct {
	path    string
	content []byte
}

// initialise proposes a configuration and writes it.
func initialise(ctx context.Context, w world, table string, flags initFlags) error {
	toScreen := flags.output == "-"
	if flags.forks && !flags.github {
		return errors.New("read --forks: it needs --github")
	}
	if flags.github && !toScreen && table == "" && !flags.force && absent(flags.output) != nil {
		return writeWorkflows(ctx, w, flags)
	}
	if !toScreen && !flags.force {
		if err := absent(flags.output); err != nil {
			return err
		}
	}
	p, err := propose(ctx, table, flags)
	if err != nil {
		return err
	}
	content := p.YAML()
	if _, err := config.Parse(filepath.Base(flags.output), content); err != nil {
		return fmt.Errorf("write %s: the proposal for this table is no configuration: %w", flags.output, err)
	}
	if toScreen {
		_, err = w.stdout.Write(content)
		return err
	}
	files := []newFile{{flags.output, content}}
	if flags.github {
		more, err := workflowFiles(ctx, flags)
		if err != nil {
			return err
		}
		files = append(files, more...)
		if err := makeFolders(files); err != nil {
			return err
		}
	}
	if err := writeNew(files, flags.force); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.stdout, "%swrote      %s\n\n%s", p.Words(), listed(files), next(flags.output))
	return err
}

// next says what to do with a configuration that was just written.
func next(output string) string {
	option := ""
	if filepath.Base(output) != output || output != pipeline.DefaultConfig {
		option = " --config " + output
	}
	return fmt.Sprintf("Next: read %s, then\n  weighlock check%s\n  git add %s && git commit -m \"weigh every change\"\n  weighlock run%s\n", output, option, output, option)
}

func propose(ctx context.Context, table string, flags initFlags) (*proposal.Proposal, error) {
	if flags.task != "" && !slices.Contains(metric.Tasks(), metric.Task(flags.task)) {
		return nil, fmt.Errorf("read --task: %q is not one of regression, binary, multiclass, forecast", flags.task)
	}
	if len(metric.Names(metric.Task(flags.task))) == 0 && flags.task != "" {
		return nil, fmt.Errorf("read --task: no metric judges a %s task yet: choices are regression, binary, multiclass, forecast", flags.task)
	}
	if table == "" {
		var err error
		if table, err = onlyTable(); err != nil {
			return nil, err
		}
	}
	folder := filepath.Dir(flags.output)
	dataPath, err := filepath.Rel(folder, table)
	if absolute, absErr := filepath.Abs(folder); absErr == nil && err != nil {
		dataPath, err = filepath.Rel(absolute, table)
	}
	if err != nil || !filepath.IsLocal(dataPath) {
		return nil, hinted{
			fmt.Errorf("describe %s: it is not below the folder of %s, where the configuration could name it", table, flags.output),
			"call init in the folder of the model, with the data in it or in a folder below",
		}
	}
	p, err := proposal.Make(ctx, proposal.Request{
		Files: os.DirFS(filepath.Dir(table)), Path: filepath.Base(table), DataPath: filepath.ToSlash(dataPath),
		Target: flags.target, Task: metric.Task(flags.task), Model: flags.model, Workers: flags.workers,
	})
	if err != nil {
		return nil, fmt.Errorf("describe %s: %w", table, err)
	}
	return p, nil
}

// onlyTable is the one table in this folder and in data/.
func onlyTable() (string, error) {
	var found []string
	for _, folder := range []string{".", "data"} {
		entries, err := os.ReadDir(folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("look for tables: %w", err)
		}
		for _, entry := range entries {
			isTable := slices.ContainsFunc(dataset.Extensions(), func(extension string) bool { return strings.HasSuffix(entry.Name(), extension) })
			if isTable && !entry.IsDir() {
				found = append(found, filepath.Join(folder, entry.Name()))
			}
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", hinted{errors.New("look for tables: there is none here or in data/"), "weighlock init PATH/TO/TABLE.csv"}
	}
	return "", hinted{fmt.Errorf("look for tables: there are %s", strings.Join(found, ", ")), "name one of them: weighlock init " + found[0]}
}

// absent is an error where something has that name already.
func absent(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return hinted{fmt.Errorf("write %s: it exists", path), "--force replaces it, --output writes elsewhere"}
	}
	return nil
}

// writeNew writes files that did not exist, or with force replaces them. A file appears whole or not at all; a name
// that somebody took in the meantime is left alone.
func writeNew(files []newFile, force bool) error {
	for _, f := range files {
		if !force {
			if err := absent(f.path); err != nil {
				return err
			}
		}
	}
	for _, f := range files {
		if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
			return fmt.Errorf("write %s: %w", f.path, err)
		}
		if err := writeOne(f, force); err != nil {
			return fmt.Errorf("write %s: %w", f.path, err)
		}
	}
	return nil
}

func writeOne(f newFile, force bool) error {
	if force {
		return atomicfile.WriteFile(f.path, f.content, 0o644)
	}
	return atomicfile.WriteNew(f.path, f.content, 0o644)
}
