package modelimage

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/weighlock/weighlock/internal/registry"
)

// maxModelFiles bounds the members of a model layer.
const maxModelFiles = 10_000

// unpackModel reads the files of a model layer. It is no general extraction: a
// model is plain files and directories below models/, and any other thing
// that a tar archive can say is an error (facts/security.md 1.12). The result
// shares memory with layer.
func unpackModel(layer []byte) (map[string][]byte, error) {
	src := bytes.NewReader(layer)
	tr := tar.NewReader(src)
	files, kinds := map[string][]byte{}, map[string]byte{}
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, registry.Invalid("unpack model layer: %v", err)
		}
		if len(kinds) >= maxModelFiles {
			return nil, registry.Invalid("unpack model layer: more than %d members", maxModelFiles)
		}
		name, err := memberName(h)
		if err != nil {
			return nil, err
		}
		folded := strings.ToLower(name)
		if _, dup := kinds[folded]; dup {
			return nil, registry.Invalid("unpack model layer: %q stands there twice", name)
		}
		kinds[folded] = h.Typeflag
		if h.Typeflag == tar.TypeDir {
			continue
		}
		// A plain member's content lies where the header ends; a header that
		// promises more than there is has a lying size.
		start := int64(len(layer)) - int64(src.Len())
		if h.Size < 0 || h.Size > int64(src.Len()) {
			return nil, registry.Invalid("unpack model layer: %q is cut short", name)
		}
		if name == modelRoot {
			return nil, registry.Invalid("unpack model layer: %q is not a directory", name)
		}
		files[strings.TrimPrefix(name, modelRoot+"/")] = layer[start : start+h.Size : start+h.Size]
	}
	// What follows the end mark is invisible to us, and other readers may see it.
	if len(bytes.Trim(layer[len(layer)-src.Len():], "\x00")) > 0 {
		return nil, registry.Invalid("unpack model layer: there is content behind the end of the archive")
	}
	for name := range kinds {
		for d := path.Dir(name); d != "."; d = path.Dir(d) {
			if kind, ok := kinds[d]; ok && kind != tar.TypeDir {
				return nil, registry.Invalid("unpack model layer: %q is both a file and a directory", d)
			}
		}
	}
	if len(files) == 0 {
		return nil, registry.Invalid("unpack model layer: no files")
	}
	return files, nil
}

// memberName is the cleaned name of a member that may be there.
func memberName(h *tar.Header) (string, error) {
	name := h.Name
	switch h.Typeflag {
	case tar.TypeReg:
	case tar.TypeDir:
		name = strings.TrimSuffix(name, "/")
		if h.Size != 0 {
			return "", registry.Invalid("unpack model layer: directory %q has content", name)
		}
	default:
		return "", registry.Invalid("unpack model layer: %q is neither a file nor a directory (type %q)", name, h.Typeflag)
	}
	// Extension records can override name, size and owner, and make files
	// sparse; two readers need not agree on them.
	if len(h.PAXRecords) > 0 || h.Format&tar.FormatPAX != 0 {
		return "", registry.Invalid("unpack model layer: %q has an extended header", name)
	}
	if h.Linkname != "" {
		return "", registry.Invalid("unpack model layer: %q has a link target", name)
	}
	if !fs.ValidPath(name) || strings.ContainsAny(name, "\\\x00") {
		return "", registry.Invalid("unpack model layer: %q is not a plain relative path", name)
	}
	if name != modelRoot && !strings.HasPrefix(name, modelRoot+"/") {
		return "", registry.Invalid("unpack model layer: %q is outside %s/", name, modelRoot)
	}
	if strings.HasPrefix(path.Base(name), ".wh.") {
		return "", registry.Invalid("unpack model layer: %q is a whiteout", name)
	}
	return name, nil
}
