package report

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// none stands where there is no number.
const none = "–"

// minus is the sign of negative numbers: a hyphen is easily overlooked.
const minus = "−"

// num writes a measured value with four significant digits.
func num(v *float64) string {
	if v == nil {
		return none
	}
	return fixed(*v, places(*v, 4))
}

// configured writes a number that somebody chose, as short as it was chosen.
func configured(v float64) string {
	if a := math.Abs(v); a != 0 && (a < 1e-4 || a >= 1e9) {
		return sign(strconv.FormatFloat(v, 'g', -1, 64))
	}
	return sign(group(strconv.FormatFloat(v, 'f', -1, 64)))
}

// places is how many decimals show so many significant digits of v; negative means rounding to tens, hundreds and so on.
func places(v float64, digits int) int {
	if v == 0 {
		return 0
	}
	// The exponent after rounding: 9.9996 has five digits to four places, and 10.00 has four.
	text := strconv.FormatFloat(math.Abs(v), 'e', digits-1, 64)
	_, exponent, _ := strings.Cut(text, "e")
	e, err := strconv.Atoi(exponent)
	if err != nil {
		return 0
	}
	return digits - 1 - e
}

// fixed writes v with so many decimals, in powers of ten where that would be unreadable.
func fixed(v float64, decimals int) string {
	if v == 0 {
		return "0"
	}
	if a := math.Abs(v); decimals > 9 || a >= 1e12 {
		return sign(strconv.FormatFloat(v, 'e', 3, 64))
	}
	if decimals < 0 {
		v, decimals = rounded(v, decimals), 0
	}
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Trim(text, "-0.") == "" {
		text = strings.TrimPrefix(text, "-")
	}
	return sign(group(text))
}

// sign replaces the hyphen by a minus.
func sign(text string) string { return strings.ReplaceAll(text, "-", minus) }

// group puts commas between thousands from 10,000 on.
func group(text string) string {
	whole, rest, point := strings.Cut(text, ".")
	negative := strings.HasPrefix(whole, "-")
	whole = strings.TrimPrefix(whole, "-")
	if len(whole) > 4 {
		for i := len(whole) - 3; i > 0; i -= 3 {
			whole = whole[:i] + "," + whole[i:]
		}
	}
	if negative {
		whole = "-" + whole
	}
	if point {
		return whole + "." + rest
	}
	return whole
}

// plus puts a sign before a positive number.
func plus(v float64, text string) string {
	if v > 0 && !strings.HasPrefix(text, minus) {
		return "+" + text
	}
	return text
}

// count writes a whole number.
func count(n int) string { return sign(group(strconv.Itoa(n))) }

// several writes a number with its noun: "1 row", "12 rows".
func several(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(n) + " " + noun + "s"
}

// share writes a share as a percentage with a sign, to three digits and at most two decimals.
func share(v float64) string {
	p := v * 100
	switch {
	case p == 0:
		return "0%"
	case math.Abs(p) < 0.005 && p > 0:
		return "+<0.01%"
	case math.Abs(p) < 0.005:
		return minus + "<0.01%"
	}
	return plus(p, fixed(p, max(0, min(2, places(p, 3))))) + "%"
}

// bytesText writes a size.
func bytesText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}

// duration writes seconds the way a person says them.
func duration(s float64) string {
	switch {
	case s < 0.001:
		return "<1 ms"
	case s < 1:
		return fmt.Sprintf("%.0f ms", s*1000)
	case s < 60:
		return fmt.Sprintf("%.1f s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %02d s", int(s)/60, int(s)%60)
	}
	return fmt.Sprintf("%d h %02d min", int(s)/3600, int(s)/60%60)
}

// decimals is how exactly the values of a rule are written: four significant digits of the smaller one, and more where
// that would show the candidate on the other side of its floor or ceiling.
func (r Rule) decimals() int {
	d := -12
	for _, v := range []*float64{r.Baseline, r.Candidate} {
		if v != nil && *v != 0 {
			d = max(d, places(*v, 4))
		}
	}
	if d == -12 {
		return 4
	}
	d = min(d, 9)
	if r.Candidate != nil {
		for _, bound := range []*float64{r.Min, r.Max} {
			d = sided(*r.Candidate, bound, d)
		}
	}
	return d
}

