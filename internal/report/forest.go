package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"github.com/rivo/uniseg"
)

const (
	forestWidth = 840.0
	forestLeft  = 206.0
	forestRight = 624.0
	forestRow   = 40.0
	forestTop   = 46.0
	// mostForest is how many rules a picture can hold.
	mostForest = 24
	// mostMargins is how far the axis goes.
	mostMargins = 4.5
)

// forest draws each rule's interval in multiples of its own margin, so that rules of different units share one axis: 0 is
// no change, −1 is the margin, and what is left of it is more than the policy tolerates.
func forest(rules []Rule) template.HTML {
	shown := drawn(rules)
	shown = shown[:min(len(shown), mostForest)]
	worst, best := -1.6, 1.6
	for _, r := range shown {
		worst, best = min(worst, -*r.used()*1.15), max(best, -*r.used()*1.15)
		if low, high := r.scaled(); !math.IsInf(low, 0) && !math.IsInf(high, 0) {
			worst, best = min(worst, low*1.08), max(best, high*1.08)
		}
	}
	if len(shown) == 0 {
		return ""
	}
	// One rule far away must not squeeze the others: beyond a few margins an arrow is enough.
	x := axis{max(worst, -mostMargins), min(best, mostMargins), forestLeft, forestRight}
	bottom := forestTop + forestRow*float64(len(shown))
	s := newSVG(forestWidth, bottom+44, "Intervals against margins", forestWords(shown))
	s.box("zone", x.from, forestTop-6, x.at(-1)-x.from, bottom-forestTop+6)
	s.word("label bad-text", "end", x.at(-1)-8, forestTop-26, "worse than tolerated")
	s.word("label", "start", x.at(0)+8, forestTop-26, "better →")
	s.rule("zero", x.at(0), forestTop-6, x.at(0), bottom)
	s.rule("margin", x.at(-1), forestTop-18, x.at(-1), bottom)
	s.word("label bad-text", "end", x.at(-1)+16, bottom+14, "margin")
	s.word("label", "start", x.at(0)-10, bottom+14, "no change")
	s.rule("frame", x.from, bottom, x.to, bottom)
	for i, r := range shown {
		r.draw(s, x, forestTop+forestRow*(float64(i)+0.5))
	}
	s.word("label", "middle", (x.from+x.to)/2, bottom+34, "improvement, in multiples of each rule's margin")
	return s.done()
}

// drawn are the rules that have a difference and a margin.
func drawn(rules []Rule) []Rule {
	return slices.DeleteFunc(slices.Clone(rules), func(r Rule) bool { return r.used() == nil })
}

// scaled are the ends of the interval in multiples of the margin, worse first; infinite where unbounded.
func (r Rule) scaled() (low, high float64) {
	low, high = math.Inf(-1), math.Inf(1)
	m := r.absolute()
	if r.Interval == nil || m == nil || *m <= 0 {
		return low, high
	}
	if r.Interval.Low != nil {
		low = *r.Interval.Low / *m
	}
	if r.Interval.High != nil {
		high = *r.Interval.High / *m
	}
	if r.Direction == "lower" {
		low, high = -high, -low
	}
	return low, high
}

func (r Rule) draw(s *svg, x axis, y float64) {
	tone := r.tone()
	s.word("name", "end", x.from-14, y-1, fit(r.label(), 26))
	second := r.betterWord()
	if r.Slice != "" {
		second = fit("on "+clean(r.Slice), 34)
	}
	s.word("label", "end", x.from-14, y+12, second)
	low, high := r.scaled()
	if r.Interval == nil {
		low, high = -*r.used(), -*r.used()
	} else if from, to := max(low, x.low), min(high, x.high); from <= to {
		s.rule("whisker "+tone, x.at(from), y, x.at(to), y)
	}
	for _, end := range []float64{low, high} {
		if r.Interval != nil && end >= x.low && end <= x.high {
			s.rule("whisker "+tone, x.at(end), y-5, x.at(end), y+5)
		}
	}
	if low < x.low {
		s.arrow("mark "+tone, x.from-2, y, 1)
	}
	if high > x.high {
		s.arrow("mark "+tone, x.to+2, y, -1)
	}
	if v := -*r.used(); v >= x.low && v <= x.high {
		s.dot("mark "+tone, x.at(v), y, 5)
	}
	s.word("name "+tone+"-text", "start", x.to+18, y-1, fit(r.standing(), 26))
	change := r.delta()
	if rel := r.relative(); rel != "" {
		change += " (" + rel + ")"
	}
	s.word("label", "start", x.to+18, y+12, change+", margin "+r.Margin.String())
}

// fit cuts text that would run into the picture.
func fit(text string, most int) string {
	if uniseg.StringWidth(text) <= most {
		return text
	}
	out, used := "", 0
	g := uniseg.NewGraphemes(text)
	for g.Next() && used+g.Width() < most {
		out, used = out+g.Str(), used+g.Width()
	}
	return out + "…"
}

func forestWords(shown []Rule) string {
	var text strings.Builder
	for i, r := range shown {
		if i > 0 {
			text.WriteString("; ")
		}
		_, _ = fmt.Fprintf(&text, "%s: difference %s, interval %s, margin %s, %s", r.name(), r.delta(), r.interval(), r.Margin, r.standing())
	}
	return text.String()
}
