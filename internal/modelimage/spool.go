package modelimage

import (
	"fmt"
	"io"
	"os"

	"github.com/weighlock/weighlock/internal/registry"
)

// inMemoryLayer is how large a model layer may be that is kept in memory while it is read.
const inMemoryLayer = 64 << 20

// span is a part of something that can be read anywhere.
type span struct {
	from     io.ReaderAt
	at, size int64
}

func (s span) open() *io.SectionReader { return io.NewSectionReader(s.from, s.at, s.size) }

// spool keeps what write writes in a file of the temporary folder that has no name any more: it is gone with this process,
// however that ends, and its room is free when nothing refers to the result.
func spool(write func(io.Writer) error) (*os.File, error) {
	f, err := os.CreateTemp("", "weighlock-model-*")
	if err != nil {
		return nil, fmt.Errorf("keep model: %w: %w: %w", err, ErrTooLarge, registry.ErrInvalid)
	}
	k := &keeper{to: f}
	if err = os.Remove(f.Name()); err == nil {
		err = write(k)
	}
	switch {
	case k.err != nil:
		err = fmt.Errorf("keep model in %s: %w: %w: %w", os.TempDir(), k.err, ErrTooLarge, registry.ErrInvalid)
	case err == nil:
		return f, nil
	}
	_ = f.Close()
	return nil, err
}

// keeper remembers that it was the file, and not where the content comes from, that failed.
type keeper struct {
	to  io.Writer
	err error
}

func (k *keeper) Write(p []byte) (int, error) {
	n, err := k.to.Write(p)
	if err != nil {
		k.err = err
	}
	return n, err
}
