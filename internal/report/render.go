package report

import (
	"errors"
	"io"
)

// MarkdownOptions say how long a comment may be and how it is found again.
type MarkdownOptions struct {
	// Budget is the most characters (UTF-16 units) and a third of the most bytes; DefaultBudget where zero.
	Budget int
	// Marker is the first line, verbatim: an HTML comment of the caller's. None where empty.
	Marker string
}

var errUnbuilt = errors.New("not built")

func Markdown(r *Report, o MarkdownOptions) string     { return "" }
func HTML(w io.Writer, r *Report) error                { return errUnbuilt }
func JUnit(w io.Writer, r *Report) error               { return errUnbuilt }
