package serving

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds the nesting of a request. The deepest request that makes sense has four levels.
const maxDepth = 32

// syntaxError is a mistake in the JSON itself, with its place.
type syntaxError struct {
	line, column int
	message      string
}

func (e *syntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.line, e.column, e.message)
}

// kind is what a JSON value is, seen from its first byte.
type kind byte

const (
	kindEnd kind = iota
	kindObject
	kindArray
	kindString
	kindNumber
	kindBool
	kindNull
)

// parser reads one JSON text (RFC 8259) strictly and without building a tree: duplicate keys, invalid UTF-8, numbers
// beyond float64 and trailing data are errors. encoding/json accepts the first two, and is ten times slower on numbers.
type parser struct {
	data  []byte
	pos   int
	depth int
}

func (p *parser) fail(format string, args ...any) error {
	line, start := 1, 0
	for i, c := range p.data[:min(p.pos, len(p.data))] {
		if c == '\n' {
			line, start = line+1, i+1
		}
	}
	return &syntaxError{line: line, column: p.pos - start + 1, message: fmt.Sprintf(format, args...)}
}

func (p *parser) space() {
	for p.pos < len(p.data) {
		switch p.data[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

// peek skips white space and says what comes next.
func (p *parser) peek() kind {
	if p.pos < len(p.data) && p.data[p.pos] <= ' ' {
		p.space()
	}
	if p.pos >= len(p.data) {
		return kindEnd
	}
	switch c := p.data[p.pos]; {
	case c-'0' <= 9, c == '-':
		return kindNumber
	case c == '{':
		return kindObject
	case c == '[':
		return kindArray
	case c == '"':
		return kindString
	case c == 't', c == 'f':
		return kindBool
	case c == 'n':
		return kindNull
	}
	return kindEnd
}

// end insists that nothing follows.
func (p *parser) end() error {
	p.space()
	if p.pos < len(p.data) {
		return p.fail("data after the end of the request")
	}
	return nil
}

func (p *parser) take(c byte) error {
	p.space()
	if p.pos >= len(p.data) || p.data[p.pos] != c {
		return p.fail("expected %q", string(c))
	}
	p.pos++
	return nil
}

func (p *parser) next(c byte) bool {
	if p.pos < len(p.data) && p.data[p.pos] <= ' ' {
		p.space()
	}
	if p.pos < len(p.data) && p.data[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

// object calls member for each key in order; member must consume the value.
func (p *parser) object(member func(key string) error) error {
	if err := p.enter('{'); err != nil {
		return err
	}
	defer func() { p.depth-- }()
	if p.next('}') {
		return nil
	}
	seen := make([]string, 0, 16)
	var many map[string]bool // takes over from seen, for objects with more members than a linear search should see
	for {
		p.space()
		at := p.pos
		key, err := p.string()
		if err != nil {
			return err
		}
		if many == nil && len(seen) == cap(seen) {
			many = make(map[string]bool, 2*len(seen))
			for _, s := range seen {
				many[s] = true
			}
		}
		duplicate := many[key]
		if many == nil {
			for _, s := range seen {
				duplicate = duplicate || s == key
			}
			seen = append(seen, key)
		} else {
			many[key] = true
		}
		if duplicate {
			p.pos = at
			return p.fail("key %q stands twice in the same object", key)
		}
		if err := p.take(':'); err != nil {
			return err
		}
		if err := member(key); err != nil {
			return err
		}
		if p.next(',') {
			continue
		}
		return p.take('}')
	}
}

// array calls element for each value in order; element must consume the value.
func (p *parser) array(element func(i int) error) error {
	if err := p.enter('['); err != nil {
		return err
	}
	defer func() { p.depth-- }()
	if p.next(']') {
		return nil
	}
	for i := 0; ; i++ {
		if err := element(i); err != nil {
			return err
		}
		if p.next(',') {
			continue
		}
		return p.take(']')
	}
}

func (p *parser) enter(c byte) error {
	if err := p.take(c); err != nil {
		return err
	}
	if p.depth++; p.depth > maxDepth {
		return p.fail("more than %d levels deep", maxDepth)
	}
	return nil
}

// skip consumes one value of any kind, checking it all the same.
func (p *parser) skip() error {
	switch p.peek() {
	case kindObject:
		return p.object(func(string) error { return p.skip() })
	case kindArray:
		return p.array(func(int) error { return p.skip() })
	case kindString:
		_, err := p.string()
		return err
	case kindNumber:
		_, err := p.number()
		return err
	case kindBool:
		_, err := p.bool()
		return err
	case kindNull:
		return p.null()
	case kindEnd:
	}
	return p.fail("expected a value")
}

func (p *parser) literal(word string) bool {
	if len(p.data)-p.pos >= len(word) && string(p.data[p.pos:p.pos+len(word)]) == word {
		p.pos += len(word)
		return true
	}
	return false
}

func (p *parser) null() error {
	if p.peek() == kindNull && p.literal("null") {
		return nil
	}
	return p.fail("expected null")
}

func (p *parser) bool() (bool, error) {
	if p.peek() == kindBool {
		if p.literal("true") {
			return true, nil
		}
		if p.literal("false") {
			return false, nil
		}
	}
	return false, p.fail("expected true or false")
}

// pow10 are the powers of ten that float64 holds exactly.
var pow10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// number reads a number with the JSON grammar. Up to 15 digits are exact in one division (Clinger 1990); everything else
// is left to strconv.
func (p *parser) number() (float64, error) {
	if p.peek() != kindNumber {
		return 0, p.fail("expected a number")
	}
	return p.digits()
}

// atNumber tells whether a number stands right at the position, where peek would look behind spaces.
func (p *parser) atNumber() bool {
	return p.pos < len(p.data) && (p.data[p.pos]-'0' <= 9 || p.data[p.pos] == '-')
}

// digits reads the number that stands at the position, as peek has seen.
func (p *parser) digits() (float64, error) {
	data, start := p.data, p.pos
	at := start
	negative := data[at] == '-'
	if negative {
		at++
	}
	first, mantissa := at, uint64(0)
	for ; at < len(data) && data[at]-'0' <= 9; at++ {
		mantissa = mantissa*10 + uint64(data[at]-'0') // may overflow: then it is not used
	}
	digits := at - first
	if digits == 0 || digits > 1 && data[first] == '0' {
		return 0, p.malformed(at)
	}
	decimals := 0
	if at < len(data) && data[at] == '.' {
		at++
		point := at
		for ; at < len(data) && data[at]-'0' <= 9; at++ {
			mantissa = mantissa*10 + uint64(data[at]-'0')
		}
		if decimals = at - point; decimals == 0 {
			return 0, p.malformed(at)
		}
	}
	if at == len(data) || data[at]|0x20 != 'e' {
		p.pos = at
		if digits+decimals > 15 {
			return p.float(start)
		}
		v := float64(mantissa) / pow10[decimals]
		if negative {
			v = -v
		}
		return v, nil
	}
	at++
	if at < len(data) && (data[at] == '+' || data[at] == '-') {
		at++
	}
	exponent := at
	for ; at < len(data) && data[at]-'0' <= 9; at++ {
	}
	p.pos = at
	if at == exponent {
		return 0, p.malformed(at)
	}
	return p.float(start)
}

func (p *parser) malformed(at int) error {
	p.pos = at
	return p.fail("malformed number")
}

// float reads the number from start to the position by strconv.
func (p *parser) float(start int) (float64, error) {
	v, err := strconv.ParseFloat(string(p.data[start:p.pos]), 64)
	if err != nil || math.IsInf(v, 0) {
		p.pos = start
		return 0, p.fail("number is beyond float64")
	}
	return v, nil
}

// string reads a string. Its UTF-8 must be valid and its surrogates paired: a replaced character would silently make
// another category of it.
func (p *parser) string() (string, error) {
	if err := p.take('"'); err != nil {
		return "", err
	}
	start := p.pos
	for p.pos < len(p.data) {
		switch c := p.data[p.pos]; {
		case c == '"':
			s := p.data[start:p.pos]
			if !utf8.Valid(s) {
				return "", p.fail("string is not UTF-8")
			}
			p.pos++
			return string(s), nil
		case c == '\\':
			return p.escaped(start)
		case c < 0x20:
			return "", p.fail("control character in a string")
		}
		p.pos++
	}
	return "", p.fail("string does not end")
}

// escaped reads the rest of a string from its first backslash on.
func (p *parser) escaped(start int) (string, error) {
	s := append([]byte(nil), p.data[start:p.pos]...)
	for p.pos < len(p.data) {
		c := p.data[p.pos]
		switch {
		case c == '"':
			if !utf8.Valid(s) {
				return "", p.fail("string is not UTF-8")
			}
			p.pos++
			return string(s), nil
		case c < 0x20:
			return "", p.fail("control character in a string")
		case c != '\\':
			s = append(s, c)
			p.pos++
		default:
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			s = utf8.AppendRune(s, r)
		}
	}
	return "", p.fail("string does not end")
}

// simpleEscapes are those of one letter.
var simpleEscapes = map[byte]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (p *parser) escape() (rune, error) {
	if p.pos+1 >= len(p.data) {
		return 0, p.fail("string does not end")
	}
	c := p.data[p.pos+1]
	if r, ok := simpleEscapes[c]; ok {
		p.pos += 2
		return r, nil
	}
	r, ok := p.unit()
	if !ok {
		return 0, p.fail("unknown escape in a string")
	}
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	second, ok := p.unit()
	if paired := utf16.DecodeRune(r, second); ok && paired != utf8.RuneError {
		return paired, nil
	}
	return 0, p.fail("half a surrogate pair in a string")
}

// unit reads \uXXXX.
func (p *parser) unit() (rune, bool) {
	if p.pos+6 > len(p.data) || p.data[p.pos] != '\\' || p.data[p.pos+1] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(string(p.data[p.pos+2:p.pos+6]), 16, 16)
	if err != nil {
		return 0, false
	}
	p.pos += 6
	return rune(v), true
}
