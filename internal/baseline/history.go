package baseline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/weighlock/weighlock/internal/attest"
	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/modelimage"
	"github.com/weighlock/weighlock/internal/registry"
	"github.com/weighlock/weighlock/internal/signing"
)

// AnnotationEvaluation names, on an image, the digest of the rows that judged its model.
const AnnotationEvaluation = "dev.weighlock.evaluation.digest"

// SeedsType is the artifact type of Seeds beside an image where nobody signed them; a key signs them as attest.Seeds.
const SeedsType = "application/vnd.weighlock.seeds.v1+json"

// Seeds is what training a commit again with other seeds did to each rule of its policy.
type Seeds struct {
	Version int    `json:"version"`
	Model   string `json:"model"`
	// Commit is the revision that was trained.
	Commit string `json:"commit"`
	// Evaluation is the digest of the rows that scored every training.
	Evaluation string `json:"evaluation"`
	// Rules holds the spread by gate.RuleResult.Name.
	Rules map[string]gate.SeedSpread `json:"rules"`
}

// Encode is the JSON that ReadSeeds understands.
func (s Seeds) Encode() ([]byte, error) {
	raw, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write seeds: %w", err)
	}
	return append(raw, '\n'), nil
}

// DecodeSeeds reads what Encode wrote; a spread that is no spread is an error.
func DecodeSeeds(raw []byte) (Seeds, error) {
	var s Seeds
	d := json.NewDecoder(bytes.NewReader(raw))
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("read seeds: %w", err)
	}
	if s.Version != 1 {
		return s, fmt.Errorf("read seeds: version %d is not 1, the one this program knows", s.Version)
	}
	for name, spread := range s.Rules {
		if !(spread.SD >= 0) || math.IsInf(spread.SD, 0) || spread.Trained < 2 {
			return s, fmt.Errorf("read seeds: %.80q has spread %v of %d trainings", name, spread.SD, spread.Trained)
		}
	}
	return s, nil
}

// digest is that of the baseline's image, or "".
func (b Baseline) digest() string {
	_, digest, _ := strings.Cut(b.Image, "@")
	return digest
}

// KnownSeeds is what is known of the spread over training seeds of a baseline.
type KnownSeeds struct {
	// Rules is nil where nobody measured it, or nobody who counts.
	Rules map[string]gate.SeedSpread
	// Ignored counts spreads that the law's key has not signed.
	Ignored int
}

// ReadSeeds reads the spread over training seeds that is attached to the baseline's image: of several the one with the most
// trainings. One that is about another commit does not count, and with a key only those that it signed do: whoever may
// write to a registry could else widen every interval until nothing blocks.
func (b Baseline) ReadSeeds(ctx context.Context, from Source) (KnownSeeds, error) {
	var known KnownSeeds
	if b.Image == "" {
		return known, nil
	}
	wrong := func(err error) (KnownSeeds, error) {
		return KnownSeeds{}, fmt.Errorf("read seeds of baseline image %s: %w", b.Image, err)
	}
	plain, err := from.Images.Attachments(ctx, b.digest(), SeedsType)
	if err != nil {
		return wrong(err)
	}
	sealed, err := from.Images.Attachments(ctx, b.digest(), signing.BundleType)
	if err != nil {
		return wrong(err)
	}
	var documents [][]byte
	for _, a := range plain {
		if from.Key == nil {
			documents = append(documents, a.Data)
		} else {
			known.Ignored++
		}
	}
	for _, a := range sealed {
		payload, err := signing.Unverified(a.Data)
		claim, ok := seedsClaim(payload, err, b.digest())
		if ok && from.Key != nil {
			payload, err = from.Key.Open(a.Data)
			if claim, ok = seedsClaim(payload, err, b.digest()); !ok {
				known.Ignored++
			}
		}
		if ok {
			documents = append(documents, claim)
		}
	}
	for _, raw := range documents {
		s, err := DecodeSeeds(raw)
		if err != nil {
			return wrong(fmt.Errorf("%w: %w", err, registry.ErrInvalid))
		}
		if s.Commit == b.Commit && (known.Rules == nil || trained(s.Rules) > trained(known.Rules)) {
			known.Rules = s.Rules
		}
	}
	return known, nil
}

// seedsClaim is the spread that a statement claims for an image; false where it is another statement, or none.
func seedsClaim(payload []byte, err error, digest string) ([]byte, bool) {
	if err != nil {
		return nil, false
	}
	claim, err := attest.Parse(payload)
	if err != nil || claim.PredicateType != attest.SeedsType || !claim.IsAbout(digest) {
		return nil, false
	}
	return claim.Predicate, true
}

func trained(rules map[string]gate.SeedSpread) int {
	most := 0
	for _, r := range rules {
		most = max(most, r.Trained)
	}
	return most
}

// ReadLevels reads on which levels of each slice column the baseline was judged when it was made; nil where its image
// does not say.
func (b Baseline) ReadLevels(ctx context.Context, images *registry.Repository) (map[string][]string, error) {
	if b.Image == "" {
		return nil, nil
	}
	attached, err := images.Attachments(ctx, b.digest(), modelimage.EvaluationType)
	if err != nil {
		return nil, fmt.Errorf("read evaluation of baseline image %s: %w", b.Image, err)
	}
	if len(attached) == 0 {
		return nil, nil
	}
	e, err := evaluation.Decode(bytes.NewReader(attached[0].Data))
	if err != nil {
		return nil, fmt.Errorf("read evaluation of baseline image %s: %w: %w", b.Image, err, registry.ErrInvalid)
	}
	known := map[string][]string{}
	for _, s := range e.Slices {
		if s.Rows > 0 && !slices.Contains(known[s.By], s.Level) {
			known[s.By] = append(known[s.By], s.Level)
		}
	}
	return known, nil
}

// asked is how many images are read at the same time.
const asked = 8

// Judged counts the images of these commits whose model was judged by the rows with that digest. It is a lower bound of
// how often the rows have judged: blocked changes leave no image, and neither do commits that are not listed. A change
// cannot edit it, for the images are of commits before it and name them.
func Judged(ctx context.Context, images *registry.Repository, commits []string, evaluation string) (int, error) {
	tags, err := images.Tags(ctx)
	if errors.Is(err, registry.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("count judged models in %s: %w", images.Name(), err)
	}
	var (
		wait   sync.WaitGroup
		mu     sync.Mutex
		count  int
		failed error
		slots  = make(chan struct{}, asked)
	)
	for _, commit := range commits {
		if !slices.Contains(tags, Tag(commit)) {
			continue
		}
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			same, err := judgedBy(ctx, images, commit, evaluation)
			mu.Lock()
			defer mu.Unlock()
			if same {
				count++
			}
			failed = errors.Join(failed, err)
		})
	}
	wait.Wait()
	if failed != nil {
		return 0, fmt.Errorf("count judged models in %s: %w", images.Name(), failed)
	}
	return count, nil
}

func judgedBy(ctx context.Context, images *registry.Repository, commit, evaluation string) (bool, error) {
	found, err := images.Resolve(ctx, Tag(commit))
	if err != nil {
		return false, err
	}
	about, err := modelimage.ReadConfig(ctx, images, found.Digest)
	if err != nil {
		return false, err
	}
	return about.Annotations[modelimage.AnnotationRevision] == commit && about.Annotations[AnnotationEvaluation] == evaluation, nil
}
