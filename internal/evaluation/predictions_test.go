package evaluation

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/weighlock/weighlock/internal/metric"
)

// numbers draws a regression with quantiles, whose values use all their bits.
func numbers(n int) (Rows, metric.Predictions) {
	random := rand.New(rand.NewPCG(1, 2))
	r := Rows{Digest: "sha256:abc", Truth: metric.Truth{Task: metric.Regression}}
	p := metric.Predictions{Quantiles: map[float64][]float64{0.1: nil, 0.9: nil}}
	for i := range n {
		r.Keys = append(r.Keys, "patient, no "+string(rune('a'+i%26))+strings.Repeat("x", i/26))
		r.Truth.Values = append(r.Truth.Values, random.NormFloat64())
		p.Values = append(p.Values, random.NormFloat64()*math.Pow(10, float64(random.IntN(600)-300)))
		p.Quantiles[0.1] = append(p.Quantiles[0.1], math.Copysign(0, -1))
		p.Quantiles[0.9] = append(p.Quantiles[0.9], random.Float64())
	}
	return r, p
}

// classes draws predictions of classes with awkward names.
func classes(n int) (Rows, metric.Predictions) {
	random := rand.New(rand.NewPCG(3, 4))
	names := []string{"", "a,b", "quantile:0.1", "ß\n"}
	r := Rows{Digest: "sha256:def", Truth: metric.Truth{Task: metric.Multiclass, Classes: names}}
	p := metric.Predictions{Classes: names}
	for i := range n {
		r.Keys = append(r.Keys, strings.Repeat("k", i+1))
		r.Truth.Labels = append(r.Truth.Labels, int32(i%4))
		p.Labels = append(p.Labels, int32(random.IntN(4)))
		a, b := random.Float64()/3, random.Float64()/3
		p.Probabilities = append(p.Probabilities, a, b, 0, 1-a-b)
	}
	return r, p
}

func written(t testing.TB, r Rows, p metric.Predictions, ids bool) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WritePredictions(&b, r, p, ids); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPredictionsRoundTripExactly(t *testing.T) {
	for name, draw := range map[string]func(int) (Rows, metric.Predictions){"numbers": numbers, "classes": classes} {
		for _, n := range []int{1, 700, 3000} {
			r, p := draw(n)
			content := written(t, r, p, true)
			s, err := ReadPredictions(content)
			if err != nil {
				t.Fatalf("%s %d: %v", name, n, err)
			}
			got, err := s.For(r)
			if err != nil {
				t.Fatalf("%s %d: %v", name, n, err)
			}
			if diff := cmp.Diff(p, got); diff != "" {
				t.Errorf("%s %d: predictions changed: %s", name, n, diff)
			}
			if p.Quantiles != nil && !math.Signbit(got.Quantiles[0.1][0]) {
				t.Errorf("%s: -0 lost its sign", name)
			}
			if !bytes.Equal(content, written(t, r, p, true)) {
				t.Errorf("%s %d: the same predictions gave other bytes", name, n)
			}
		}
	}
}

func TestLabelsAloneRoundTrip(t *testing.T) {
	r, p := classes(5)
	p.Probabilities = nil
	s, err := ReadPredictions(written(t, r, p, false))
	if err != nil || s.Predictions.Probabilities != nil || s.Keys != nil {
		t.Fatalf("%+v, %v", s, err)
	}
	if diff := cmp.Diff(p, s.Predictions); diff != "" {
		t.Error(diff)
	}
}

func TestNoIDReachesARegistry(t *testing.T) {
	r, p := numbers(300)
	for i := range r.Keys {
		r.Keys[i] = "patient-" + r.Keys[i]
	}
	content := written(t, r, p, true)
	var anonymous bytes.Buffer
	if err := WithoutIDs(&anonymous, content); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(anonymous.Bytes(), []byte("patient")) {
		t.Error("an id is left")
	}
	if !bytes.Equal(anonymous.Bytes(), written(t, r, p, false)) {
		t.Error("the bytes differ from those that were written without ids")
	}
	s, err := ReadPredictions(anonymous.Bytes())
	if err != nil || s.Keys != nil {
		t.Fatalf("keys %v, %v", s.Keys, err)
	}
	if _, err := s.For(r); err != nil {
		t.Error(err)
	}
}

