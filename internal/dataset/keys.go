package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Keys names every row. With an id column the key is its canonical text; a missing or repeated id is an error with its
// line. Without one the key is the hex of a 128-bit hash (SHA-256, cut) of the row's values in the columns of over,
// whose order does not matter; nil is all columns. Rows that are equal there get "#2", "#3" and so on, in table order.
func (t *Table) Keys(id string, over []string) ([]string, error) {
	if id != "" {
		return t.idKeys(id)
	}
	if over == nil {
		over = t.Names()
	}
	columns := make([]*Column, 0, len(over))
	for _, n := range over {
		c, err := t.need(n)
		if err != nil {
			return nil, err
		}
		columns = append(columns, c)
	}
	h := newRowHasher(columns, exact)
	keys, times := make([]string, t.Rows()), make(map[string]int)
	for i := range keys {
		sum := h.row(i)
		key := hex.EncodeToString(sum[:keyBytes])
		times[key]++
		keys[i] = key
		if n := times[key]; n > 1 {
			keys[i] = key + "#" + strconv.Itoa(n)
		}
	}
	return keys, nil
}

const keyBytes = 16

func (t *Table) idKeys(id string) ([]string, error) {
	c, err := t.need(id)
	if err != nil {
		return nil, err
	}
	keys, first := make([]string, t.Rows()), make(map[string]int, t.Rows())
	for i := range keys {
		fail := func(msg string) error {
			return &Error{File: t.Name, Line: t.line(i), Column: t.position(id), Name: id, Msg: msg}
		}
		if c.Missing(i) {
			return nil, fail("the id is missing")
		}
		keys[i] = c.Text(i)
		if at, again := first[keys[i]]; again {
			return nil, fail(fmt.Sprintf("the id %s is already on line %d", clip(keys[i]), t.line(at)))
		}
		first[keys[i]] = i
	}
	return keys, nil
}

// keyBase takes the "#2" off the key of a repeated row: equal rows belong on the same side of a split.
func keyBase(key string) string {
	if len(key) <= 2*keyBytes || key[2*keyBytes] != '#' {
		return key
	}
	for _, c := range []byte(key[:2*keyBytes]) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return key
		}
	}
	if _, err := strconv.Atoi(key[2*keyBytes+1:]); err != nil {
		return key
	}
	return key[:2*keyBytes]
}

// Digest is "sha256:" and the hex of a hash of all values with their rows' keys. It depends neither on the order of
// rows and columns nor on the file format. The rows of a table whose keys are hashes count as a multiset, because the
// order of equal ones is not told by their content. keys may be nil: then the values alone count.
func (t *Table) Digest(keys []string) string {
	h := newRowHasher(t.Columns, exact)
	rows := make([][sha256.Size]byte, t.Rows())
	for i := range rows {
		rows[i] = h.row(i)
		if keys != nil {
			base := keyBase(keys[i])
			rows[i] = sha256.Sum256(append(append(make([]byte, 0, sha256.Size+len(base)), rows[i][:]...), base...))
		}
	}
	slices.SortFunc(rows, func(a, b [sha256.Size]byte) int { return slices.Compare(a[:], b[:]) })
	all := sha256.New()
	all.Write(h.names[:])
	for i := range rows {
		all.Write(rows[i][:])
	}
	return "sha256:" + hex.EncodeToString(all.Sum(nil))
}

// precision says which numbers are equal.
type precision bool

const (
	exact precision = false
	// rough drops the last 23 bits of a number's 52, which leaves about 9 significant digits, and the spaces around texts.
	rough precision = true
)

// A rowHasher hashes rows over columns sorted by name.
type rowHasher struct {
	columns []*Column
	levels  [][]string
	names   [sha256.Size]byte
	precise precision
	h       hash.Hash
	buf     []byte
}

func newRowHasher(columns []*Column, p precision) *rowHasher {
	r := &rowHasher{columns: slices.Clone(columns), precise: p, h: sha256.New()}
	slices.SortFunc(r.columns, func(a, b *Column) int { return strings.Compare(a.Name, b.Name) })
	for _, c := range r.columns {
		r.buf = appendText(r.buf, c.Name)
		levels := c.Levels
		if p == rough {
			levels = make([]string, len(c.Levels))
			for i, s := range c.Levels {
				levels[i] = strings.TrimSpace(s)
			}
		}
		r.levels = append(r.levels, levels)
	}
	r.names = sha256.Sum256(r.buf)
	return r
}

func appendText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}

// row hashes the names and one row: for each value a letter for its kind, then its bits or its text.
func (r *rowHasher) row(i int) (sum [sha256.Size]byte) {
	b := append(r.buf[:0], r.names[:]...)
	for j, c := range r.columns {
		if c.Missing(i) {
			b = append(b, 'm')
			continue
		}
		if c.Kind == Category {
			b = appendText(append(b, 't'), r.levels[j][c.Codes[i]])
			continue
		}
		bits := math.Float64bits(c.Floats[i] + 0) // -0 is 0
		if r.precise == rough && c.Kind == Number {
			bits = roughBits(c.Floats[i])
		}
		b = binary.LittleEndian.AppendUint64(append(b, "?nbd"[c.Kind]), bits)
	}
	r.buf = b
	r.h.Reset()
	r.h.Write(b)
	r.h.Sum(sum[:0])
	return sum
}

// roughBits are those of a number to about 9 digits.
func roughBits(v float64) uint64 { return (math.Float64bits(v+0) + 1<<22) &^ (1<<23 - 1) }
