package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/weighlock/weighlock/internal/baseline"
	"github.com/weighlock/weighlock/internal/gate"
)

// past is what images of earlier commits know about this comparison. Nothing of it comes from the change.
type past struct {
	// seeds is what other training seeds do to the baseline, levels which slices it was judged on; nil where unknown.
	seeds  map[string]gate.SeedSpread
	levels map[string][]string
	// judged is how many models the evaluation rows have judged before, at least.
	judged int
	// anchor is the model that stands still, nil where the law names none.
	anchor *gate.Anchor
	// warnings say what could not be found out and changes no verdict.
	warnings []string
}

// remember asks the images of earlier commits. On a first run there are none.
func remember(ctx context.Context, o Options, law *law, weighed outcome) (past, error) {
	var p past
	if law.firstRun {
		return p, nil
	}
	if weighed.baseline.origin.Image == "" && law.effective.Policy.Anchor == "" {
		return p, nil // trained again: there is no image to ask, or nobody wants one asked
	}
	source, err := baselineSource(ctx, o, law)
	if err != nil {
		return p, err
	}
	images, b := source.Images, weighed.baseline.origin
	seeds, err := b.ReadSeeds(ctx, source)
	if err != nil {
		return p, fail(gate.Unavailable, err, "")
	}
	if p.seeds = seeds.Rules; seeds.Ignored > 0 {
		p.warnings = append(p.warnings, fmt.Sprintf("%s over training seeds beside %s %s not signed by %s and did not count: weighlock aa --attach with its private key signs one",
			count(seeds.Ignored, "spread"), b.Image, were(seeds.Ignored), law.effective.Image.Key))
	}
	if p.levels, err = b.ReadLevels(ctx, images); err != nil {
		return p, fail(gate.Unavailable, err, "")
	}
	if p.anchor, err = findAnchor(ctx, o, law, weighed.rows); err != nil {
		return p, err
	}
	commits, err := law.ancestors(ctx, baseline.Lookback)
	if err == nil {
		p.judged, err = baseline.Judged(ctx, images, commits, weighed.rows.evaluation.Digest)
	}
	if err != nil {
		if ctx.Err() != nil {
			return p, ctx.Err()
		}
		p.warnings = append(p.warnings, fmt.Sprintf("how often these rows have judged is unknown: %v", err))
	}
	return p, nil
}

func were(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// findAnchor scores the model of the revision that the law names. It must have an image, its own or that of an ancestor:
// what a release was is not trained again.
func findAnchor(ctx context.Context, o Options, law *law, rows *rows) (*gate.Anchor, error) {
	name := law.effective.Policy.Anchor
	if name == "" {
		return nil, nil
	}
	missing := func(err error) error {
		return fail(gate.Unavailable, fmt.Errorf("find anchor %s: %w", name, err), "policy.anchor names a revision with an image: push one, or name another")
	}
	if law.repo == nil {
		return nil, missing(errors.New("there is no clone to look it up in"))
	}
	commits, err := law.repo.FirstParents(ctx, name, baseline.Lookback)
	if err != nil {
		return nil, missing(err)
	}
	source, err := baselineSource(ctx, o, law)
	if err != nil {
		return nil, err
	}
	found, err := baseline.FromImage(ctx, source, commits, baseline.Wanted{Job: baseJobOf(o, law, rows), Rows: rows.evaluation})
	if err != nil {
		return nil, missing(err)
	}
	return &gate.Anchor{Name: name, Predictions: found.Predictions}, nil
}