// sided is the number of decimals, not below d, that shows v on the side of the bound where it is: a value that misses
// its floor is never written as one that keeps it, nor the other way round. Differences below 1e-9 are not shown.
func sided(v float64, bound *float64, d int) int {
	if bound == nil {
		return d
	}
	for d < 9 && cmp.Compare(rounded(v, d), *bound) != cmp.Compare(v, *bound) {
		d++
	}
	return d
}

// rounded is the number that fixed writes.
func rounded(v float64, decimals int) float64 {
	if decimals < 0 {
		step := math.Pow(10, float64(-decimals))
		return math.Round(v/step) * step
	}
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'f', decimals, 64), 64)
	if err != nil {
		return v
	}
	return r
}

// value writes the baseline's or the candidate's value, both with the same number of decimals.
func (r Rule) value(v *float64) string {
	if v == nil {
		return none
	}
	return fixed(*v, r.decimals())
}

// step writes a difference with the decimals of the values it lies between, and at least two digits of its own.
func (r Rule) step(v float64) string {
	return plus(v, fixed(v, r.stepDecimals(v)))
}

func (r Rule) stepDecimals(v float64) int { return max(r.decimals(), places(v, 2)) }

// delta writes the difference, "+4.21" or "–".
func (r Rule) delta() string {
	if r.Delta == nil {
		return none
	}
	return r.step(*r.Delta)
}

// relative writes the difference as a share of the baseline, or nothing.
func (r Rule) relative() string {
	if r.DeltaRelative == nil {
		return ""
	}
	return share(*r.DeltaRelative)
}

// change writes the difference in both ways, for Markdown: a share below a hundredth of a percent holds a "<".
func (r Rule) change() string {
	text := r.delta()
	if rel := r.relative(); rel != "" {
		text += " (" + strings.ReplaceAll(rel, "<", "&lt;") + ")"
	}
	return text
}

// interval writes "+1.93 to +6.49", so exactly that no end seems to keep a margin that it does not; an end that is
// unbounded is −∞ or +∞.
func (r Rule) interval() string {
	if r.Interval == nil {
		return none
	}
	low, high := minus+"∞", "+∞"
	d := r.decimals()
	for _, end := range []*float64{r.Interval.Low, r.Interval.High} {
		if end != nil && *end != 0 && fixed(*end, d) == fixed(0.0, d) {
			d = max(d, places(*end, 2))
		}
	}
	if m := r.absolute(); m != nil {
		worst, bound := r.Interval.Low, -*m
		if r.Direction == "lower" {
			worst, bound = r.Interval.High, *m
		}
		if worst != nil {
			d = sided(*worst, &bound, d)
		}
	}
	if r.Interval.Low != nil {
		low = plus(*r.Interval.Low, fixed(*r.Interval.Low, d))
	}
	if r.Interval.High != nil {
		high = plus(*r.Interval.High, fixed(*r.Interval.High, d))
	}
	return low + " to " + high
}

// level writes the confidence level, "95%".
func (r Rule) level() string {
	if r.Interval == nil || r.Interval.Level <= 0 {
		return "95%"
	}
	return configured(math.Round(r.Interval.Level*1e6)/1e4) + "%"
}

// limit writes what the rule asks for: margin, floor and ceiling.
func (r Rule) limit() string {
	var parts []string
	if r.Margin != nil {
		parts = append(parts, r.Margin.String())
	}
	if r.Min != nil {
		parts = append(parts, "min "+configured(*r.Min))
	}
	if r.Max != nil {
		parts = append(parts, "max "+configured(*r.Max))
	}
	if parts == nil {
		return none
	}
	return strings.Join(parts, ", ")
}

// String is the margin as it stands in the configuration: "0.01" or "2%".
func (m Margin) String() string {
	if m.Relative {
		return configured(math.Round(m.Value*1e10)/1e8) + "%"
	}
	return configured(m.Value)
}

// absolute is the margin in the metric's units, or nil where there is none.
func (r Rule) absolute() *float64 {
	if r.Margin == nil {
		return nil
	}
	m := r.Margin.Value
	if r.Margin.Relative {
		if r.Baseline == nil {
			return nil
		}
		m *= math.Abs(*r.Baseline)
	}
	return &m
}

// better turns a difference into an improvement: positive is better.
func (r Rule) better(v float64) float64 {
	if r.Direction == "lower" {
		return -v
	}
	return v
}
