package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/weighlock/weighlock/internal/attest"
	"github.com/weighlock/weighlock/internal/baseline"
	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/git"
	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/model"
	"github.com/weighlock/weighlock/internal/modelimage"
	"github.com/weighlock/weighlock/internal/promotion"
	"github.com/weighlock/weighlock/internal/registry"
	"github.com/weighlock/weighlock/internal/report"
	"github.com/weighlock/weighlock/internal/signing"
	"github.com/weighlock/weighlock/internal/smoke"
)

// push is one push on its way.
type push struct {
	PushOptions
	law    *law
	saved  *report.Report
	folder string
	image  *modelimage.Image
	// opaque says that only the model's own program reads it; it may be larger than memory.
	opaque  bool
	created time.Time
}

// beside is everything that is attached to the image: what was measured, and what is claimed and signed.
func (p push) beside(ctx context.Context, name string) ([]registry.Attachment, map[string]registry.Content, error) {
	documents, err := savedDocuments(p.folder)
	if err != nil {
		return nil, nil, err
	}
	about, err := p.about(ctx, name, documents)
	if err != nil {
		return nil, nil, err
	}
	sealed, err := modelimage.Seal(about, p.Key)
	if err != nil {
		return nil, nil, fail(gate.Misconfigured, err, "")
	}
	if err := p.law.checkSigner("push "+p.saved.Model, p.Key); err != nil {
		return nil, nil, err
	}
	return append(documents, sealed.Attachments...), sealed.Beside, nil
}

// checkSigner: what a key signs must be what the law's key accepts, or the next run could not use it. What says what was to
// be signed.
func (l *law) checkSigner(what string, key *signing.PrivateKey) error {
	want, err := l.publicKey()
	switch {
	case err != nil || want == nil:
		return err
	case key == nil:
		err = fmt.Errorf("%s: image.key asks for signed images, and there is no key to sign with", what)
		return fail(gate.Misconfigured, err, "set WEIGHLOCK_SIGNING_KEY to the private key of "+l.effective.Image.Key)
	case key.Public().Hint() != want.Hint():
		err = fmt.Errorf("%s: the signing key is not the one of %s", what, l.effective.Image.Key)
		return fail(gate.Misconfigured, err, "")
	}
	return nil
}

func (p push) about(ctx context.Context, name string, documents []registry.Attachment) (attest.About, error) {
	about := attest.About{
		Image: name, Digest: p.image.Digest(), Manifests: p.image.Manifests(), Source: p.law.repo.Remote(ctx), Created: p.created,
		Report: p.saved.WithoutIDs(), Train: trainWords(p.law.change.Train), Documents: map[string]string{}, Servers: p.Servers,
		Builder: "https://weighlock.dev/builders/" + p.CI.System, Invocation: p.CI.URL, Finished: time.Now(), Version: p.Tool,
		Uses: p.law.effective.Image.Uses, Limits: p.law.effective.Image.Limits, Licenses: p.law.effective.Image.Licenses,
	}
	for _, d := range documents {
		about.Documents[d.ArtifactType] = registry.BytesBlob(d.Data).Digest.String()
		if d.ArtifactType != modelimage.EvaluationType {
			continue
		}
		var err error
		if about.Evaluation, err = evaluation.Decode(bytes.NewReader(d.Data)); err != nil {
			return about, fail(gate.Invalid, fmt.Errorf("read the last run's evaluation: %w", err), "weighlock run again")
		}
	}
	if p.opaque {
		about.Model = model.Description{Kind: "opaque", Task: p.saved.Task, Target: p.law.effective.Data.Target, Origin: model.Origin{
			Estimator: "command", Rows: p.saved.Measured.TrainRows,
		}}
		return about, nil
	}
	files, err := p.image.Model()
	if err != nil {
		return about, fail(gate.Invalid, err, "")
	}
	m, err := model.Load(files)
	if err != nil {
		return about, fail(gate.Invalid, err, "")
	}
	about.Model = m.Describe()
	return about, nil
}

// trainWords is how the model was made, for provenance.
func trainWords(t config.Train) map[string]any {
	out := map[string]any{}
	if t.Estimator != "" {
		out["estimator"], out["params"] = t.Estimator, t.Params
	}
	for key, words := range map[string][]string{"command": t.Command, "setup": t.Setup, "predict": t.Predict} {
		if words != nil {
			out[key] = words
		}
	}
	for key, word := range map[string]string{"predictions": t.Predictions, "image": t.Image} {
		if word != "" {
			out[key] = word
		}
	}
	if t.Seed != 0 {
		out["seed"] = t.Seed
	}
	return out
}

