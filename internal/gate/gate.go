// Package gate compares candidate and baseline, rule by rule, and decides.
package gate

import (
	"time"

	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/metric"
)

// Mode says how sure the gate has to be.
type Mode string

// The modes of weighlock.yaml (statistics.md 2.1).
const (
	// Lenient blocks what is proved to be worse than the margin.
	Lenient Mode = "lenient"
	// Balanced blocks what is proved to be worse, and looks worse than the margin. It is the default.
	Balanced Mode = "balanced"
	// Strict blocks what is not proved to lie within the margin.
	Strict Mode = "strict"
)

// Modes lists the modes in the order in which messages name them.
func Modes() []Mode { return []Mode{Lenient, Balanced, Strict} }

// What a policy does without enough evidence.
const (
	InconclusivePass  = "pass"
	InconclusiveWarn  = "warn"
	InconclusiveBlock = "block"
)

// Reveal is what a report may tell of single rows.
type Reveal string

// RevealNothing names no row, RevealIDs names rows by id and slices, RevealValues shows target and predictions too.
const (
	RevealNothing Reveal = "nothing"
	RevealIDs     Reveal = "ids"
	RevealValues  Reveal = "values"
)

// Margin is how much worse is tolerated.
type Margin struct {
	// Value is in the metric's own units, or with Relative a share of the baseline: 2 % is 0.02.
	Value    float64
	Relative bool
}

// Rule is one line of the policy: at least one of Margin, Min and Max is set.
type Rule struct {
	Metric   string
	Params   metric.Params
	Margin   *Margin
	Min, Max *float64
}

// SliceRule is a rule for each metric of Metrics on each level of the column By.
type SliceRule struct {
	By       string
	Metrics  []string
	Margin   *Margin
	Min, Max *float64
	// MinRows is how many rows a level needs to be judged, 30 where zero.
	MinRows int
}

// WaiverPolicy says who may let a broken rule through.
type WaiverPolicy struct {
	// Allow lists permissions on the repository, of which more powerful ones are allowed too, and names of users. An
	// empty list allows nobody.
	Allow []string
	// Author says that the author of the change may waive, too, where Allow names them.
	Author bool
	// Days is how long a waiver holds, 7 where zero.
	Days int
	// Exact says that a waiver counts only where it names value and commit itself.
	Exact bool
}

// Policy is the law that a change is judged by. The zero values of Mode, Confidence and Inconclusive mean Balanced, 0.95
// and InconclusiveWarn.
type Policy struct {
	Mode Mode
	// Confidence is the level of every two-sided interval.
	Confidence   float64
	Rules        []Rule
	Slices       []SliceRule
	Fairness     []FairnessRule
	Inconclusive string
	// Anchor names the revision whose model every candidate is held against beside the baseline, or is empty.
	Anchor string
	// Reveal says what a report may tell of single rows, RevealIDs where empty.
	Reveal  Reveal
	Owners  []string
	Waivers WaiverPolicy
}

// Verdict is what became of one rule.
type Verdict string

// The verdicts of design section 3.
const (
	Improved     Verdict = "improved"
	Unchanged    Verdict = "unchanged"
	Regressed    Verdict = "regressed"
	Inconclusive Verdict = "inconclusive"
	// Unjudgeable is the verdict "invalid"; gate.Invalid is the decision of that name.
	Unjudgeable Verdict = "invalid"
)

// Input is what the gate decides from.
type Input struct {
	Policy    Policy
	Rows      evaluation.Rows
	Candidate metric.Predictions
	// Baseline is nil on a first run: floors and ceilings judge, margins cannot.
	Baseline *metric.Predictions
	// Seed comes from the digests of what is compared, so that running a job again cannot roll the dice again.
	Seed uint64
	// Seeds holds what training with other seeds does to each rule, by RuleResult.Name; nil where nobody measured it. With
	// it the comparison is about two pipelines, without it about two models (statistics.md 2.5).
	Seeds map[string]SeedSpread
	// Judged is how many models these rows are known to have judged before this one; the truth may be more.
	Judged int
	// Anchor is an older model, such as the last release, that the candidate is held against a second time, or nil: many
	// small steps down that each pass must not add up (statistics.md 2.4).
	Anchor *Anchor
	// Folds is a cross-validation that judges in place of rows that only judge, or nil. Rows then holds every row, Candidate
	// and Baseline what was said of each by models that were not trained on it.
	Folds *Folds
	// KnownLevels lists, per slice column, the levels that the baseline was judged on when it was made; nil where that is
	// unknown. Levels that are new since then, or gone, are named.
	KnownLevels map[string][]string
}

