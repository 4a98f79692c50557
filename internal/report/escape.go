package report

import "strings"

// md is the one way of a foreign string into Markdown. What comes out is plain text to every Markdown reader, wherever
// in a line or in a table cell it stands: no link, image, HTML, mention, reference, emoji, heading, cell or command.
// The string must not begin a line; our own words always do.
//
// Letters that Markdown knows are escaped by a backslash, those that HTML knows by an entity. What GitHub finds in the
// text after Markdown is done with it (mentions, references, commits, addresses, emoji) is broken by a zero-width space.
func md(s string) string {
	s = cleanTo(s, 1000)
	if s == "" {
		return none // an empty list item would turn the line above it into a heading
	}
	var b strings.Builder
	runes := []rune(s)
	for i, c := range runes {
		switch {
		case c == '<':
			b.WriteString("&lt;")
		case c == '>':
			b.WriteString("&gt;")
		case c == '&':
			b.WriteString("&amp;")
		case c == '$':
			b.WriteString("&#36;" + gap) // mathematics
		case strings.ContainsRune(inline, c), i == 0 && strings.ContainsRune(leading, c), numbers(runes, i):
			b.WriteByte('\\')
			b.WriteRune(c)
		default:
			b.WriteRune(c)
		}
		if breaks(runes, i) {
			b.WriteString(gap)
		}
	}
	return b.String()
}

const (
	// inline is what has a meaning somewhere in a line of GitHub's Markdown. Without brackets there are no links and no
	// footnotes, so parentheses and exclamation marks mean nothing.
	inline = "\\`*_[]|~#"
	// leading is what has a meaning at the beginning of a list item or a line: lists, rules, headings, commands.
	leading = "-+=/:"
	// gap is a zero-width space.
	gap = "\u200B"
)

// numbers says whether the i-th rune would turn the digits before it into the number of a list.
func numbers(s []rune, i int) bool {
	if i == 0 || s[i] != '.' && s[i] != ')' {
		return false
	}
	for _, c := range s[:i] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// code shows a name that people copy, such as a digest, exactly; whatever is not made of harmless letters alone is
// escaped like any other string.
func code(s string) string {
	for _, c := range s {
		if !strings.ContainsRune("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:@/._-", c) {
			return md(s)
		}
	}
	if s == "" {
		return none
	}
	return "`" + s + "`"
}

// breaks says whether a gap must follow the i-th rune.
func breaks(s []rune, i int) bool {
	c, last := s[i], i+1 == len(s)
	switch c {
	case '@', '#':
		return true
	case ':':
		return !last && s[i+1] != ' ' // an address, an emoji
	case '.':
		return i >= 3 && strings.EqualFold(string(s[i-3:i]), "www")
	case '-':
		return i >= 2 && strings.EqualFold(string(s[i-2:i]), "gh") // GH-12 is a reference
	}
	return inCommit(s, i)
}

// inCommit says whether the i-th rune ends a piece of what could be a commit's name. A name has seven digits at least, so
// pieces of six lead nowhere, whatever stands beside them. Plain numbers are left alone.
func inCommit(s []rune, i int) bool {
	from, to := i, i
	for from > 0 && isHex(s[from-1]) {
		from--
	}
	letters := false
	for ; to < len(s) && isHex(s[to]); to++ {
		letters = letters || s[to] > '9'
	}
	for _, c := range s[from:i] {
		letters = letters || c > '9'
	}
	n := to - from
	return isHex(s[i]) && (n >= 7 && letters || n >= 40) && (i-from)%6 == 5 && i+1 < to
}

func isHex(c rune) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }
