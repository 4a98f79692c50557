package dataset

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestReadMistakes(t *testing.T) {
	long := strings.Repeat("x", 200)
	number := Options{Schema: Schema{{Name: "b", Kind: Number}}}
	for _, test := range []struct {
		name, content string
		o             Options
		want          string
	}{
		{"a.csv", "", Options{}, "a.csv: is empty: there is not even a header"},
		{"a.csv", "\n\r\n", Options{}, "a.csv:1: is empty: there is not even a header"},
		{"a.csv", "a,b\n", Options{}, "a.csv: has no rows"},
		{"a.csv", "a,b\n1,2\n3\n", Options{}, "a.csv:3, column 2 (b): the row ends after 1 cell, the header has 2 columns"},
		{"a.csv", "a,b\n1,2\n\n3,4,5,6\n", Options{}, "a.csv:4, column 3: the row has 4 cells, the header has 2 columns"},
		{"a.csv", "a,b\n1,2\n3,x\n", number, `a.csv:3, column 2 (b): "x" is not a number`},
		{"a.csv", "a,b\n1,1_000\n", number, `a.csv:2, column 2 (b): "1_000" is not a number`},
		{"a.csv", "a,b\n1,0x10\n", number, `a.csv:2, column 2 (b): "0x10" is not a number`},
		{"a.csv", "a,b\n1,inf\n", number, `a.csv:2, column 2 (b): "inf" is not a number`},
		{"a.csv", "a,b\n1,1e999\n", number, `a.csv:2, column 2 (b): "1e999" is beyond the range of a number`},
		{"a.csv", "a,b\n1,\"2,5\"\n", number, `a.csv:2, column 2 (b): "2,5" is not a number`},
		{"a.csv", "a,b\n1,2024-02-30\n", Options{Schema: Schema{{Name: "b", Kind: Date}}}, `a.csv:2, column 2 (b): "2024-02-30" is not a date: write 2006-01-02 or 2006-01-02T15:04:05Z`},
		{"a.csv", "a,b\n1,maybe\n", Options{Schema: Schema{{Name: "b", Kind: Boolean}}}, `a.csv:2, column 2 (b): "maybe" is not a boolean: write true or false`},
		{"a.csv", "a,b\n1,\"x\n2,3\n", Options{}, "a.csv:2, column 2 (b): a quote is opened here and never closed"},
		{"a.csv", "a,b\n1,x\"y\n", Options{}, "a.csv:2, column 2 (b): a quote inside a cell that does not begin with one"},
		{"a.csv", "a,b\n\"m\nn\",\"x\"y\n", Options{}, "a.csv:3, column 2 (b): text after the closing quote of a cell"},
		{"a.csv", "a,b\n1,\xff\n", Options{}, "a.csv:2, column 2 (b): is not UTF-8 text"},
		{"a.csv", "\xff\xfea\x00", Options{}, "a.csv:1: is UTF-16 text: save it as UTF-8"},
		{"a.csv", "a,b,a\n1,2,3\n", Options{}, "a.csv:1, column 3 (a): column 1 has the same name"},
		{"a.csv", "a,,c\n1,2,3\n", Options{}, "a.csv:1, column 2: a column has no name"},
		{"a.csv", "a;b\n1;2\n", Options{}, "a.csv:1, column 1: the separator seems to be a semicolon or a tab: only commas separate cells"},
		{"a.csv", "a,b\n1,2\n", Options{Require: []string{"y"}}, `a.csv: there is no column "y": columns are "a", "b"`},
		{"a.csv", "a,b\n1," + long + "\n", Options{MaxCell: 100}, "a.csv:2, column 2 (b): the cell is longer than 100 bytes"},
		{"a.csv", "a,b\n1,2\n", Options{MaxColumns: 1}, "a.csv:1, column 2: holds more than 1 columns"},
		{"a.csv", "a,b\n1,2\n1,2\n", Options{MaxRows: 1}, "a.csv: holds more than 1 rows"},
		{"a.csv", "a,b\n1,2\n1,2\n", Options{MaxBytes: 9}, "a.csv: holds more than 9 bytes"},
		{"a.csv.gz", "a,b\n", Options{}, "a.csv.gz: unpack: unexpected EOF"},
		{"a.csv.gz", gzipped("a\n1\n")[:20], Options{}, "a.csv.gz: read: unexpected EOF"},
		{"a.txt", "a", Options{}, "a.txt: unknown format: extensions are .csv, .csv.gz, .csv.zst, .jsonl, .jsonl.gz, .jsonl.zst, .parquet"},
		{"a.jsonl", "", Options{}, "a.jsonl: has no rows"},
		{"a.jsonl", "{\"a\":1}\n[1]\n", Options{}, "a.jsonl:2: is not JSON at byte 1 of the line: an object expected"},
		{"a.jsonl", "{\"a\":1,\"a\":2}", Options{}, "a.jsonl:1, column 1 (a): the name stands twice in the object"},
		{"a.jsonl", "{\"a\":[1]}", Options{}, "a.jsonl:1, column 1 (a): the value is an object or a list: a cell holds one value"},
		{"a.jsonl", "{\"a\":NaN}", Options{}, "a.jsonl:1, column 1 (a): is not JSON at byte 6 of the line: a value expected"},
		{"a.jsonl", "{\"a\":1e999}", Options{}, `a.jsonl:1, column 1 (a): "1e999" is beyond the range of a number`},
		{"a.jsonl", "{\"a\":\"\\ud800\"}", Options{}, "a.jsonl:1, column 1 (a): is not JSON at byte 13 of the line: a surrogate pair expected"},
		{"a.jsonl", "{\"b\":\"x\"}", number, `a.jsonl:1, column 1 (b): "x" is not a number`},
		{"a.jsonl", "{\"b\":1} {", Options{}, "a.jsonl:1: is not JSON at byte 9 of the line: the end of the line expected"},
		{"a.parquet", "nonsense, and more of it", Options{}, "a.parquet: is not a Parquet file"},
		{"a.parquet", "PAR1\x00\x00\x00\x00\xff\xff\xff\x7fPAR1", Options{}, "a.parquet: is damaged: its footer is longer than the file"},
	} {
		_, err := Read(files(test.name, test.content), test.name, test.o)
		var e *Error
		if err == nil || !errors.As(err, &e) {
			t.Errorf("%q: %v, want an *Error", test.content, err)
		} else if diff := cmp.Diff(test.want, err.Error()); diff != "" {
			t.Errorf("%q: -want +got\n%s", test.content, diff)
		}
	}
}

