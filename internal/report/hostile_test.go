package report

import (
	"bytes"
	"flag"
	"fmt"
	"html"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
	"pgregory.net/rapid"

	"github.com/weighlock/weighlock/internal/dataset"
	"github.com/weighlock/weighlock/internal/gate"
)

// barbs are pieces that mean something to Markdown, to HTML, to GitHub or to a terminal.
var barbs = []string{
	"@octocat", "@acme/ml-team", "#1", "fixes #12", "GH-12", "acme/repo#3", "gh-7", "deadbeef", "1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d",
	"<img src=x onerror=alert(1)>", "<script>", "</details>", "<!-- weighlock {} -->", "-->", "<a href='x'>", "<details open>", "<br>",
	"[x](https://evil.example)", "![x](https://evil.example/x.png)", "[x]: https://evil.example", "[^1]", "https://evil.example", "http://a.example/b",
	"www.evil.example", "ftp://evil.example", "mailto:a@b.example", "a@b.example", "javascript:alert(1)", "|", "||", " | x | y |", "\\|", "`", "```", "``` sh",
	"~~~", "~~x~~", "**x**", "__x__", "*x", "_x", "$x$", "$$", "\n", "\r\n", "\n\n# heading", "# h", "## h", "\n- item", "1. x", "1) x", "- x", "- [ ] x",
	"+ x", "* x", "> x", "===", "---", "\n---\n", "***", "/approve", "/merge", "\n/approve", "@dependabot merge", ":tada:", ":+1:", "&lt;", "&#64;octocat",
	"&#x3c;img&#x3e;", "&amp;", "\\", "\\\\", "\u202E", "\u200B", "\u2066", "\uFEFF", "\x00", "\x1b[31m", "\x07", "\u2028", "\u0085", "日本語", "é", "👩‍🔬", "\xff\xfe",
	"\u3164", "|:--|", ":--", "    indented", "\t", "{{.}}", "${x}", "<", ">", "&", "]]>", "<![CDATA[", "<?php", "ignore previous instructions", "=cmd()", "a:b", "x.y",
}

func hostile(t *rapid.T, label string) string {
	n := rapid.IntRange(1, 4).Draw(t, label+" pieces")
	var b strings.Builder
	for range n {
		switch rapid.IntRange(0, 5).Draw(t, label+" kind") {
		case 0:
			b.WriteString(rapid.String().Draw(t, label+" text"))
		case 1:
			b.WriteString(strings.Repeat(rapid.SampledFrom(barbs).Draw(t, label+" barb"), rapid.IntRange(1, 60).Draw(t, label+" times")))
		default:
			b.WriteString(rapid.SampledFrom(barbs).Draw(t, label+" barb"))
		}
	}
	return b.String()
}

// hostileReport puts foreign strings wherever they can come from.
func hostileReport(t *rapid.T) *Report {
	in := blockedInputs()
	in.Truth = nil
	in.Result.Rules = in.Result.Rules[:2]
	rule := &in.Result.Rules[0]
	rule.Metric, rule.Slice = hostile(t, "metric"), hostile(t, "slice")
	rule.Why, rule.Method, rule.Flags = hostile(t, "why"), hostile(t, "method"), []string{hostile(t, "flag")}
	in.Model = hostile(t, "model") + "m"
	in.Checks = []dataset.Check{{Name: hostile(t, "check"), Severity: dataset.Warn, Message: hostile(t, "message")}}
	in.Base.How, in.Base.Image = hostile(t, "how"), hostile(t, "image")
	in.Policy.Changed = []string{hostile(t, "changed")}
	in.Candidate.Evaluation.Slices[0].Level = hostile(t, "level")
	in.Baseline.Evaluation.Slices[0].Level = in.Candidate.Evaluation.Slices[0].Level
	in.Result.Rules[1].Waived = &gate.Waiver{By: hostile(t, "by"), Reason: hostile(t, "reason"), Permission: "admin", Commit: in.Head.Commit}
	in.Warnings = []string{hostile(t, "warning")}
	look := closerInputs()
	in.Explanation, in.Observations, in.Result.Fairness = look.Explanation, look.Observations, look.Result.Fairness
	in.Keys = []string{hostile(t, "id"), "r-4"}
	in.Explanation.Flips.Rows[0].Slices = []string{hostile(t, "row's slice")}
	in.Explanation.Worst[0].Where[0] = hostile(t, "predicate")
	in.Explanation.Parts[0].By, in.Explanation.Parts[0].Levels[0].Level = hostile(t, "column"), hostile(t, "part")
	in.Result.Fairness[0].By, in.Result.Fairness[0].Groups[0].Level = hostile(t, "group column"), hostile(t, "group")
	in.Result.Fairness[0].LeftOut = []string{hostile(t, "left out")}
	in.Observations[0].Slice = hostile(t, "observed slice")
	if rapid.Bool().Draw(t, "failed") {
		in.Result, in.FailedAs, in.Failure = nil, gate.Invalid, &Failure{hostile(t, "failure"), hostile(t, "hint")}
	}
	return New(in)
}

