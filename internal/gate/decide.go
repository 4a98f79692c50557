package gate

import (
	"errors"

	"github.com/weighlock/weighlock/internal/metric"
)

// Decide judges a candidate.
func Decide(in Input) (Result, error) {
	return Result{Decision: Misconfigured}, errors.New("unfinished")
}

// Apply lets through what was waived.
func Apply(r Result, waivers []Waiver, c Change) Result { return r }

// CheckRule says what is wrong with a rule.
func CheckRule(task metric.Task, r Rule) error { return errors.New("unfinished") }

// CheckSliceRule says what is wrong with a slice rule.
func CheckSliceRule(task metric.Task, r SliceRule) error { return errors.New("unfinished") }

// CheckPolicy says what is wrong with a policy.
func CheckPolicy(task metric.Task, p Policy) error { return errors.New("unfinished") }