func TestReadKinds(t *testing.T) {
	for _, test := range []struct {
		cells string
		o     Options
		kind  Kind
		want  string
	}{
		{"1|2.5|-3e2||NA", Options{}, Number, "1|2.5|-300||"},
		{"0.1| 5 |+7|.5|5.", Options{}, Number, "0.1|5|7|0.5|5"},
		{"007|12", Options{}, Category, "007|12"},
		{"9007199254740993|1", Options{}, Category, "9007199254740993|1"},
		{"9007199254740992|1", Options{}, Number, "9.007199254740992e+15|1"},
		{"17|18", Options{Text: []string{"c"}}, Category, "17|18"},
		{"1|x|NA", Options{}, Category, "1|x|NA"},
		{"true|False||NA", Options{}, Boolean, "true|false||"},
		{"yes|no", Options{}, Category, "yes|no"},
		{"yes|no|1", Options{Schema: Schema{{Name: "c", Kind: Boolean}}}, Boolean, "true|false|true"},
		{"2024-02-29|2024-01-01 10:00:00.25+02:00", Options{}, Date, "2024-02-29|2024-01-01T08:00:00.25Z"},
		{"2024-02-30|2024-01-01", Options{}, Category, "2024-02-30|2024-01-01"},
		{"true|1", Options{}, Category, "true|1"},
		{"NA|NA", Options{}, Number, "|"},
		{"007", Options{Schema: Schema{{Name: "c", Kind: Number}}}, Number, "7"},
	} {
		table := mustRead(t, "a.csv", "c,d\n"+strings.ReplaceAll(test.cells, "|", ",z\n")+",z\n", test.o)
		c := table.Columns[0]
		var got []string
		for i := range c.Len() {
			got = append(got, c.Text(i))
		}
		if c.Kind != test.kind || strings.Join(got, "|") != test.want {
			t.Errorf("%s: %s %s, want %s %s", test.cells, c.Kind, strings.Join(got, "|"), test.kind, test.want)
		}
	}
}

