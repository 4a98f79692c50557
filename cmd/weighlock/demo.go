package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weighlock/weighlock/examples"
	"github.com/weighlock/weighlock/internal/pipeline"
)

func newDemo(w world) *cobra.Command {
	var keep string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Tell the whole story on this machine, on real data",
		Long: withCodes(`
Make a git repository in a temporary folder and play three acts on the prices of 53,794
diamonds: a baseline is weighed and pushed as an image; a change that makes the model
worse is blocked; a change that makes it better passes, is merged and pushed, and the
model in that image answers one request over HTTP. Needs git, and nothing else; leaves
nothing running and, without --keep, nothing on disk.`, codeDone, "1    the story did not end as it should", codeCancelled),
		Example: `  weighlock demo
  weighlock demo --keep ./weighlock-demo`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			folder, cleanup, err := demoFolder(keep)
			if err != nil {
				return err
			}
			defer cleanup()
			d := &demo{ctx: c.Context(), world: w, folder: folder}
			if err := d.play(); err != nil {
				return fmt.Errorf("play demo: %w", err)
			}
			if keep != "" {
				_, err = fmt.Fprintf(w.stdout, "\nThe repository is in %s; its reports are in %s.\n", folder, filepath.Join(folder, ".weighlock"))
			}
			return err
		},
	}
	c.Flags().StringVar(&keep, "keep", "", "make the repository in this folder, which must not exist, and keep it")
	return c
}

func demoFolder(keep string) (string, func(), error) {
	if keep == "" {
		folder, err := os.MkdirTemp("", "weighlock-demo-*")
		return folder, func() { _ = os.RemoveAll(folder) }, err
	}
	if err := os.Mkdir(keep, 0o755); err != nil {
		return "", nil, fmt.Errorf("make folder %s: %w", keep, err)
	}
	folder, err := filepath.Abs(keep)
	return folder, func() {}, err
}

// demo plays the story in one folder. Every step runs the same code as the command line that it prints.
type demo struct {
	ctx    context.Context // one demo is one call
	world  world
	folder string
}

// edit is one change of a pull request: text of weighlock.yaml that becomes other text.
type edit struct{ from, to string }

func (d *demo) play() error {
	d.say("ACT 1: a baseline", "Prices of 53,794 diamonds; 30 % of them judge. The first model uses the weight alone.")
	if err := d.begin(); err != nil {
		return err
	}
	if err := d.step(0, "run"); err != nil {
		return err
	}
	if err := d.step(0, "push"); err != nil {
		return err
	}
	d.say("ACT 2: a change that makes the model worse", "Someone turns up the penalty \"to be safe\".")
	if err := d.change("stronger-penalty", edit{"alpha: 1", "alpha: 20000"}); err != nil {
		return err
	}
	if err := d.step(1, "run"); err != nil {
		return err
	}
	d.say("ACT 3: a change that makes it better", "Cut, colour and clarity become features.")
	if err := d.git("checkout", "-q", "main"); err != nil {
		return err
	}
	if err := d.change("more-features", edit{"exclude: [cut, color, clarity]", "exclude: []"}); err != nil {
		return err
	}
	if err := d.step(0, "run"); err != nil {
		return err
	}
	d.say("The change is merged", "The merged commit is weighed again, and its model becomes an image.")
	if err := d.git("checkout", "-q", "main"); err != nil {
		return err
	}
	if err := d.git("merge", "-q", "--no-ff", "-m", "use cut, colour and clarity", "more-features"); err != nil {
		return err
	}
	if err := d.step(0, "run", "--quiet"); err != nil {
		return err
	}
	image, err := d.push()
	if err != nil {
		return err
	}
	return d.ask(image)
}

// begin makes the repository with its first commit.
func (d *demo) begin() error {
	files, err := fs.Sub(examples.Retail, "retail")
	if err != nil {
		return err
	}
	if err := os.CopyFS(d.folder, files); err != nil {
		return err
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "-A"}, {"commit", "-q", "-m", "a first model"}} {
		if err := d.git(args...); err != nil {
			return err
		}
	}
	return nil
}

