package registry

import (
	"context"
	"errors"
	"fmt"
)

// What an operation on a repository can come to. Test with errors.Is.
var (
	// ErrNotFound: the repository answered, and it has no such tag or digest.
	ErrNotFound = errors.New("not found")
	// ErrUnavailable: no usable answer within the budget; trying later may help.
	ErrUnavailable = errors.New("registry unavailable")
	// ErrNotVisible: everything was pushed and acknowledged, but the registry
	// does not show it yet. It is a case of ErrUnavailable.
	ErrNotVisible = fmt.Errorf("pushed, not yet visible: %w", ErrUnavailable)
	// ErrDenied: the credentials are missing or not enough.
	ErrDenied = errors.New("access denied")
	// ErrConflict: a write-once tag already names another digest.
	ErrConflict = errors.New("tag is write-once")
	// ErrInvalid: what was read is damaged, hostile or beyond the limits.
	ErrInvalid = errors.New("invalid content")
	// ErrUnsupported: the registry has no such operation, or it is switched off.
	ErrUnsupported = errors.New("not supported by this registry")
	// ErrRefused: the registry sent us to an address where we do not go.
	ErrRefused = errors.New("refused to connect")
)

// failure is an error of one of the kinds above. It keeps no cause but its
// text, so that no request, with its URL and headers, can leak by unwrapping.
type failure struct {
	kind error
	text string
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.kind }

// Invalid is an error of the kind ErrInvalid.
func Invalid(format string, args ...any) error {
	return &failure{ErrInvalid, fmt.Sprintf(format, args...) + ": " + ErrInvalid.Error()}
}

func unavailable(format string, args ...any) error {
	return &failure{ErrUnavailable, ErrUnavailable.Error() + ": " + fmt.Sprintf(format, args...)}
}

func notFound(what string) error {
	return &failure{ErrNotFound, what + ": " + ErrNotFound.Error()}
}

// ended says why a context ended: a caller who gave up is not a registry that
// did not answer.
func ended(ctx context.Context, last error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return &failure{context.Canceled, "cancelled"}
	}
	if last == nil || errors.Is(last, context.DeadlineExceeded) {
		return unavailable("no answer in time")
	}
	return unavailable("no answer in time, last: %v", last)
}
