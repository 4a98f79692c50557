package pipeline

import (
	"errors"

	"github.com/weighlock/weighlock/internal/gate"
)

// Failure is a run that came to no comparison, with the decision that this means.
type Failure struct {
	Decision gate.Decision
	Err      error
	// Hint is the one thing to do about it, or "".
	Hint string
}

// Error is the cause alone; the hint is for a line of its own.
func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap gives access to the cause.
func (f *Failure) Unwrap() error { return f.Err }

func fail(d gate.Decision, err error, hint string) error {
	if _, already := asFailure(err); already {
		return err
	}
	return &Failure{Decision: d, Err: err, Hint: hint}
}

func asFailure(err error) (*Failure, bool) {
	return errors.AsType[*Failure](err)
}