// SeedSpread is the standard deviation of a metric over trainings that differ in their seed only, and how many there were.
type SeedSpread struct {
	SD      float64 `json:"sd"`
	Trained int     `json:"trained"`
}

// Anchor is a model that stands still while baselines move on.
type Anchor struct {
	// Name is what the policy calls it, such as a tag.
	Name        string
	Predictions metric.Predictions
}

// Interval is a two-sided confidence interval of a difference. Both ends are finite.
type Interval struct{ Low, High, Level float64 }

// RuleResult is what became of one rule. Differences are candidate minus baseline in the metric's own units; Direction
// says which way is better. A number that does not exist is nil; none is NaN or infinite.
type RuleResult struct {
	Metric string
	Params metric.Params
	// Slice is "column=level", or empty for all rows.
	Slice     string
	Direction metric.Direction
	// Against names the anchor that Baseline then is the value of, or is empty.
	Against string

	Baseline, Candidate *float64
	Delta               *float64
	// DeltaRelative is Delta as a share of the baseline's absolute value.
	DeltaRelative *float64
	// Interval is that of Delta.
	Interval *Interval
	Margin   *Margin
	Min, Max *float64

	Verdict Verdict
	// Blocks says that this rule stands in the way of the change, unless Waived.
	Blocks bool
	// Waived is who let this rule's result through, or nil.
	Waived *Waiver
	// Why is the verdict in one plain sentence.
	Why string

	// PAdjusted is the one-sided p-value of "not worse", adjusted for the other rules of the family.
	PAdjusted *float64
	// SE is the standard error of Delta.
	SE *float64
	// Detectable is the smallest true difference that these rows would have shown with a power of 80 %.
	Detectable *float64
	// Optimism is how much too good the baseline may look because these rows have judged before; nil where they have not.
	Optimism *float64
	// Rows is how many rows were compared; RowsNeeded is how many would settle the rule with a power of 80 %, or 0 where
	// no number would or the spread is unknown.
	Rows, RowsNeeded int
	// Clusters is how many groups the rows were summed to before they judged; 0 where rows are independent.
	Clusters           int
	Method, Assumption string
	// Flags are those of stats.Result and metric.Outcome, and the Flag constants of this package.
	Flags []string
}

// The flags that this package adds to a RuleResult, beside those of stats and metric.
const (
	FlagBelowFloor      = "below the floor"
	FlagAboveCeiling    = "above the ceiling"
	FlagIdentical       = "identical"
	FlagMaterial        = "better by more than the margin"
	FlagWithinMargin    = "worse within the margin"
	FlagBeyondMargin    = "proved beyond the margin"
	FlagSizeUncertain   = "real drop, size uncertain"
	FlagLeaningWorse    = "leaning worse"
	FlagLeaningBetter   = "leaning better"
	FlagUndefined       = "undefined"
	FlagNoBaseline      = "no baseline"
	FlagMissingSlice    = "missing slice"
	FlagNothingToScale  = "baseline is zero" // a relative margin of a baseline of 0 tolerates nothing
	FlagBaselineUnknown = "baseline undefined"
	FlagNewSlice        = "new slice"
	FlagWornOut         = "worn out rows" // Optimism is more than half of the margin
	FlagNoTime          = "order in time unknown"
	FlagOneRow          = "one row weighs a tenth" // a clipped probability makes up over a tenth of the difference
	// FlagSpreadAtMargin says that the interval alone would do, but not with the spread of a model as bad as the margin allows.
	FlagSpreadAtMargin = "spread at the margin"
)

// Result is what the gate decided.
type Result struct {
	Decision Decision
	// Reasons say in sentences why the decision is what it is, the weightiest first.
	Reasons []string
	// Rules are the rules with what became of them, the worst first.
	Rules    []RuleResult
	Warnings []string
	// Fairness is how both models treat the groups that the policy names.
	Fairness []Fairness
}

// Waiver is somebody's wish to let the result of one rule through, for one head and for a while.
type Waiver struct {
	Metric string
	// Slice is that of the RuleResult, empty for all rows.
	Slice string
	// By is the name of the user, without "@"; Permission is what the code host says they may do in the repository.
	By, Permission string
	Reason         string
	// Commit is the head that the waiver was given for.
	Commit string
	// Value is the candidate's value that was accepted; nil where there was none.
	Value *float64
	// Exact says that whoever gave it named Value and Commit, which else are those of the comment that they answered.
	Exact bool
	// Given is when; it holds until then plus the policy's days.
	Given time.Time
}

// Change is what waivers are held against.
type Change struct {
	// Head is the commit that was judged, Author the user who wrote it, Now the time of the decision.
	Head, Author string
	Now          time.Time
	Policy       WaiverPolicy
}
