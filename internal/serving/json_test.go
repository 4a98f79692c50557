package serving

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
)

// These follow the classes of the JSON parsing test suite by N. Seriot: y_ must be accepted, n_ refused.
func TestParserAcceptsEveryFormOfJSON(t *testing.T) {
	for _, text := range []string{
		`null`, `true`, ` false `, `0`, `-0`, `-1.5e-10`, `1E+2`, `0.1`, `123456789012345678901234567890`, `""`, `"é\u00e9\ud83d\ude00\n\/"`,
		`[]`, `[[]]`, `[1,2 , 3]`, `{}`, `{"a":1,"b":[{"c":null}]}`, "\t\r\n[1]\n", `"\u0000"`, `1e-400`, `[0e1]`, `"\ufffd"`,
	} {
		p := &parser{data: []byte(text)}
		err := p.skip()
		if err == nil {
			err = p.end()
		}
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestParserRefusesEverythingElse(t *testing.T) {
	deep := strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1)
	for _, text := range []string{
		``, ` `, `nul`, `True`, `NaN`, `Infinity`, `-`, `+1`, `01`, `-01`, `1.`, `.5`, `1e`, `1e+`, `0x10`, `1_000`, `1e999`, `-1e999`,
		`"`, `"a`, `"\x"`, `"\u12"`, `"\ud800"`, `"\udc00"`, `"\ud800\u0041"`, "\"\n\"", "\"\x00\"", "\"\xff\"", `'a'`,
		`[`, `[1`, `[1,`, `[1,]`, `[,1]`, `[1 2]`, `]`, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{a:1}`, `{1:1}`, `{"a" 1}`,
		`{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `1 2`, `[] []`, `{}x`, `/* */1`, `1//`, deep, "\ufeff1",
	} {
		p := &parser{data: []byte(text)}
		err := p.skip()
		if err == nil {
			err = p.end()
		}
		if err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestParserSaysWhere(t *testing.T) {
	p := &parser{data: []byte("{\n  \"a\": 1,\n  \"a\": 2\n}")}
	err := p.skip()
	if err == nil || err.Error() != `line 3, column 3: key "a" stands twice in the same object` {
		t.Errorf("got %v", err)
	}
}

func TestManyMembersAreStillCheckedForDuplicates(t *testing.T) {
	var b strings.Builder
	for i := range 1000 {
		b.WriteString(`"k` + strconv.Itoa(i) + `":0,`)
	}
	p := &parser{data: []byte("{" + b.String() + `"k999":0}`)}
	if err := p.skip(); err == nil {
		t.Error("a duplicate of the last of 1,000 keys was accepted")
	}
	p = &parser{data: []byte("{" + b.String() + `"k1000":0}`)}
	if err := p.skip(); err != nil {
		t.Error(err)
	}
}

func FuzzNumber(f *testing.F) {
	for _, s := range []string{"0", "-0", "1.5", "123456789.123456", "999999999999999", "9007199254740993", "0.000000000000000000001", "1e22", "4.35", "0.1e-5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := &parser{data: []byte(s)}
		got, err := p.number()
		if err != nil || p.end() != nil {
			return
		}
		want, wantErr := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if wantErr != nil || math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("%q: got %v, strconv says %v, %v", s, got, want, wantErr)
		}
	})
}

func FuzzParser(f *testing.F) {
	f.Add([]byte(`{"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[1.5]}],"id":"a"}`))
	f.Add([]byte(`{"dataframe_split":{"columns":["a"],"data":[[null],["\ud83d\ude00"]]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p := &parser{data: data}
		err := p.skip()
		if err == nil {
			err = p.end()
		}
		if err == nil && !json.Valid(data) {
			t.Errorf("%q was accepted and is no JSON", data)
		}
	})
}
