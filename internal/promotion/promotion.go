// Package promotion moves the tags that deployers follow: to the newest passed image of a branch, back to an older one,
// and never to one that has not proved itself.
//
// Promotion is level-triggered. Nobody tells it which image to promote: it asks what the branch holds now, sets the tag,
// and asks again until both agree. So it does not matter in which order two merges get here, or which of two writers is
// the slower one; no registry offers a compare-and-swap that one could build on instead.
package promotion

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/weighlock/weighlock/internal/modelimage"
	"github.com/weighlock/weighlock/internal/registry"
	"github.com/weighlock/weighlock/internal/signing"
)

// The tags with a meaning of their own.
const (
	// Approved is what deployers follow; Previous is what it named before.
	Approved = "approved"
	Previous = "previous"
)

const (
	// Lookback is how many first-parent commits are asked for an image.
	Lookback = 50
	// maxRounds ends a loop in which branch and tag never come to agree.
	maxRounds = 50
	tagPrefix = "sha-"
	pinSuffix = "-pin"
)

var (
	// ErrRefused says that an image may not be promoted.
	ErrRefused = errors.New("may not be promoted")
	// ErrForeign says that a tag names an image of a commit that the branch does not hold; it is an ErrRefused.
	ErrForeign = fmt.Errorf("of another history: %w", ErrRefused)
	// ErrNoImage says that no commit in reach has an image.
	ErrNoImage = errors.New("no image to promote")

	versionRE = regexp.MustCompile(`^v?[0-9]+\.[0-9]+\.[0-9]+(?:[-_][0-9A-Za-z._-]*)?$`)
	movingRE  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$`)
)

// History is where the order of commits comes from.
type History interface {
	// FetchBranch asks for the tip of a branch as it is now.
	FetchBranch(ctx context.Context, branch string) (string, error)
	// FirstParents returns up to n commits: the revision itself, its first parent, and so on.
	FirstParents(ctx context.Context, rev string, n int) ([]string, error)
	// IsAncestor reports whether a is b or one of its ancestors.
	IsAncestor(ctx context.Context, a, b string) (bool, error)
}

// Desk is where promotions of one repository of images are decided.
type Desk struct {
	Images  *registry.Repository
	History History
	// Branch is the protected branch's name.
	Branch string
	// Key must have signed an image before it is promoted; nil asks for the claims alone.
	Key *signing.PublicKey
	// By is who asks; it goes into the record.
	By string
	// Now is the clock for records and ages.
	Now func() time.Time
}

// Move is what became of a tag.
type Move struct {
	Tag string `json:"tag"`
	// From and To are digests; From is empty for a new tag, and equal to To when nothing moved.
	From string `json:"from,omitempty"`
	To   string `json:"to"`
	// Revision is the commit of To.
	Revision string `json:"revision"`
	// Pinned says that the tag is held where it is.
	Pinned bool `json:"pinned,omitempty"`
}

// checkMoving refuses names that mean something else.
func checkMoving(tag string) error {
	switch {
	case !movingRE.MatchString(tag), strings.HasPrefix(tag, tagPrefix), strings.HasPrefix(tag, "sha256-"), tag == Previous,
		strings.HasSuffix(tag, modelimage.ModelPackSuffix), strings.HasSuffix(tag, pinSuffix):
		return fmt.Errorf("promote as %q: not a tag that moves; want a name such as %s or main, or a version such as v1.4.0", tag, Approved)
	}
	return nil
}

// Promote makes a tag name the newest passed image of the branch, or what it is pinned to, and returns when branch and
// tag agree. A version such as v1.4.0 is set once and never moves again.
func (d Desk) Promote(ctx context.Context, tag string) (Move, error) {
	if versionRE.MatchString(tag) {
		return d.release(ctx, tag)
	}
	if err := checkMoving(tag); err != nil {
		return Move{}, err
	}
	return d.settle(ctx, tag, record{Action: actionPromote, Tag: tag})
}

// settle sets the tag until it is what it should be, and then writes down what was done.
func (d Desk) settle(ctx context.Context, tag string, done record) (Move, error) {
	move := Move{Tag: tag}
	for round := 0; ; round++ {
		want, err := d.wanted(ctx, tag)
		if err != nil {
			return move, err
		}
		have, err := d.current(ctx, tag)
		if err != nil {
			return move, err
		}
		if round == 0 {
			move.From = have.Digest
		}
		if have.Digest == want.Digest {
			move.To, move.Revision, move.Pinned = want.Digest, want.revision, want.pinned
			if move.From == move.To {
				return move, nil
			}
			return move, d.note(ctx, done, move)
		}
		if round == maxRounds {
			return move, fmt.Errorf("promote %s: after %d rounds others still move it: %w", tag, round, registry.ErrUnavailable)
		}
		if err := d.allow(ctx, tag, have, want); err != nil {
			return move, err
		}
		if err := d.write(ctx, tag, have.Digest, want); err != nil {
			return move, err
		}
	}
}

// choice is an image and why it is the one.
type choice struct {
	registry.Descriptor
	revision string
	pinned   bool
}

// wanted is what a tag should name now: what it is pinned to, else the newest image of the branch.
func (d Desk) wanted(ctx context.Context, tag string) (choice, error) {
	pinned, err := d.pin(ctx, tag)
	if err != nil {
		return choice{}, err
	}
	if pinned.Digest != "" {
		found, err := d.Images.Resolve(ctx, pinned.Digest)
		return choice{found, found.Annotations[modelimage.AnnotationRevision], true}, err
	}
	tip, err := d.History.FetchBranch(ctx, d.Branch)
	if err != nil {
		return choice{}, fmt.Errorf("promote %s: %w", tag, err)
	}
	return d.newest(ctx, tip)
}

// newest is the image of a commit or of the nearest of its first-parent ancestors that has one. A blocked commit has
// none.
func (d Desk) newest(ctx context.Context, commit string) (choice, error) {
	commits, err := d.History.FirstParents(ctx, commit, Lookback)
	if err != nil {
		return choice{}, err
	}
	tags := make([]string, len(commits))
	for i, c := range commits {
		tags[i] = tagPrefix + c
	}
	found, err := d.Images.ResolveMany(ctx, tags)
	if errors.Is(err, registry.ErrNotFound) {
		return choice{}, fmt.Errorf("find image in %s: none of %d commits of %s has one: %w", d.Images.Name(), len(commits), d.Branch, ErrNoImage)
	}
	if err != nil {
		return choice{}, err
	}
	revision := strings.TrimPrefix(found.Tag, tagPrefix)
	if named := found.Annotations[modelimage.AnnotationRevision]; named != revision {
		return choice{}, fmt.Errorf("promote %s: the image says that it was built from %q: %w", found.Tag, named, ErrRefused)
	}
	return choice{found, revision, false}, nil
}

// current is what a tag names; a tag that is not there names nothing.
func (d Desk) current(ctx context.Context, tag string) (registry.Descriptor, error) {
	have, err := d.Images.Resolve(ctx, tag)
	if errors.Is(err, registry.ErrNotFound) {
		return registry.Descriptor{}, nil
	}
	return have, err
}

// allow makes sure that the tag may move from one image to the other: the new one must have passed, and the old one must
// be of this branch, for a tag that somebody set to something else is not ours to move.
func (d Desk) allow(ctx context.Context, tag string, have registry.Descriptor, want choice) error {
	proof, err := d.Prove(ctx, want.Digest, Wishes{})
	if err != nil {
		return err
	}
	if !proof.Holds() {
		return fmt.Errorf("promote %s to %s: %s: %w", want.Digest, tag, strings.Join(proof.failures(), "; "), ErrRefused)
	}
	old := have.Annotations[modelimage.AnnotationRevision]
	if have.Digest == "" || want.pinned {
		return nil
	}
	tip, err := d.History.FetchBranch(ctx, d.Branch)
	if err != nil {
		return fmt.Errorf("promote %s: %w", tag, err)
	}
	ours := false
	if old != "" {
		if ours, err = d.History.IsAncestor(ctx, old, tip); err != nil {
			return fmt.Errorf("promote to %s: %w", tag, err)
		}
	}
	if !ours {
		return fmt.Errorf("promote to %s: it names an image of commit %q, which %s does not hold: %w", tag, old, d.Branch, ErrForeign)
	}
	return nil
}

// write sets the tag and its companion; what the tag named before is kept first.
func (d Desk) write(ctx context.Context, tag, old string, want choice) error {
	if tag == Approved && old != "" {
		if err := d.set(ctx, Previous, old); err != nil {
			return err
		}
	}
	return d.set(ctx, tag, want.Digest)
}

func (d Desk) set(ctx context.Context, tag, digest string) error {
	sibling, err := modelimage.ModelPack(ctx, d.Images, digest)
	if err != nil {
		return err
	}
	if sibling != "" {
		if err := d.Images.SetTag(ctx, tag+modelimage.ModelPackSuffix, sibling); err != nil {
			return err
		}
	}
	return d.Images.SetTag(ctx, tag, digest)
}

// release sets a version to the newest passed image of the branch. It is registry.ErrConflict when the version names
// another one.
func (d Desk) release(ctx context.Context, version string) (Move, error) {
	tip, err := d.History.FetchBranch(ctx, d.Branch)
	if err != nil {
		return Move{}, fmt.Errorf("promote %s: %w", version, err)
	}
	want, err := d.newest(ctx, tip)
	if err != nil {
		return Move{}, err
	}
	have, err := d.current(ctx, version)
	if err != nil {
		return Move{}, err
	}
	move := Move{Tag: version, From: have.Digest, To: want.Digest, Revision: want.revision}
	if have.Digest == want.Digest {
		return move, nil
	}
	if err := d.allow(ctx, version, registry.Descriptor{}, want); err != nil {
		return move, err
	}
	if err := d.set(ctx, version, want.Digest); err != nil {
		return move, err
	}
	return move, d.note(ctx, record{Action: actionPromote, Tag: version}, move)
}
