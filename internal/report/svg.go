package report

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"
)

// svg is a picture in the making. Colours are classes of page.css, so that one picture serves light and dark.
type svg struct{ strings.Builder }

// figure is a picture with its heading.
type figure struct {
	Title, Caption string
	Picture        template.HTML
}

func newSVG(width, height float64, title, description string) *svg {
	s := &svg{}
	_, _ = fmt.Fprintf(s, `<svg viewBox="0 0 %s %s" role="img"><title>%s</title><desc>%s</desc>`,
		at(width), at(height), html.EscapeString(title), html.EscapeString(description))
	return s
}

func (s *svg) done() template.HTML {
	s.WriteString("</svg>")
	return template.HTML(s.String()) //nolint:gosec // every foreign string above went through EscapeString
}

// at writes a coordinate.
func at(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		v = 0
	}
	text := fmt.Sprintf("%.1f", v)
	return strings.TrimSuffix(text, ".0")
}

func (s *svg) rule(class string, x1, y1, x2, y2 float64) {
	_, _ = fmt.Fprintf(s, `<line class="%s" x1="%s" y1="%s" x2="%s" y2="%s"/>`, class, at(x1), at(y1), at(x2), at(y2))
}

func (s *svg) box(class string, x, y, w, h float64) {
	_, _ = fmt.Fprintf(s, `<rect class="%s" x="%s" y="%s" width="%s" height="%s"/>`, class, at(x), at(y), at(max(0, w)), at(max(0, h)))
}

func (s *svg) dot(class string, x, y, radius float64) {
	_, _ = fmt.Fprintf(s, `<circle class="%s" cx="%s" cy="%s" r="%s"/>`, class, at(x), at(y), at(radius))
}

// word writes text; anchor is start, middle or end.
func (s *svg) word(class, anchor string, x, y float64, text string) {
	_, _ = fmt.Fprintf(s, `<text class="%s" text-anchor="%s" x="%s" y="%s">%s</text>`, class, anchor, at(x), at(y), html.EscapeString(text))
}

func (s *svg) path(class string, x, y []float64) {
	if len(x) == 0 {
		return
	}
	_, _ = fmt.Fprintf(s, `<path class="%s" d="`, class)
	for i := range x {
		letter := "L"
		if i == 0 {
			letter = "M"
		}
		_, _ = fmt.Fprintf(s, "%s%s %s", letter, at(x[i]), at(y[i]))
	}
	s.WriteString(`"/>`)
}

// arrow is the head of an interval that goes on beyond the picture.
func (s *svg) arrow(class string, x, y, way float64) {
	_, _ = fmt.Fprintf(s, `<path class="%s" d="M%s %sl%s -5v10z"/>`, class, at(x), at(y), at(7*way))
}

// axis maps numbers to coordinates.
type axis struct{ low, high, from, to float64 }

func (a axis) at(v float64) float64 {
	if a.high == a.low {
		return (a.from + a.to) / 2
	}
	return a.from + (a.to-a.from)*((v-a.low)/(a.high-a.low))
}

// ticks are round numbers inside the axis, about five of them.
func (a axis) ticks() []float64 {
	const n = 5
	span := a.high - a.low
	if !(span > 0) || math.IsInf(span, 0) {
		return nil
	}
	step := math.Pow(10, math.Floor(math.Log10(span/float64(n))))
	for _, f := range []float64{1, 2, 5, 10} {
		if span/(step*f) <= float64(n) {
			step *= f
			break
		}
	}
	if step == 0 {
		return nil
	}
	var out []float64
	for k := math.Ceil(a.low / step); k*step <= a.high+step*1e-9 && len(out) < 4*n; k++ {
		out = append(out, k*step)
	}
	return out
}

// tickText is as short as the distance between ticks allows.
func tickText(v float64, ticks []float64) string {
	step := v
	if len(ticks) > 1 {
		step = ticks[1] - ticks[0]
	}
	if math.Abs(v) < math.Abs(step)/1e6 {
		return "0"
	}
	return fixed(v, max(0, places(step, 1)))
}