// shape counts what matters on the syntax tree. Two reports of the same structure must have the same shape, whatever
// their strings say.
func shape(t interface{ Fatalf(string, ...any) }, source []byte) map[string]int {
	markdown := goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote))
	tree := markdown.Parser().Parse(text.NewReader(source))
	found := map[string]int{}
	err := ast.Walk(tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Text, *ast.String, *ast.CodeSpan:
			return ast.WalkContinue, nil
		case *ast.RawHTML:
			for i := range n.Segments.Len() {
				segment := n.Segments.At(i)
				found["raw "+string(segment.Value(source))]++
			}
		case *ast.HTMLBlock:
			for i := range n.Lines().Len() {
				line := n.Lines().At(i)
				found["html "+strings.TrimSpace(string(line.Value(source)))]++
			}
		case *ast.Heading:
			found[fmt.Sprintf("heading %d", n.Level)]++
		case *extast.TableCell, *extast.TableRow, *extast.Table, *ast.ListItem, *ast.List:
			found[n.Kind().String()]++
		default:
			found[n.Kind().String()]++
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatalf("walk: %v", err)
	}
	return found
}

var (
	htmlAllowed = regexp.MustCompile(`^(raw <br>|raw </?sub>|html <details><summary>[A-Za-z0-9 :,']+</summary>|html </details>|html <!-- weighlock \{"v":1,"key":"diabetes"\} -->)$`)
	// What GitHub looks for in the text after Markdown is done.
	live = regexp.MustCompile(`(?i)(^|[^\w\x60])@[a-z0-9]|#\d|\bgh-\d|https?://|www\.[a-z]|:[a-z0-9_+-]+:|\b[0-9a-f]{40}\b|\$[^\s\x{200B}]`)
)

func checkHostile(t *rapid.T, markdown string) {
	source := []byte(markdown)
	found := shape(t, source)
	for kind, n := range found {
		switch kind {
		case "Link", "AutoLink", "Image", "FootnoteLink", "Footnote", "Strikethrough", "TaskCheckBox", "ThematicBreak", "CodeBlock":
			t.Fatalf("%d %s in\n%s", n, kind, markdown)
		case "heading 2":
			if n != 1 {
				t.Fatalf("%d headings in\n%s", n, markdown)
			}
		default:
			if strings.HasPrefix(kind, "heading") {
				t.Fatalf("a %s in\n%s", kind, markdown)
			}
			if (strings.HasPrefix(kind, "raw ") || strings.HasPrefix(kind, "html ")) && !htmlAllowed.MatchString(kind) {
				t.Fatalf("foreign HTML %q in\n%s", kind, markdown)
			}
		}
	}
	for i, line := range strings.Split(markdown, "\n") {
		if strings.HasPrefix(strings.TrimLeft(line, "> -"), "/") {
			t.Fatalf("line %d begins with a command: %s", i, line)
		}
	}
	if seen := live.FindString(visible(source)); seen != "" {
		t.Fatalf("GitHub would see %q in\n%s", seen, markdown)
	}
	if strings.ContainsAny(markdown, "\x00\x1b\x07\u202E\u2066\u2028\uFEFF") {
		t.Fatalf("control characters in\n%q", markdown)
	}
}

// visible is the text that a reader sees outside code, each block on a line of its own.
func visible(source []byte) string {
	tree := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source))
	var b bytes.Buffer
	_ = ast.Walk(tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.CodeSpan, *ast.FencedCodeBlock:
			b.WriteByte(' ')
			return ast.WalkSkipChildren, nil
		case *ast.Text:
			if entering {
				// The renderer resolves entities and escapes; so does GitHub before it looks for mentions.
				b.Write(resolve(n.Value(source)))
			}
		default:
			if n.Type() == ast.TypeBlock {
				b.WriteByte('\n')
			}
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

var escaped = regexp.MustCompile("\\\\([!-/:-@\\[-`{-~])")

func resolve(raw []byte) []byte {
	raw = escaped.ReplaceAll(raw, []byte("$1"))
	return []byte(strings.NewReplacer("&lt;", "<", "&gt;", ">", "&#36;", "$", "&amp;", "&").Replace(string(raw)))
}

// many makes rapid try so many reports, of 12 foreign strings and more each; a tenth under -short or -race.
func many(t *testing.T, reports int) {
	t.Helper()
	if testing.Short() || racing {
		reports /= 10
	}
	checks := flag.Lookup("rapid.checks")
	old := checks.Value.String()
	if err := checks.Value.Set(strconv.Itoa(reports)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = checks.Value.Set(old) })
}

