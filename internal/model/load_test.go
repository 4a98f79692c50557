package model_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/model"
)

func files(t testing.TB, m *model.Model) map[string][]byte {
	t.Helper()
	out, err := m.Files()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func everyModel(t testing.TB) map[string]*model.Model {
	t.Helper()
	out := map[string]*model.Model{}
	for _, link := range []model.Link{model.Identity, model.Exponential, model.Logistic, model.Multinomial} {
		out[string(link)] = linear(t, everyOption, link)
	}
	var err error
	out["constant"], err = model.NewConstant(model.Constant{
		Meta: model.Meta{Task: metric.Binary, Target: "<y> & \"z\"", Classes: []string{"no", "yes"}}, Probabilities: []float64{0.25, 0.75},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestLoadGivesTheSameModel(t *testing.T) {
	for name, m := range everyModel(t) {
		t.Run(name, func(t *testing.T) {
			want := files(t, m)
			want["README.md"] = []byte("other files are nobody's business")
			loaded, err := model.Load(folder(want))
			if err != nil {
				t.Fatal(err)
			}
			delete(want, "README.md")
			if diff := cmp.Diff(want, files(t, loaded)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(m.Describe(), loaded.Describe()); diff != "" {
				t.Error(diff)
			}
			a, _ := m.Predict(people(t))
			b, err := loaded.Predict(people(t))
			if diff := cmp.Diff(a, b); diff != "" || err != nil {
				t.Error(diff, err)
			}
			if size := int64(len(want[model.DocumentFile]) + len(want[model.WeightsFile])); m.Size() != size {
				t.Errorf("size %d, want %d", m.Size(), size)
			}
		})
	}
}

// TestDigest computes what sha256sum prints for the files, sorted by name, and hashes that.
func TestDigest(t *testing.T) {
	m := linear(t, everyOption, model.Identity)
	var lines bytes.Buffer
	all := files(t, m)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&lines, "%x  %s\n", sha256.Sum256(all[name]), name)
	}
	sum := sha256.Sum256(lines.Bytes())
	if want := "sha256:" + hex.EncodeToString(sum[:]); m.Digest() != want {
		t.Errorf("got %s, want %s", m.Digest(), want)
	}
}

// TestCanonical writes model.json again from a map, whose keys encoding/json sorts: nothing may change.
func TestCanonical(t *testing.T) {
	for name, m := range everyModel(t) {
		text := files(t, m)[model.DocumentFile]
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
		var again bytes.Buffer
		e := json.NewEncoder(&again)
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(again.String(), string(text)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// withWeights replaces weights.bin and makes the document agree with it.
func withWeights(all map[string][]byte, weights []byte) {
	before := sha256.Sum256(all[model.WeightsFile])
	after := sha256.Sum256(weights)
	text := strings.Replace(string(all[model.DocumentFile]), hex.EncodeToString(before[:]), hex.EncodeToString(after[:]), 1)
	text = strings.Replace(text, fmt.Sprintf(`"count":%d`, len(all[model.WeightsFile])/8), fmt.Sprintf(`"count":%d`, len(weights)/8), 1)
	all[model.DocumentFile], all[model.WeightsFile] = []byte(text), weights
}

func TestLoadRefuses(t *testing.T) {
	swap := func(from, to string) func(map[string][]byte) {
		return func(all map[string][]byte) {
			if !bytes.Contains(all[model.DocumentFile], []byte(from)) {
				t.Fatalf("model.json has no %s", from)
			}
			all[model.DocumentFile] = bytes.Replace(all[model.DocumentFile], []byte(from), []byte(to), 1)
		}
	}
	for _, c := range []struct {
		name   string
		change func(all map[string][]byte)
		want   string // begins the error, after "load model: "
	}{
		{"no document", func(all map[string][]byte) { delete(all, model.DocumentFile) }, "model.json: file does not exist"},
		{"no weights", func(all map[string][]byte) { delete(all, model.WeightsFile) }, "weights.bin: file does not exist"},
		{"empty document", func(all map[string][]byte) { all[model.DocumentFile] = nil }, "model.json: empty"},
		{"truncated document", func(all map[string][]byte) { all[model.DocumentFile] = all[model.DocumentFile][:200] }, "model.json: truncated: the document ends early"},
		{"a pickle", func(all map[string][]byte) { all[model.DocumentFile] = []byte("\x80\x04\x95") }, "model.json: not valid UTF-8"},
		{"no JSON", swap(`{"body"`, `<"body"`), "model.json: damaged at byte 1: invalid character '<'"},
		{"other JSON", swap(`weighlock-model`, `onnx`), "model.json: not a weighlock model"},
		{"newer", swap(`"version":1`, `"version":2,"hologram":{}`), "model.json: format version 2 is newer than this weighlock, which reads version 1"},
		{"version 0", swap(`"version":1`, `"version":0`), "model.json: format version 0 does not exist"},
		{"trailing garbage", func(all map[string][]byte) { all[model.DocumentFile] = append(all[model.DocumentFile], "{}"...) }, "model.json: something follows the end of the document"},
		{"trailing space", func(all map[string][]byte) { all[model.DocumentFile] = append(all[model.DocumentFile], ' ') }, "model.json: not as weighlock writes it: it was edited or damaged"},
		{"duplicate key", swap(`"target":"y"`, `"target":"x","target":"y"`), `model.json: key "target" stands twice`},
		{"duplicate key inside", swap(`"name":"age"`, `"name":"age","name":"age"`), `model.json: key "name" stands twice`},
		{"key in capitals", swap(`"target"`, `"Target"`), "model.json: not as weighlock writes it: it was edited or damaged"},
		{"unknown key", swap(`"target"`, `"hologram":1,"target"`), `model.json: damaged: json: unknown field "hologram"`},
		{"unknown key in the body", swap(`{"link"`, `{"hologram":1,"link"`), "model.json: not as weighlock writes it: it was edited or damaged"},
		{"deep", swap(`{"body":`, `{"body":`+strings.Repeat("[", 40)), "model.json: nested more than 32 deep"},
		{"number written long", swap(`"fill":50`, `"fill":50.0`), "model.json: not as weighlock writes it: it was edited or damaged"},
		{"number out of range", swap(`"fill":50`, `"fill":1e999`), "model.json: damaged: json: cannot unmarshal number 1e999"},
		{"unknown kind", swap(`"kind":"linear"`, `"kind":"forest"`), `model.json: unknown kind "forest": this weighlock knows constant, linear`},
		{"unknown task", swap(`"regression"`, `"horoscope"`), `model.json: unknown task "horoscope"`},
		{"other task", swap(`"regression"`, `"binary"`), "model.json: no classes"},
		{"unknown link", swap(`"identity"`, `"cloglog"`), `model.json: unknown link "cloglog": choices are identity, exponential, logistic, softmax`},
		{"scale 0", swap(`"name":"smoker","scale":1`, `"name":"smoker","scale":-1`), `model.json: encoder: input "smoker": scale -1 is not positive`},
		{"input twice", swap(`"name":"smoker"`, `"name":"age"`), `model.json: encoder: input "age" stands twice`},
		{"product of nothing", swap(`[0,0]`, `[0,99]`), "model.json: encoder: product of outputs 0 and 99, of 8"},
		{"weights cut", func(all map[string][]byte) { all[model.WeightsFile] = all[model.WeightsFile][:20] }, "weights.bin: 20 bytes, model.json announces 24 numbers of 8"},
		{"weights longer", func(all map[string][]byte) { all[model.WeightsFile] = append(all[model.WeightsFile], 0) }, "weights.bin: 193 bytes, model.json announces 24 numbers of 8"},
		{"weights flipped", func(all map[string][]byte) { all[model.WeightsFile][9] ^= 1 }, "weights.bin: damaged: its SHA-256 is not the one in model.json"},
		{"weights missing", func(all map[string][]byte) { withWeights(all, all[model.WeightsFile][:16]) }, "model.json: 2 weights, want 24"},
		{"NaN", func(all map[string][]byte) {
			w := slices.Clone(all[model.WeightsFile])
			binary.LittleEndian.PutUint64(w[16:], math.Float64bits(math.NaN()))
			withWeights(all, w)
		}, "weights.bin: weight 3 of 24 is not a finite number"},
		{"too large", func(all map[string][]byte) { all[model.DocumentFile] = make([]byte, 17<<20) }, "model.json: 17825792 bytes are more than the limit of 16777216"},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := files(t, linear(t, everyOption, model.Identity))
			c.change(all)
			_, err := model.Load(folder(all))
			if err == nil {
				t.Fatal("it loads")
			}
			if !strings.HasPrefix(err.Error(), "load model: "+c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got  %v\nwant load model: %s", err, c.want)
			}
		})
	}
}

func TestLoadRefusesLinks(t *testing.T) {
	all := folder(files(t, linear(t, everyOption, model.Identity)))
	all["real.bin"] = all[model.WeightsFile]
	all[model.WeightsFile] = &fstest.MapFile{Data: []byte("real.bin"), Mode: fs.ModeSymlink}
	if _, err := model.Load(all); err == nil || err.Error() != "load model: weights.bin: not a regular file" {
		t.Errorf("got %v", err)
	}
}

// TestEveryByteMatters damages one byte after the other.
func TestEveryByteMatters(t *testing.T) {
	all := files(t, linear(t, model.EncoderOptions{MinCount: 2}, model.Logistic))
	for name, content := range all {
		for i := range content {
			damaged := maps.Clone(all)
			damaged[name] = slices.Clone(content)
			damaged[name][i] ^= 0x15
			if m, err := model.Load(folder(damaged)); err == nil && m.Digest() == "" {
				t.Errorf("%s, byte %d: it loads without a digest", name, i)
			} else if err == nil && bytes.Equal(files(t, m)[name], content) {
				t.Errorf("%s, byte %d: the damage is gone", name, i)
			} else if name == model.WeightsFile && err == nil {
				t.Errorf("%s, byte %d: it loads", name, i)
			}
		}
	}
}

func TestNewLinearRefuses(t *testing.T) {
	e := fit(t, model.EncoderOptions{})
	good := func() model.Linear {
		return model.Linear{
			Meta: model.Meta{Task: metric.Binary, Target: "y", Classes: []string{"no", "yes"}}, Encoder: e, Link: model.Logistic,
			Weights: make([]float64, 1+e.Width()),
		}
	}
	if _, err := model.NewLinear(good()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		change func(l *model.Linear)
		want   string
	}{
		{func(l *model.Linear) { l.Weights[2] = math.Inf(1) }, "make linear model: weight 3 of 8 is not a finite number"},
		{func(l *model.Linear) { l.Weights = l.Weights[1:] }, "make linear model: 7 weights, want 8"},
		{func(l *model.Linear) { l.Encoder = nil }, "make linear model: a linear model needs an encoder"},
		{func(l *model.Linear) { l.Threshold = 1 }, "make linear model: threshold 1 is not between 0 and 1"},
		{func(l *model.Linear) { l.Link = model.Identity }, "make linear model: link identity does not answer a binary task"},
		{func(l *model.Linear) { l.Classes = l.Classes[:1] }, "make linear model: link logistic has 2 classes, not 1"},
		{func(l *model.Linear) { l.Classes = []string{"yes", "no"} }, "make linear model: classes are not distinct, sorted texts"},
		{func(l *model.Linear) { l.Target = "" }, "make linear model: no valid target"},
		{func(l *model.Linear) { l.Target = "\xff" }, "make linear model: no valid target"},
		{func(l *model.Linear) { l.Task = "guess" }, `make linear model: link logistic does not answer a guess task`},
	} {
		l := good()
		c.change(&l)
		if _, err := model.NewLinear(l); err == nil || err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, m := range everyModel(f) {
		all := files(f, m)
		f.Add(all[model.DocumentFile], all[model.WeightsFile])
		f.Add(all[model.DocumentFile][:100], all[model.WeightsFile])
	}
	f.Add([]byte(`{"body":{},"classes":["a"],"format":"weighlock-model","kind":"constant","origin":{"estimator":"","rows":0},"target":"y","task":"binary","version":1,"weights":{"count":0,"sha256":""}}`), []byte{})
	rows := people(f)
	f.Fuzz(func(t *testing.T, document, weights []byte) {
		// The fuzzer cannot guess a SHA-256, so the document is made to agree with the weights.
		sum := sha256.Sum256(weights)
		at := bytes.Index(document, []byte(`"sha256":"`))
		if at >= 0 && at+74 <= len(document) {
			document = slices.Concat(document[:at+10], []byte(hex.EncodeToString(sum[:])), document[at+74:])
		}
		all := map[string][]byte{model.DocumentFile: document, model.WeightsFile: weights}
		m, err := model.Load(folder(all))
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %v", err)
			}
			return
		}
		if diff := cmp.Diff(all, files(t, m)); diff != "" {
			t.Error(diff)
		}
		if _, err := json.Marshal(m.Describe()); err != nil {
			t.Log(err) // coefficients may overflow in raw units
		}
		p, err := m.Predict(rows)
		if err == nil && p.Rows() != rows.Rows() {
			t.Errorf("%d predictions for %d rows", p.Rows(), rows.Rows())
		}
	})
}
