package training

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/sandbox"
)

// installed is a virtual environment with what train.setup put into it; the zero value is none.
type installed struct{ dir string }

func (i installed) bin() string {
	if i.dir == "" {
		return ""
	}
	return filepath.Join(i.dir, "env", "bin")
}

func (i installed) folders() []string {
	if i.dir == "" {
		return nil
	}
	return []string{filepath.Join(i.dir, "env")}
}

// variables let uv and programs that look for one find the environment, and keep uv from changing it.
func (i installed) variables() []string {
	if i.dir == "" {
		return nil
	}
	env := filepath.Join(i.dir, "env")
	return []string{"VIRTUAL_ENV=" + env, "UV_PROJECT_ENVIRONMENT=" + env, "UV_NO_SYNC=1", "UV_OFFLINE=1", "UV_PYTHON_DOWNLOADS=never"}
}

// lockFiles are what setup sees of the repository, besides files that its own arguments name. They and the arguments are
// all that decides what is installed, so they are the key under which it is kept.
var lockFiles = []string{"uv.lock", "pylock.toml", "poetry.lock", "pyproject.toml", ".python-version", "requirements*.txt", "constraints*.txt"}

// install runs train.setup, unless the same setup of the same lock files was run on this machine before. It has the
// network and a sandbox, and builds nothing: a source package would run its author's code.
func install(ctx context.Context, host Host, train config.Train, folder string) (installed, error) {
	if train.Setup == nil {
		return installed{}, nil
	}
	inputs, err := setupInputs(train.Setup, folder)
	if err != nil {
		return installed{}, blamed(fmt.Errorf("run train.setup: %w", err))
	}
	if host.Cache == "" || !Reachable(parentThatIs(host.Cache)) {
		return installed{}, fmt.Errorf("run train.setup: the folder for installed packages, %q, cannot be entered by the sandbox's user: set WEIGHLOCK_CACHE", host.Cache)
	}
	ready := installed{filepath.Join(host.Cache, "environments", setupKey(host, train.Setup, inputs))}
	if err := os.MkdirAll(ready.dir, 0o755); err != nil {
		return installed{}, fmt.Errorf("run train.setup: %w", err)
	}
	unlock, err := lockFolder(ctx, ready.dir)
	if err != nil {
		return installed{}, fmt.Errorf("run train.setup: %w", err)
	}
	defer unlock()
	complete := filepath.Join(ready.dir, "complete")
	if _, err := os.Stat(complete); err == nil {
		return ready, nil
	}
	if err := ready.fill(ctx, host, train, inputs); err != nil {
		_ = os.RemoveAll(filepath.Join(ready.dir, "env"))
		return installed{}, err
	}
	if err := os.WriteFile(complete, nil, 0o644); err != nil {
		return installed{}, fmt.Errorf("run train.setup: %w", err)
	}
	return ready, nil
}

// fill makes the virtual environment and lets the setup command fill it.
func (i installed) fill(ctx context.Context, host Host, train config.Train, inputs map[string][]byte) error {
	w, err := newWorkspace()
	if err != nil {
		return fmt.Errorf("run train.setup: %w", err)
	}
	defer func() { _ = w.remove() }()
	env := filepath.Join(i.dir, "env")
	for _, step := range []error{os.RemoveAll(env), os.MkdirAll(env, 0o755), w.writeAll("tree", inputs)} {
		if step != nil {
			return fmt.Errorf("run train.setup: %w", step)
		}
	}
	for _, argv := range [][]string{{"python3", "-m", "venv", env}, train.Setup} {
		first := i.bin()
		if argv[0] == "python3" && len(argv) == 4 && argv[2] == "venv" {
			first = ""
		}
		spec := sandbox.Spec{
			Argv: argv, Dir: w.path("tree"), Network: true, Off: train.Sandbox == config.SandboxOff,
			Env: slices.Concat(host.environment(w, first), host.some(forSetup), []string{
				"VIRTUAL_ENV=" + env, "UV_PROJECT_ENVIRONMENT=" + env, "UV_NO_BUILD=1", "UV_PYTHON_DOWNLOADS=never", "UV_LINK_MODE=copy",
				"PIP_ONLY_BINARY=:all:", "PIP_NO_INPUT=1", "PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_CACHE_DIR=1",
			}),
			Read:  slices.Concat(host.Read, certificates(host)),
			Write: []string{w.path("tree"), w.path("home"), w.path("tmp"), env}, Limits: limitsOf(train), Output: host.Log,
		}
		result, err := sandbox.Run(ctx, spec)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, sandbox.ErrUnavailable):
			return fmt.Errorf("run train.setup: %w", err)
		case err != nil:
			return blamed(fmt.Errorf("run train.setup: %w", err))
		}
		if err := result.Failure(spec.Limits); err != nil {
			return blamed(fmt.Errorf("run train.setup: %s %w", strings.Join(argv, " "), err))
		}
	}
	return settle(env)
}

