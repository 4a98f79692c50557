// Package report is a decision in words: the saved JSON, and what a terminal, a comment, a page or a test viewer shows
// of it.
package report

import (
	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/metric"
)

// Version is the version of the JSON that this package writes and reads.
const Version = 1

// Report is the whole result of one run. Its JSON is the protocol between the job that computes and whoever speaks:
// every rendering reads a Report and nothing else. Fields may be added; none is ever renamed.
type Report struct {
	Version int `json:"version"`
	// Tool is the program that wrote this, such as "weighlock 1.2.0".
	Tool     string        `json:"tool"`
	Model    string        `json:"model"`
	Task     metric.Task   `json:"task"`
	Decision gate.Decision `json:"decision"`
	// ExitCode is what `weighlock run` ends with; it follows from Decision.
	ExitCode int `json:"exit_code"`
	// Reasons say in sentences why the decision is what it is, the weightiest first.
	Reasons []string `json:"reasons"`
	Head    Head     `json:"head"`
	Base    Base     `json:"base"`
	Data    Data     `json:"data"`
	Policy  Policy   `json:"policy"`
	// Rules are the rules of the policy with what became of them, the worst first.
	Rules    []Rule          `json:"rules"`
	Measured Measured        `json:"measured"`
	Checks   []dataset.Check `json:"checks"`
	Waivers  []Waiver        `json:"waivers"`
	Warnings []string        `json:"warnings"`

	// FirstRun says that there was no baseline to compare with, so that only floors and ceilings judged.
	FirstRun bool `json:"first_run,omitempty"`
	// Created is when the run ended, RFC 3339 in UTC, or empty.
	Created string `json:"created,omitempty"`
	// Failure is why nothing was compared, or nil.
	Failure   *Failure  `json:"failure,omitempty"`
	ModelFile ModelFile `json:"model_file,omitzero"`
	// Training says how the candidate came to be; zero for a run that did not come so far.
	Training Training `json:"training,omitzero"`
	// Slices show how both models scored where the policy looks closer.
	Slices []Slice `json:"slices,omitempty"`
	Plots  *Plots  `json:"plots,omitempty"`

	// Explained, Fairness and Others are a closer look behind the rules; Wear is how worn the evaluation rows are.
	Explained *Explained    `json:"explained,omitempty"`
	Fairness  []Fairness    `json:"fairness,omitempty"`
	Others    []Observation `json:"others,omitempty"`
	Wear      *Wear         `json:"wear,omitempty"`
}

// Head is the change that was weighed.
type Head struct {
	Commit string `json:"commit"`
	// Dirty says that the working tree differed from the commit.
	Dirty bool `json:"dirty"`
	// Reviewed is the tip of the pull request, which people see and approve, where Commit is its merge with the base
	// branch; empty where both are the same.
	Reviewed string `json:"reviewed,omitempty"`
}

// Base is the revision that the change was compared with.
type Base struct {
	// Commit is the commit whose model was the baseline.
	Commit string `json:"commit"`
	// Image is the baseline's repository@digest, or empty when the base revision was trained again.
	Image string `json:"image"`
	// CommitsBack is how many first-parent commits lie between the base revision and Commit.
	CommitsBack int `json:"commits_back"`
	// How says in a few words where the baseline came from.
	How string `json:"how"`
}

// Data names the rows by their digests.
type Data struct {
	Digest     string     `json:"digest"`
	Rows       int        `json:"rows"`
	Evaluation Evaluation `json:"evaluation"`
}

// Evaluation names the rows that judged.
type Evaluation struct {
	Digest string `json:"digest"`
	Rows   int    `json:"rows"`
}

