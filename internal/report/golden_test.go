package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const marker = `<!-- weighlock {"v":1,"key":"diabetes"} -->`

func TestGolden(t *testing.T) {
	for name, r := range fixtures() {
		t.Run(name, func(t *testing.T) {
			raw := encode(t, r)
			saved, err := Decode(bytes.NewReader(raw))
			if err != nil {
				t.Fatal(err)
			}
			// Renderings must need nothing but the saved report.
			golden(t, name+".json", raw)
			golden(t, name+".txt", render(t, func(w *bytes.Buffer) error { return Text(w, saved, TextOptions{}) }))
			golden(t, name+".narrow.txt", render(t, func(w *bytes.Buffer) error { return Text(w, saved, TextOptions{Width: 60}) }))
			golden(t, name+".md", []byte(Markdown(saved, MarkdownOptions{Marker: marker})))
			golden(t, name+".html", render(t, func(w *bytes.Buffer) error { return HTML(w, saved) }))
			golden(t, name+".xml", render(t, func(w *bytes.Buffer) error { return JUnit(w, saved) }))
		})
	}
}

func render(t *testing.T, f func(w *bytes.Buffer) error) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := f(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs; go test ./internal/report -update rewrites it (-want +got):\n%s", name, diff)
	}
}
