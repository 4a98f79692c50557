package config

import (
	"cmp"
	"slices"
	"strings"
)

// Problem is one mistake: where it is, and what would have been right.
type Problem struct {
	Position Position
	Message  string
}

// Error is file:line:column: message.
func (p Problem) Error() string { return p.Position.String() + ": " + p.Message }

// Problems are all mistakes of one file in the order of its lines.
type Problems []Problem

// Error is one line for each mistake.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Position.Line, b.Position.Line), cmp.Compare(a.Position.Column, b.Position.Column))
	})
	return p
}

// nearest is the choice that a mistyped word most likely meant, or "".
func nearest(word string, choices []string) string {
	best, distance := "", max(1, len(word)/3)+1
	for _, choice := range choices {
		if d := editDistance(word, choice); d < distance {
			best, distance = choice, d
		}
	}
	return best
}

// editDistance counts insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
func editDistance(a, b string) int {
	before, last, this := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		this[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			this[j+1] = min(change, last[j+1]+1, this[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				this[j+1] = min(this[j+1], before[j-1]+1)
			}
		}
		before, last, this = last, this, before
	}
	return last[len(b)]
}
