package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/weighlock/weighlock/internal/baseline"
	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/gate"
	"github.com/weighlock/weighlock/internal/model"
	"github.com/weighlock/weighlock/internal/modelimage"
	"github.com/weighlock/weighlock/internal/registry"
	"github.com/weighlock/weighlock/internal/report"
	"github.com/weighlock/weighlock/internal/signing"
)

// ReportType is the artifact type of a run's report beside the image.
const ReportType = "application/vnd.weighlock.report.v1+json"

// PushOptions are what a push is told from outside.
type PushOptions struct {
	Options
	// Servers are static server binaries by platform.
	Servers map[string][]byte
	// Key signs image, verdict, provenance and bill of materials; nil leaves them unsigned.
	Key *signing.PrivateKey
	// Smoke is one of the words below; SmokeAuto where empty.
	Smoke string
	// Progress is told of bytes written so far and in all; it may be nil.
	Progress func(done, total int64)
	// Warn takes a sentence for the user; it may be nil.
	Warn func(sentence string)
}

// How the packed image is tried before it gets a tag.
const (
	// SmokeAuto serves it in this process, and in a container engine where there is one.
	SmokeAuto = "auto"
	// SmokeProcess leaves engines alone.
	SmokeProcess = "process"
	// SmokeEngine insists on one.
	SmokeEngine = "engine"
)

// Pushed is what a push published.
type Pushed struct {
	// Image is the repository's name, Digest the index's, Tag the write-once tag of the commit.
	Image, Digest, Tag string
	// Asked is how many rows the packed image answered as they were evaluated, before it got its tag.
	Asked int
	// Signed says that a key signed it.
	Signed bool
}

// Push packs the model of the last run and publishes it under its commit's tag. It refuses anything but a passed run of
// exactly the commit that is checked out: a blocked commit gets no image.
func Push(ctx context.Context, o PushOptions) (Pushed, error) {
	if o.Step == nil {
		o.Step = func(string) {}
	}
	saved, folder, law, err := savedRun(ctx, o.Options)
	if err != nil {
		return Pushed{}, err
	}
	packed, err := savedModel(folder, saved)
	if err != nil {
		return Pushed{}, err
	}
	created, err := law.repo.CommitTime(ctx, saved.Head.Commit)
	if err != nil {
		return Pushed{}, fail(gate.Unavailable, err, "")
	}
	base, err := baseImage(ctx, o.Options, law, packed)
	if err != nil {
		return Pushed{}, err
	}
	image, err := modelimage.Build(modelimage.Input{
		Model: saved.Model, Revision: saved.Head.Commit, Created: created, Files: packed, Servers: o.Servers, Base: base,
		Annotations: annotations(saved), Source: law.repo.Remote(ctx), Title: saved.Model,
		Description: fmt.Sprintf("%s model %s, weighed by Weighlock", saved.Task, saved.Model), Licenses: law.effective.Image.Licenses,
	})
	if err != nil {
		return Pushed{}, fail(gate.Misconfigured, err, "")
	}
	if o.Warn == nil {
		o.Warn = func(string) {}
	}
	images, err := registry.Open(ctx, ImageName(law.effective), registryOptions(law, o.Registry))
	if err != nil {
		return Pushed{}, fail(gate.Misconfigured, err, "")
	}
	tag := baseline.Tag(saved.Head.Commit)
	p := push{PushOptions: o, law: law, saved: saved, folder: folder, image: image, opaque: model.IsOpaque(packed), created: created}
	attachments, beside, err := p.beside(ctx, images.Name())
	if err != nil {
		return Pushed{}, err
	}
	o.Step("smoke test")
	asked, err := p.smoke(ctx)
	if err != nil {
		return Pushed{}, err
	}
	o.Step("push")
	digest, err := images.Push(ctx, image.Content, registry.PushOptions{
		Tags: []string{tag}, Attachments: attachments, Beside: beside, Progress: o.Progress,
	})
	if err != nil {
		return Pushed{}, err
	}
	return Pushed{Image: images.Name(), Digest: digest, Tag: tag, Asked: asked, Signed: o.Key != nil}, nil
}

