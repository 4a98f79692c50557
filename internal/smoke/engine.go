package smoke

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/model"
	"github.com/weighlock/weighlock/internal/modelimage"
)

const (
	// engineRows is how many rows an engine is asked at most: what differs there is the server, not the arithmetic.
	engineRows = 500
	// startTime is how long a container may take until it answers.
	startTime = 60 * time.Second
)

// ErrNoEngine says that there is no container engine that could be asked.
var ErrNoEngine = errors.New("no container engine")

// Engine is a container engine with the docker command line.
type Engine struct {
	// Program is its name, such as docker.
	Program string
}

// FindEngine looks for an engine that answers. The error is ErrNoEngine when there is none.
func FindEngine(ctx context.Context) (Engine, error) {
	for _, name := range []string{"docker", "podman"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		e := Engine{path}
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if _, err := e.run(ctx, nil, "version", "--format", "{{.Server.Version}}"); err == nil {
			return e, nil
		}
	}
	return Engine{}, ErrNoEngine
}

func (e Engine) run(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, e.Program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	cmd.WaitDelay = 2 * time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("%s %s: %.300s", e.Program, args[0], strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(stdout.String()), nil
}

// InEngine loads the image into the engine, runs it as a careful operator would (read-only, no capability, little
// memory), asks some rows over HTTP, and removes it. The error is ErrNoEngine when the engine cannot run this machine's
// platform of the image, or when its containers cannot be reached from here; ErrAnswer is the image's fault.
func (e Engine) InEngine(ctx context.Context, img *modelimage.Image, q Question) (rows int, err error) {
	platform := "linux/" + runtime.GOARCH
	tag := "weighlock-smoke:" + strings.TrimPrefix(img.Digest(), "sha256:")[:12]
	archive, err := img.Archive(platform, tag)
	if errors.Is(err, modelimage.ErrNoPlatform) {
		return 0, fmt.Errorf("smoke test: %w: %w", err, ErrNoEngine)
	}
	if err != nil {
		return 0, fmt.Errorf("smoke test: %w", err)
	}
	if _, err := e.run(ctx, archive, "load", "--quiet"); err != nil {
		return 0, fmt.Errorf("smoke test: %w: %w", err, ErrNoEngine)
	}
	clean := context.WithoutCancel(ctx)
	defer func() { _, _ = e.run(clean, nil, "rmi", "--force", tag) }()
	container, host, err := e.start(ctx, tag)
	if container != "" {
		defer func() { _, _ = e.run(clean, nil, "rm", "--force", container) }()
	}
	if err != nil {
		return 0, fmt.Errorf("smoke test: %w", err)
	}
	files, err := img.Model()
	if err != nil {
		return 0, fmt.Errorf("smoke test: %w", err)
	}
	m, err := model.Load(files)
	if err != nil {
		return 0, fmt.Errorf("smoke test: %w: %w", err, ErrAnswer)
	}
	return q.first(engineRows).ask(ctx, m.Features(), over(host))
}

// start runs the image as a careful operator would, on a published port, and where the engine has no bridge on a port of
// this machine. It returns the container, and where it answers.
func (e Engine) start(ctx context.Context, tag string) (container, host string, err error) {
	port, err := freePort(ctx)
	if err != nil {
		return "", "", err
	}
	for _, network := range [][]string{
		{"--publish", "127.0.0.1::8080"},
		{"--network", "host", "--env", "PORT=" + port},
	} {
		if container != "" {
			_, _ = e.run(ctx, nil, "rm", "--force", container)
		}
		args := append([]string{"run", "--detach", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--memory", "256m"}, network...)
		if container, err = e.run(ctx, nil, append(args, tag)...); err != nil {
			return "", "", fmt.Errorf("start the image: %w: %w", err, ErrNoEngine)
		}
		also := ""
		if network[0] == "--network" {
			also = "127.0.0.1:" + port
		}
		if host, err = e.await(ctx, container, also); !errors.Is(err, ErrNoEngine) {
			break
		}
	}
	return container, host, err
}

func freePort(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, errors.Join(err, listener.Close())
}

// await finds where the container answers: at the published port, or at its own address where we are in a container
// ourselves.
func (e Engine) await(ctx context.Context, container, also string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		running, err := e.run(ctx, nil, "inspect", "--format", "{{.State.Running}} {{.NetworkSettings.IPAddress}}", container)
		if err != nil {
			return "", fmt.Errorf("%w: %w", err, ErrNoEngine)
		}
		state, address, _ := strings.Cut(running, " ")
		if state != "true" {
			logs, _ := e.run(ctx, nil, "logs", "--tail", "5", container)
			return "", fmt.Errorf("the container ended: %.300s: %w", logs, ErrAnswer)
		}
		hosts := []string{}
		if also != "" {
			hosts = append(hosts, also)
		}
		if port, err := e.run(ctx, nil, "port", container, "8080/tcp"); err == nil && port != "" {
			first, _, _ := strings.Cut(port, "\n")
			hosts = append(hosts, first)
		}
		if address != "" {
			hosts = append(hosts, address+":8080")
		}
		if len(hosts) == 0 {
			return "", fmt.Errorf("the container has no network: %w", ErrNoEngine)
		}
		for _, host := range hosts {
			if ready(ctx, host) {
				return host, nil
			}
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("the container runs and cannot be reached from here: %w", ErrNoEngine)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func ready(ctx context.Context, host string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/v2/health/ready", nil)
	if err != nil {
		return false
	}
	response, err := direct.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// first is a question about the first n rows alone.
func (q Question) first(n int) Question {
	rows := q.Features.Rows()
	if rows <= n {
		return q
	}
	at := make([]int, n)
	for i := range at {
		at[i] = i
	}
	return Question{Features: q.Features.Select(at), Expect: firstRows(q.Expect, n)}
}

func firstRows(p metric.Predictions, n int) metric.Predictions {
	if p.Values != nil {
		p.Values = p.Values[:n]
	}
	if p.Labels != nil {
		p.Labels = p.Labels[:n]
	}
	if p.Probabilities != nil {
		p.Probabilities = p.Probabilities[:n*len(p.Classes)]
	}
	return p
}