func TestStoredPredictionsCountOnlyForTheirRows(t *testing.T) {
	r, p := numbers(3)
	s, err := ReadPredictions(written(t, r, p, true))
	if err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Rows){
		"other evaluation rows":         func(r *Rows) { r.Digest = "sha256:other" },
		"ids are not those":             func(r *Rows) { r.Keys = []string{"a", "b", "c"} },
		"task, not binary":              func(r *Rows) { r.Truth.Task = metric.Binary },
		"the evaluation set has 2":      func(r *Rows) { r.Truth.Values = r.Truth.Values[:2] },
		"of a regression task, not for": func(r *Rows) { r.Truth.Task = metric.Forecast },
	} {
		other := r
		change(&other)
		if _, err := s.For(other); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestWriteRefusesWhatDoesNotFit(t *testing.T) {
	r, p := numbers(3)
	p.Values[1] = math.NaN()
	if err := WritePredictions(&bytes.Buffer{}, r, p, true); err == nil || !strings.Contains(err.Error(), "row 2 is NaN") {
		t.Errorf("error %v", err)
	}
}

// hostile writes a table that is not ours.
func hostile[T any](t *testing.T, head string, rows ...T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, parquet.KeyValueMetadata(metadataName, head))
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadRefusesHostileTables(t *testing.T) {
	type value struct {
		Prediction float64 `parquet:"prediction"`
	}
	type optional struct {
		Prediction *float64 `parquet:"prediction,optional"`
	}
	type integer struct {
		Prediction int64 `parquet:"prediction"`
	}
	type list struct {
		Prediction []float64 `parquet:"prediction"`
	}
	type label struct {
		Label string `parquet:"label"`
	}
	type half struct {
		Label string  `parquet:"label"`
		A     float64 `parquet:"probability:a"`
	}
	type level struct {
		Prediction float64 `parquet:"prediction"`
		Q          float64 `parquet:"quantile:1.5"`
	}
	type stranger struct {
		Prediction float64 `parquet:"prediction"`
		Target     float64 `parquet:"target"`
	}
	regression := `{"version":1,"task":"regression","data_digest":"d"}`
	binary := `{"version":1,"task":"binary","data_digest":"d","classes":["a","b"]}`
	for want, content := range map[string][]byte{
		"not a Parquet file":          []byte("id,prediction\n1,2\n"),
		"row 2 is NaN":                hostile(t, regression, value{1}, value{math.NaN()}),
		"row 1 is +Inf":               hostile(t, regression, value{math.Inf(1)}),
		"lists, objects or nulls":     hostile(t, regression, optional{}),
		"objects":                     hostile(t, regression, list{}),
		"no double":                   hostile(t, regression, integer{}),
		"no class":                    hostile(t, binary, label{"c"}),
		`no column "probability:b"`:   hostile(t, binary, half{"a", 0.5}),
		"no number in (0, 1)":         hostile(t, regression, level{}),
		`column "target": unknown`:    hostile(t, regression, stranger{}),
		`column "label": unknown`:     hostile(t, regression, label{"a"}),
		"version 2":                   hostile(t, `{"version":2,"task":"new","later":1}`, value{1}),
		"its header":                  hostile(t, `{"version":1,"version":1,"task":"regression"}`, value{1}),
		"task \"cooking\" is none":    hostile(t, `{"version":1,"task":"cooking","data_digest":"d"}`, value{1}),
		"unknown field":               hostile(t, `{"version":1,"task":"regression","data_digest":"d","x":1}`, value{1}),
		"a class is named twice":      hostile(t, `{"version":1,"task":"binary","data_digest":"d","classes":["a","a"]}`, label{"a"}),
		"regression task with 1":      hostile(t, `{"version":1,"task":"regression","data_digest":"d","classes":["a"]}`, value{1}),
		"binary task with 0":          hostile(t, `{"version":1,"task":"binary","data_digest":"d"}`, label{"a"}),
		"unexpected EOF":              hostile(t, `{"version":`, value{1}),
		"footer is longer":            append([]byte("PAR1aaaaaaaaaaaaaaaa\xff\xff\xff\x7f"), "PAR1"...),
		"its header is too long or n": hostile(t, "\xff", value{1}),
	} {
		if _, err := ReadPredictions(content); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		if err := WithoutIDs(&bytes.Buffer{}, content); err == nil {
			t.Errorf("%s: copied without ids", want)
		}
	}
}

// What a page header asks for is refused before any memory is reserved for it.
func TestPagesAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		unpacked, packed int32
		values           int64
		left             int64
		want             string
	}{
		"fits":                {100, 3, 1, 100, ""},
		"one page too large":  {maxPageBytes + 1, 3, 1, MaxPredictionBytes, "unpacks to more"},
		"all pages too large": {100, 3, 1, 99, "unpacks to more"},
		"negative":            {-1, 3, 1, 100, "does not fit"},
		"longer than chunk":   {100, 4, 1, 100, "does not fit"},
		"fewer values":        {100, 3, 2, 100, "does not fit"},
		"more values":         {100, 3, 0, 100, "does not fit"},
	} {
		var h format.PageHeader
		h.UncompressedPageSize, h.CompressedPageSize = c.unpacked, c.packed
		h.DataPageHeader.Valid, h.DataPageHeader.V.NumValues = true, 1
		raw, err := thrift.Marshal(new(thrift.CompactProtocol), h)
		if err != nil {
			t.Fatal(err)
		}
		content := append(raw, "abc"...)
		left, err := checkPages(content, &format.ColumnMetaData{TotalCompressedSize: int64(len(content)), NumValues: c.values}, c.left)
		switch {
		case c.want == "" && (err != nil || left != 0):
			t.Errorf("%s: %d left, %v", name, left, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	outside := &format.ColumnMetaData{DataPageOffset: 5, TotalCompressedSize: 10}
	if _, err := checkPages([]byte("0123456789"), outside, 100); err == nil {
		t.Error("a chunk beyond the end of the file was read")
	}
}

func TestReadSurvivesDamage(t *testing.T) {
	r, p := classes(40)
	content := written(t, r, p, true)
	random := rand.New(rand.NewPCG(5, 6))
	for range 400 {
		broken := bytes.Clone(content)
		for range 1 + random.IntN(3) {
			broken[random.IntN(len(broken))] = byte(random.Uint32())
		}
		if s, err := ReadPredictions(broken); err == nil {
			wellFormed(t, s)
		}
		if s, err := ReadPredictions(broken[:random.IntN(len(broken))]); err == nil {
			wellFormed(t, s)
		}
	}
}

// wellFormed fails unless the predictions fit a truth of as many rows: only values outside a metric's range are left.
func wellFormed(t *testing.T, s Stored) {
	t.Helper()
	p, rows := s.Predictions, s.Predictions.Rows()
	truth := metric.Truth{Task: s.Task, Classes: p.Classes, Values: make([]float64, rows)}
	if s.Task.Classifies() {
		truth.Values, truth.Labels = nil, make([]int32, rows)
	}
	if s.Keys != nil && len(s.Keys) != rows {
		t.Fatalf("%d keys of %d rows", len(s.Keys), rows)
	}
	if err := p.Check(truth); err != nil && !strings.Contains(err.Error(), "probabilit") {
		t.Fatal(err)
	}
}

func FuzzReadPredictions(f *testing.F) {
	for _, n := range []int{1, 30} {
		r, p := numbers(n)
		f.Add(written(f, r, p, true))
		r, p = classes(n)
		f.Add(written(f, r, p, false))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		s, err := ReadPredictions(content)
		if err != nil {
			return
		}
		wellFormed(t, s)
		var again bytes.Buffer
		if err := s.write(&again); err != nil {
			t.Fatalf("cannot write what was read: %v", err)
		}
		back, err := ReadPredictions(again.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, back); diff != "" {
			t.Fatal(diff)
		}
	})
}
