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
