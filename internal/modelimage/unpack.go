package modelimage

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
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
// reads layer, of size bytes, where the files stand in it.
func unpackModel(layer io.ReaderAt, size int64) (map[string]span, error) {
	src := io.NewSectionReader(layer, 0, size)
	tr := tar.NewReader(src)
	files, kinds := map[string]span{}, map[string]byte{}
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
		start, err := src.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		if h.Size < 0 || h.Size > size-start {
			return nil, registry.Invalid("unpack model layer: %q is cut short", name)
		}
		if name == modelRoot {
			return nil, registry.Invalid("unpack model layer: %q is not a directory", name)
		}
		files[strings.TrimPrefix(name, modelRoot+"/")] = span{layer, start, h.Size}
	}
	if err := onlyZeros(src); err != nil {
		return nil, err
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

// onlyZeros judges what follows the end mark: it is invisible to us, and other
// readers may see it.
func onlyZeros(rest io.Reader) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := rest.Read(buf)
		if len(bytes.Trim(buf[:n], "\x00")) > 0 {
			return registry.Invalid("unpack model layer: there is content behind the end of the archive")
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("unpack model layer: %w", err)
		}
	}
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
