package dataset

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
)

// powers of ten that a float64 holds exactly
var powers = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
	1e20, 1e21, 1e22,
}

// integers are the powers of ten by which up to eight further digits shift a mantissa.
var integers = [...]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}

// scanNumber reads the plain decimal number that starts at b[i] and gives the place after it. It answers only where
// the result is certain to be strconv.ParseFloat's: at most 2^53 as digits and at most 22 of them behind the point, so
// that one correctly rounded division is exact (Clinger, "How to read floating point numbers accurately", PLDI 1990).
// Everything else, an exponent or a leading zero included, is left to parseNumber: ok is false.
func scanNumber(b []byte, i int) (v float64, next int, ok bool) {
	if i >= len(b) {
		return 0, i, false
	}
	// without a branch on the sign, which no processor could foresee
	negative := 0
	if b[i] == '-' {
		negative = 1
	}
	i += negative
	start := i
	mantissa := uint64(0)
	for i < len(b) && b[i]-'0' <= 9 {
		mantissa = mantissa*10 + uint64(b[i]-'0')
		i++
	}
	whole := i - start
	if whole == 0 || whole > 18 || (whole > 1 && b[start] == '0') {
		return 0, i, false
	}
	fraction := 0
	if i < len(b) && b[i] == '.' {
		i++
		mantissa, fraction = scanFraction(b[i:], mantissa)
		i += fraction
		// 19 digits do not overflow 64 bits
		if fraction == 0 || whole+fraction > 19 {
			return 0, i, false
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') || mantissa > 1<<53 {
		return 0, i, false
	}
	v = float64(mantissa)
	if fraction > 0 {
		v /= powers[fraction]
	}
	return math.Float64frombits(math.Float64bits(v) | uint64(negative)<<63), i, true
}

// scanFraction appends the digits at the start of b to a mantissa, eight bytes at a time, and counts them.
func scanFraction(b []byte, mantissa uint64) (uint64, int) {
	n := 0
	for len(b)-n >= 8 {
		word := binary.LittleEndian.Uint64(b[n:])
		k := leadingDigits(word)
		if k == 0 {
			return mantissa, n
		}
		// shifting the digits to the end of the word puts zeros in front of them
		mantissa = mantissa*integers[k] + eightDigits(word<<(64-8*uint(k)))
		n += k
		if k < 8 || n > 19 {
			return mantissa, n
		}
	}
	for n < len(b) && b[n]-'0' <= 9 {
		mantissa = mantissa*10 + uint64(b[n]-'0')
		n++
	}
	return mantissa, n
}

// leadingDigits counts the ASCII digits at the low end of a word.
func leadingDigits(word uint64) int {
	// a byte is a digit when its high half is 3 and stays so after adding 6
	odd := (word&0xf0f0f0f0f0f0f0f0 ^ 0x3030303030303030) | ((word+0x0606060606060606)&0xf0f0f0f0f0f0f0f0 ^ 0x3030303030303030)
	return bits.TrailingZeros64(odd) / 8
}

// eightDigits is the value of eight ASCII digits (or NUL bytes, which count as 0), the first one in the lowest byte:
// Lemire, "Quickly parsing eight digits" (2018).
func eightDigits(word uint64) uint64 {
	word &= 0x0f0f0f0f0f0f0f0f
	word = (word * (10<<8 + 1)) >> 8
	word = (word & 0x00ff00ff00ff00ff) * (100<<16 + 1) >> 16
	return (word & 0x0000ffff0000ffff) * (10000<<32 + 1) >> 32
}

// parseNumber reads all of b as a decimal number: a sign, digits with a point among them, an exponent. Hexadecimal
// digits, underscores and words such as inf are not numbers. One that is too large gives an infinity and false.
func parseNumber(b []byte) (float64, bool) {
	if !isDecimal(b) {
		return 0, false
	}
	v, err := strconv.ParseFloat(string(b), 64)
	return v, err == nil
}

func isDecimal(b []byte) bool {
	i, n := 0, 0
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		i++
	}
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		n++
	}
	if i < len(b) && b[i] == '.' {
		for i++; i < len(b) && b[i]-'0' <= 9; i++ {
			n++
		}
	}
	if n == 0 {
		return false
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '-' || b[i] == '+') {
			i++
		}
		first := i
		for ; i < len(b) && b[i]-'0' <= 9; i++ {
		}
		if i == first {
			return false
		}
	}
	return i == len(b)
}

// keepsText tells of a number that says more as a text: a zero in front of a digit (007, a postcode), or a whole
// number beyond 2^53, where neighbours become equal.
func keepsText(b []byte) bool {
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		b = b[1:]
	}
	if len(b) > 1 && b[0] == '0' && b[1]-'0' <= 9 {
		return true
	}
	if len(b) < 16 {
		return false
	}
	whole := uint64(0)
	for i, c := range b {
		if c-'0' > 9 {
			return false
		}
		if i == 19 {
			return true
		}
		whole = whole*10 + uint64(c-'0')
	}
	return whole > 1<<53
}
