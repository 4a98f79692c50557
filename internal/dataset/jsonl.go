package dataset

import (
	"bytes"
	"fmt"
	"math"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonBorder finds the end of the last whole line of b: a JSON text holds no raw line break inside a string.
func jsonBorder(b []byte) int { return bytes.LastIndexByte(b, '\n') + 1 }

// A token is one value of JSON.
type token uint8

const (
	jsonNull token = iota
	jsonBool
	jsonNumber
	jsonString
)

// can tells which kinds a JSON value allows; unlike a cell of CSV, a string in quotes is never a number.
func (t token) can(text []byte) mask {
	switch t {
	case jsonNull:
		return canAll
	case jsonBool:
		return canBoolean
	case jsonNumber:
		if keepsText(text) {
			return 0
		}
		return canNumber
	case jsonString:
	}
	if len(text) == 0 {
		return canAll
	}
	if _, ok := parseDate(text); ok {
		return canDate
	}
	return 0
}

// addJSON appends a JSON value.
func (c *partColumn) addJSON(t token, text []byte) string {
	if t == jsonNull {
		c.addMissing()
		return ""
	}
	switch {
	case c.kind == 0:
		c.can &= t.can(text)
		return ""
	case c.kind != Category && !c.fixed:
		can := t.can(text)
		c.can &= can
		if can&c.kind.mask() == 0 {
			c.floats = append(c.floats, math.NaN())
			return ""
		}
	case c.kind == Category:
		return c.add(text)
	}
	v, wrong := parseCell(c.kind, text)
	c.floats = append(c.floats, v)
	return wrong
}

// parseJSON reads the lines of a block, one flat object each, into a part. Empty lines are skipped.
func parseJSON(b []byte, pl *plan, p *part) {
	p.reset(pl)
	p.names = append(p.names, pl.names...)
	s := jsonScanner{b: b, maxCell: pl.maxCell, maxColumns: pl.maxColumns, index: pl.index, valid: utf8.Valid(b)}
	for ; s.at < len(b); s.line++ {
		s.end = s.at + bytes.IndexByte(b[s.at:], '\n')
		if s.end < s.at {
			s.end = len(b)
		}
		if s.space(); s.at < s.end {
			p.lines = append(p.lines, s.line)
			if p.err = s.object(p); p.err != nil {
				p.err.Line = s.line
				return
			}
			p.rows++
			p.complete()
		}
		s.at = s.end + 1
	}
	p.newlines = s.line
}

// complete marks as missing what the last object did not mention.
func (p *part) complete() {
	for i := range p.columns {
		c := &p.columns[i]
		if c.kind != 0 && len(c.floats)+len(c.codes) < p.rows {
			c.addMissing()
		}
	}
}

type jsonScanner struct {
	b                   []byte
	at, end             int // the rest of the line at hand
	line                int
	maxCell, maxColumns int
	valid               bool
	index               map[string]int // of the plan
	extra               map[string]int // columns that the plan does not know
	seen                []int          // by column, the line that mentioned it last, from 1
	scratch             []byte
}

func (s *jsonScanner) space() {
	for s.at < s.end && (s.b[s.at] == ' ' || s.b[s.at] == '\t' || s.b[s.at] == '\r') {
		s.at++
	}
}

// take goes past a byte, if it is the next one.
func (s *jsonScanner) take(c byte) bool {
	if s.space(); s.at < s.end && s.b[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *jsonScanner) fail(format string, a ...any) *Error {
	return &Error{Msg: fmt.Sprintf(format, a...)}
}

// syntax says what was expected at the place at hand, which is a byte of the line from 1.
func (s *jsonScanner) syntax(want string) *Error {
	start := bytes.LastIndexByte(s.b[:min(s.at, len(s.b))], '\n') + 1
	return s.fail("is not JSON at byte %d of the line: %s expected", s.at-start+1, want)
}

func (s *jsonScanner) object(p *part) *Error {
	if !s.take('{') {
		return s.syntax("an object")
	}
	for first := true; ; first = false {
		if first && s.take('}') {
			break
		}
		if !s.take('"') {
			return s.syntax("a name in quotes")
		}
		name, e := s.text()
		if e != nil {
			return e
		}
		if len(name) == 0 {
			return s.fail("a column has no name")
		}
		column, e := s.column(name, p)
		if e != nil {
			return e
		}
		if !s.take(':') {
			return s.syntax("a colon")
		}
		if e := s.value(&p.columns[column]); e != nil {
			e.Column, e.Name = column+1, p.names[column]
			return e
		}
		if s.take('}') {
			break
		}
		if !s.take(',') {
			return s.syntax("a comma or the end of the object")
		}
	}
	if s.space(); s.at < s.end {
		return s.syntax("the end of the line")
	}
	return nil
}

// column finds the column of a name, or adds one whose kind is to be found out.
func (s *jsonScanner) column(name []byte, p *part) (int, *Error) {
	i, ok := s.index[string(name)]
	if !ok {
		i, ok = s.extra[string(name)]
	}
	if !ok {
		if len(p.names) == s.maxColumns {
			return 0, s.fail("%s", tooMany("columns", s.maxColumns))
		}
		if s.extra == nil {
			s.extra = make(map[string]int)
		}
		i = len(p.names)
		s.extra[string(name)] = i
		p.names = append(p.names, string(name))
		p.columns = append(p.columns, partColumn{can: canAll})
	}
	for len(s.seen) < len(p.names) {
		s.seen = append(s.seen, 0)
	}
	if s.seen[i] == s.line+1 {
		return 0, &Error{Column: i + 1, Name: p.names[i], Msg: "the name stands twice in the object"}
	}
	s.seen[i] = s.line + 1
	return i, nil
}

func (s *jsonScanner) value(c *partColumn) *Error {
	s.space()
	if s.at >= s.end {
		return s.syntax("a value")
	}
	t, start := jsonNumber, s.at
	switch s.b[s.at] {
	case '"':
		s.at++
		text, e := s.text()
		if e != nil {
			return e
		}
		return wrongCell(c.addJSON(jsonString, text))
	case '{', '[':
		return s.fail("the value is an object or a list: a cell holds one value")
	case 't', 'f', 'n':
		for s.at < s.end && s.b[s.at] >= 'a' && s.b[s.at] <= 'z' {
			s.at++
		}
		switch string(s.b[start:s.at]) {
		case "true", "false":
			t = jsonBool
		case "null":
			t = jsonNull
		default:
			s.at = start
			return s.syntax("a value")
		}
	default:
		for s.at < s.end && isNumberByte(s.b[s.at]) {
			s.at++
		}
		if !isJSONNumber(s.b[start:s.at]) {
			s.at = start
			return s.syntax("a value")
		}
	}
	text := s.b[start:s.at]
	if len(text) > s.maxCell {
		return s.fail("%s", tooLong(s.maxCell))
	}
	if t == jsonNumber && c.kind != Category {
		if _, ok := parseNumber(text); !ok {
			return s.fail("%s is beyond the range of a number", clip(string(text)))
		}
	}
	return wrongCell(c.addJSON(t, text))
}

func wrongCell(msg string) *Error {
	if msg == "" {
		return nil
	}
	return &Error{Msg: msg}
}

func isNumberByte(c byte) bool {
	return c-'0' <= 9 || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}

// isJSONNumber is narrower than isDecimal: no plus, no leading zeros, digits on both sides of the point.
func isJSONNumber(b []byte) bool {
	if !isDecimal(b) || b[0] == '+' {
		return false
	}
	if b[0] == '-' {
		b = b[1:]
	}
	if b[0] == '.' || len(b) > 1 && b[0] == '0' && b[1]-'0' <= 9 {
		return false
	}
	dot := bytes.IndexByte(b, '.')
	return dot < 0 || dot+1 < len(b) && b[dot+1]-'0' <= 9
}

// text reads a string behind its opening quote. What it returns is overwritten by the next call.
func (s *jsonScanner) text() ([]byte, *Error) {
	start := s.at
	for s.at < s.end && s.b[s.at] != '"' && s.b[s.at] != '\\' && s.b[s.at] >= 0x20 {
		s.at++
	}
	text := s.b[start:s.at]
	if s.at < s.end && s.b[s.at] == '\\' {
		s.scratch = append(s.scratch[:0], text...)
		for s.at < s.end && s.b[s.at] != '"' && s.b[s.at] >= 0x20 {
			if s.b[s.at] != '\\' {
				s.scratch = append(s.scratch, s.b[s.at])
				s.at++
			} else if e := s.escape(); e != nil {
				return nil, e
			}
		}
		text = s.scratch
	}
	switch {
	case len(text) > s.maxCell:
		return nil, s.fail("%s", tooLong(s.maxCell))
	case s.at >= s.end || s.b[s.at] != '"':
		return nil, s.syntax("the closing quote of a string")
	case !s.valid && !utf8.Valid(text):
		return nil, s.fail(notUTF8)
	}
	s.at++
	return text, nil
}

var jsonEscapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (s *jsonScanner) escape() *Error {
	if s.at+1 >= s.end {
		return s.syntax("the rest of an escape")
	}
	if c, ok := jsonEscapes[s.b[s.at+1]]; ok {
		s.scratch = append(s.scratch, c)
		s.at += 2
		return nil
	}
	r, ok := s.unit()
	if !ok {
		return s.syntax("an escape of JSON")
	}
	if utf16.IsSurrogate(r) {
		low, _ := s.unit()
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
			return s.syntax("a surrogate pair")
		}
	}
	s.scratch = utf8.AppendRune(s.scratch, r)
	return nil
}

// unit reads \uXXXX.
func (s *jsonScanner) unit() (rune, bool) {
	if s.at+6 > s.end || s.b[s.at] != '\\' || s.b[s.at+1] != 'u' {
		return 0, false
	}
	r := rune(0)
	for _, c := range s.b[s.at+2 : s.at+6] {
		switch {
		case c-'0' <= 9:
			r = r<<4 + rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 + rune(c|0x20-'a') + 10
		default:
			return 0, false
		}
	}
	s.at += 6
	return r, true
}
