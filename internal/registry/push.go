package registry

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// pushTries: a registry that loses what it took is cured by another push
	// (facts/security.md 2.1); what it kept is not sent again.
	pushTries = 3
	// uploadsAtOnce is low, because rate limits count requests.
	uploadsAtOnce = 2
	// decentRate is the transfer rate that large content is given time for.
	decentRate = 2_000_000 // bytes a second
	// visibleTime is how long a registry may take to show what it acknowledged.
	visibleTime = 30 * time.Second
)

// PushOptions say what goes with the content.
type PushOptions struct {
	// Tags are set last, in this order, when everything else is in place, each
	// after its companions.
	Tags []string
	// Attachments become referrers of the content.
	Attachments []Attachment
	// Beside are contents that readers find by a tag made of the digest and a
	// suffix (sha256-HEX.sig is where cosign used to look), by suffix.
	Beside map[string]Content
	// Progress is told of bytes written so far and in all; it may be nil. Calls
	// do not overlap.
	Progress func(done, total int64)
}

// writeOnce are the tags of one commit, and companions of them.
// or versions.
var writeOnce = regexp.MustCompile(`^(?:sha-[0-9a-f]{40}(?:[0-9a-f]{24})?|v?[0-9]+\.[0-9]+\.[0-9]+(?:[-_+.][0-9A-Za-z._+-]*)?)(?:-[a-z]+)?$`)

// Push writes the content, then what is attached, and when all of it can be
// read back the tags. It returns the digest of the content. Pushing the same again
// changes nothing; a write-once tag (sha-COMMIT) that names another digest is
// ErrConflict before anything is written.
func (r *Repository) Push(ctx context.Context, c Content, p PushOptions) (string, error) {
	// Besides its budget an operation has the time that its bytes need.
	ctx, cancel := context.WithTimeout(ctx, r.options.Budget+time.Duration(c.Size()/decentRate)*time.Second)
	defer cancel()
	digest := c.Digest()
	release, err := r.store.hold(ctx)
	if err != nil {
		return "", r.wrap("push to", "", err)
	}
	defer release()
	tags, err := r.plan(ctx, c, p.Tags)
	if err != nil {
		return "", r.wrap("push to", "", err)
	}
	for try := 1; ; try++ {
		err = r.pushOnce(ctx, c, p, tags)
		if !errors.Is(err, errLost) {
			break
		}
		if try == pushTries {
			err = unavailable("it lost content again and again: %v", err)
			break
		}
		r.options.Log("push to " + r.name + ": " + err.Error() + "; pushing again")
	}
	if err != nil {
		return "", r.wrap("push to", "", err)
	}
	return digest, nil
}

// target is a tag and what it is to name.
type target struct {
	tag string
	to  Manifest
}