// change makes a branch with one commit that edits the configuration.
func (d *demo) change(branch string, edits ...edit) error {
	file := filepath.Join(d.folder, pipeline.DefaultConfig)
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text := string(content)
	for _, e := range edits {
		if strings.Count(text, e.from) != 1 {
			return fmt.Errorf("edit %s: %q does not stand there once", pipeline.DefaultConfig, e.from)
		}
		text = strings.Replace(text, e.from, e.to, 1)
		_, _ = fmt.Fprintf(d.world.stdout, "  - %s\n  + %s\n", e.from, e.to)
	}
	if err := d.git("checkout", "-q", "-b", branch); err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return err
	}
	return d.git("commit", "-q", "-a", "-m", branch)
}

// step runs one weighlock command line and insists on its exit code.
func (d *demo) step(want int, args ...string) error {
	_, _ = fmt.Fprintf(d.world.stdout, "\n$ weighlock %s\n", strings.Join(args, " "))
	got := run(d.ctx, append(args, "--dir", d.folder), d.quiet())
	if d.ctx.Err() != nil {
		return d.ctx.Err()
	}
	_, _ = fmt.Fprintf(d.world.stdout, "exit code %d\n", got)
	if got != want {
		return fmt.Errorf("weighlock %s: exit code %d, expected %d", args[0], got, want)
	}
	return nil
}

// quiet is the demo's world without the CI system around it: the story plays on a laptop.
func (d *demo) quiet() world {
	w := d.world
	w.getenv = func(name string) string {
		if name == "NO_COLOR" || name == "TERM" {
			return d.world.getenv(name)
		}
		return ""
	}
	return w
}

// push pushes and returns the image that the command printed.
func (d *demo) push() (string, error) {
	var printed bytes.Buffer
	inner := *d
	inner.world.stdout = io.MultiWriter(d.world.stdout, &printed)
	if err := inner.step(0, "push"); err != nil {
		return "", err
	}
	for line := range strings.Lines(printed.String()) {
		if strings.Contains(line, "@sha256:") {
			return strings.TrimSpace(line), nil
		}
	}
	return "", fmt.Errorf("push printed no digest")
}

// ask serves the image's model on a free port of this machine, sends one row and stops the server.
func (d *demo) ask(image string) (err error) {
	d.say("The image answers", "The server reads the model out of the image and answers over HTTP.")
	listener, err := (&net.ListenConfig{}).Listen(d.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(d.ctx)
	served := make(chan error, 1)
	go func() { served <- serveImage(ctx, d.quiet(), image, d.folder, listener) }()
	defer func() {
		stop()
		if failed := <-served; err == nil {
			err = failed
		}
	}()
	const row = `{"dataframe_records": [{"carat": 1.01, "cut": "Premium", "color": "F", "clarity": "VS2", "depth": 61.5, "table": 58, "x": 6.44, "y": 6.4, "z": 3.95}]}`
	url := "http://" + listener.Addr().String() + "/invocations"
	_, _ = fmt.Fprintf(d.world.stdout, "\n$ weighlock serve %s\n$ curl %s -H 'Content-Type: application/json' -d '%s'\n", image, url, row)
	request, err := http.NewRequestWithContext(d.ctx, http.MethodPost, url, strings.NewReader(row))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	client := &http.Client{Timeout: 10 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		select {
		case failed := <-served:
			served <- failed
			return fmt.Errorf("serve image: %w", failed)
		default:
			return err
		}
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return err
	}
	var answer struct {
		Predictions []float64 `json:"predictions"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || len(answer.Predictions) != 1 || response.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the server: status %s: %s", response.Status, body)
	}
	_, err = fmt.Fprintf(d.world.stdout, "%s\n\nA diamond like this one costs about %.0f dollars, says the model that was weighed.\n",
		strings.TrimSpace(string(body)), answer.Predictions[0])
	return err
}

func (d *demo) say(title, text string) {
	_, _ = fmt.Fprintf(d.world.stdout, "\n%s\n%s\n%s\n", title, strings.Repeat("=", len(title)), text)
}

// git runs git in the demo's folder with an identity of its own, so that it works where none is configured.
func (d *demo) git(args ...string) error {
	full := append([]string{"-C", d.folder, "-c", "user.name=Weighlock demo", "-c", "user.email=demo@weighlock.dev", "-c", "commit.gpgSign=false"}, args...)
	out, err := exec.CommandContext(d.ctx, "git", full...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("git %s: %w: %s", args[0], err, bytes.TrimSpace(out))
	}
	return nil
}
