package dataset

import (
	"bytes"
	"fmt"
	"slices"
	"unicode/utf8"
)

// csvBorder finds the end of the last whole record of b, 0 when there is none. A line break ends a record when an
// even number of quotes stands before it. A misplaced quote may lead it astray, but only behind that quote, where
// reading stops with an error.
func csvBorder(b []byte) int {
	odd := bytes.Count(b, []byte{'"'})%2 == 1
	if !odd && bytes.IndexByte(b, '"') < 0 {
		return bytes.LastIndexByte(b, '\n') + 1
	}
	for i, c := range slices.Backward(b) {
		switch c {
		case '"':
			odd = !odd
		case '\n':
			if !odd {
				return i + 1
			}
		}
	}
	return 0
}

// A csvScanner walks over the cells of one block of CSV (RFC 4180; lines end in LF or CR LF; empty lines are skipped).
type csvScanner struct {
	b       []byte
	at      int
	line    int
	column  int // of the current cell, from 0
	maxCell int
	scratch []byte
	valid   bool // b is UTF-8
}

// startRow skips empty lines and tells whether a record follows.
func (s *csvScanner) startRow() bool {
	for s.at < len(s.b) {
		switch {
		case s.b[s.at] == '\n':
			s.at++
			s.line++
		case s.b[s.at] == '\r' && (s.at+1 == len(s.b) || s.b[s.at+1] == '\n'):
			s.at++
		default:
			s.column = 0
			return true
		}
	}
	return false
}

// cell reads the cell at hand and stops before the separator or line break behind it.
func (s *csvScanner) cell() ([]byte, *Error) {
	if s.at < len(s.b) && s.b[s.at] == '"' {
		return s.quoted()
	}
	start := s.at
scan:
	for ; s.at < len(s.b); s.at++ {
		switch s.b[s.at] {
		case ',', '\n':
			break scan
		case '\r':
			if s.at+1 == len(s.b) || s.b[s.at+1] == '\n' {
				break scan
			}
		case '"':
			return nil, s.fail("a quote inside a cell that does not begin with one")
		}
	}
	return s.check(s.b[start:s.at])
}

// quoted reads a cell in quotes, in which "" is one quote.
func (s *csvScanner) quoted() ([]byte, *Error) {
	line, start := s.line, s.at+1
	s.scratch = s.scratch[:0]
	for {
		n := bytes.IndexByte(s.b[start:], '"')
		if n < 0 {
			e := s.fail("a quote is opened here and never closed")
			if len(s.scratch)+len(s.b)-start > s.maxCell {
				e = s.fail(tooLong(s.maxCell))
			}
			e.Line = line
			return nil, e
		}
		piece := s.b[start : start+n]
		s.line += bytes.Count(piece, []byte{'\n'})
		start += n + 1
		if start < len(s.b) && s.b[start] == '"' {
			s.scratch = append(append(s.scratch, piece...), '"')
			start++
			continue
		}
		s.at = start
		if len(s.scratch) > 0 {
			s.scratch = append(s.scratch, piece...)
			piece = s.scratch
		}
		if !s.atEnd() {
			return nil, s.fail("text after the closing quote of a cell")
		}
		cell, e := s.check(piece)
		if e != nil {
			e.Line = line
		}
		return cell, e
	}
}

// atEnd tells whether the cell ends here.
func (s *csvScanner) atEnd() bool {
	if s.at == len(s.b) {
		return true
	}
	switch s.b[s.at] {
	case ',', '\n':
		return true
	case '\r':
		return s.at+1 == len(s.b) || s.b[s.at+1] == '\n'
	}
	return false
}

// endCell goes past the end of the cell and tells whether another one follows in the record.
func (s *csvScanner) endCell() bool {
	if s.at < len(s.b) && s.b[s.at] == ',' {
		s.at++
		s.column++
		return true
	}
	if s.at < len(s.b) && s.b[s.at] == '\r' {
		s.at++
	}
	if s.at < len(s.b) {
		s.at++
		s.line++
	}
	return false
}

func (s *csvScanner) check(cell []byte) ([]byte, *Error) {
	if len(cell) > s.maxCell {
		return nil, s.fail(tooLong(s.maxCell))
	}
	if !s.valid && !utf8.Valid(cell) {
		return nil, s.fail(notUTF8)
	}
	return cell, nil
}

