package internal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/weighlock/weighlock"

// rows are the storeys of the house, the topmost first. internal/README.md shows the same list.
var rows = [][]string{
	{"action"},
	{"pipeline"},
	{"baseline", "promotion", "smoke"},
	{"training", "modelimage", "serving", "forge", "ci"},
	{"sandbox", "git", "registry", "atomicfile"},
	{"attest"},
	{"config", "report", "proposal", "signing"},
	{"gate", "estimator"},
	{"evaluation", "model"},
	{"metric", "stats", "dataset"},
}

// firstPureRow is the index of the row from which on nothing touches the outside world.
const firstPureRow = 5

// impure are imports that would let a pure package reach the outside world or the clock's and the machine's mood.
var impure = []string{"os", "os/exec", "os/signal", "net", "net/http", "syscall", "math/rand", "crypto/rand"}

// owners are libraries with a home, so that replacing one of them is a change in one room.
var owners = map[string][]string{
	"github.com/google/go-github":            {"forge"},
	"github.com/google/go-containerregistry": {"registry", "modelimage"},
	"github.com/sethvargo/go-githubactions":  {"ci"},
	"github.com/google/renameio":             {"atomicfile"},
}

func TestPackagesImportOnlyLowerRows(t *testing.T) {
	for name, imports := range packages(t) {
		row := rowOf(name)
		if row < 0 {
			t.Errorf("internal/%s stands in no row: add it to rows in internal/layers_test.go and to internal/README.md", name)
			continue
		}
		for _, imported := range imports {
			below, ok := strings.CutPrefix(imported, module+"/internal/")
			if !ok {
				checkOutside(t, name, imported)
				continue
			}
			below, _, _ = strings.Cut(below, "/")
			if below != name && rowOf(below) <= row {
				t.Errorf("internal/%s imports internal/%s, which does not stand in a lower row: a package may use only what is "+
					"below it, so that each can be read and tested without what is above; move the shared piece down, or pass it in", name, below)
			}
		}
	}
}

// checkOutside judges an import from outside this module.
func checkOutside(t *testing.T, name, imported string) {
	t.Helper()
	for library, homes := range owners {
		if strings.HasPrefix(imported, library) && !slices.Contains(homes, name) {
			t.Errorf("internal/%s imports %s, which only internal/%s may: ask that package for what you need", name, imported, strings.Join(homes, " and internal/"))
		}
	}
	if strings.HasPrefix(imported, "gonum.org/") && rowOf(name) < firstPureRow {
		t.Errorf("internal/%s imports %s: numerical work belongs into the pure rows", name, imported)
	}
	if rowOf(name) >= firstPureRow && slices.Contains(impure, imported) {
		t.Errorf("internal/%s imports %s: a pure package takes fs.FS, readers and bytes, and leaves files, network, processes "+
			"and chance to the rows above", name, imported)
	}
}

func TestEveryRoomIsOnTheMap(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range packages(t) {
		if !strings.Contains(string(readme), "`"+name+"/`") {
			t.Errorf("internal/README.md does not show `%s/`: the map has to name every package", name)
		}
	}
}

// packages maps the first path element below internal/ to everything its non-test files import.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := fs.WalkDir(os.DirFS("."), ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && entry.Name() == "testdata" {
			return fs.SkipDir
		}
		name, _, nested := strings.Cut(file, "/")
		if entry.IsDir() || !nested || path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			found[name] = append(found[name], imported)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 10 {
		t.Fatalf("found %d packages: the test looks in the wrong folder", len(found))
	}
	return found
}

func rowOf(name string) int {
	return slices.IndexFunc(rows, func(row []string) bool { return slices.Contains(row, name) })
}
