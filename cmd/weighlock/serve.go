package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/weighlock/weighlock/internal/model"
	"github.com/weighlock/weighlock/internal/modelimage"
	"github.com/weighlock/weighlock/internal/registry"
	"github.com/weighlock/weighlock/internal/serving"
	"github.com/weighlock/weighlock/internal/training"
)

func newServe(w world) *cobra.Command {
	var address string
	c := &cobra.Command{
		Use:   "serve MODEL",
		Short: "Serve a model over HTTP",
		Long: withCodes(`
Answer requests for a model: a folder that weighlock run wrote, or an image by tag or
digest (oci:PATH@sha256:..., REGISTRY/NAME:TAG). Protocols: Open Inference Protocol
(/v2/models/NAME/infer), MLflow and SageMaker (/invocations, /ping), KServe V1, and
Prometheus metrics (/metrics).`, "0    ended by a signal", codeMisconfigured, "4    the model is damaged", codeUnavailable),
		Example: `  weighlock serve .weighlock/churn/model
  weighlock serve ghcr.io/acme/churn:approved --address 127.0.0.1:8080`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			listener, err := (&net.ListenConfig{}).Listen(c.Context(), "tcp", address)
			if err != nil {
				return fmt.Errorf("listen on %s: %w", address, err)
			}
			return serveImage(c.Context(), w, args[0], "", listener)
		},
	}
	c.Flags().StringVar(&address, "address", "127.0.0.1:8080", "address and port to answer on")
	return c
}

// serveImage answers on the listener for a model folder or an image until ctx ends; dir is where a relative path starts.
func serveImage(ctx context.Context, w world, name, dir string, listener net.Listener) error {
	m, end, err := loadServed(ctx, w, name, dir)
	if err != nil {
		_ = listener.Close()
		return err
	}
	defer end()
	server, err := serving.New(m, serving.Limits{})
	if err != nil {
		_ = listener.Close()
		return err
	}
	_, _ = fmt.Fprintf(w.stderr, "weighlock: serving %s (%s) on %s\n", m.Name, m.Version, listener.Addr())
	return server.Serve(ctx, listener, serving.Ending{Grace: 20 * time.Second})
}

// loadServed reads a model that scores rows: one of ours in this process, an opaque one by its own program in a sandbox.
// end removes what that needed.
func loadServed(ctx context.Context, w world, name, dir string) (served serving.Model, end func(), err error) {
	files, id, err := modelFiles(ctx, w, name, dir)
	if err != nil {
		return served, nil, err
	}
	if model.IsOpaque(files) {
		o, err := model.LoadOpaque(files)
		if err != nil {
			return served, nil, fmt.Errorf("load model %s: %w: %w", name, err, registry.ErrInvalid)
		}
		return serveOpaque(ctx, w, o, id)
	}
	m, err := model.Load(files)
	if err != nil {
		return served, nil, fmt.Errorf("load model %s: %w: %w", name, err, registry.ErrInvalid)
	}
	return serving.Of(m, id), func() {}, nil
}

// serveOpaque starts the model's program where it may read the model's files and write to one folder.
func serveOpaque(ctx context.Context, w world, o *model.Opaque, id serving.Identity) (served serving.Model, end func(), err error) {
	folder, err := training.TemporaryFolder()
	if err != nil {
		return served, nil, fmt.Errorf("unpack opaque model: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	running := sync.WaitGroup{}
	end = func() {
		cancel()
		running.Wait()
		_ = os.RemoveAll(folder)
	}
	defer func() {
		if err != nil {
			end()
		}
	}()
	kept, work := filepath.Join(folder, "model"), filepath.Join(folder, "work")
	if err := os.CopyFS(kept, o.FS()); err != nil {
		return served, end, fmt.Errorf("unpack opaque model: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(work, "tmp"), 0o755); err != nil {
		return served, end, fmt.Errorf("unpack opaque model: %w", err)
	}
	run, err := training.Serve(ctx, w.host(false), o, kept, work)
	if err != nil {
		return served, end, err
	}
	worker, err := serving.NewWorker(ctx, o, serving.WorkerOptions{Folder: kept, Work: work, Run: func(ctx context.Context, c serving.Command) error {
		running.Add(1)
		defer running.Done()
		err := run(ctx, c.Argv, c.Env, c.Dir)
		if err != nil && ctx.Err() == nil {
			_, _ = fmt.Fprintln(w.stderr, "weighlock: the model's worker:", err)
		}
		return err
	}})
	if err != nil {
		return served, end, err
	}
	return serving.OfOpaque(o, worker, id), end, nil
}

// modelFiles finds the files of a model in a folder or in an image.
func modelFiles(ctx context.Context, w world, name, dir string) (fs.FS, serving.Identity, error) {
	id := serving.Identity{Name: "model"}
	if info, err := os.Stat(name); err == nil && info.IsDir() && !strings.HasPrefix(name, "oci:") {
		return os.DirFS(name), id, nil
	}
	repository, reference, err := splitImage(name)
	if err != nil {
		return nil, id, err
	}
	options := w.registry()
	options.Dir = dir
	images, err := registry.Open(ctx, repository, options)
	if err != nil {
		return nil, id, err
	}
	found, err := images.Resolve(ctx, reference)
	if err != nil {
		return nil, id, fmt.Errorf("find image: %w", err)
	}
	files, err := modelimage.Model(ctx, images, found.Digest)
	if err != nil {
		return nil, id, fmt.Errorf("read image %s: %w", name, err)
	}
	return files, serving.Identity{
		Name:             found.Annotations[modelimage.AnnotationModel],
		Revision:         found.Annotations[modelimage.AnnotationRevision],
		EvaluationDigest: found.Annotations["dev.weighlock.evaluation.digest"],
	}, nil
}

// splitImage takes an image's name apart: repository, and tag or digest.
func splitImage(name string) (repository, reference string, err error) {
	if before, digest, ok := strings.Cut(name, "@"); ok {
		return before, digest, nil
	}
	at := strings.LastIndex(name, ":")
	if at > strings.LastIndex(name, "/") && at > len("oci:") {
		return name[:at], name[at+1:], nil
	}
	return "", "", hinted{
		fmt.Errorf("read %s: it is neither a folder nor an image with a tag or digest: %w", name, errNoModel),
		"weighlock run writes .weighlock/MODEL/model; weighlock push prints an image with its digest",
	}
}

var errNoModel = errors.New("no model there")
