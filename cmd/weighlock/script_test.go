package main

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/weighlock/weighlock/internal/sandbox"
)

var update = flag.Bool("update", false, "rewrite what scripts and documentation expect")

// TestMain builds the program as a user would have it and puts it first in PATH: scripts, pages and the action's tests
// run it as a process of its own. WEIGHLOCK_TEST_BUILD=-race builds it with the race detector, which takes five times
// as long.
func TestMain(m *testing.M) {
	sandbox.Main()
	flag.Parse()
	os.Exit(withProgram(m.Run))
}

func withProgram(run func() int) int {
	bin, err := os.MkdirTemp("", "weighlock-test-*")
	if err != nil {
		log.Print(err)
		return 1
	}
	defer func() { _ = os.RemoveAll(bin) }()
	args := append([]string{"build", "-o", filepath.Join(bin, "weighlock")}, strings.Fields(os.Getenv("WEIGHLOCK_TEST_BUILD"))...)
	if out, err := exec.Command("go", append(args, ".")...).CombinedOutput(); err != nil {
		log.Printf("build weighlock: %v\n%s", err, out)
		return 1
	}
	if err := os.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
		log.Print(err)
		return 1
	}
	return run()
}

// TestStories plays every user story of testdata/script. Besides the commands of testscript a script has these:
//
//	example NAME            copy the folder of examples/ here, without its README, and commit it on main
//	exits CODE COMMAND...   run a command; its exit code must be CODE, and stdout and stderr can be compared afterwards
//	edit FILE OLD NEW       replace the only OLD of a file; \n is a line break
//	commit BRANCH MESSAGE   make or enter the branch and commit everything
//	git ARGS...             run git, which must succeed
//	registry VAR            start an OCI registry on this machine; VAR becomes its host:port
//	keys NAME               make a key to sign with, NAME.key, and its other half, NAME.pub
//	stalled VAR             listen, accept and never answer; VAR becomes host:port
//	freeport VAR            find a free port of this machine
//	ask URL FILE            wait until URL answers, post FILE (or get, for -) and save the answer as answer.json
//	interrupt VAR SIGNAL CODE COMMAND...
//	                        run a command, send the signal as soon as it talks to the stalled VAR, expect the exit code
func TestStories(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is missing: apt-get install git")
	}
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{examples: examples, stalled: map[string]chan struct{}{}}
	testscript.Run(t, testscript.Params{
		Dir: "../../testdata/script", Setup: s.setup, RequireExplicitExec: true, RequireUniqueNames: true,
		UpdateScripts: *update,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"example": s.example, "exits": s.exits, "edit": s.edit, "commit": s.commit, "git": s.git, "registry": s.registry,
			"stalled": s.stall, "freeport": s.freeport, "ask": s.ask, "interrupt": s.interrupt,
			"keys": s.keys,
		},
	})
}

// stage is what all scripts share: where the examples are, and who listens without answering.
type stage struct {
	examples string
	mu       sync.Mutex
	stalled  map[string]chan struct{} // by host:port; closed at the first connection
}

func (s *stage) setup(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, ".home")
	if err := os.Mkdir(home, 0o755); err != nil {
		return err
	}
	for name, value := range identity(home) {
		env.Setenv(name, value)
	}
	return nil
}

// identity makes git the same on every machine, and every commit the same at every time.
func identity(home string) map[string]string {
	return map[string]string{
		"HOME": home, "DOCKER_CONFIG": home, "GIT_CONFIG_NOSYSTEM": "1",
		"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org", "GIT_AUTHOR_DATE": "2026-11-02T09:00:00Z",
		"GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.org", "GIT_COMMITTER_DATE": "2026-11-02T09:00:00Z",
	}
}

// exampleFiles copies one example without its pages, so that its first commit does not depend on their words.
func exampleFiles(from, to string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	var failed []error
	for _, name := range []string{"README.md", "data/SOURCE.md", ".weighlock"} {
		failed = append(failed, os.RemoveAll(filepath.Join(to, name)))
	}
	return errors.Join(failed...)
}

func (s *stage) example(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: example NAME")
	}
	ts.Check(exampleFiles(filepath.Join(s.examples, args[0]), ts.MkAbs(".")))
	s.git(ts, false, []string{"init", "-q", "-b", "main"})
	s.git(ts, false, []string{"add", "-A"})
	s.git(ts, false, []string{"commit", "-q", "-m", "a first model"})
}

func (s *stage) git(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: git ARGS...")
	}
	ts.Check(ts.Exec("git", args...))
}

