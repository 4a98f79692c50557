// Command weighlock-server is the program inside a model image: a model over HTTP, and nothing else.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/weighlock/weighlock/internal/model"
	"github.com/weighlock/weighlock/internal/serving"
)

const usage = `usage: weighlock-server serve | healthcheck

  serve        answer on port 8080 (PORT or AIP_HTTP_PORT) for the model in /models (MODEL_DIR),
               under the name in MODEL_NAME; after SIGTERM it is not ready, answers for
               another DRAIN_SECONDS (5), finishes what is in flight and ends
  healthcheck  ask a server on this machine whether it is ready; exit code 0 or 1
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, getenv func(string) string, stderr io.Writer) int {
	command := "serve"
	if len(args) > 0 {
		command = args[0]
	}
	var err error
	switch {
	case command == "serve":
		err = serve(ctx, getenv, stderr)
	case command == "healthcheck":
		err = healthcheck(ctx, getenv)
	case command == "sh" && len(args) == 3 && args[1] == "-c":
		err = modelcar(ctx, args[2])
	default:
		_, _ = fmt.Fprint(stderr, usage)
		return 2
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "weighlock-server:", err)
		return 1
	}
	return 0
}

func port(getenv func(string) string) string {
	for _, name := range []string{"AIP_HTTP_PORT", "PORT"} {
		if value := getenv(name); value != "" {
			return value
		}
	}
	return "8080"
}

// drainTime is how long requests are taken after SIGTERM. With the time to finish it stays below the 30 seconds that
// Kubernetes and SageMaker give.
func drainTime(getenv func(string) string) (time.Duration, error) {
	value := getenv("DRAIN_SECONDS")
	if value == "" {
		return 5 * time.Second, nil
	}
	seconds, err := strconv.ParseUint(value, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("read DRAIN_SECONDS: %q is not a number of seconds", value)
	}
	return time.Duration(seconds) * time.Second, nil
}

// serve reads the model once and answers until it is told to end.
func serve(ctx context.Context, getenv func(string) string, stderr io.Writer) error {
	folder := getenv("MODEL_DIR")
	if folder == "" {
		folder = "/models"
	}
	name := getenv("MODEL_NAME")
	if name == "" {
		name = "model"
	}
	served, err := served(ctx, folder, serving.Identity{
		Name: name, Revision: getenv("MODEL_REVISION"), EvaluationDigest: getenv("MODEL_EVALUATION_DIGEST"),
	}, stderr)
	if err != nil {
		return err
	}
	server, err := serving.New(served, serving.Limits{})
	if err != nil {
		return err
	}
	drain, err := drainTime(getenv)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("", port(getenv)))
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	_, _ = fmt.Fprintf(stderr, "weighlock-server: serving %s (%s) on %s\n", name, served.Version, listener.Addr())
	return server.Serve(ctx, listener, serving.Ending{Drain: drain, Grace: 20 * time.Second})
}

// served reads the model. An opaque one is scored by its own program, which this image holds for that; the container is
// what keeps it.
func served(ctx context.Context, folder string, id serving.Identity, stderr io.Writer) (serving.Model, error) {
	if !model.IsOpaque(os.DirFS(folder)) {
		m, err := model.Load(os.DirFS(folder))
		if err != nil {
			return serving.Model{}, fmt.Errorf("load model %s: %w", folder, err)
		}
		return serving.Of(m, id), nil
	}
	o, err := model.LoadOpaque(os.DirFS(folder))
	if err != nil {
		return serving.Model{}, fmt.Errorf("load model %s: %w", folder, err)
	}
	work, err := os.MkdirTemp("", "weighlock-worker-*")
	if err != nil {
		return serving.Model{}, fmt.Errorf("start worker: %w", err)
	}
	worker, err := serving.NewWorker(ctx, o, serving.WorkerOptions{Folder: folder, Work: work, Run: func(ctx context.Context, c serving.Command) error {
		cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...)
		cmd.Dir, cmd.Env, cmd.WaitDelay = c.Dir, append(os.Environ(), c.Env...), 2*time.Second
		cmd.Stdout, cmd.Stderr = stderr, stderr
		return cmd.Run()
	}})
	if err != nil {
		return serving.Model{}, err
	}
	return serving.OfOpaque(o, worker, id), nil
}

// healthcheck is for exec probes, as the image holds no curl. It asks by hand: net/http's client, with proxies, redirects
// and TLS, would make the image larger by a tenth.
func healthcheck(ctx context.Context, getenv func(string) string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	host := net.JoinHostPort("127.0.0.1", port(getenv))
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", host)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		_ = connection.SetDeadline(deadline)
	}
	if _, err := io.WriteString(connection, "GET /readyz HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n"); err != nil {
		return err
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New("not ready: " + response.Status)
	}
	return nil
}

// The two scripts that KServe's modelcar passes as `sh -c`: the init container looks whether /models is there, and the
// sidecar links it to where the server expects it. This image has no shell, so the scripts are recognised and done by
// hand; anything else is refused.
const (
	modelcarLink  = "ln -sf /proc/$$/root/models "
	modelcarSleep = " && sleep infinity"
)

func modelcar(ctx context.Context, script string) error {
	script = strings.Join(strings.Fields(script), " ")
	if target, ok := strings.CutPrefix(script, modelcarLink); ok {
		if target, ok := strings.CutSuffix(target, modelcarSleep); ok && !strings.ContainsAny(target, " ;&|$`<>\"'\\") {
			return holdLink(ctx, target)
		}
	}
	if strings.Contains(script, "-d /models") && !strings.Contains(script, "ln ") {
		entries, err := os.ReadDir("/models")
		if err != nil || len(entries) == 0 {
			return errors.New("check model: /models is missing or empty")
		}
		return nil
	}
	return errors.New("run script: this image has no shell; only KServe's modelcar scripts are understood")
}

// holdLink links the model to target and stays alive, for the link leads through this process.
func holdLink(ctx context.Context, target string) error {
	_ = os.Remove(target)
	if err := os.Symlink(fmt.Sprintf("/proc/%d/root/models", os.Getpid()), target); err != nil {
		return fmt.Errorf("link model: %w", err)
	}
	<-ctx.Done()
	return nil
}
