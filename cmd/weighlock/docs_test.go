package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
	"golang.org/x/mod/modfile"

	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/gate"
)

const top = "../.."

// documents are the pages whose configurations are read and whose commands are run.
func documents(t *testing.T) []string {
	t.Helper()
	out := []string{filepath.Join(top, "README.md")}
	for _, pattern := range []string{"docs/*.md", "examples/*/README.md"} {
		found, err := filepath.Glob(filepath.Join(top, pattern))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, found...)
	}
	if len(out) < 7 {
		t.Fatalf("%d documents: %q", len(out), out)
	}
	return out
}

// fence is a fenced block: its lines begin behind the line start and end before the line end.
type fence struct {
	info       string
	start, end int
}

func fences(lines []string) []fence {
	var out []fence
	open := -1
	for i, line := range lines {
		switch trimmed := strings.TrimSpace(line); {
		case open < 0 && strings.HasPrefix(trimmed, "```"):
			open = i
		case open >= 0 && trimmed == "```":
			out = append(out, fence{strings.TrimPrefix(strings.TrimSpace(lines[open]), "```"), open, i})
			open = -1
		}
	}
	return out
}

// TestDocumentedConfigurationsAreRead reads every YAML block: a configuration must have no mistake, a part of one must
// at least be YAML.
func TestDocumentedConfigurationsAreRead(t *testing.T) {
	complete := 0
	for _, name := range documents(t) {
		lines := readLines(t, name)
		for _, f := range fences(lines) {
			if f.info != "yaml" {
				continue
			}
			text := strings.Join(lines[f.start+1:f.end], "\n") + "\n"
			where := fmt.Sprintf("%s:%d", name, f.start+1)
			if strings.HasPrefix(text, "version:") || strings.Contains(text, "\nversion:") {
				complete++
				if _, err := config.Parse(where, []byte(text)); err != nil {
					t.Errorf("%s: %v", where, err)
				}
				continue
			}
			var anything any
			if err := yaml.Unmarshal([]byte(text), &anything); err != nil {
				t.Errorf("%s: %v", where, err)
			}
		}
	}
	if complete == 0 {
		t.Error("no document shows a whole configuration")
	}
}

// TestExampleConfigurationsAreRead reads those of the examples.
func TestExampleConfigurationsAreRead(t *testing.T) {
	found, err := filepath.Glob(filepath.Join(top, "examples/*/weighlock.yaml"))
	if err != nil || len(found) < 4 {
		t.Fatalf("%q, %v", found, err)
	}
	for _, name := range found {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := config.Parse(name, content); err != nil {
			t.Error(err)
		}
	}
}

// TestDocumentedCommandsSayWhatIsPrinted runs the commands of every console block and compares what they print with
// what the page shows; -update rewrites the page. A comment `<!-- example: NAME -->` makes a fresh repository of an
// example, `<!-- folder -->` an empty folder; the blocks below it run there, one after the other. Between
// `<!-- output of: COMMAND -->` and `<!-- end of output -->` stands what a command printed.
func TestDocumentedCommandsSayWhatIsPrinted(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is missing: apt-get install bash")
	}
	weighlock, err := exec.LookPath("weighlock") // TestMain put it there
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Dir(weighlock)
	for _, name := range documents(t) {
		t.Run(strings.TrimPrefix(filepath.ToSlash(name), top+"/"), func(t *testing.T) {
			t.Parallel()
			lines := readLines(t, name)
			got := (&page{t: t, bin: bin}).play(lines)
			if *update && plainly(got) != plainly(lines) {
				if err := os.WriteFile(name, []byte(strings.Join(got, "\n")), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(strings.Split(plainly(lines), "\n"), strings.Split(plainly(got), "\n")); diff != "" {
				t.Errorf("go test ./cmd/weighlock -run Documented -update rewrites it (-page +program):\n%s", diff)
			}
		})
	}
}

// page plays one document.
type page struct {
	t           *testing.T
	bin, folder string
}

var (
	exampleMark = regexp.MustCompile(`^<!-- example: (\S+) -->$`)
	outputMark  = regexp.MustCompile(`^<!-- output of: (.*) -->$`)
)

// play returns the page as it would be with today's outputs.
func (p *page) play(lines []string) []string {
	var out []string
	blocks := fences(lines)
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		out = append(out, line)
		if m := exampleMark.FindStringSubmatch(line); m != nil {
			p.begin(m[1])
		}
		if line == "<!-- folder -->" {
			p.folder = p.t.TempDir()
		}
		if m := outputMark.FindStringSubmatch(line); m != nil {
			end := i + slices.Index(lines[i:], "<!-- end of output -->")
			if end < i {
				p.t.Fatalf("line %d: the output does not end", i+1)
			}
			out = append(out, strings.Split(strings.Trim(p.shell(m[1])[0], "\n"), "\n")...)
			out, i = append(out, lines[end]), end
			continue
		}
		at := slices.IndexFunc(blocks, func(f fence) bool { return f.start == i && f.info == "console" })
		if at >= 0 {
			out = append(out, p.console(lines[i+1:blocks[at].end])...)
			i = blocks[at].end - 1
		}
	}
	return out
}

