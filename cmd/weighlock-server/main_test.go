package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weighlock/weighlock/internal/metric"
	"github.com/weighlock/weighlock/internal/model"
)

// constant writes a model that answers 7 for every row.
func constant(t *testing.T) string {
	t.Helper()
	m, err := model.NewConstant(model.Constant{Meta: model.Meta{Task: metric.Regression, Target: "y"}, Value: 7})
	if err != nil {
		t.Fatal(err)
	}
	files, err := m.Files()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o444); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// freePort is one that nobody listened on a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestServesUntilItIsTold(t *testing.T) {
	port := freePort(t)
	env := map[string]string{"MODEL_DIR": constant(t), "MODEL_NAME": "seven", "PORT": port, "DRAIN_SECONDS": "0"}
	getenv := func(name string) string { return env[name] }
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan int, 1)
	var talk bytes.Buffer
	go func() { ended <- run(ctx, strings.Fields("serve"), getenv, &talk) }()
	for deadline := time.Now().Add(20 * time.Second); run(t.Context(), strings.Fields("healthcheck"), getenv, io.Discard) != 0; {
		if time.Now().After(deadline) {
			t.Fatal("not ready after 20 s")
		}
		time.Sleep(10 * time.Millisecond)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:"+port+"/v2/models/seven/infer",
		strings.NewReader(`{"inputs":[{"name":"x","shape":[2],"datatype":"FP64","data":[1,2]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(answer), `"data":[7,7]`) {
		t.Errorf("%s: %s, %v", response.Status, answer, err)
	}
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("exit %d: %s", code, &talk)
	}
	if !strings.Contains(talk.String(), "serving seven (sha256:") {
		t.Errorf("it said %q", &talk)
	}
	if code := run(t.Context(), strings.Fields("healthcheck"), getenv, io.Discard); code != 1 {
		t.Errorf("healthcheck of a server that ended: exit %d", code)
	}
}

func TestRefusals(t *testing.T) {
	damaged := constant(t)
	if err := os.Remove(filepath.Join(damaged, model.WeightsFile)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		env  map[string]string
		code int
		says string
	}{
		{[]string{"bash"}, nil, 2, "usage: weighlock-server"},
		{[]string{"serve"}, map[string]string{"MODEL_DIR": t.TempDir()}, 1, "model.json"},
		{[]string{"serve"}, map[string]string{"MODEL_DIR": damaged}, 1, "weights.bin"},
		{[]string{"serve"}, map[string]string{"MODEL_DIR": constant(t), "DRAIN_SECONDS": "soon"}, 1, `"soon" is not a number of seconds`},
		{[]string{"serve"}, map[string]string{"MODEL_DIR": constant(t), "PORT": "none"}, 1, "listen"},
		{[]string{"sh", "-c", "cat /etc/passwd"}, nil, 1, "no shell"},
		{[]string{"sh", "-c", "ln -sf /proc/$$/root/models /mnt/models; id && sleep infinity"}, nil, 1, "no shell"},
	} {
		var talk bytes.Buffer
		code := run(t.Context(), c.args, func(name string) string { return c.env[name] }, &talk)
		if code != c.code || !strings.Contains(talk.String(), c.says) {
			t.Errorf("%v: exit %d %q, want %d and %q", c.args, code, &talk, c.code, c.says)
		}
	}
}

// The image is small because the server leaves out what it never does: Parquet, protobuf, HTTP/2. One import would bring
// them back. Makefile and Dockerfile have to agree, for the server is part of every image's digest.
func TestTheServerStaysSmall(t *testing.T) {
	const tags = "-tags nethttpomithttp2,noparquet"
	for name, wanted := range map[string]string{"Makefile": "SERVER_TAGS = " + strings.TrimPrefix(tags, "-tags "), "Dockerfile": tags} {
		content, err := os.ReadFile(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(content), wanted) {
			t.Errorf("%s builds the server without %q", name, wanted)
		}
	}
	list := exec.CommandContext(t.Context(), "go", append([]string{"list", "-deps"}, append(strings.Fields(tags), ".")...)...)
	list.Stderr = os.Stderr
	packages, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(packages), "weighlock/internal/serving\n") {
		t.Fatalf("go list answered %.200s", packages)
	}
	for name := range strings.Lines(string(packages)) {
		for _, heavy := range []string{"parquet-go", "google.golang.org/protobuf", "prometheus", "text/template"} {
			if strings.Contains(name, heavy) {
				t.Errorf("the server carries %s", strings.TrimSpace(name))
			}
		}
	}
}

// KServe's sidecar links the model and stays until it is ended.
func TestModelcarHoldsTheLink(t *testing.T) {
	target := filepath.Join(t.TempDir(), "models")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- modelcar(ctx, "ln -sf /proc/$$/root/models "+target+" && sleep infinity") }()
	want := fmt.Sprintf("/proc/%d/root/models", os.Getpid())
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if got, err := os.Readlink(target); err == nil && got == want {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("link %q, %v, want %q", got, err, want)
		}
	}
	select {
	case err := <-ended:
		t.Fatalf("it did not stay: %v", err)
	default:
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