// Policy is the law that the change was judged by.
type Policy struct {
	Digest string `json:"digest"`
	// Commit is the revision that the policy was read from.
	Commit string `json:"commit"`
	// Changed lists in words what the change would alter in the law. It was judged by the old one.
	Changed []string `json:"changed"`
	// ApprovedBy are the owners who approved Changed for this head.
	ApprovedBy []string `json:"approved_by,omitempty"`
	// Owners may approve a change of the law, Waivers are the permissions and users that may waive a rule.
	Owners  []string `json:"owners,omitempty"`
	Waivers []string `json:"waivers,omitempty"`
	// Mode is lenient, balanced or strict.
	Mode string `json:"mode,omitempty"`
	// Inconclusive is what the policy does without enough evidence: pass, warn or block.
	Inconclusive string `json:"inconclusive,omitempty"`
}

// Rule is one rule of the policy and what became of it. Differences are candidate minus baseline in the metric's own
// units, whichever direction is better. A number that does not exist is nil.
type Rule struct {
	Metric string        `json:"metric"`
	Params metric.Params `json:"params,omitzero"`
	// Slice is the part of the rows that the rule looks at, such as "sex=F", or empty for all.
	Slice string `json:"slice"`
	// Direction says what is better: "higher" or "lower".
	Direction string   `json:"direction"`
	Baseline  *float64 `json:"baseline"`
	Candidate *float64 `json:"candidate"`
	Delta     *float64 `json:"delta"`
	// DeltaRelative is Delta as a share of the baseline's absolute value.
	DeltaRelative *float64     `json:"delta_relative"`
	Interval      *Interval    `json:"interval"`
	Margin        *Margin      `json:"margin"`
	Min           *float64     `json:"min"`
	Max           *float64     `json:"max"`
	Verdict       gate.Verdict `json:"verdict"`
	PAdjusted     *float64     `json:"p_adjusted"`
	// Detectable is the smallest difference that these rows would have shown, in the metric's units.
	Detectable *float64 `json:"detectable"`
	Rows       int      `json:"rows"`
	// RowsNeeded is how many rows would settle the rule, or 0 where that is unknown.
	RowsNeeded int      `json:"rows_needed"`
	Method     string   `json:"method"`
	Flags      []string `json:"flags"`

	// Blocks says that this rule stands in the way of the change, unless Waived.
	Blocks bool `json:"blocks"`
	Waived bool `json:"waived,omitempty"`
	// Why is the gate's own sentence on the verdict.
	Why string `json:"why,omitempty"`
	// Assumption is what the method takes for granted, in one phrase.
	Assumption string `json:"assumption,omitempty"`
	// Against names the anchor that Baseline is the value of, or is empty.
	Against string `json:"against,omitempty"`
	// Clusters is how many groups the rows were summed to, 0 where rows are independent.
	Clusters int `json:"clusters,omitempty"`
	// SE is the standard error of Delta, Optimism how much too good the baseline may look on rows that have judged before.
	SE       *float64 `json:"se,omitempty"`
	Optimism *float64 `json:"optimism,omitempty"`
}

// Interval is a confidence interval of a rule's Delta; an end that is nil is unbounded.
type Interval struct {
	Low   *float64 `json:"low"`
	High  *float64 `json:"high"`
	Level float64  `json:"level"`
}

// Margin is how much worse is tolerated: in the metric's units, or as a share of the baseline when Relative.
type Margin struct {
	Value    float64 `json:"value"`
	Relative bool    `json:"relative"`
}

// Measured is what was measured beside the metrics; nothing here judges. Zero means not measured.
type Measured struct {
	// Seconds is what the whole run took.
	Seconds      float64 `json:"seconds,omitempty"`
	TrainSeconds float64 `json:"train_seconds,omitempty"`
	// RowMicroseconds is what the candidate needs to score one row, in a batch.
	RowMicroseconds         float64 `json:"row_microseconds,omitempty"`
	BaselineRowMicroseconds float64 `json:"baseline_row_microseconds,omitempty"`
	BaselineModelBytes      int64   `json:"baseline_model_bytes,omitempty"`
	TrainRows               int     `json:"train_rows,omitempty"`
}

