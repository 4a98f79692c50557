package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weighlock/weighlock/internal/model"
	"github.com/weighlock/weighlock/internal/modelimage"
	"github.com/weighlock/weighlock/internal/registry"
	"github.com/weighlock/weighlock/internal/serving"
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
	m, id, err := loadModel(ctx, w, name, dir)
	if err != nil {
		_ = listener.Close()
		return err
	}
	server, err := serving.New(serving.Of(m, id), serving.Limits{})
	if err != nil {
		_ = listener.Close()
		return err
	}
	_, _ = fmt.Fprintf(w.stderr, "weighlock: serving %s (%s) on %s\n", id.Name, m.Digest(), listener.Addr())
	return server.Serve(ctx, listener, serving.Ending{Grace: 20 * time.Second})
}

// loadModel reads a model from a folder or out of an image.
func loadModel(ctx context.Context, w world, name, dir string) (*model.Model, serving.Identity, error) {
	id := serving.Identity{Name: "model"}
	var files fs.FS
	if info, err := os.Stat(name); err == nil && info.IsDir() && !strings.HasPrefix(name, "oci:") {
		files = os.DirFS(name)
	} else {
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
		if files, err = modelimage.Model(ctx, images, found.Digest); err != nil {
			return nil, id, fmt.Errorf("read image %s: %w", name, err)
		}
		id = serving.Identity{
			Name:             found.Annotations[modelimage.AnnotationModel],
			Revision:         found.Annotations[modelimage.AnnotationRevision],
			EvaluationDigest: found.Annotations["dev.weighlock.evaluation.digest"],
		}
	}
	m, err := model.Load(files)
	if err != nil {
		return nil, id, fmt.Errorf("load model %s: %w: %w", name, err, registry.ErrInvalid)
	}
	return m, id, nil
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