func (s *csvScanner) fail(msg string) *Error {
	return &Error{Line: s.line, Column: s.column + 1, Msg: msg}
}

// readCSVHeader reads the names of the columns and gives the length of the header and the lines in it.
func readCSVHeader(b []byte, o Options) (names []string, size, lines int, err *Error) {
	s := csvScanner{b: b, maxCell: o.MaxCell, valid: utf8.Valid(b)}
	if !s.startRow() {
		return nil, 0, 0, &Error{Msg: "is empty: there is not even a header"}
	}
	for more := true; more; {
		line := s.line
		start := s.at
		cell, e := s.cell()
		if e != nil {
			return nil, 0, 0, e
		}
		names = append(names, string(cell))
		if len(names) > o.MaxColumns {
			return nil, 0, 0, &Error{Line: line, Column: len(names), Msg: tooMany("columns", o.MaxColumns)}
		}
		if len(names) == 1 && b[start] != '"' && s.at < len(b) && b[s.at] != ',' && bytes.ContainsAny(cell, ";\t") {
			return nil, 0, 0, &Error{Line: line, Column: 1, Msg: "the separator seems to be a semicolon or a tab: only commas separate cells"}
		}
		more = s.endCell()
	}
	if e := checkHeader(names); e != nil {
		return nil, 0, 0, e
	}
	return names, s.at, s.line, nil
}

// checkHeader refuses empty and repeated names; the line is the header's.
func checkHeader(names []string) *Error {
	first := make(map[string]int, len(names))
	for i, n := range names {
		if n == "" {
			return &Error{Column: i + 1, Msg: "a column has no name"}
		}
		if at, ok := first[n]; ok {
			return &Error{Column: i + 1, Name: n, Msg: fmt.Sprintf("column %d has the same name", at)}
		}
		first[n] = i + 1
	}
	return nil
}

// parseCSV reads the records of a block into a part.
func parseCSV(b []byte, pl *plan, p *part) {
	p.reset(pl)
	s := csvScanner{b: b, maxCell: pl.maxCell, valid: utf8.Valid(b)}
	for s.startRow() {
		p.lines = append(p.lines, s.line)
		if p.err = s.row(pl, p); p.err != nil {
			return
		}
		p.rows++
	}
	p.newlines = s.line
}

func (s *csvScanner) row(pl *plan, p *part) *Error {
	line := s.line
	for i := range p.columns {
		c := &p.columns[i]
		if c.kind == Number {
			// the common case: a plain number right up to the separator
			if v, next, ok := scanNumber(s.b, s.at); ok && (next == len(s.b) || s.b[next] == ',' || s.b[next] == '\n') {
				c.floats = append(c.floats, v)
				if next < len(s.b) && s.b[next] == ',' && i+1 < len(p.columns) {
					s.at = next + 1
					s.column++
					continue
				}
				s.at = next
				goto next
			}
		}
		{
			at := s.line
			cell, e := s.cell()
			if e == nil {
				if wrong := c.add(cell); wrong != "" {
					e = &Error{Line: at, Column: i + 1, Msg: wrong}
				}
			}
			if e != nil {
				e.Name = pl.names[i]
				return e
			}
		}
	next:
		more := s.endCell()
		if !more && i+1 < len(p.columns) {
			return &Error{Line: line, Column: i + 2, Name: pl.names[i+1], Msg: fmt.Sprintf("the row ends after %s, the header has %d columns", cells(i+1), len(p.columns))}
		}
		if more && i+1 == len(p.columns) {
			return s.surplus(line, len(p.columns))
		}
	}
	return nil
}

// surplus counts the cells of a row that is too long.
func (s *csvScanner) surplus(line, columns int) *Error {
	n := columns
	for more := true; more; n++ {
		if _, e := s.cell(); e != nil {
			return e
		}
		more = s.endCell()
	}
	return &Error{Line: line, Column: columns + 1, Msg: fmt.Sprintf("the row has %s, the header has %d columns", cells(n), columns)}
}

func cells(n int) string {
	if n == 1 {
		return "1 cell"
	}
	return fmt.Sprintf("%d cells", n)
}
