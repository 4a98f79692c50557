package promotion

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weighlock/weighlock/internal/registry"
)

// recordType is the artifact type of what is attached to an image each time that a tag came to name it.
const recordType = "application/vnd.weighlock.promotion.v1+json"

// The actions of a record.
const (
	actionPromote  = "promote"
	actionRollback = "rollback"
	actionUnpin    = "unpin"
)

// record is one move of a tag.
type record struct {
	Version  int       `json:"version"`
	Action   string    `json:"action"`
	Tag      string    `json:"tag"`
	From     string    `json:"from,omitempty"`
	To       string    `json:"to"`
	Revision string    `json:"revision"`
	By       string    `json:"by,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	At       time.Time `json:"at"`
}

// Event is one move of a tag, as it was written down.
type Event = record

// note attaches a record to the image that a tag came to name.
func (d Desk) note(ctx context.Context, r record, m Move) error {
	r.Version, r.From, r.To, r.Revision, r.By, r.At = 1, m.From, m.To, m.Revision, d.By, d.Now().UTC()
	raw, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write down what was promoted: %w", err)
	}
	err = d.Images.Attach(ctx, m.To, []registry.Attachment{{ArtifactType: recordType, Data: raw}})
	if err != nil {
		return fmt.Errorf("%s names %s now, but that could not be written down: %w", m.Tag, m.To, err)
	}
	return nil
}

// Named is a tag with what it names.
type Named = registry.Descriptor

// Past is what became of the tags of a repository.
type Past struct {
	// Tags are those that move and versions, with what they name now.
	Tags []Named `json:"tags"`
	// Pins are the tags that are held in their place.
	Pins map[string]Pin `json:"pins,omitempty"`
	// Events are newest first.
	Events []Event `json:"events"`
}

// atOnce bounds concurrent requests: registries count them.
const atOnce = 4

// Recall reads what was promoted when, for one tag or for all when it is empty.
func Recall(ctx context.Context, images *registry.Repository, tag string) (Past, error) {
	past := Past{Pins: map[string]Pin{}, Events: []Event{}}
	tags, err := images.Tags(ctx)
	if err != nil {
		return past, err
	}
	digests := map[string]bool{}
	for _, t := range tags {
		switch {
		case strings.HasSuffix(t, "-modelpack"):
		case strings.HasSuffix(t, pinSuffix):
			pin, err := Desk{Images: images}.pin(ctx, strings.TrimSuffix(t, pinSuffix))
			if err != nil {
				return past, err
			}
			if pin.Digest != "" {
				past.Pins[strings.TrimSuffix(t, pinSuffix)] = pin
			}
		default:
			found, err := images.Resolve(ctx, t)
			if err != nil {
				return past, err
			}
			digests[found.Digest] = true
			if !strings.HasPrefix(t, tagPrefix) {
				past.Tags = append(past.Tags, found)
			}
		}
	}
	past.Events, err = events(ctx, images, digests, tag)
	return past, err
}

// events reads the records attached to images.
func events(ctx context.Context, images *registry.Repository, digests map[string]bool, tag string) ([]Event, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan string)
	var mu sync.Mutex
	out := []Event{}
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for digest := range queue {
				found, err := recorded(ctx, images, digest)
				if err != nil {
					cancel(err)
					continue
				}
				mu.Lock()
				out = append(out, found...)
				mu.Unlock()
			}
		})
	}
	for digest := range digests {
		queue <- digest
	}
	close(queue)
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	out = slices.DeleteFunc(out, func(e Event) bool { return tag != "" && e.Tag != tag })
	slices.SortFunc(out, func(a, b Event) int {
		return cmp.Or(b.At.Compare(a.At), strings.Compare(a.Tag, b.Tag), strings.Compare(a.To, b.To))
	})
	return out, nil
}

func recorded(ctx context.Context, images *registry.Repository, digest string) ([]Event, error) {
	attached, err := images.Attachments(ctx, digest, recordType)
	if err != nil {
		return nil, err
	}
	var out []Event
	for _, a := range attached {
		var e Event
		if err := json.Unmarshal(a.Data, &e); err != nil || e.To != digest {
			continue // not a record of ours
		}
		out = append(out, e)
	}
	return out, nil
}