// Waiver is somebody's accepted wish to let one rule's result through, for one head.
type Waiver struct {
	Metric string   `json:"metric"`
	Slice  string   `json:"slice"`
	By     string   `json:"by"`
	Reason string   `json:"reason"`
	Commit string   `json:"commit"`
	Value  *float64 `json:"value"`
	// Permission is what the code host says that By may do in the repository.
	Permission string `json:"permission,omitempty"`
	// Given is when, RFC 3339 in UTC, or empty.
	Given string `json:"given,omitempty"`
}

// Failure is why a run came to no comparison.
type Failure struct {
	Message string `json:"message"`
	// Hint is the one thing to do about it, or empty.
	Hint string `json:"hint,omitempty"`
}

// Training says how the candidate was made, and what kept it away from everything else meanwhile.
type Training struct {
	// How is "estimator ridge", the command, or the file of predictions that an earlier step made.
	How string `json:"how"`
	// Sandbox names the layers that were active, such as "landlock 7"; empty where nothing of the change ran.
	Sandbox []string `json:"sandbox,omitempty"`
	// Repeats are metrics that a second training with the same seed changed; Repeated says that there was one.
	Repeated bool     `json:"repeated,omitempty"`
	Repeats  []Repeat `json:"repeats,omitempty"`
}

// Repeat is one metric of two trainings with the same seed.
type Repeat struct {
	Rule   string  `json:"rule"`
	First  float64 `json:"first"`
	Second float64 `json:"second"`
}

// ModelFile identifies the candidate's model; empty when the candidate left predictions only.
type ModelFile struct {
	Digest string `json:"digest"`
	Kind   string `json:"kind"`
	Bytes  int64  `json:"bytes"`
}

// Slice is one part of the evaluation rows, and how both models scored on it.
type Slice struct {
	By     string       `json:"by"`
	Level  string       `json:"level"`
	Rows   int          `json:"rows"`
	Scores []SliceScore `json:"scores"`
}

// SliceScore is one metric on one slice; a value that is undefined is nil.
type SliceScore struct {
	Metric    string   `json:"metric"`
	Direction string   `json:"direction"`
	Baseline  *float64 `json:"baseline"`
	Candidate *float64 `json:"candidate"`
}

// Plots is what the pictures are drawn from. None of it holds a row: residuals are counted in cells, curves are thinned.
type Plots struct {
	Residuals   *Residuals  `json:"residuals,omitempty"`
	ROC         []Curve     `json:"roc,omitempty"`
	PR          []Curve     `json:"pr,omitempty"`
	Calibration []Curve     `json:"calibration,omitempty"`
	Confusion   []Confusion `json:"confusion,omitempty"`
}

// Curve is a line of one model: false against true positive rate (ROC), recall against precision (PR), or mean predicted
// probability against observed rate (calibration, with the rows of each bin).
type Curve struct {
	// Of is "baseline" or "candidate".
	Of string    `json:"of"`
	X  []float64 `json:"x"`
	Y  []float64 `json:"y"`
	N  []int     `json:"n,omitempty"`
}

// Residuals counts rows by predicted value (x) and target minus prediction (y) on one grid for both models.
type Residuals struct {
	XLow   float64        `json:"x_low"`
	XHigh  float64        `json:"x_high"`
	YLow   float64        `json:"y_low"`
	YHigh  float64        `json:"y_high"`
	Across int            `json:"across"`
	Up     int            `json:"up"`
	Models []ResidualGrid `json:"models"`
}

// ResidualGrid holds the cells that are not empty: column, row from below, number of rows.
type ResidualGrid struct {
	Of    string   `json:"of"`
	Cells [][3]int `json:"cells"`
}

// Confusion counts rows by true class (outer) and predicted class (inner).
type Confusion struct {
	Of      string   `json:"of"`
	Classes []string `json:"classes"`
	Counts  [][]int  `json:"counts"`
}
