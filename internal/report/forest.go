package report

import (
	"fmt"
	"html/template"
	"math"

	"github.com/rivo/uniseg"
)

const (
	forestWidth = 860.0
	forestLeft  = 232.0
	forestRight = 644.0
	forestRow   = 34.0
	forestTop   = 46.0
	// mostForest is how many rules a picture can hold.
	mostForest = 24
)

// forest draws each rule's interval in multiples of its own margin, so that rules of different units share one axis: 0 is
// no change, −1 is the margin, and what is left of it is more than the policy tolerates.
func forest(rules []Rule) template.HTML {
	var shown []Rule
	reach := 1.6
	for _, r := range rules {
		if r.used() == nil || len(shown) == mostForest {
			continue
		}
		shown = append(shown, r)
		reach = max(reach, math.Abs(*r.used())*1.15)
		if low, high := r.scaled(); !math.IsInf(low, 0) && !math.IsInf(high, 0) {
			reach = max(reach, math.Abs(low)*1.08, math.Abs(high)*1.08)
		}
	}
	if len(shown) == 0 {
		return ""
	}
	reach = min(reach, 4.5)
	x := axis{-reach, reach, forestLeft, forestRight}
	bottom := forestTop + forestRow*float64(len(shown))
	s := newSVG(forestWidth, bottom+44, "Intervals against margins", forestWords(shown))
	s.box("zone", x.from, forestTop-6, x.at(-1)-x.from, bottom-forestTop+6)
	s.word("label bad-text", "end", x.at(-1)-8, forestTop-26, "worse than tolerated")
	s.word("label", "start", x.at(0)+8, forestTop-26, "better →")
	s.rule("zero", x.at(0), forestTop-6, x.at(0), bottom)
	s.rule("margin", x.at(-1), forestTop-18, x.at(-1), bottom)
	s.word("label bad-text", "middle", x.at(-1), forestTop-10+bottom-forestTop+24, "margin")
	s.word("label", "middle", x.at(0), bottom+14, "no change")
	s.rule("frame", x.from, bottom, x.to, bottom)
	for i, r := range shown {
		r.draw(s, x, forestTop+forestRow*(float64(i)+0.5))
	}
	s.word("label", "middle", (x.from+x.to)/2, bottom+34, "improvement, in multiples of each rule's margin")
	return s.done()
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
	if r.Interval != nil {
		low, high := r.scaled()
		from, to := max(low, x.low), min(high, x.high)
		if from <= to {
			s.rule("whisker "+tone, x.at(from), y, x.at(to), y)
		}
		if low < x.low {
			s.arrow("mark "+tone, x.from-6, y, 1)
		} else {
			s.rule("whisker "+tone, x.at(low), y-5, x.at(low), y+5)
		}
		if high > x.high {
			s.arrow("mark "+tone, x.to+6, y, -1)
		} else {
			s.rule("whisker "+tone, x.at(high), y-5, x.at(high), y+5)
		}
	}
	s.dot("mark "+tone, x.at(min(max(-*r.used(), x.low), x.high)), y, 5)
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
	text := ""
	for i, r := range shown {
		if i > 0 {
			text += "; "
		}
		text += fmt.Sprintf("%s: difference %s, interval %s, margin %s, %s", r.name(), r.delta(), r.interval(), r.Margin, r.standing())
	}
	return text
}