// smoke starts the packed image and asks it what was evaluated.
func (p push) smoke(ctx context.Context) (int, error) {
	if p.opaque {
		if p.law.effective.Image.Base != "" {
			return 0, nil // it needs a container to be tried: make frameworks does
		}
		p.Warn("the image holds a model that only its own program can read: `weighlock serve IMAGE` answers with it, where Python and its packages are")
		return 0, nil
	}
	question, err := p.question()
	if err != nil {
		return 0, err
	}
	asked, err := smoke.InProcess(ctx, p.image, question)
	if err != nil {
		return asked, p.smokeFailed(err)
	}
	if p.Smoke == SmokeProcess {
		return asked, nil
	}
	engine, err := smoke.FindEngine(ctx)
	if err == nil {
		_, err = engine.InEngine(ctx, p.image, question)
	}
	switch {
	case errors.Is(err, smoke.ErrNoEngine) && p.Smoke == SmokeEngine:
		return asked, fail(gate.Unavailable, err, "--smoke process does without a container engine")
	case errors.Is(err, smoke.ErrNoEngine):
		return asked, nil
	case err != nil:
		return asked, p.smokeFailed(err)
	}
	return asked, nil
}

func (p push) smokeFailed(err error) error {
	if errors.Is(err, smoke.ErrAnswer) {
		return fail(gate.Invalid, err, "nothing was pushed; please report this")
	}
	return fail(gate.Unavailable, err, "")
}

// question is the evaluation set, and what was predicted for it when it was judged.
func (p push) question() (smoke.Question, error) {
	rows, err := readRows(p.law)
	if err != nil {
		return smoke.Question{}, err
	}
	predictions, err := savedPredictions(p.folder, rows.evaluation)
	return smoke.Question{Features: rows.features, Expect: predictions}, err
}

func savedPredictions(folder string, rows evaluation.Rows) (metric.Predictions, error) {
	content, err := os.ReadFile(filepath.Join(folder, PredictionsFile))
	if err != nil {
		return metric.Predictions{}, fail(gate.Misconfigured, fmt.Errorf("read the last run: %w", err), "weighlock run again")
	}
	stored, err := evaluation.ReadPredictions(content)
	if err != nil {
		return metric.Predictions{}, fail(gate.Invalid, fmt.Errorf("read the last run: %w", err), "weighlock run again")
	}
	predictions, err := stored.For(rows)
	if err != nil {
		return metric.Predictions{}, fail(gate.Invalid, fmt.Errorf("read the last run: %w", err), "weighlock run again")
	}
	return predictions, nil
}

// publicKey is the key that the law asks images to be signed with; nil where it asks for none.
func (l *law) publicKey() (*signing.PublicKey, error) {
	name := l.effective.Image.Key
	if name == "" {
		return nil, nil
	}
	content, err := fs.ReadFile(l.baseFiles, join(l.baseFolder, name))
	if err != nil {
		return nil, fail(gate.Misconfigured, fmt.Errorf("read image.key: %w", err), "image.key names a public key in PEM form, committed beside the configuration")
	}
	key, err := signing.ParsePublic(content)
	if err != nil {
		return nil, fail(gate.Misconfigured, fmt.Errorf("%s: %w", name, err), "")
	}
	return key, nil
}

// baselineSource is where baselines come from, and the key that they must be signed with.
func baselineSource(ctx context.Context, o Options, law *law) (baseline.Source, error) {
	images, err := registry.Open(ctx, ImageName(law.effective), registryOptions(law, o.Registry))
	if err != nil {
		return baseline.Source{}, fail(gate.Misconfigured, err, "")
	}
	key, err := law.publicKey()
	return baseline.Source{Images: images, Key: key}, err
}

// Desk is where promotions of one model's images are decided, and the clone that knows their order.
type Desk struct {
	promotion.Desk
	Clone *git.Repo
}

// OpenDesk finds where images of this model live, which branch they are built from, and which key must have signed
// them, as the base revision says. An empty branch is the default one.
func OpenDesk(ctx context.Context, o Options, branch string) (Desk, error) {
	law, err := readLaw(ctx, o)
	if err != nil {
		return Desk{}, err
	}
	source, err := baselineSource(ctx, o, law)
	if err != nil {
		return Desk{}, err
	}
	if branch == "" {
		if branch, err = law.repo.DefaultBranch(ctx); err != nil {
			return Desk{}, fail(gate.Misconfigured, err, "--branch names the branch that images are built from")
		}
	}
	return Desk{promotion.Desk{
		Images: source.Images, History: law.repo, Branch: branch, Key: source.Key, Now: time.Now,
	}, law.repo}, nil
}
