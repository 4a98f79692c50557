package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// bytesBar shows how far a transfer is: a bar on a terminal, a line every ten seconds elsewhere.
type bytesBar struct {
	w    world
	verb string
	bar  *progressbar.ProgressBar

	mu   sync.Mutex
	last time.Time
}

const barEvery = 10 * time.Second

func newBytesBar(w world, verb string) *bytesBar {
	b := &bytesBar{w: w, verb: verb, last: time.Now()}
	if isTerminal(w.stderr) {
		b.bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(w.stderr), progressbar.OptionShowBytes(true),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetDescription(verb), progressbar.OptionThrottle(100*time.Millisecond))
	}
	return b
}

func (b *bytesBar) set(done, total int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bar != nil {
		b.bar.ChangeMax64(total)
		_ = b.bar.Set64(done) // a bar that does not move is no reason to stop
		return
	}
	if time.Since(b.last) >= barEvery && done < total {
		b.last = time.Now()
		_, _ = fmt.Fprintf(b.w.stderr, "%s: %d of %d MB\n", b.verb, done>>20, total>>20)
	}
}

func (b *bytesBar) stop() {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
}