func (s *stage) exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	checkExit(ts, ts.Exec(args[1], args[2:]...), want)
}

// checkExit compares the number itself, which "! exec" would not.
func checkExit(ts *testscript.TestScript, err error, want int) {
	got := 0
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		got = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func (s *stage) edit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: edit FILE OLD NEW")
	}
	content := ts.ReadFile(args[0])
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], `\n`, "\n")
	}
	if n := strings.Count(content, args[1]); n != 1 {
		ts.Fatalf("%q stands %d times in %s, want once", args[1], n, args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(content, args[1], args[2], 1)), 0o644))
}

func (s *stage) commit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: commit BRANCH MESSAGE")
	}
	if ts.Exec("git", "show-ref", "--verify", "-q", "refs/heads/"+args[0]) == nil {
		s.git(ts, false, []string{"checkout", "-q", args[0]})
	} else {
		s.git(ts, false, []string{"checkout", "-q", "-b", args[0]})
	}
	s.git(ts, false, []string{"add", "-A"})
	s.git(ts, false, []string{"commit", "-q", "-m", args[1]})
}

func (s *stage) registry(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: registry VAR")
	}
	server := httptest.NewServer(registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0))))
	ts.Defer(server.Close)
	ts.Setenv(args[0], strings.TrimPrefix(server.URL, "http://"))
}

func (s *stage) keys(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: keys NAME")
	}
	_, private, err := ed25519.GenerateKey(nil)
	ts.Check(err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	ts.Check(err)
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	ts.Check(err)
	for name, block := range map[string]*pem.Block{".key": {Type: "PRIVATE KEY", Bytes: secret}, ".pub": {Type: "PUBLIC KEY", Bytes: public}} {
		ts.Check(os.WriteFile(ts.MkAbs(args[0]+name), pem.EncodeToMemory(block), 0o600))
	}
}

func (s *stage) stall(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: stalled VAR")
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	ts.Check(err)
	reached := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var open []net.Conn
		for {
			connection, err := listener.Accept()
			if err != nil {
				break
			}
			if open = append(open, connection); len(open) == 1 {
				close(reached)
			}
		}
		for _, connection := range open {
			_ = connection.Close()
		}
	}()
	ts.Defer(func() {
		_ = listener.Close()
		<-ended
	})
	s.mu.Lock()
	s.stalled[listener.Addr().String()] = reached
	s.mu.Unlock()
	ts.Setenv(args[0], listener.Addr().String())
}

func (s *stage) interrupt(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM}
	if neg || len(args) < 4 || signals[args[1]] == nil {
		ts.Fatalf("usage: interrupt VAR INT|TERM CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[2])
	ts.Check(err)
	s.mu.Lock()
	reached := s.stalled[ts.Getenv(args[0])]
	s.mu.Unlock()
	program, err := exec.LookPath(args[3])
	if found := filepath.Join(strings.Split(ts.Getenv("PATH"), string(os.PathListSeparator))[0], args[3]); err != nil {
		program = found
	}
	c := exec.CommandContext(context.Background(), program, args[4:]...)
	c.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "DOCKER_CONFIG", "GIT_CONFIG_NOSYSTEM"} {
		c.Env = append(c.Env, name+"="+ts.Getenv(name))
	}
	var said strings.Builder
	c.Stderr = &said
	ts.Check(c.Start())
	select {
	case <-reached:
	case <-time.After(time.Minute):
		_ = c.Process.Kill()
		ts.Fatalf("%s did not reach %s: %s", args[3], args[0], said.String())
	}
	ts.Check(c.Process.Signal(signals[args[1]]))
	begun := time.Now()
	err = c.Wait()
	ts.Logf("[stderr]\n%sended %s after the signal", said.String(), time.Since(begun).Round(time.Millisecond))
	checkExit(ts, err, want)
}

func (s *stage) freeport(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport VAR")
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], strconv.Itoa(listener.Addr().(*net.TCPAddr).Port))
	ts.Check(listener.Close())
}

func (s *stage) ask(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: ask URL FILE|-")
	}
	body := ""
	if args[1] != "-" {
		body = ts.ReadFile(args[1])
	}
	var last error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var answer string
		if answer, last = post(args[0], body); last == nil {
			ts.Check(os.WriteFile(ts.MkAbs("answer.json"), []byte(answer), 0o644))
			return
		}
	}
	ts.Fatalf("ask %s: %v", args[0], last)
}

// post asks once; the answer begins with the status.
func post(url, body string) (string, error) {
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return fmt.Sprintf("%d\n%s\n", response.StatusCode, content), err
}
