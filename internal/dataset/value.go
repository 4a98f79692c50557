package dataset

import (
	"bytes"
	"math"
	"strconv"
	"time"
)

// A cell is missing when it is empty; in a column of numbers, booleans or dates also when it is one of missingWords.
// In a category these words are texts: NA is Namibia.
var missingWords = map[string]bool{
	"NA": true, "N/A": true, "n/a": true, "NaN": true, "nan": true, "null": true, "NULL": true, "None": true,
}

func isMissingWord(b []byte) bool { return len(b) <= 4 && missingWords[string(b)] }

// A mask holds the kinds, besides category, that every value seen so far allows.
type mask uint8

const (
	canNumber mask = 1 << iota
	canBoolean
	canDate
	canAll = canNumber | canBoolean | canDate
)

func (k Kind) mask() mask {
	switch k {
	case Number:
		return canNumber
	case Boolean:
		return canBoolean
	case Date:
		return canDate
	case Category:
	}
	return 0
}

// kind is the first kind that is left; a column without any value is one of numbers.
func (m mask) kind() Kind {
	for _, k := range []Kind{Number, Boolean, Date} {
		if m&k.mask() != 0 {
			return k
		}
	}
	return Category
}

// classify tells which kinds a cell of CSV allows. Numbers that would lose something stay texts: 007, and whole
// numbers beyond 2^53.
func classify(cell []byte) mask {
	if len(cell) == 0 {
		return canAll
	}
	b := trim(cell)
	if len(b) == 0 {
		return 0
	}
	if isMissingWord(b) {
		return canAll
	}
	if _, ok := parseNumber(b); ok && !keepsText(b) {
		return canNumber
	}
	if isBooleanWord(b) {
		return canBoolean
	}
	if _, ok := parseDate(b); ok {
		return canDate
	}
	return 0
}

// parseCell reads a cell as a number, boolean or date: its value, NaN when it is missing, or what is wrong with it.
func parseCell(k Kind, cell []byte) (v float64, wrong string) {
	if len(cell) == 0 {
		return math.NaN(), ""
	}
	b := trim(cell)
	if isMissingWord(b) {
		return math.NaN(), ""
	}
	ok := false
	switch k {
	case Number:
		if v, ok = parseNumber(b); !ok {
			if math.IsInf(v, 0) {
				return 0, clip(string(cell)) + " is beyond the range of a number"
			}
			return 0, clip(string(cell)) + " is not a number"
		}
	case Boolean:
		if v, ok = parseBoolean(b); !ok {
			return 0, clip(string(cell)) + " is not a boolean: write true or false"
		}
	case Date:
		if v, ok = parseDate(b); !ok {
			return 0, clip(string(cell)) + " is not a date: write 2006-01-02 or 2006-01-02T15:04:05Z"
		}
	case Category:
	}
	return v, ""
}

func trim(b []byte) []byte { return bytes.Trim(b, " \t") }

// isBooleanWord are the words that make a column boolean by inference.
func isBooleanWord(b []byte) bool {
	switch string(b) {
	case "true", "false", "True", "False", "TRUE", "FALSE":
		return true
	}
	return false
}

// parseBoolean reads a declared boolean, which may also be yes, no, 1 or 0.
func parseBoolean(b []byte) (float64, bool) {
	switch string(b) {
	case "true", "True", "TRUE", "yes", "Yes", "YES", "1":
		return 1, true
	case "false", "False", "FALSE", "no", "No", "NO", "0":
		return 0, true
	}
	return 0, false
}

// Dates lie in the years 1 to 9999. Within 2^33 seconds of 1970 (to the year 2242) a float64 tells every microsecond
// apart; further away only whole seconds are dates.
const (
	minDate  = -62135596800
	maxDate  = 253402300799
	fineDate = 1 << 33
)

func dateInRange(v float64) bool {
	return v >= minDate && v <= maxDate && (math.Abs(v) < fineDate || v == math.Trunc(v))
}

// ParseDate reads what Read takes for a date: seconds since 1970-01-01 UTC.
func ParseDate(text string) (seconds float64, ok bool) { return parseDate([]byte(text)) }