func (p *page) begin(example string) {
	p.folder = p.t.TempDir()
	if err := exampleFiles(filepath.Join(top, "examples", example), p.folder); err != nil {
		p.t.Fatal(err)
	}
	p.shell("git init -q -b main", "git add -A", "git commit -q -m 'a first model'")
}

// console runs the commands of a block, those behind "$ ", and returns them with what they print.
func (p *page) console(lines []string) []string {
	var commands []string
	for _, line := range lines {
		if c, ok := strings.CutPrefix(line, "$ "); ok {
			commands = append(commands, c)
		} else if n := len(commands); n > 0 && strings.HasSuffix(commands[n-1], "\\") {
			commands[n-1] += "\n" + line
		}
	}
	if len(commands) == 0 {
		p.t.Fatalf("a console block without a command: %q", lines)
	}
	printed := p.shell(commands...)
	var out []string
	for i, c := range commands {
		out = append(out, "$ "+c)
		if text := strings.TrimRight(printed[i], "\n"); text != "" {
			out = append(out, strings.Split(text, "\n")...)
		}
	}
	return out
}

// shell runs commands one after the other in one shell, and returns what each printed to both streams.
func (p *page) shell(commands ...string) []string {
	if p.folder == "" {
		p.t.Fatalf("no <!-- example: NAME --> stands above %q", commands)
	}
	const mark = "\x01"
	var script strings.Builder
	for _, c := range commands {
		_, _ = fmt.Fprintf(&script, "%s\n__code=$?; printf '\\001'; (exit $__code)\n", c)
	}
	c := exec.CommandContext(p.t.Context(), "bash", "-c", script.String())
	c.Dir = p.folder
	c.Env = []string{"PATH=" + p.bin + string(os.PathListSeparator) + os.Getenv("PATH"), "NO_COLOR=1", "LC_ALL=C.UTF-8"}
	for name, value := range identity(p.t.TempDir()) {
		c.Env = append(c.Env, name+"="+value)
	}
	var printed bytes.Buffer
	c.Stdout, c.Stderr = &printed, &printed
	_ = c.Run() // the exit code is that of the last command; pages show it with echo $?
	parts := strings.Split(noise.ReplaceAllString(printed.String(), ""), mark)
	if len(parts) != len(commands)+1 {
		p.t.Fatalf("the shell stopped early: %q printed %q", commands, printed.String())
	}
	return parts[:len(commands)]
}

var measured = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`[0-9.]+ (ns|µs|ms|s)\b`), "N s"},
	{regexp.MustCompile(`weighlock (dev|v?[0-9][^ ]*)`), "weighlock VERSION"},
	{regexp.MustCompile(`sha256:[0-9a-f]{64}`), "sha256:DIGEST"},
}