// baseImage is what an opaque model's image stands on, as the law names it: by digest, so that what was weighed is what
// runs. It is nil where none is named, and for a model that needs none.
func baseImage(ctx context.Context, o Options, law *law, files fs.FS) (*modelimage.Base, error) {
	name := law.effective.Image.Base
	if name == "" || !model.IsOpaque(files) {
		return nil, nil
	}
	repository, digest, ok := strings.Cut(name, "@")
	if !ok {
		return nil, fail(gate.Misconfigured, fmt.Errorf("read image.base %s: want it by digest, as in NAME@sha256:0123", name), "a tag may name another image tomorrow")
	}
	images, err := registry.Open(ctx, repository, registryOptions(law, o.Registry))
	if err != nil {
		return nil, fail(gate.Misconfigured, fmt.Errorf("read image.base: %w", err), "")
	}
	base, err := modelimage.ReadBase(ctx, images, repository, digest)
	if err != nil {
		return nil, fail(gate.Unavailable, err, "")
	}
	return base, nil
}

// savedRun reads the last run's report and makes sure that it is about what is checked out now.
func savedRun(ctx context.Context, o Options) (*report.Report, string, *law, error) {
	law, err := readLaw(ctx, o)
	if err != nil {
		return nil, "", nil, err
	}
	folder := filepath.Join(law.repo.Dir, filepath.FromSlash(law.folder), filepath.FromSlash(OutputFolder(law.effective)))
	f, err := os.Open(filepath.Join(folder, ReportFile))
	if err != nil {
		return nil, "", nil, fail(gate.Misconfigured, fmt.Errorf("read the last run: %w", err), "weighlock run comes first")
	}
	defer func() { _ = f.Close() }()
	saved, err := report.Decode(f)
	if err != nil {
		return nil, "", nil, fail(gate.Invalid, fmt.Errorf("read the last run: %w", err), "weighlock run again")
	}
	switch {
	case saved.Decision != gate.Passed:
		err = fmt.Errorf("push %s: the run was %s; only a passed model gets an image", saved.Model, saved.Decision)
		return nil, "", nil, fail(gate.Blocked, err, "")
	case saved.Head.Dirty || law.dirty:
		err = errors.New("push: the working tree differs from its commit, so no commit could be named as the image's source")
		return nil, "", nil, fail(gate.Misconfigured, err, "commit, then weighlock run, then push")
	case saved.Head.Commit != law.head:
		err = fmt.Errorf("push: the last run weighed %s, but %s is checked out", short(saved.Head.Commit), short(law.head))
		return nil, "", nil, fail(gate.Misconfigured, err, "weighlock run again")
	}
	return saved, folder, law, nil
}

// savedModel reads the model that the run wrote; it must be the one that the report is about.
func savedModel(folder string, saved *report.Report) (fs.FS, error) {
	folder = filepath.Join(folder, ModelFolder)
	root, err := os.OpenRoot(folder)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			err = fmt.Errorf("push %s: the run left predictions but no model that can be scored: it was judged, and cannot be served", saved.Model)
		}
		return nil, fail(gate.Misconfigured, err, "")
	}
	defer func() { _ = root.Close() }()
	if model.IsOpaque(root.FS()) {
		return savedOpaque(os.DirFS(folder), saved)
	}
	m, err := model.Load(root.FS())
	if err != nil {
		return nil, fail(gate.Invalid, fmt.Errorf("read the last run's model: %w", err), "weighlock run again")
	}
	if m.Digest() != saved.ModelFile.Digest {
		return nil, fail(gate.Invalid, fmt.Errorf("read the last run's model: it is %s, but %s was weighed", m.Digest(), saved.ModelFile.Digest), "weighlock run again")
	}
	files, err := m.Files()
	if err != nil {
		return nil, fail(gate.Invalid, err, "")
	}
	packed, err := modelimage.Memory(files)
	if err != nil {
		return nil, fail(gate.Invalid, err, "")
	}
	return packed, nil
}