func TestReadPackedAndDecorated(t *testing.T) {
	plain := "a,b\n1,x\n2,\"y\nz\"\n"
	want := mustRead(t, "a.csv", plain, Options{})
	for name, content := range map[string]string{
		"a.csv":     "\xef\xbb\xbf" + strings.ReplaceAll(strings.ReplaceAll(plain, "\n", "\r\n"), "y\r\nz", "y\nz"),
		"a.csv.gz":  gzipped(plain),
		"a.csv.zst": zstded(plain),
		"a.jsonl":   "{\"a\":1,\"b\":\"x\"}\n{\"b\":\"y\\nz\",\"a\":2e0}",
	} {
		got := mustRead(t, name, content, Options{})
		if diff := cmp.Diff(want.Columns, got.Columns); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

// A guess from the first rows that does not hold to the end must leave no trace.
func TestReadGuessFails(t *testing.T) {
	rows := strings.Repeat("1.50,,true,2024-01-01\n", 20_000)
	table := mustRead(t, "a.csv", "n,late,b,d\n"+rows+"x,2024-01-01,0,\"\"\n", Options{})
	if got, want := table.Schema()[0].Levels, []string{"1.50", "x"}; !cmp.Equal(got, want) {
		t.Errorf("levels are %q, want %q", got, want)
	}
	if k := table.Columns[1].Kind; k != Date {
		t.Errorf("late is %s", k)
	}
	if k := table.Columns[2].Kind; k != Category {
		t.Errorf("b is %s", k)
	}
	lines := mustRead(t, "a.jsonl", strings.Repeat("{\"a\":1}\n", 100_000)+"{\"z\":true,\"a\":\"1\"}\n", Options{})
	if lines.Columns[0].Kind != Category || lines.Columns[1].Kind != Boolean || lines.Columns[1].Len() != 100_001 {
		t.Errorf("kinds %s %s", lines.Columns[0].Kind, lines.Columns[1].Kind)
	}
}

// identical compares every bit of two columns.
func identical(a, b *Column) bool {
	sameBits := func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) }
	return a.Name == b.Name && a.Kind == b.Kind && slices.Equal(a.Codes, b.Codes) && slices.Equal(a.Levels, b.Levels) &&
		slices.EqualFunc(a.Floats, b.Floats, sameBits)
}

func TestReadDoesNotDependOnWorkers(t *testing.T) {
	var b strings.Builder
	b.WriteString("n,t,q\n")
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 60_000 {
		fmt.Fprintf(&b, "%v,t%d,\"a \"\"%d\"\"\n,\"\n", rng.NormFloat64(), rng.IntN(50), i%7)
	}
	bad := b.String() + "1,2\n1\n"
	want := mustRead(t, "a.csv", b.String(), Options{Workers: 1})
	_, wantErr := Read(files("a.csv", bad), "a.csv", Options{Workers: 1})
	for _, w := range []int{2, 7} {
		got := mustRead(t, "a.csv", b.String(), Options{Workers: w})
		if !slices.Equal(got.Lines, want.Lines) || !slices.EqualFunc(got.Columns, want.Columns, identical) {
			t.Fatalf("%d workers read another table than one", w)
		}
		if _, err := Read(files("a.csv", bad), "a.csv", Options{Workers: w}); err == nil || err.Error() != wantErr.Error() {
			t.Errorf("%d workers: %v, want %v", w, err, wantErr)
		}
	}
	if want := "a.csv:120002, column 3 (q): the row ends after 2 cells, the header has 3 columns"; wantErr.Error() != want {
		t.Errorf("%v, want %s", wantErr, want)
	}
}

