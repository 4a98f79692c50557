package modelimage

import (
	"os"
	"testing"
)

// benchInput is an image of ordinary size: this test program, some megabytes of
// machine code, stands in for the server.
func benchInput(b *testing.B) Input {
	in := testInput()
	server, err := os.ReadFile(os.Args[0])
	if err != nil {
		b.Fatal(err)
	}
	in.Servers = map[string][]byte{"linux/amd64": server[:8<<20], "linux/arm64": server[:8<<20]}
	return in
}

func BenchmarkBuild(b *testing.B) {
	in := benchInput(b)
	for b.Loop() {
		mustBuild(b, in)
	}
}

// BenchmarkBaseline is what a run does to find its baseline in a folder: the
// nearest of 50 ancestors, its model, and its predictions.
func BenchmarkBaseline(b *testing.B) {
	r := mustOpen(b, "oci:"+b.TempDir(), Options{})
	img := mustBuild(b, testInput())
	if _, err := r.Push(b.Context(), img, PushOptions{Tags: []string{testTag}, Attachments: testAttachments}); err != nil {
		b.Fatal(err)
	}
	tags := make([]string, 50)
	for n := range tags {
		tags[n] = "none"
	}
	tags[49] = testTag
	for b.Loop() {
		d, err := r.ResolveMany(b.Context(), tags)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.Model(b.Context(), d.Digest); err != nil {
			b.Fatal(err)
		}
		if _, err := r.Attachments(b.Context(), d.Digest, PredictionsType); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPushFolder(b *testing.B) {
	img := mustBuild(b, benchInput(b))
	for b.Loop() {
		r := mustOpen(b, "oci:"+b.TempDir(), Options{})
		if _, err := r.Push(b.Context(), img, PushOptions{Tags: []string{testTag}, Attachments: testAttachments}); err != nil {
			b.Fatal(err)
		}
	}
}
