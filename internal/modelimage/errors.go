package modelimage

import "errors"

// What an operation on a repository can come to. Test with errors.Is.
var (
	// ErrNotFound: the repository answered, and it has no such tag or digest.
	ErrNotFound = errors.New("not found")
	// ErrUnavailable: no usable answer within the budget; trying later may help.
	ErrUnavailable = errors.New("registry unavailable")
	// ErrDenied: the credentials are missing or not enough.
	ErrDenied = errors.New("access denied")
	// ErrConflict: a write-once tag already names another digest.
	ErrConflict = errors.New("tag is write-once")
	// ErrInvalid: what was read is damaged, hostile or beyond the limits.
	ErrInvalid = errors.New("invalid content")
	// ErrRefused: the registry sent us to an address where we do not go.
	ErrRefused = errors.New("refused to connect")
)