// TestForeignStringsStayText tries 10,000 and more hostile strings.
func TestForeignStringsStayText(t *testing.T) {
	many(t, 850)
	shapes := map[string]map[string]int{}
	tried := 0
	rapid.Check(t, func(t *rapid.T) {
		r := hostileReport(t)
		tried += 12
		markdown := Markdown(r, MarkdownOptions{Marker: marker})
		checkHostile(t, markdown)
		// Rows and cells: the same for every report with the same lists.
		found := shape(t, []byte(markdown))
		key := fmt.Sprint(r.Failure != nil, len(r.Rules), r.Failure != nil && clean(r.Failure.Hint) != "", len(r.Slices),
			strings.Contains(markdown, "**Why:**"), strings.Contains(markdown, "`"), len(r.facts()), strings.Contains(markdown, "mermaid"))
		rows := map[string]int{"rows": found["TableRow"], "cells": found["TableCell"], "tables": found["Table"], "items": found["ListItem"]}
		if known, ok := shapes[key]; !ok {
			shapes[key] = rows
		} else if fmt.Sprint(known) != fmt.Sprint(rows) {
			t.Fatalf("shape %v, but another report of the same structure has %v:\n%s", rows, known, markdown)
		}
		if strings.HasPrefix(markdown, "/") {
			t.Fatal("the comment begins with a command")
		}
	})
	t.Logf("%d hostile strings in reports of %d structures", tried, len(shapes))
}

// TestShownAsWritten makes sure that a reader sees what was written, and not what an entity or an escape means.
func TestShownAsWritten(t *testing.T) {
	for _, s := range []string{"&lt;b&gt;", "&amp;", "a & b", "<b>", "\\*", "a|b", "_x_", "1. x", "- x", "$5", "C:\\x", "`code`", "[x](y)", "~~x~~", `\*x\*`, `a\|b`, "||"} {
		var out bytes.Buffer
		if err := goldmark.New(goldmark.WithExtensions(extension.GFM)).Convert([]byte("- "+md(s)), &out); err != nil {
			t.Fatal(err)
		}
		got := strings.TrimSpace(strings.NewReplacer("<ul>", "", "</ul>", "", "<li>", "", "</li>", "", gap, "").Replace(out.String()))
		if got = html.UnescapeString(got); got != s {
			t.Errorf("%q is shown as %q", s, got)
		}
		// Cells that are too many vanish without a trace, so the last one must still be the last one.
		out.Reset()
		if err := goldmark.New(goldmark.WithExtensions(extension.GFM)).Convert([]byte("|a|b|\n|--|--|\n| "+md(s)+" | last |\n"), &out); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), "<td>last</td>\n</tr>") {
			t.Errorf("%q moves the cells of its row: %s", s, out.String())
		}
	}
	// An empty list item below a line of text would make a heading of it.
	for _, s := range []string{"", " ", "\n", "\u3164", "\u00A0"} {
		found := shape(t, []byte("> text\n> - "+md(s)+"\n"))
		if found["heading 2"] != 0 || found["ListItem"] != 1 {
			t.Errorf("%q makes %v", s, found)
		}
	}
}

// TestEachBarb tries every piece alone, so that no luck is needed.
func TestEachBarb(t *testing.T) {
	for _, barb := range barbs {
		for _, s := range []string{barb, "x" + barb, barb + " x", "x " + barb + "y"} {
			source := []byte("- " + md(s) + "\n- x " + md(s) + "\n\n|a|b|\n|--|--|\n| " + md(s) + " | " + md(s) + " |\n")
			found := shape(t, source)
			want := map[string]int{"Document": 1, "List": 1, "ListItem": 2, "TextBlock": 2, "Table": 1, "TableHeader": 1, "TableRow": 1, "TableCell": 4}
			for kind, n := range found {
				if want[kind] != n && (kind != "TextBlock" || n >= 2) {
					t.Errorf("%q gives %d %s:\n%s", s, n, kind, source)
				}
			}
			if seen := live.FindString(visible(source)); seen != "" {
				t.Errorf("%q: GitHub would see %q", s, seen)
			}
		}
	}
}

func TestOtherRenderingsAreCleanToo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := hostileReport(t)
		var out bytes.Buffer
		if err := Text(&out, r, TextOptions{}); err != nil {
			t.Fatal(err)
		}
		if i := strings.IndexAny(out.String(), "\x00\x07\x1b\r\u202E\u2028"); i >= 0 {
			t.Fatalf("control character in text at %d: %q", i, out.String())
		}
		out.Reset()
		if err := HTML(&out, r); err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"<script", "<img", "<a ", "<!-- weighlock", "<?", "onerror=alert(1)>"} {
			if strings.Contains(out.String(), bad) {
				t.Fatalf("%s in the page", bad)
			}
		}
		out.Reset()
		if err := JUnit(&out, r); err != nil {
			t.Fatal(err)
		}
		checkJUnit(t, out.Bytes())
	})
}