// savedOpaque is savedModel for a model whose files nobody opens here. They stay on disk, and are refused if they change.
func savedOpaque(files fs.FS, saved *report.Report) (fs.FS, error) {
	m, err := model.LoadOpaque(files)
	switch {
	case err != nil:
		return nil, fail(gate.Invalid, fmt.Errorf("read the last run's model: %w", err), "weighlock run again")
	case m.Digest() != saved.ModelFile.Digest:
		err = fmt.Errorf("read the last run's model: it is %s, but %s was weighed", m.Digest(), saved.ModelFile.Digest)
		return nil, fail(gate.Invalid, err, "weighlock run again")
	case m.Spec().Predict == nil:
		err = fmt.Errorf("push %s: the run left a model that only its own program can read, and names no train.predict command: it was judged, and cannot be served", saved.Model)
		return nil, fail(gate.Misconfigured, err, "train.predict: [python3, predict.py] names the command that scores rows with it")
	}
	return m.FS(), nil
}

// savedDocuments are what goes beside the image: how it scored, on which rows, and the whole report. Predictions and
// report leave without ids, for no id of a patient may reach a registry.
func savedDocuments(folder string) ([]registry.Attachment, error) {
	var attachments []registry.Attachment
	for _, document := range []struct{ file, kind string }{{EvaluationFile, modelimage.EvaluationType}, {ReportFile, ReportType}} {
		content, err := os.ReadFile(filepath.Join(folder, document.file))
		if err != nil {
			return nil, fail(gate.Misconfigured, fmt.Errorf("read the last run: %w", err), "weighlock run again")
		}
		if document.kind == ReportType {
			if content, err = anonymousReport(content); err != nil {
				return nil, fail(gate.Invalid, fmt.Errorf("read the last run: %w", err), "weighlock run again")
			}
		}
		attachments = append(attachments, registry.Attachment{ArtifactType: document.kind, Data: content})
	}
	content, err := os.ReadFile(filepath.Join(folder, PredictionsFile))
	if err != nil {
		return nil, fail(gate.Misconfigured, fmt.Errorf("read the last run: %w", err), "weighlock run again")
	}
	var anonymous bytes.Buffer
	if err := evaluation.WithoutIDs(&anonymous, content); err != nil {
		return nil, fail(gate.Invalid, fmt.Errorf("read the last run's predictions: %w", err), "weighlock run again")
	}
	return append(attachments, registry.Attachment{ArtifactType: modelimage.PredictionsType, Data: anonymous.Bytes()}), nil
}

// anonymousReport is the report without the ids of rows.
func anonymousReport(content []byte) ([]byte, error) {
	saved, err := report.Decode(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	return saved.WithoutIDs().Encode()
}

// annotations say on the image what let it through. They are a function of what was weighed alone, so that the same
// commit gives the same digest.
func annotations(saved *report.Report) map[string]string {
	found := map[string]string{
		"dev.weighlock.task":            string(saved.Task),
		"dev.weighlock.decision":        string(saved.Decision),
		"dev.weighlock.policy.digest":   saved.Policy.Digest,
		"dev.weighlock.data.digest":     saved.Data.Digest,
		baseline.AnnotationEvaluation:   saved.Data.Evaluation.Digest,
		"dev.weighlock.evaluation.rows": strconv.Itoa(saved.Data.Evaluation.Rows),
	}
	for _, rule := range saved.Rules {
		if rule.Slice == "" && rule.Candidate != nil {
			found["dev.weighlock.metric."+rule.Metric] = strconv.FormatFloat(*rule.Candidate, 'g', -1, 64)
		}
	}
	return found
}