func TestReadRefusesGiants(t *testing.T) {
	for _, head := range []string{"a,b\n1,", "a,b\n1,\"", "", "\""} {
		e := &endless{head: head, piece: strings.Repeat("x", 1000), left: 1 << 30}
		_, err := Read(e, "endless.csv", Options{})
		if err == nil || !strings.Contains(err.Error(), "longer than 1048576 bytes") || e.read > 61<<20 {
			t.Errorf("%q: %v after %d bytes", head, err, e.read)
		}
	}
	bomb := gzipped("a\n" + strings.Repeat("1\n", 1<<20))
	if _, err := Read(files("a.csv.gz", bomb), "a.csv.gz", Options{MaxBytes: 1 << 20}); err == nil || !strings.Contains(err.Error(), "holds more than 1048576 bytes") {
		t.Errorf("bomb: %v", err)
	}
	if _, err := Read(files("a.csv.gz", bomb), "a.csv.gz", Options{MaxRows: 1000}); err == nil || !strings.Contains(err.Error(), "holds more than 1000 rows") {
		t.Errorf("bomb: %v", err)
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := anyTable(t)
		format := rapid.SampledFrom(Formats()).Draw(t, "format")
		content := written(t, table, format)
		got, err := Read(files("t."+format, content), "t."+format, Options{Schema: table.Schema()})
		if err != nil {
			t.Fatalf("%v\n%q", err, content)
		}
		if diff := cmp.Diff(table.Columns, got.Columns, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("-want +got\n%s\n%q", diff, content)
		}
		if table.Digest(nil) != got.Digest(nil) {
			t.Fatal("digests differ")
		}
		if again := written(t, got, format); again != content {
			t.Fatalf("written again: %q, was %q", again, content)
		}
	})
}

func TestScanNumberIsParseFloat(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	fast := 0
	check := func(s string) {
		t.Helper()
		v, next, ok := scanNumber([]byte("ab"+s+",tail of the row"), 2)
		if !ok {
			return
		}
		fast++
		want, err := strconv.ParseFloat(s, 64)
		if err != nil || math.Float64bits(v) != math.Float64bits(want) || next != 2+len(s) {
			t.Fatalf("%s: %v up to %d, want %v", s, v, next, want)
		}
	}
	for _, s := range []string{"0", "-0", "-0.0", "9007199254740992", "9007199254740993", "0.000000000000000001", "1.", "123456789.12345678", "-1.5", "12345678.87654321012", "99999999999999999999.5"} {
		check(s)
	}
	for range 100_000 {
		v := rng.NormFloat64() * math.Pow10(rng.IntN(12)-4)
		check(strconv.FormatFloat(v, 'f', rng.IntN(12), 64))
		check(strconv.FormatFloat(v, 'f', -1, 64))
	}
	if fast < 100_000 {
		t.Errorf("only %d took the fast path", fast)
	}
}

func FuzzNumber(f *testing.F) {
	for _, s := range []string{"1.25", "-0.000001", "9007199254740993", "1e5", "00", "12345678.12345678"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, next, ok := scanNumber([]byte(s), 0)
		if ok {
			want, err := strconv.ParseFloat(s[:next], 64)
			if err != nil || math.Float64bits(v) != math.Float64bits(want) {
				t.Fatalf("%q: %v, want %v, %v", s[:next], v, want, err)
			}
		}
		if v, ok := parseNumber([]byte(s)); ok {
			if want, err := strconv.ParseFloat(s, 64); err != nil || math.Float64bits(v) != math.Float64bits(want) {
				t.Fatalf("%q: %v, want %v, %v", s, v, want, err)
			}
		}
	})
}