// plan lists the tags in the order of writing and refuses those that must not move.
func (r *Repository) plan(ctx context.Context, c Content, tags []string) ([]target, error) {
	var out []target
	for _, t := range tags {
		for _, suffix := range slices.Sorted(maps.Keys(c.Companions)) {
			out = append(out, target{t + suffix, c.Companions[suffix]})
		}
		out = append(out, target{t, c.Top})
	}
	for _, t := range out {
		if !tagRE.MatchString(t.tag) || strings.HasPrefix(t.tag, fallbackPrefix) {
			return nil, Invalid("%q cannot be a tag", t.tag)
		}
		if _, err := r.settled(ctx, t); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// settled says whether the tag names its target already; ErrConflict when it is
// write-once and names another.
func (r *Repository) settled(ctx context.Context, t target) (bool, error) {
	have, err := r.store.stat(ctx, t.tag)
	want := t.to.Digest().String()
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	case have != want && writeOnce.MatchString(t.tag):
		return false, &failure{ErrConflict, "tag " + t.tag + " is write-once: it names " + have + ", not " + want}
	}
	return have == want, nil
}

func (r *Repository) pushOnce(ctx context.Context, c Content, p PushOptions, tags []target) error {
	wrote := meter(c, p)
	if err := r.pushBlobs(ctx, c.Blobs, wrote); err != nil {
		return err
	}
	for _, b := range c.Blobs {
		if ok, err := r.store.hasBlob(ctx, b.Digest); err != nil {
			return err
		} else if !ok {
			return &failure{errLost, b.Digest.String() + " is gone after its upload"}
		}
	}
	for _, m := range append(slices.Clone(c.Children), c.Top) {
		if _, err := r.store.writeManifest(ctx, m.Digest().String(), m); err != nil {
			return err
		}
	}
	if err := r.awaitRef(ctx, c.Digest(), c.Top); err != nil {
		return err
	}
	if err := r.attach(ctx, c.Digest(), p.Attachments, wrote); err != nil {
		return err
	}
	for _, suffix := range slices.Sorted(maps.Keys(p.Beside)) {
		if err := r.writeBeside(ctx, fallbackTag(c.Digest())+suffix, p.Beside[suffix], wrote); err != nil {
			return err
		}
	}
	for _, t := range tags {
		if err := r.setTag(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// writeBeside stores small content under a tag that belongs to other content.
func (r *Repository) writeBeside(ctx context.Context, tag string, c Content, wrote func(int64)) error {
	if err := r.pushBlobs(ctx, c.Blobs, wrote); err != nil {
		return err
	}
	return r.setTag(ctx, target{tag, c.Top})
}

// setTag writes a tag, unless it is right, and reads it back.
func (r *Repository) setTag(ctx context.Context, t target) error {
	if ok, err := r.settled(ctx, t); ok || err != nil {
		return err
	}
	if _, err := r.store.writeManifest(ctx, t.tag, t.to); err != nil {
		return err
	}
	return r.awaitRef(ctx, t.tag, t.to)
}

// awaitRef waits until ref leads to m. Some registries show what they
// acknowledged only seconds later.
func (r *Repository) awaitRef(ctx context.Context, ref string, m Manifest) error {
	return r.visible(ctx, func() (bool, error) {
		have, err := r.store.stat(ctx, ref)
		if errors.Is(err, ErrNotFound) {
			return false, nil
		}
		return have == m.Digest().String(), err
	})
}

// visible asks until the answer is yes; ErrNotVisible when it stays no.
func (r *Repository) visible(ctx context.Context, ask func() (bool, error)) error {
	wait := 100 * time.Millisecond
	for spent := time.Duration(0); ; spent += wait {
		ok, err := ask()
		if ok || err != nil {
			return err
		}
		if spent > 0 {
			wait *= 2
		}
		deadline, limited := ctx.Deadline()
		if spent+wait > visibleTime || limited && time.Until(deadline) < wait {
			return &failure{ErrNotVisible, ErrNotVisible.Error()}
		}
		if err := sleep(ctx, wait); err != nil {
			return ended(ctx, nil)
		}
	}
}

// pushBlobs uploads a few at a time and stops at the first failure.
func (r *Repository) pushBlobs(ctx context.Context, blobs []Blob, wrote func(int64)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan Blob)
	var wg sync.WaitGroup
	for range uploadsAtOnce {
		wg.Go(func() {
			for b := range queue {
				if ctx.Err() != nil {
					continue
				}
				if err := r.store.writeBlob(ctx, b, wrote); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, b := range blobs {
		queue <- b
	}
	close(queue)
	wg.Wait()
	if ctx.Err() == nil {
		return nil
	}
	cause := context.Cause(ctx)
	if errors.Is(cause, ctx.Err()) && !errors.As(cause, new(*failure)) {
		return ended(ctx, nil) // the caller's end, not ours
	}
	return cause
}

// meter adds up progress.
func meter(c Content, p PushOptions) func(int64) {
	total := c.Size()
	for _, a := range p.Attachments {
		total += int64(len(a.Data) + len(emptyConfig))
	}
	for _, b := range p.Beside {
		total += b.Size()
	}
	var mu sync.Mutex
	var done int64
	return func(n int64) {
		if p.Progress == nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		done += n
		p.Progress(done, total)
	}
}
