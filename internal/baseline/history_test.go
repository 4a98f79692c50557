package baseline

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weighlock/weighlock/internal/gate"
)

func TestSeedsComeBack(t *testing.T) {
	s := Seeds{Version: 1, Model: "m", Commit: "c", Evaluation: "sha256:1", Rules: map[string]gate.SeedSpread{"rmse": {SD: 0.25, Trained: 5}}}
	raw, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeSeeds(raw)
	if diff := cmp.Diff(s, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

// A spread that somebody forged could widen every interval until nothing blocks, or end it.
func TestSeedsThatAreNoneAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		``:              "EOF",
		`{"version":2}`: "version 2 is not 1",
		`{"version":1,"rules":{"rmse":{"sd":-1,"trained":5}}}`:    "spread -1",
		`{"version":1,"rules":{"rmse":{"sd":1,"trained":1}}}`:     "1 trainings",
		`{"version":1,"rules":{"rmse":{"sd":1e999,"trained":5}}}`: "1e999",
	} {
		if _, err := DecodeSeeds([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func FuzzDecodeSeeds(f *testing.F) {
	f.Add([]byte(`{"version":1,"rules":{"rmse":{"sd":1,"trained":3}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := DecodeSeeds(raw)
		if err != nil {
			return
		}
		if _, err := s.Encode(); err != nil {
			t.Errorf("%q was read and cannot be written: %v", raw, err)
		}
	})
}
