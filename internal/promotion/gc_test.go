package promotion

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/weighlock/weighlock/internal/modelimage"
	"github.com/weighlock/weighlock/internal/registry"
)

func TestCollect(t *testing.T) {
	everywhere(t, func(t *testing.T, images *registry.Repository) {
		key := newKey(t)
		history := &line{}
		desk := newDesk(images, history)
		desk.Key = key.Public()
		var digests []string
		for n := range Lookback + 10 {
			history.grow(commitOf(n))
			if n < 5 || n > Lookback+5 {
				digests = append(digests, publish(t, images, commitOf(n), key))
			}
			if n == 1 { // an old one that is deployed
				if _, err := desk.Promote(t.Context(), "v1.0.0"); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := desk.Rollback(t.Context(), Approved, digests[2], "held"); err != nil {
			t.Fatal(err)
		}
		before, err := images.Tags(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		plan, err := desk.Collect(t.Context(), history, Retention{Days: 30, DryRun: true})
		if err != nil {
			t.Fatal(err)
		}
		if after, _ := images.Tags(t.Context()); !slices.Equal(before, after) {
			t.Errorf("a dry run deleted %d tags", len(before)-len(after))
		}
		want := []string{digests[0], digests[3], digests[4]}
		var gone []string
		for _, f := range plan.Images {
			if f.Deleted {
				gone = append(gone, f.Digest)
			}
		}
		if !slices.Equal(gone, want) {
			raw, _ := json.MarshalIndent(plan, "", " ")
			t.Fatalf("would delete %v, want %v\n%s", gone, want, raw)
		}
		if young, err := desk.Collect(t.Context(), history, Retention{Days: 101, DryRun: true}); err != nil || slices.ContainsFunc(young.Images, func(f Fate) bool { return f.Deleted }) {
			t.Errorf("deletes images that are too young: %v", err)
		}
		done, err := desk.Collect(t.Context(), history, Retention{Days: 30})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range done.Images {
			_, err := images.Resolve(t.Context(), f.Digest)
			if f.Deleted != errors.Is(err, registry.ErrNotFound) {
				t.Errorf("%s (%s): deleted %v, and reading it says %v", f.Tag, f.Why, f.Deleted, err)
			}
			if f.Deleted {
				continue
			}
			if proof, err := desk.Prove(t.Context(), f.Digest, Wishes{}); err != nil || !proof.Holds() {
				t.Errorf("%s was kept and lost its claims: %v, %v", f.Tag, proof.failures(), err)
			}
			if _, err := modelimage.Model(t.Context(), images, f.Digest); err != nil {
				t.Errorf("%s was kept and lost its model: %v", f.Tag, err)
			}
		}
	})
}
