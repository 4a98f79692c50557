// Package config reads weighlock.yaml, checks it, and explains every mistake with its line.
package config

import (
	"fmt"
	"time"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/metric"
)

// Version is the version of the file's format that this program reads.
const Version = 1

// File is one weighlock.yaml: one model, how it is trained, and by which rules it is judged. Every File came out of
// Parse or Effective, so it holds no value that its documentation forbids.
type File struct {
	// Model names the model: lower-case letters, digits, and single dots, dashes or underscores between them.
	Model string
	Task  metric.Task
	Data  Data
	Train Train
	// Policy is complete: what the file leaves out has its default.
	Policy gate.Policy
	Image  Image
	// Comment says when a pull request gets a comment: always, on_change, on_block or never.
	Comment string
	// PublishError says what a failure to speak does: warn, or fail (exit code 5).
	PublishError string

	positions map[string]Position
}

// Data says where rows are, what their columns mean, and which of them judge.
type Data struct {
	// Path is the table, with slashes, relative to the folder of the configuration.
	Path   string
	Target string
	// ID names the column that tells rows apart; empty means their content does.
	ID string
	// Positive is the class of a binary task that precision, recall and the like are about; empty means the last in
	// alphabetical order.
	Positive string
	// Weight names a column of non-negative row weights, or is empty.
	Weight string
	// Exclude names columns that are no features.
	Exclude []string
	// Files are folders that training may read besides the table: images, texts; features only, never labels.
	Files []string
	// Schema declares columns; it may name only some.
	Schema   dataset.Schema
	Evaluate Evaluate
}

// Evaluate says which rows judge: those of the file Path, or a share of the table.
type Evaluate struct {
	Path string
	// Holdout is the share of rows that judge, between 0 and 1, where Path is empty.
	Holdout float64
	Seed    uint64
	// Stratify, Group and Time name a column; at most one of Stratify and Time and Group is set.
	Stratify, Group, Time string
	// Horizon is how many moments ahead forecasts are made, or 0 where that is not said; it goes with Time.
	Horizon int
	// Folds and Repeats cross-validate instead of holding rows out: Repeats times, each of Folds parts judges once and the
	// others train. Folds is 0 where Path or Holdout say which rows judge.
	Folds, Repeats int
}

// CrossValidates reports whether every row judges and trains in turn.
func (e Evaluate) CrossValidates() bool { return e.Folds > 0 }

// Train says how the candidate is made: exactly one of Estimator, Command and Predictions is set.
type Train struct {
	Estimator string
	Params    map[string]any
	// Command trains, as an argument list; no shell takes part.
	Command []string
	// Setup installs what Command needs, Predict scores rows with the model that it left.
	Setup, Predict []string
	// Predictions is a file that an earlier step made.
	Predictions string
	// Image is a container image that Command runs in.
	Image string
	// Format is that of the tables that Command gets: csv or parquet.
	Format string
	// Network says that Command may reach the network. It belongs to the law.
	Network bool
	// Sandbox is on or off. It belongs to the law.
	Sandbox string
	// Limits bound Command. They belong to the law.
	Limits Limits
	// Seed is what training gets; 0 derives one from the data.
	Seed uint64
	// TunedOn is a table that hyperparameters were chosen by, or is empty; none of its rows may judge.
	TunedOn string
}

// Limits bound a command; a zero field means the sandbox's default.
type Limits struct {
	// Time is how long it may take, Silence how long it may print nothing.
	Time, Silence time.Duration
	// Memory is in bytes, over all processes together.
	Memory uint64
	// Processes is how many processes and threads there may be at once.
	Processes uint64
}

// Image says where model images live and how they are made.
type Image struct {
	// Name is a repository such as ghcr.io/acme/diabetes, or oci:PATH for a folder; empty is a folder beside the output.
	Name string
	// Key is the public key file that signatures of baselines and promoted images must match; empty asks for none.
	Key string
	// Base is the image that an opaque model needs to run.
	Base string
	// Uses and Limits are the owner's words on what the model is for and what it is not for; they go into its card.
	// Licenses is an SPDX expression. These three are no law: they come from the change.
	Uses, Limits []string
	Licenses     string
}

// The values of Train.Sandbox.
const (
	SandboxOn  = "on"
	SandboxOff = "off"
)

// The values of File.PublishError.
const (
	PublishWarn = "warn"
	PublishFail = "fail"
)

// The values of File.Comment.
const (
	CommentAlways   = "always"
	CommentOnChange = "on_change"
	CommentOnBlock  = "on_block"
	CommentNever    = "never"
)

// Position is a place in a configuration file; Line and Column count from 1.
type Position struct {
	File         string
	Line, Column int
}

// String is file:line:column.
func (p Position) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// At is where a key such as "data.target" has its value. A key that the file leaves out is placed at the nearest section
// around it that is there.
func (f *File) At(key string) Position {
	for {
		if p, ok := f.positions[key]; ok {
			return p
		}
		up := parent(key)
		if up == key {
			return f.positions[""]
		}
		key = up
	}
}

// Mistake is a mistake at a key's value, for what only the data can show, such as a target that no column has.
func (f *File) Mistake(key, format string, args ...any) Problems {
	return Problems{{f.At(key), fmt.Sprintf(format, args...)}}
}
