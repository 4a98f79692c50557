package report

import (
	"fmt"
	"math"
	"strings"
)

const (
	plotWidth, plotHeight = 360.0, 290.0
	plotLeft, plotRight   = 62.0, 348.0
	plotTop, plotBottom   = 10.0, 244.0
)

// curveStyle is what ROC, precision-recall and calibration plots do not share.
type curveStyle struct {
	title, caption, across, up string
	// diagonal draws the line from the origin to (1, 1).
	diagonal bool
	dots     bool
}

var (
	rocStyle         = curveStyle{"ROC", "Higher and further left is better; the dashed line is guessing.", "false positive rate", "true positive rate", true, false}
	prStyle          = curveStyle{"Precision and recall", "Higher and further right is better.", "recall", "precision", false, false}
	calibrationStyle = curveStyle{"Calibration", "On the dashed line, predicted probabilities come true; larger dots hold more rows.", "mean predicted probability", "share that came true", true, true}
)

// frame draws axes with ticks and names.
func frame(s *svg, x, y axis, across, up string) {
	for _, v := range x.ticks() {
		s.rule("grid", x.at(v), y.from, x.at(v), y.to)
		s.word("label", "middle", x.at(v), y.from+16, tickText(v, x.ticks()))
	}
	for _, v := range y.ticks() {
		s.rule("grid", x.from, y.at(v), x.to, y.at(v))
		s.word("label", "end", x.from-8, y.at(v)+4, tickText(v, y.ticks()))
	}
	s.rule("frame", x.from, y.from, x.to, y.from)
	s.rule("frame", x.from, y.from, x.from, y.to)
	s.word("label", "middle", (x.from+x.to)/2, y.from+36, across)
	_, _ = fmt.Fprintf(s, `<text class="label" text-anchor="middle" transform="translate(12 %s) rotate(-90)">%s</text>`, at((y.from+y.to)/2), up)
}

func curveFigure(style curveStyle, curves []Curve) figure {
	s := newSVG(plotWidth, plotHeight, style.title, curveWords(style, curves))
	x, y := axis{0, 1, plotLeft, plotRight}, axis{0, 1, plotBottom, plotTop}
	frame(s, x, y, style.across, style.up)
	if style.diagonal {
		s.rule("guide", x.at(0), y.at(0), x.at(1), y.at(1))
	}
	for _, c := range curves {
		px, py := make([]float64, len(c.X)), make([]float64, len(c.Y))
		most := 1
		for _, n := range c.N {
			most = max(most, n)
		}
		for i := range c.X {
			px[i], py[i] = x.at(unit(c.X[i])), y.at(unit(c.Y[i]))
		}
		s.path("curve "+known(c.Of), px, py)
		for i := range c.N {
			if style.dots {
				s.dot("spot "+known(c.Of), px[i], py[i], 2.5+4.5*math.Sqrt(float64(max(0, c.N[i]))/float64(most)))
			}
		}
	}
	return figure{style.title, style.caption, s.done()}
}

// known keeps a class name to the two that exist.
func known(of string) string {
	if of == "baseline" {
		return of
	}
	return "candidate"
}

func unit(v float64) float64 { return min(1, max(0, v)) }

func curveWords(style curveStyle, curves []Curve) string {
	var text strings.Builder
	text.WriteString(style.up + " against " + style.across)
	for _, c := range curves {
		text.WriteString("; " + known(c.Of) + ":")
		for k := range 5 {
			if len(c.X) > 0 {
				i := k * (len(c.X) - 1) / 4
				_, _ = fmt.Fprintf(&text, " (%.2f, %.2f)", c.X[i], c.Y[i])
			}
		}
	}
	return text.String()
}

// residualFigures draws one picture per model on the same axes; the area of a spot is its number of rows.
func residualFigures(r *Residuals) []figure {
	most := 1
	for _, m := range r.Models {
		for _, c := range m.Cells {
			most = max(most, c[2])
		}
	}
	var out []figure
	for _, m := range r.Models {
		rows, spread := 0, 0.0
		x, y := axis{r.XLow, r.XHigh, plotLeft + 10, plotRight - 10}, axis{r.YLow, r.YHigh, plotBottom - 6, plotTop + 6}
		for _, c := range m.Cells {
			rows += c[2]
			spread += float64(c[2]) * math.Abs(r.centre(c[1]))
		}
		s := newSVG(plotWidth, plotHeight, "Residuals of the "+known(m.Of),
			fmt.Sprintf("target minus prediction against prediction, %s; mean distance from zero about %s", several(rows, "row"), residualSize(spread, rows)))
		frame(s, axis{r.XLow, r.XHigh, plotLeft, plotRight}, axis{r.YLow, r.YHigh, plotBottom, plotTop}, "predicted", "target − predicted")
		s.rule("zero", plotLeft, y.at(0), plotRight, y.at(0))
		for _, c := range m.Cells {
			px := x.at(r.XLow + (r.XHigh-r.XLow)*(float64(c[0])+0.5)/float64(r.Across))
			s.dot("cell "+known(m.Of), px, y.at(r.centre(c[1])), 1.3+4.2*math.Sqrt(float64(c[2])/float64(most)))
		}
		out = append(out, figure{"Residuals: " + known(m.Of), "Nearer to the line is better; larger spots hold more rows.", s.done()})
	}
	return out
}

// centre is the residual in the middle of a row of cells.
func (r *Residuals) centre(up int) float64 {
	return r.YLow + (r.YHigh-r.YLow)*(float64(up)+0.5)/float64(r.Up)
}

func residualSize(sum float64, rows int) string {
	if rows == 0 {
		return none
	}
	mean := sum / float64(rows)
	return fixed(mean, places(mean, 3))
}

// matrix is a confusion matrix ready for a table.
type matrix struct {
	Of      string
	Classes []string
	Rows    []matrixRow
}

type matrixRow struct {
	Class string
	Cells []matrixCell
}

// matrixCell holds a count; Shade is 0 to 4 by its share of the row, Right says that true and predicted class agree.
type matrixCell struct {
	Count string
	Share string
	Shade int
	Right bool
}

func matrixOf(c Confusion) matrix {
	m := matrix{Of: known(c.Of)}
	for _, name := range c.Classes {
		m.Classes = append(m.Classes, clean(name))
	}
	for i, counts := range c.Counts {
		total := 0
		for _, n := range counts {
			total += n
		}
		row := matrixRow{Class: m.Classes[i]}
		for k, n := range counts {
			share := 0.0
			if total > 0 {
				share = float64(n) / float64(total)
			}
			row.Cells = append(row.Cells, matrixCell{count(n), fmt.Sprintf("%.0f%%", 100*share), int(math.Round(4 * unit(share))), i == k})
		}
		m.Rows = append(m.Rows, row)
	}
	return m
}
