package forge

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Marker is the invisible first line of our comment. It says which comment this is and which run wrote it, and what
// it showed people: what they answer is about that. No number that decides is ever read from it.
type Marker struct {
	Version int `json:"v"`
	// Key tells the comments of one pull request apart; it is compared as a whole.
	Key string `json:"key"`
	// Head is the commit that was weighed.
	Head string `json:"head"`
	// Run and Attempt order the runs: an older one never overwrites a newer.
	Run     int64 `json:"run"`
	Attempt int   `json:"attempt"`
	// At is when, Since is when a comment of this key first showed this head; RFC 3339 in UTC.
	At    string `json:"at"`
	Since string `json:"since"`
	// Values are the values of blocking rules by name: what a waiver that names no value accepts.
	Values map[string]float64 `json:"values,omitempty"`
	// Past are earlier runs, the newest first.
	Past []Past `json:"past,omitempty"`
}

// Past is one line of the history in a comment.
type Past struct {
	Head     string `json:"head"`
	Run      int64  `json:"run"`
	At       string `json:"at"`
	Decision string `json:"decision"`
	// Headline is the weightiest rule with its value, in words.
	Headline string `json:"headline"`
}

const (
	markerOpen  = "<!-- weighlock "
	markerClose = " -->"
	// maxMarker bounds the line; mostPast and mostText bound what somebody else may have put into it.
	maxMarker = 16 << 10
	mostPast  = 10
	mostText  = 120
)

// String is the whole line, without its end. Letters that could end the HTML comment are escaped; encoding/json does so
// for angle brackets.
func (m Marker) String() string {
	m.Version = 1
	encoded, err := json.Marshal(m)
	if err != nil { // a value that is not finite: the marker must not be lost for it
		m.Values = nil
		encoded, _ = json.Marshal(m)
	}
	return markerOpen + strings.ReplaceAll(string(encoded), "--", `\u002d\u002d`) + markerClose
}

// ParseMarker reads the first line of a comment's body.
func ParseMarker(body string) (Marker, bool) {
	line, _, _ := strings.Cut(body, "\n")
	line = strings.TrimRight(line, "\r")
	inner, opens := strings.CutPrefix(line, markerOpen)
	inner, closes := strings.CutSuffix(inner, markerClose)
	if !opens || !closes || len(line) > maxMarker || strings.Contains(inner, "--") {
		return Marker{}, false
	}
	var m Marker
	d := json.NewDecoder(strings.NewReader(inner))
	if err := d.Decode(&m); err != nil || d.More() || m.Version != 1 || m.Key == "" {
		return Marker{}, false
	}
	m.Past = m.Past[:min(len(m.Past), mostPast)]
	for i := range m.Past {
		p := &m.Past[i]
		p.Head, p.At, p.Decision, p.Headline = plain(p.Head), plain(p.At), plain(p.Decision), plain(p.Headline)
	}
	return m, true
}

// plain keeps a short line of printable text.
func plain(s string) string {
	var b strings.Builder
	for _, c := range s {
		if b.Len() >= mostText {
			break
		}
		if unicode.IsPrint(c) {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// newer reports whether m was written by a later run than other.
func (m Marker) newer(other Marker) bool {
	if m.Run != other.Run {
		return m.Run > other.Run
	}
	return m.Attempt > other.Attempt
}

// stamp formats a time for a marker.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// withoutTime is a body whose marker says nothing of the time, so that an unchanged comment is not written again.
func withoutTime(body string) string {
	m, ok := ParseMarker(body)
	if !ok {
		return body
	}
	_, rest, _ := strings.Cut(body, "\n")
	m.At, m.Since = "", ""
	return fmt.Sprintf("%s\n%s", m, rest)
}
