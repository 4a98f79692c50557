package action

import (
	"bytes"
	"strings"
	"testing"
)

func TestTalkIsNoCommand(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	a := &action{Options: Options{Stderr: &log}}
	a.talk("entry %q\n::error::x\r##[add-mask]e\x1b[2J", "##[set-output name=decision]passed")
	if got := log.String(); strings.Contains(got, "##[") || strings.Contains(got, "\x1b") || strings.Count(got, "\n") != 1 {
		t.Errorf("got %q", got)
	}
}
