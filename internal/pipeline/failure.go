package pipeline

import (
	"context"
	"errors"

	"github.com/weighlock/weighlock/internal/forge"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/git"
	"github.com/weighlock/weighlock/internal/promotion"
	"github.com/weighlock/weighlock/internal/registry"
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

// DecisionOf says which decision an error means; one that says nothing about itself is a mistake in what was asked.
func DecisionOf(err error) gate.Decision {
	failure, known := asFailure(err)
	switch {
	case errors.Is(err, context.Canceled):
		return gate.Cancelled
	case known:
		return failure.Decision
	case errors.Is(err, registry.ErrUnavailable), errors.Is(err, registry.ErrDenied),
		errors.Is(err, forge.ErrUnavailable), errors.Is(err, forge.ErrDenied), errors.Is(err, context.DeadlineExceeded):
		return gate.Unavailable
	case errors.Is(err, registry.ErrInvalid):
		return gate.Invalid
	}
	return gate.Misconfigured
}

// HintOf is the one thing to do about an error, or "".
func HintOf(err error) string {
	if failure, known := asFailure(err); known {
		return failure.Hint
	}
	return ""
}

// PromotionError gives an error of promotions, rollbacks and copies its decision and the one thing to do.
func PromotionError(err error) error {
	failed := func(d gate.Decision, hint string) error { return &Failure{Decision: d, Err: err, Hint: hint} }
	switch {
	case errors.Is(err, promotion.ErrForeign):
		return failed(gate.Blocked, "where the branch was rewritten: weighlock rollback --to sha-COMMIT of an image that it holds, then weighlock rollback --unpin")
	case errors.Is(err, promotion.ErrRefused):
		return failed(gate.Blocked, "weighlock verify shows what the image can prove")
	case errors.Is(err, registry.ErrConflict):
		return failed(gate.Blocked, "a version names one image for ever; take the next one")
	case errors.Is(err, promotion.ErrNoImage):
		return failed(gate.Misconfigured, "weighlock run && weighlock push on the branch make an image")
	case errors.Is(err, registry.ErrNotFound):
		return failed(gate.Misconfigured, "weighlock history lists the tags")
	case errors.Is(err, registry.ErrUnsupported):
		return failed(gate.Misconfigured, "")
	case errors.Is(err, git.ErrMissingHistory):
		return failed(gate.Unavailable, "check out with the full history (fetch-depth: 0)")
	}
	return err
}