// settle takes the environment back from the sandbox's user, and makes programs executable: for a plain user the sandbox
// lets chmod do nothing.
func settle(env string) error {
	root, err := os.OpenRoot(env)
	if err != nil {
		return fmt.Errorf("run train.setup: %w", err)
	}
	defer func() { _ = root.Close() }()
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if os.Geteuid() == 0 {
			if err := root.Lchown(name, 0, 0); err != nil {
				return err
			}
		}
		mode := os.FileMode(0o644)
		switch {
		case entry.Type()&fs.ModeSymlink != 0:
			return nil
		case entry.IsDir(), filepath.Base(filepath.Dir(name)) == "bin":
			mode = 0o755
		default:
			info, err := entry.Info()
			if err != nil {
				return err
			}
			mode |= info.Mode().Perm() & 0o111
		}
		return root.Chmod(name, mode)
	})
	if err != nil {
		return fmt.Errorf("run train.setup: %w", err)
	}
	return nil
}

// certificates are the files that this process was told to trust.
func certificates(host Host) []string {
	var files []string
	for _, name := range []string{"SSL_CERT_FILE", "SSL_CERT_DIR", "PIP_CERT", "REQUESTS_CA_BUNDLE"} {
		if value := host.variable(name); filepath.IsAbs(value) {
			files = append(files, value)
		}
	}
	return files
}

// setupInputs reads the lock files, and the files that the arguments name.
func setupInputs(argv []string, folder string) (map[string][]byte, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	names := slices.Clone(argv[1:])
	for _, pattern := range lockFiles {
		found, err := fs.Glob(root.FS(), pattern)
		if err != nil {
			return nil, err
		}
		names = append(names, found...)
	}
	inputs := map[string][]byte{}
	for _, name := range names {
		if !filepath.IsLocal(name) {
			continue
		}
		info, err := root.Lstat(name)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		content, err := root.ReadFile(name)
		if err != nil {
			return nil, err
		}
		inputs[filepath.ToSlash(name)] = content
	}
	return inputs, nil
}

func setupKey(host Host, argv []string, inputs map[string][]byte) string {
	h := sha256.New()
	field := func(b []byte) { _, _ = fmt.Fprintf(h, "%d:", len(b)); _, _ = h.Write(b) }
	for _, arg := range argv {
		field([]byte(arg))
	}
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		field([]byte(name))
		field(inputs[name])
	}
	field([]byte(runtime.GOOS + "/" + runtime.GOARCH + " " + interpreter(host)))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// interpreter tells apart the Pythons that an environment may be bound to: by the file that python3 leads to.
func interpreter(host Host) string {
	for _, folder := range filepath.SplitList(host.variable("PATH")) {
		name, err := filepath.EvalSymlinks(filepath.Join(folder, "python3"))
		if err != nil {
			continue
		}
		if info, err := os.Stat(name); err == nil && Reachable(filepath.Dir(name)) {
			return fmt.Sprintf("%s %d %d", name, info.Size(), info.ModTime().Unix())
		}
	}
	return "none"
}

// parentThatIs is the nearest folder above that exists.
func parentThatIs(folder string) string {
	for {
		if info, err := os.Stat(folder); err == nil && info.IsDir() {
			return folder
		}
		up := filepath.Dir(folder)
		if up == folder {
			return folder
		}
		folder = up
	}
}
