package main

// How the program speaks: results go to stdout, talk to stderr. An error is one line, "weighlock: verb noun: cause",
// in lower case and without a full stop, naming the input; the one thing to do about it follows on a "hint:" line.
// Colours appear only on a terminal, and never when NO_COLOR is set.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/pipeline"
)

// exit carries an exit code out of a command; the message was already written, or there is none.
type exit struct{ code int }

// Error is never shown.
func (e exit) Error() string { return fmt.Sprintf("exit %d", e.code) }

// hinted adds the one thing to do to an error.
type hinted struct {
	error
	hint string
}

// Unwrap gives access to the cause.
func (h hinted) Unwrap() error { return h.error }

// codeOf says which exit code an error means.
func codeOf(err error) int {
	if err == nil {
		return 0
	}
	if coded, ok := errors.AsType[exit](err); ok {
		return coded.code
	}
	return pipeline.DecisionOf(err).ExitCode()
}

// complain writes an error the way the rules above say.
func complain(w io.Writer, err error) {
	var coded exit
	if err == nil || errors.As(err, &coded) {
		return
	}
	if errors.Is(err, context.Canceled) {
		_, _ = fmt.Fprintln(w, "weighlock: cancelled")
		return
	}
	if problems, ok := errors.AsType[config.Problems](err); ok {
		_, _ = fmt.Fprintln(w, strings.TrimRight(problems.Error(), "\n"))
	} else {
		_, _ = fmt.Fprintf(w, "weighlock: %s\n", strings.TrimRight(err.Error(), "\n"))
	}
	if hint := hintOf(err); hint != "" {
		_, _ = fmt.Fprintf(w, "hint: %s\n", hint)
	}
}

func hintOf(err error) string {
	if hint := pipeline.HintOf(err); hint != "" {
		return hint
	}
	if h, ok := errors.AsType[hinted](err); ok {
		return h.hint
	}
	return ""
}

// isTerminal reports whether w is a terminal that a person looks at.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// colourful reports whether colours are welcome on w.
func (w world) colourful(out io.Writer) bool {
	return w.getenv("NO_COLOR") == "" && w.getenv("TERM") != "dumb" && isTerminal(out)
}

// width is the number of columns of a terminal, or what the text output assumes elsewhere.
func (w world) width(out io.Writer) int {
	if f, ok := out.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	return 100
}
