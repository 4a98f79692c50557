package sandbox

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxLine bounds one line of output; the rest of a longer one is dropped.
const maxLine = 4 << 10

// cleaner passes a child's output on line by line, harmless: every line gets a prefix, so that none can begin with a
// workflow command of a CI system ("::", "##["), control characters are gone, and the amount is bounded. The first half
// of the budget goes out at once; of what follows only the last quarter is kept and shown at the end. Writing never
// fails and never waits for anything but the reader's own writer, so a flood cannot stop the child half way.
type cleaner struct {
	out    io.Writer
	prefix string
	budget int

	mu      sync.Mutex
	line    []byte
	written int
	tail    [][]byte
	tailed  int
	dropped int64
	lastly  string // the last line that was not empty

	last atomic.Int64 // time of the last byte, in nanoseconds
}

func newCleaner(out io.Writer, prefix string, budget int) *cleaner {
	if out == nil {
		out = io.Discard
	}
	c := &cleaner{out: out, prefix: prefix, budget: budget}
	c.last.Store(time.Now().UnixNano())
	return c
}

// silence is how long nothing was written.
func (c *cleaner) silence() time.Duration { return time.Since(time.Unix(0, c.last.Load())) }

// Write takes bytes of the child. It always accepts all of them.
func (c *cleaner) Write(b []byte) (int, error) {
	c.last.Store(time.Now().UnixNano())
	c.mu.Lock()
	defer c.mu.Unlock()
	for rest := b; len(rest) > 0; {
		part, after, ended := bytes.Cut(rest, []byte{'\n'})
		rest = after
		c.extend(part)
		if ended {
			c.endLine()
		}
	}
	return len(b), nil
}

func (c *cleaner) extend(part []byte) {
	if room := maxLine - len(c.line); len(part) > room {
		c.dropped += int64(len(part) - room)
		part = part[:room]
	}
	c.line = append(c.line, part...)
}

// endLine passes the present line on, or keeps it for the end.
func (c *cleaner) endLine() {
	text := c.clean(c.line)
	if words := strings.TrimSpace(string(text[len(c.prefix):])); words != "" {
		c.lastly = shortened(words)
	}
	c.line = c.line[:0]
	if len(c.tail) == 0 && c.written+len(text) <= c.budget/2 {
		c.written += len(text)
		_, _ = c.out.Write(text)
		return
	}
	c.tail = append(c.tail, text)
	for c.tailed += len(text); c.tailed > c.budget/4 && len(c.tail) > 1; {
		c.dropped += int64(len(c.tail[0]))
		c.tailed -= len(c.tail[0])
		c.tail = c.tail[1:]
	}
}

// shortened keeps a line fit for an error message.
func shortened(line string) string {
	const most = 300
	if len(line) <= most {
		return line
	}
	return strings.ToValidUTF8(line[:most], "") + "…"
}

// clean replaces what a terminal or a CI system would obey: some look for "##" anywhere in a line. Invalid UTF-8 becomes
// U+FFFD.
func (c *cleaner) clean(line []byte) []byte {
	text := append([]byte(nil), c.prefix...)
	before := rune(0)
	for _, r := range string(line) {
		if r == '#' && before == '#' {
			text = append(text, ' ')
		}
		before = r
		switch {
		case r == '\t':
			text = append(text, ' ', ' ')
		case r < 0x20, r >= 0x7f && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x2028, r == 0x2029:
			text = append(text, '?')
		default:
			text = append(text, string(r)...)
		}
	}
	return append(text, '\n')
}

// finish passes on what is left and returns how many bytes were dropped, and the last words.
func (c *cleaner) finish() (dropped int64, last string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.line) > 0 {
		c.endLine()
	}
	if c.dropped > 0 {
		_, _ = c.out.Write(append([]byte(c.prefix), "[output left out here]\n"...))
	}
	for _, text := range c.tail {
		_, _ = c.out.Write(text)
	}
	c.tail = nil
	return c.dropped, c.lastly
}