// noise is what a page does not show: a warning that depends on how the tests were built, the progress that a slow
// machine prints, and spaces nobody sees.
var noise = regexp.MustCompile(`(?m)^.*built without the small servers.*\n|^\w+: \d+ of \d+ [kMG]?B\n|^weighlock: [a-z ]+ \([0-9hms]+\)\n|[ \t]+$`)

// plainly leaves out what differs from machine to machine: times, versions, and digests of images that hold programs.
func plainly(lines []string) string {
	text := strings.Join(lines, "\n")
	for _, m := range measured {
		text = m.what.ReplaceAllString(text, m.with)
	}
	return text
}

// TestExitCodesAreDocumented holds the README's table against the decisions.
func TestExitCodesAreDocumented(t *testing.T) {
	text := strings.Join(readLines(t, filepath.Join(top, "README.md")), "\n")
	for _, d := range []gate.Decision{gate.Passed, gate.Blocked, gate.Misconfigured, gate.Undecided, gate.Invalid, gate.Unavailable, gate.Cancelled} {
		if row := fmt.Sprintf("| %d | %s |", d.ExitCode(), d); !strings.Contains(text, row) {
			t.Errorf("README.md has no row %q", row)
		}
	}
}

// TestHelpShowsAnExampleAndExitCodes reads the help of every command.
func TestHelpShowsAnExampleAndExitCodes(t *testing.T) {
	for _, c := range newRoot(world{}).Commands() {
		if slices.Contains([]string{"help", "completion"}, c.Name()) {
			continue
		}
		if !strings.Contains(c.Example, "weighlock "+c.Name()) {
			t.Errorf("%s: its help shows no example", c.Name())
		}
		if !strings.Contains(c.Long, "\nExit codes:\n  0 ") {
			t.Errorf("%s: its help names no exit codes", c.Name())
		}
		for i, line := range strings.Split(c.Long, "\n") {
			if len([]rune(line)) > 100 {
				t.Errorf("%s: line %d of its help is longer than a terminal is wide: %s", c.Name(), i+1, line)
			}
		}
	}
}

// TestEveryDependencyIsExplained holds docs/dependencies.md against go.mod.
func TestEveryDependencyIsExplained(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(top, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	mod, err := modfile.Parse("go.mod", content, nil)
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, r := range mod.Require {
		if !r.Indirect {
			want = append(want, r.Mod.Path)
		}
	}
	row := regexp.MustCompile("^\\| `([^`]+)` \\| (.{10,}) \\| (.{10,}) \\|$")
	for _, line := range readLines(t, filepath.Join(top, "docs/dependencies.md")) {
		if m := row.FindStringSubmatch(line); m != nil {
			got = append(got, m[1])
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/dependencies.md has one row for each direct module of go.mod (-go.mod +page):\n%s", diff)
	}
}

var link = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)

// TestLinksLeadSomewhere follows every relative link of every page.
func TestLinksLeadSomewhere(t *testing.T) {
	pages := append(documents(t), filepath.Join(top, "CHANGELOG.md"), filepath.Join(top, "internal/README.md"))
	more, err := filepath.Glob(filepath.Join(top, ".github/*.md"))
	if err != nil {
		t.Fatal(err)
	}
	followed := 0
	for _, name := range append(pages, more...) {
		lines := readLines(t, name)
		blocks := fences(lines)
		for i, line := range lines {
			if slices.ContainsFunc(blocks, func(f fence) bool { return f.start <= i && i <= f.end }) {
				continue
			}
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				if strings.Contains(m[1], "://") {
					continue
				}
				followed++
				if _, err := os.Stat(filepath.Join(filepath.Dir(name), m[1])); err != nil {
					t.Errorf("%s:%d: %s leads nowhere", name, i+1, m[1])
				}
			}
		}
	}
	if followed < 20 {
		t.Errorf("only %d links", followed)
	}
}

func readLines(t *testing.T, name string) []string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(content), "\n")
}
