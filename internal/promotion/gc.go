package promotion

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weighlock/weighlock/internal/modelimage"
	"github.com/weighlock/weighlock/internal/registry"
)

// Clone is a clone of the repository that images are built from.
type Clone interface {
	History
	// FetchBranches asks for all branches, Branches lists their tips by name.
	FetchBranches(ctx context.Context) error
	Branches(ctx context.Context) (map[string]string, error)
	// MergeBase is where two revisions parted.
	MergeBase(ctx context.Context, a, b string) (string, error)
}

// Retention says what garbage collection keeps beyond what is in use.
type Retention struct {
	// Days is the least age, by the time of its commit, of an image that is deleted.
	Days int
	// DryRun only says what would be deleted.
	DryRun bool
}

// Fate is what becomes of the image of one commit.
type Fate struct {
	Tag    string `json:"tag"`
	Digest string `json:"digest"`
	// Created is the time of its commit.
	Created time.Time `json:"created"`
	Deleted bool      `json:"deleted"`
	// Why says why it is kept, or why it goes.
	Why string `json:"why"`
}

// Collected is what a garbage collection did, or would do.
type Collected struct {
	Images []Fate `json:"images"`
	// Freed counts the bytes that were given back; 0 in a registry, which does that in its own time.
	Freed int64 `json:"freed"`
}

// Collect deletes images that nobody can need: no tag but their commit's names them, they are not the baseline of the
// protected branch or of any open one, and they are old enough. What goes is the image, what it lists, and what is
// attached to it. What is shared with an image that stays, stays.
func (d Desk) Collect(ctx context.Context, clone Clone, keep Retention) (Collected, error) {
	var out Collected
	baselines, err := d.baselines(ctx, clone)
	if err != nil {
		return out, err
	}
	tags, err := d.Images.Tags(ctx)
	if err != nil {
		return out, err
	}
	used, err := d.used(ctx, tags)
	if err != nil {
		return out, err
	}
	for _, tag := range tags {
		if !strings.HasPrefix(tag, tagPrefix) || strings.HasSuffix(tag, modelimage.ModelPackSuffix) {
			continue
		}
		found, err := d.Images.Resolve(ctx, tag)
		if err != nil {
			return out, err
		}
		fate := Fate{Tag: tag, Digest: found.Digest, Created: found.Created}
		age := int(d.Now().Sub(found.Created).Hours() / 24)
		switch name, inUse := used[found.Digest]; {
		case inUse:
			fate.Why = "named by " + name
		case baselines[tag] != "":
			fate.Why = "baseline of " + baselines[tag]
		case found.Created.IsZero():
			fate.Why = "it does not say how old it is"
		case age < keep.Days:
			fate.Why = fmt.Sprintf("%d days old, kept for %d", age, keep.Days)
		default:
			fate.Deleted, fate.Why = true, fmt.Sprintf("%d days old, and nothing needs it", age)
		}
		out.Images = append(out.Images, fate)
	}
	if keep.DryRun {
		return out, nil
	}
	return out, d.delete(ctx, &out)
}

// baselines maps tags to the branch that would compare with their image.
func (d Desk) baselines(ctx context.Context, clone Clone) (map[string]string, error) {
	if err := clone.FetchBranches(ctx); err != nil {
		return nil, err
	}
	trunk, err := clone.FetchBranch(ctx, d.Branch)
	if err != nil {
		return nil, err
	}
	kept := map[string]string{}
	// Any of these can become the base of a new branch.
	commits, err := clone.FirstParents(ctx, trunk, Lookback)
	if err != nil {
		return nil, err
	}
	for _, c := range commits {
		kept[tagPrefix+c] = d.Branch
	}
	branches, err := clone.Branches(ctx)
	if err != nil {
		return nil, err
	}
	for name, tip := range branches {
		base, err := clone.MergeBase(ctx, trunk, tip)
		if err != nil {
			return nil, fmt.Errorf("find the baseline of branch %s: %w", name, err)
		}
		found, err := d.newest(ctx, base)
		if errors.Is(err, ErrNoImage) || errors.Is(err, ErrRefused) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if kept[found.Tag] == "" {
			kept[found.Tag] = name
		}
	}
	return kept, nil
}

// used maps digests to a tag that is not a commit's.
func (d Desk) used(ctx context.Context, tags []string) (map[string]string, error) {
	used := map[string]string{}
	for _, tag := range tags {
		if strings.HasPrefix(tag, tagPrefix) || strings.HasSuffix(tag, modelimage.ModelPackSuffix) {
			continue
		}
		if base, ok := strings.CutSuffix(tag, pinSuffix); ok {
			held, err := d.pin(ctx, base)
			if err != nil {
				return nil, err
			}
			if held.Digest != "" {
				used[held.Digest] = tag
			}
			continue
		}
		found, err := d.Images.Resolve(ctx, tag)
		if err != nil {
			return nil, err
		}
		used[found.Digest] = tag
	}
	return used, nil
}

// delete takes away what was chosen. Somebody may promote meanwhile: each image is looked at once more.
func (d Desk) delete(ctx context.Context, out *Collected) error {
	shared := map[string]bool{}
	for _, f := range out.Images {
		if f.Deleted {
			continue
		}
		children, err := d.children(ctx, f.Digest)
		if err != nil {
			return err
		}
		for _, c := range children {
			shared[c] = true
		}
	}
	for i := range out.Images {
		f := &out.Images[i]
		if !f.Deleted {
			continue
		}
		tags, err := d.Images.Tags(ctx)
		if err != nil {
			return err
		}
		used, err := d.used(ctx, tags)
		if err != nil {
			return err
		}
		if name, now := used[f.Digest]; now {
			f.Deleted, f.Why = false, "named by "+name+" meanwhile"
			continue
		}
		if err := d.deleteImage(ctx, *f, shared); err != nil {
			return err
		}
	}
	freed, err := d.Images.Sweep(ctx)
	if errors.Is(err, registry.ErrUnsupported) {
		return nil
	}
	out.Freed = freed
	return err
}

// deleteImage deletes the tags first: a reader who comes now finds nothing, and not half an image.
func (d Desk) deleteImage(ctx context.Context, f Fate, shared map[string]bool) error {
	children, err := d.children(ctx, f.Digest)
	if err != nil {
		return err
	}
	for _, tag := range []string{f.Tag, f.Tag + modelimage.ModelPackSuffix} {
		err := d.Images.Delete(ctx, tag)
		// Some registries delete tags only along with what they name.
		if err != nil && !errors.Is(err, registry.ErrUnsupported) && !errors.Is(err, registry.ErrNotFound) {
			return err
		}
	}
	for _, digest := range append([]string{f.Digest}, children...) {
		if shared[digest] {
			continue
		}
		if err := d.Images.Forget(ctx, digest); err != nil {
			return err
		}
	}
	return nil
}

// children are the digests of what an image lists.
func (d Desk) children(ctx context.Context, digest string) ([]string, error) {
	m, err := d.Images.Manifest(ctx, digest)
	if err != nil {
		return nil, err
	}
	e, err := m.Parse()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, c := range e.Manifests {
		if !slices.Contains(out, c.Digest.String()) {
			out = append(out, c.Digest.String())
		}
	}
	return out, nil
}
