package modelimage

import (
	"context"
	"errors"
)

// PushOptions say what goes with the image.
type PushOptions struct {
	// Tags are set last, in this order, when everything else is in place.
	Tags []string
	// Attachments become referrers of the index.
	Attachments []Attachment
	// Progress is told of bytes written so far and in all; it may be nil.
	Progress func(done, total int64)
}

// Push writes the image, then what is attached, then the tags.
func (r *Repository) Push(ctx context.Context, img *Image, p PushOptions) (string, error) {
	return "", errors.New("push: not yet")
}
