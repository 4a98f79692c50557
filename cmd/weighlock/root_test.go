package main

import (
	"errors"
	"strings"
	"testing"
)

func TestPanicsDoNotReachUsers(t *testing.T) {
	var nothing map[string]int
	err := caught(false, func() error { nothing["x"] = 1; return nil })
	var said strings.Builder
	complain(&said, err)
	if codeOf(err) != 4 || !strings.HasPrefix(said.String(), "weighlock: internal error: assignment to entry in nil map\nhint: ") {
		t.Errorf("exit code %d: %s", codeOf(err), said.String())
	}
	mine := errors.New("an error")
	if got := caught(false, func() error { return mine }); !errors.Is(got, mine) {
		t.Errorf("got %v", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("with debug the panic is hidden")
		}
	}()
	_ = caught(true, func() error { panic("seen") })
}
