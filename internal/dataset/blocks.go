package dataset

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

const (
	blockSize = 1 << 20
	// guessSize is how much of a file is looked at before the kinds of its columns are guessed.
	guessSize = 64 << 10
	// maxRecord bounds a record, that is, all its cells together: a stray quote must not swallow the rest of a file.
	maxRecord = 16 << 20
)

const notUTF8 = "is not UTF-8 text"

func tooLong(limit int) string { return fmt.Sprintf("the cell is longer than %d bytes", limit) }

func tooMany(what string, limit int) string { return fmt.Sprintf("holds more than %d %s", limit, what) }

// A block is a run of whole records. Its part is ready when done is closed.
type block struct {
	data []byte
	part *part
	done chan struct{}
}

// A blockReader cuts a stream into blocks at the borders of records.
type blockReader struct {
	name   string
	r      io.Reader
	border func([]byte) int
	limit  int64 // bytes that may still come
	max    int64
	rest   []byte // the beginning of the next block
	record int    // bytes after which a record without an end is refused
	ended  bool
	pool   *sync.Pool
}

// next gives the next block, and nil at the end. Its error is one of the stream, or errLongRecord with the record's
// beginning.
func (br *blockReader) next() ([]byte, error) {
	buf := br.pool.Get().([]byte)[:0]
	buf = append(buf, br.rest...)
	br.rest = br.rest[:0]
	for want := blockSize; ; want *= 2 {
		var err error
		if buf, err = br.fill(buf, want); err != nil {
			return buf, err
		}
		if br.ended {
			if len(buf) == 0 {
				return nil, nil
			}
			return buf, nil
		}
		if n := br.border(buf); n > 0 {
			br.rest = append(br.rest, buf[n:]...)
			return buf[:n], nil
		}
		if len(buf) >= br.record {
			return buf, errLongRecord
		}
	}
}

var errLongRecord = errors.New("the record has no end")

// fill reads until buf holds want bytes or the stream ends.
func (br *blockReader) fill(buf []byte, want int) ([]byte, error) {
	if cap(buf) < want {
		buf = append(make([]byte, 0, want), buf...)
	}
	for len(buf) < want && !br.ended {
		n, err := br.r.Read(buf[len(buf):want])
		buf = buf[:len(buf)+n]
		if br.limit -= int64(n); br.limit < 0 {
			return buf, &Error{File: br.name, Msg: fmt.Sprintf("holds more than %d bytes", br.max)}
		}
		switch {
		case err == io.EOF:
			br.ended = true
		case err != nil:
			return buf, &Error{File: br.name, Msg: "read", Err: err}
		}
	}
	return buf, nil
}

// A textFormat is a file of records, each of which can be read on its own once its beginning is known.
type textFormat struct {
	border func([]byte) int
	parse  func([]byte, *plan, *part)
	header func([]byte, Options) (names []string, size, lines int, err *Error)
}

// run reads all blocks, the first of which is at hand, with several workers, and merges their parts in the file's
// order. What it returns does not depend on the number of workers, an error included: the first in the file wins.
func (f textFormat) run(first []byte, br *blockReader, m *merger, pl *plan) error {
	workers := max(1, m.opts.Workers)
	work, order := make(chan *block, workers), make(chan *block, 2*workers)
	stop := make(chan struct{})
	parts := sync.Pool{New: func() any { return new(part) }}
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for b := range work {
				b.part = parts.Get().(*part)
				f.parse(b.data, pl, b.part)
				close(b.done)
			}
		})
	}
	var failed error // of reading; looked at once order is closed
	group.Go(func() {
		defer close(order)
		defer close(work)
		data, err := first, error(nil)
		if len(first) == 0 {
			data, err = br.next()
		}
		for data != nil && err == nil {
			b := &block{data: data, done: make(chan struct{})}
			select {
			case order <- b:
			case <-stop:
				return
			}
			work <- b
			data, err = br.next()
		}
		if errors.Is(err, errLongRecord) {
			err = f.longRecord(data, br, pl)
		}
		failed = err
	})
	var err error
	for b := range order {
		<-b.done
		if err == nil {
			if err = m.add(b.part); err != nil {
				close(stop)
			}
		}
		br.pool.Put(b.data[:0]) //nolint:staticcheck // a slice header a megabyte is no cost
		parts.Put(b.part)
	}
	group.Wait()
	var e *Error
	if err == nil && errors.As(failed, &e) && e.Line > 0 {
		e.Line += m.line - 1
	}
	if err == nil {
		err = failed
	}
	return err
}

// longRecord finds out what is wrong with a record that does not end: it reads what there is of it. The line counts
// from 1 at the record's beginning.
func (f textFormat) longRecord(b []byte, br *blockReader, pl *plan) error {
	var p part
	f.parse(b, pl, &p)
	if p.err == nil {
		p.err = &Error{Msg: fmt.Sprintf("a record is longer than %d bytes", br.record)}
	}
	p.err.File, p.err.Line = br.name, p.err.Line+1
	return p.err
}
