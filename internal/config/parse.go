package config

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// maxBytes bounds a configuration file.
const maxBytes = 256 << 10

// maxDepth bounds how deep a file may nest; the deepest key stands in the fifth level.
const maxDepth = 12

// Parse reads one weighlock.yaml. The error is Problems and holds every mistake of the file; name is the file in them.
// Unknown and repeated keys, anchors, aliases, merge keys, tags and second documents are mistakes.
func Parse(name string, content []byte) (*File, error) {
	f, r := parse(name, content)
	if len(r.problems) > 0 {
		return nil, r.problems.sorted()
	}
	return f, nil
}

func parse(name string, content []byte) (*File, *reader) {
	r := &reader{file: name, at: map[string]Position{}, keys: map[string][]string{}}
	f := newFile()
	root := r.document(content)
	if root == nil {
		return f, r
	}
	r.at[""] = r.position(root)
	f.positions = r.at
	r.section(root, "", f.fields())
	if len(r.problems) == 0 {
		r.together(f)
	}
	return f, r
}

// document parses the text and refuses what YAML can do and a configuration should not.
func (r *reader) document(content []byte) *yaml.Node {
	at := func(line, column int, format string, args ...any) {
		r.problems = append(r.problems, Problem{Position{r.file, max(1, line), max(1, column)}, fmt.Sprintf(format, args...)})
	}
	if len(content) > maxBytes {
		at(1, 1, "the file has %d bytes, at most %d are read", len(content), maxBytes)
		return nil
	}
	if !utf8.Valid(content) {
		line, column := invalidUTF8(content)
		at(line, column, "the text is not UTF-8")
		return nil
	}
	var documents []yaml.Node
	err := yaml.Load(content, &documents, yaml.WithAllDocuments())
	var wrong *yaml.LoadError
	switch {
	case errors.As(err, &wrong):
		at(wrong.Mark.Line, wrong.Mark.Column, "the text is not YAML: %s", wrong.Message)
		return nil
	case err != nil:
		at(1, 1, "the text is not YAML: %v", err)
		return nil
	case len(documents) == 0 || len(documents[0].Content) == 0 || documents[0].Content[0].Tag == "!!null":
		at(1, 1, "the file is empty: weighlock init writes a first one")
		return nil
	case len(documents) > 1:
		at(documents[1].Line, documents[1].Column, "a second document begins here, want one")
		return nil
	}
	root := documents[0].Content[0]
	r.plain(root, 0)
	if len(r.problems) > 0 {
		return nil
	}
	return root
}

// plain refuses anchors, aliases, merge keys, explicit tags, keys that are no texts, and bottomless nesting.
func (r *reader) plain(n *yaml.Node, depth int) {
	switch {
	case depth > maxDepth:
		r.problem(n, "the file nests deeper than %d levels", maxDepth)
		return
	case n.Kind == yaml.AliasNode:
		r.problem(n, "alias *%s: a policy says what it means where it means it; write the value out", n.Value)
		return
	case n.Anchor != "":
		r.problem(n, "anchor &%s: write the value out where it is needed", n.Anchor)
	case n.Tag == "!!merge":
		r.problem(n, "merge key <<: write the keys out")
	case n.Style&yaml.TaggedStyle != 0:
		r.problem(n, "tag %s: plain values are enough here", n.Tag)
	}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && child.Kind != yaml.ScalarNode && child.Kind != yaml.AliasNode {
			r.problem(child, "a key is %s, want a word", kindOf(child))
			continue
		}
		r.plain(child, depth+1)
	}
}

// invalidUTF8 finds the first byte that is no UTF-8; the column counts characters.
func invalidUTF8(content []byte) (line, column int) {
	good := 0
	for good < len(content) {
		c, size := utf8.DecodeRune(content[good:])
		if c == utf8.RuneError && size <= 1 {
			break
		}
		good += size
	}
	before := content[:good]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[start:]) + 1
}

// modelName is what fits into a folder's name, an image's title and a tag.
var modelName = regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+)*$`)

const maxModelName = 64
