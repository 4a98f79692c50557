package promotion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/weighlock/weighlock/internal/modelimage"
	"github.com/weighlock/weighlock/internal/registry"
)

// pinType is the artifact type of a note that holds a tag in its place. The note has a tag of its own, TAG-pin, which no
// promotion writes: a promotion that is late cannot undo a rollback.
const pinType = "application/vnd.weighlock.pin.v1+json"

// Pin holds a tag in its place; the zero value holds nothing.
type Pin struct {
	Digest string    `json:"digest,omitempty"`
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at,omitzero"`
}

// pin reads what a tag is pinned to.
func (d Desk) pin(ctx context.Context, tag string) (Pin, error) {
	note, err := d.Images.Get(ctx, tag+pinSuffix)
	if errors.Is(err, registry.ErrNotFound) {
		return Pin{}, nil
	}
	if err != nil {
		return Pin{}, err
	}
	var p Pin
	if err := json.Unmarshal(note.Data, &p); err != nil || note.ArtifactType != pinType {
		return Pin{}, registry.Invalid("read pin of %s: it is a %s, want a %s", tag, note.ArtifactType, pinType)
	}
	return p, nil
}

func (d Desk) setPin(ctx context.Context, tag string, p Pin) error {
	raw, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("pin %s: %w", tag, err)
	}
	return d.Images.Put(ctx, tag+pinSuffix, registry.Attachment{ArtifactType: pinType, Data: raw})
}

// Rollback pins a tag to an earlier image, by digest or tag (Previous where empty), and sets it. Promotions leave it
// there until Unpin. The image must prove itself as for a promotion.
func (d Desk) Rollback(ctx context.Context, tag, to, reason string) (Move, error) {
	if err := checkMoving(tag); err != nil {
		return Move{}, err
	}
	if to == "" {
		to = Previous
	}
	target, err := d.Images.Resolve(ctx, to)
	if err != nil {
		return Move{}, fmt.Errorf("roll back %s: %w", tag, err)
	}
	have, err := d.current(ctx, tag)
	if err != nil {
		return Move{}, err
	}
	if have.Digest == target.Digest && to == Previous {
		return Move{}, fmt.Errorf("roll back %s: it names %s already, as %s does; say which image with --to: %w", tag, have.Digest, Previous, ErrNoImage)
	}
	// Refuse before the pin is set: a pin to an image that may not be promoted would hold the tag for nothing.
	if err := d.allow(ctx, tag, have, choice{target, target.Annotations[modelimage.AnnotationRevision], true}); err != nil {
		return Move{}, err
	}
	if err := d.setPin(ctx, tag, Pin{Digest: target.Digest, By: d.By, Reason: reason, At: d.Now().UTC()}); err != nil {
		return Move{}, err
	}
	return d.settle(ctx, tag, record{Action: actionRollback, Tag: tag, Reason: reason})
}

// Unpin lets promotions move the tag again, and promotes.
func (d Desk) Unpin(ctx context.Context, tag string) (Move, error) {
	if err := checkMoving(tag); err != nil {
		return Move{}, err
	}
	held, err := d.pin(ctx, tag)
	if err != nil {
		return Move{}, err
	}
	if held.Digest != "" {
		if err := d.setPin(ctx, tag, Pin{}); err != nil {
			return Move{}, err
		}
	}
	return d.settle(ctx, tag, record{Action: actionUnpin, Tag: tag})
}