// parseDate reads an ISO 8601 date (2006-01-02) or date-time (2006-01-02T15:04, 2006-01-02 15:04:05.999999+01:00); a
// time without an offset is UTC. Digits beyond the microsecond must be zero.
func parseDate(b []byte) (float64, bool) {
	if len(b) < 10 || b[4] != '-' || b[7] != '-' {
		return 0, false
	}
	year, ok1 := digits(b[0:4])
	month, ok2 := digits(b[5:7])
	day, ok3 := digits(b[8:10])
	if !ok1 || !ok2 || !ok3 || year < 1 || month < 1 || month > 12 || day < 1 {
		return 0, false
	}
	at := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if at.Day() != day {
		return 0, false
	}
	seconds := at.Unix()
	if len(b) == 10 {
		return float64(seconds), true
	}
	clock, micros, ok := parseClock(b[10:])
	seconds += clock
	if !ok || seconds < minDate || seconds > maxDate {
		return 0, false
	}
	v := float64(seconds)
	if micros != 0 {
		v += float64(micros) / 1e6
	}
	return v, dateInRange(v)
}

// parseClock reads what follows the day: seconds since its midnight in UTC, and microseconds.
func parseClock(b []byte) (seconds, micros int64, ok bool) {
	if len(b) < 6 || (b[0] != 'T' && b[0] != ' ') || b[3] != ':' {
		return 0, 0, false
	}
	hour, ok1 := digits(b[1:3])
	minute, ok2 := digits(b[4:6])
	if !ok1 || !ok2 || hour > 23 || minute > 59 {
		return 0, 0, false
	}
	seconds, b = int64(hour)*3600+int64(minute)*60, b[6:]
	if len(b) >= 3 && b[0] == ':' {
		second, ok := digits(b[1:3])
		if !ok || second > 59 {
			return 0, 0, false
		}
		seconds, b = seconds+int64(second), b[3:]
		if len(b) > 0 && b[0] == '.' {
			if micros, b, ok = parseFraction(b[1:]); !ok {
				return 0, 0, false
			}
		}
	}
	offset, ok := parseOffset(b)
	return seconds - offset, micros, ok
}

func parseFraction(b []byte) (micros int64, rest []byte, ok bool) {
	n := 0
	for ; n < len(b) && b[n]-'0' <= 9; n++ {
		if n < 6 {
			micros = micros*10 + int64(b[n]-'0')
		} else if b[n] != '0' {
			return 0, nil, false
		}
	}
	for i := n; i < 6; i++ {
		micros *= 10
	}
	return micros, b[n:], n > 0
}

// parseOffset reads "", Z, +hh:mm, +hhmm or +hh as seconds east of UTC.
func parseOffset(b []byte) (int64, bool) {
	if len(b) == 0 || (len(b) == 1 && b[0] == 'Z') {
		return 0, true
	}
	sign := int64(1)
	switch b[0] {
	case '-':
		sign = -1
	case '+':
	default:
		return 0, false
	}
	b = b[1:]
	minute := 0
	switch {
	case len(b) == 5 && b[2] == ':', len(b) == 4:
		m, ok := digits(b[len(b)-2:])
		if !ok || m > 59 {
			return 0, false
		}
		minute = m
	case len(b) != 2:
		return 0, false
	}
	hour, ok := digits(b[:2])
	return sign * (int64(hour)*3600 + int64(minute)*60), ok && hour <= 23
}

func digits(b []byte) (int, bool) {
	n := 0
	for _, c := range b {
		if c-'0' > 9 {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// appendValue writes the canonical text of a value that is not missing.
func appendValue(b []byte, k Kind, v float64) []byte {
	switch k {
	case Boolean:
		return strconv.AppendBool(b, v != 0)
	case Date:
		return appendDate(b, v)
	case Number, Category:
	}
	size := math.Abs(v)
	switch {
	case size < 1e15 && v == math.Trunc(v) && (v != 0 || !math.Signbit(v)):
		return strconv.AppendInt(b, int64(v), 10)
	case size >= 1e-5 && size < 1e15 || v == 0:
		return strconv.AppendFloat(b, v, 'f', -1, 64)
	}
	return strconv.AppendFloat(b, v, 'e', -1, 64)
}

func appendDate(b []byte, v float64) []byte {
	seconds, micros := splitDate(v)
	t := time.Unix(seconds, micros*1000).UTC()
	switch {
	case micros != 0:
		return t.AppendFormat(b, "2006-01-02T15:04:05.999999Z")
	case ((seconds%86400)+86400)%86400 == 0:
		return t.AppendFormat(b, "2006-01-02")
	}
	return t.AppendFormat(b, "2006-01-02T15:04:05Z")
}

// splitDate gives whole seconds, rounded down, and the microseconds above them.
func splitDate(v float64) (seconds, micros int64) {
	floor := math.Floor(v)
	seconds, micros = int64(floor), int64(math.Round((v-floor)*1e6))
	if micros == 1e6 {
		return seconds + 1, 0
	}
	return seconds, micros
}
