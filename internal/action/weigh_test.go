package action

import (
	"strings"
	"testing"
	"time"

	"github.com/weighlock/weighlock/internal/forge"
)

func TestQueuedPull(t *testing.T) {
	for ref, want := range map[string]int{
		"refs/heads/gh-readonly-queue/main/pr-7-abc": 7, "gh-readonly-queue/release/1/pr-123-abc": 123, "": 0, "refs/heads/main": 0, "x/pr-x-1": 0,
	} {
		if got := queuedPull(ref); got != want {
			t.Errorf("%q: got %d, want %d", ref, got, want)
		}
	}
}

// TestAWordAcceptsNoValueThatWasShownLater: the beginning of a commit can be made again, with a worse model behind it.
func TestAWordAcceptsNoValueThatWasShownLater(t *testing.T) {
	shown := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	head := "abc1234" + strings.Repeat("0", 33)
	p := people{
		pull:  &forge.Pull{Head: head},
		shown: forge.Shown{Since: shown, Values: map[string]float64{"fraud/rmse/": 90}},
	}
	for given, accepts := range map[time.Time]bool{shown.Add(-time.Minute): false, shown.Add(time.Minute): true} {
		p.accepts = []forge.Accept{{Metric: "rmse", Commit: "abc1234", By: "mia", Given: given, Reason: "why"}}
		got := p.waivers("fraud")
		if len(got) != 1 || got[0].Commit != head || (got[0].Value != nil) != accepts {
			t.Errorf("given %s: got %+v", given.Format(time.TimeOnly), got)
		}
	}
}
