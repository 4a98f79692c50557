package action

import "testing"

func TestQueuedPull(t *testing.T) {
	for ref, want := range map[string]int{
		"refs/heads/gh-readonly-queue/main/pr-7-abc": 7, "gh-readonly-queue/release/1/pr-123-abc": 123, "": 0, "refs/heads/main": 0, "x/pr-x-1": 0,
	} {
		if got := queuedPull(ref); got != want {
			t.Errorf("%q: got %d, want %d", ref, got, want)
		}
	}
}
