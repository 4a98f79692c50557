package evaluation

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/weighlock/weighlock/internal/dataset"
)

// NoBin is the code of a row that is in none of the bins of Bins.
const NoBin = 255

// Bins cuts a feature into at most `most` parts for a search: the most frequent levels of a category, or parts of a
// number that hold about as many rows each. Rows without a value are a part of their own. names are complete predicates
// such as "age = 45 – 53" or "sex = F"; codes index them.
func Bins(c *dataset.Column, most int) (names []string, codes []uint8) {
	codes = make([]uint8, c.Len())
	var texts []string
	var part func(row int) int
	if c.Kind == dataset.Number || c.Kind == dataset.Date {
		texts, part = numberBins(c, most)
	} else {
		texts, part = textBins(c, most)
	}
	missing := -1
	for row := range codes {
		if c.Missing(row) && missing < 0 {
			missing = len(texts)
			texts = append(texts, MissingLevel)
		}
		at := missing
		if !c.Missing(row) {
			at = part(row)
		}
		codes[row] = NoBin
		if at >= 0 {
			codes[row] = uint8(at)
		}
	}
	for _, text := range texts {
		if strings.HasPrefix(text, "≤ ") || strings.HasPrefix(text, "> ") {
			names = append(names, c.Name+" "+text)
		} else {
			names = append(names, c.Name+" = "+text)
		}
	}
	return names, codes
}

// textBins are the most frequent texts, in their own order; the others are in no bin.
func textBins(c *dataset.Column, most int) ([]string, func(int) int) {
	counts := map[string]int{}
	for row := range c.Len() {
		if !c.Missing(row) {
			counts[c.Text(row)]++
		}
	}
	texts := make([]string, 0, len(counts))
	for text := range counts {
		texts = append(texts, text)
	}
	slices.SortFunc(texts, func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	texts = texts[:min(len(texts), most)]
	slices.Sort(texts)
	return texts, func(row int) int {
		at, ok := slices.BinarySearch(texts, c.Text(row))
		if !ok {
			return -1
		}
		return at
	}
}

// numberBins cuts at quantiles, unless the numbers are so few that each is a bin.
func numberBins(c *dataset.Column, most int) ([]string, func(int) int) {
	values := make([]float64, 0, c.Len())
	for _, v := range c.Floats {
		if !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	distinct := slices.Compact(slices.Clone(values))
	if len(distinct) <= most {
		return textsOf(c.Kind, distinct), func(row int) int {
			at, _ := slices.BinarySearch(distinct, c.Floats[row])
			return at
		}
	}
	var edges []float64
	for k := 1; k < most; k++ {
		edges = append(edges, values[(len(values)-1)*k/most])
	}
	edges = slices.Compact(edges)
	if edges[len(edges)-1] == values[len(values)-1] {
		edges = edges[:len(edges)-1]
	}
	texts := edgeTexts(c.Kind, edges)
	names := make([]string, 0, len(edges)+1)
	for i := range len(edges) + 1 {
		switch {
		case len(edges) == 0:
			names = append(names, "any")
		case i == 0:
			names = append(names, "≤ "+texts[0])
		case i == len(edges):
			names = append(names, "> "+texts[i-1])
		default:
			names = append(names, texts[i-1]+" – "+texts[i])
		}
	}
	return names, func(row int) int {
		at, _ := slices.BinarySearch(edges, c.Floats[row]) // the first edge that is not below
		return at
	}
}

func textsOf(kind dataset.Kind, values []float64) []string {
	c := dataset.Column{Kind: kind, Floats: values}
	out := make([]string, len(values))
	for i := range out {
		out[i] = c.Text(i)
	}
	return out
}
