package report

import (
	"strings"
	"unicode"
)

// md is the one way of a foreign string into Markdown. What comes out is plain text to every Markdown reader, wherever
// in a line or in a table cell it stands: no link, image, HTML, mention, reference, emoji, heading, cell or command.
// The string must not begin a line; our own words always do.
//
// Letters that Markdown knows are escaped by a backslash, those that HTML knows by an entity. What GitHub finds in the
// text after Markdown is done with it (mentions, references, commits, addresses, emoji) is broken by a zero-width space.
func md(s string) string {
	s = cleanTo(s, 1000)
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
		case strings.ContainsRune(inline, c):
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
	// inline is what has a meaning somewhere in a line of GitHub's Markdown.
	inline = "\\`*_{}[]()#+!|~\"'=^/:@-"
	// gap is a zero-width space.
	gap = "\u200B"
)

// breaks says whether a gap must follow the i-th rune.
func breaks(s []rune, i int) bool {
	c, last := s[i], i+1 == len(s)
	switch {
	case c == '@', c == '#':
		return true
	case c == ':':
		return !last && s[i+1] != ' ' // an address, an emoji
	case c == '.':
		return i >= 3 && strings.EqualFold(string(s[i-3:i]), "www")
	case c == '-':
		return i >= 2 && strings.EqualFold(string(s[i-2:i]), "gh") // GH-12 is a reference
	}
	return inCommit(s, i)
}

// inCommit says whether the i-th rune is the third of a word that looks like a commit's name.
func inCommit(s []rune, i int) bool {
	if i < 2 || !isHex(s[i]) || !isHex(s[i-1]) || !isHex(s[i-2]) || i > 2 && isWord(s[i-3]) {
		return false
	}
	n, letters := 0, false
	for _, c := range s[i-2:] {
		if !isHex(c) {
			if isWord(c) {
				return false
			}
			break
		}
		n++
		letters = letters || unicode.IsLetter(c)
	}
	return n >= 7 && letters
}

func isHex(c rune) bool  { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }
func isWord(c rune) bool { return c == '_' || unicode.IsLetter(c) || unicode.IsDigit(c) }
