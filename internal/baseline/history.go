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

	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/modelimage"
	"github.com/weighlock/weighlock/internal/registry"
)

// AnnotationEvaluation names, on an image, the digest of the rows that judged its model.
const AnnotationEvaluation = "dev.weighlock.evaluation.digest"

// SeedsType is the artifact type of Seeds beside an image.
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

// ReadSeeds reads the spread over training seeds that somebody attached to the baseline's image: of several the one with
// the most trainings. It is nil where there is none. One that is about another commit does not count.
func (b Baseline) ReadSeeds(ctx context.Context, images *registry.Repository) (map[string]gate.SeedSpread, error) {
	if b.Image == "" {
		return nil, nil
	}
	attached, err := images.Attachments(ctx, b.digest(), SeedsType)
	if err != nil {
		return nil, fmt.Errorf("read seeds of baseline image %s: %w", b.Image, err)
	}
	var best map[string]gate.SeedSpread
	for _, a := range attached {
		s, err := DecodeSeeds(a.Data)
		if err != nil {
			return nil, fmt.Errorf("read seeds of baseline image %s: %w: %w", b.Image, err, registry.ErrInvalid)
		}
		if s.Commit == b.Commit && (best == nil || trained(s.Rules) > trained(best)) {
			best = s.Rules
		}
	}
	return best, nil
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
