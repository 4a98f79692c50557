package modelimage

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/weighlock/weighlock/internal/registry"
)

func makeTar(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for _, h := range headers {
		if err := tw.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := tw.Write(bytes.Repeat([]byte("x"), int(h.Size))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func file(name string, size int64) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o444, Size: size}
}

var hostile = map[string]struct {
	headers []tar.Header
	want    string
}{
	"symlink":               {[]tar.Header{{Typeflag: tar.TypeSymlink, Name: "models/a", Linkname: "/etc/passwd"}}, "neither a file"},
	"hardlink":              {[]tar.Header{{Typeflag: tar.TypeLink, Name: "models/a", Linkname: "models/b"}}, "neither a file"},
	"character device":      {[]tar.Header{{Typeflag: tar.TypeChar, Name: "models/a"}}, "neither a file"},
	"block device":          {[]tar.Header{{Typeflag: tar.TypeBlock, Name: "models/a"}}, "neither a file"},
	"pipe":                  {[]tar.Header{{Typeflag: tar.TypeFifo, Name: "models/a"}}, "neither a file"},
	"global header":         {[]tar.Header{{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"a": "b"}}}, "neither a file"},
	"parent":                {[]tar.Header{file("models/../../etc/passwd", 1)}, "plain relative path"},
	"parent at the start":   {[]tar.Header{file("../models/a", 1)}, "plain relative path"},
	"absolute":              {[]tar.Header{file("/models/a", 1)}, "plain relative path"},
	"dot slash":             {[]tar.Header{file("./models/a", 1)}, "plain relative path"},
	"double slash":          {[]tar.Header{file("models//a", 1)}, "plain relative path"},
	"backslash":             {[]tar.Header{file(`models/..\a`, 1)}, "plain relative path"},
	"empty name":            {[]tar.Header{file("", 1)}, "plain relative path"},
	"outside":               {[]tar.Header{file("etc/passwd", 1)}, "outside models/"},
	"a name that begins so": {[]tar.Header{file("models2/a", 1)}, "outside models/"},
	"twice":                 {[]tar.Header{file("models/a", 1), file("models/a", 1)}, "twice"},
	"twice by case":         {[]tar.Header{file("models/a", 1), file("models/A", 1)}, "twice"},
	"file and directory":    {[]tar.Header{file("models/a", 1), file("models/a/b", 1)}, "both a file and a directory"},
	"root is a file":        {[]tar.Header{file("models", 1)}, "not a directory"},
	"whiteout":              {[]tar.Header{file("models/.wh.a", 0)}, "whiteout"},
	"extended attribute": {[]tar.Header{{
		Typeflag: tar.TypeReg, Name: "models/a", Size: 1, Format: tar.FormatPAX,
		PAXRecords: map[string]string{"SCHILY.xattr.user.a": "b"},
	}}, "extended header"},
	"extended name": {[]tar.Header{file("models/"+strings.Repeat("n", 300), 1)}, "extended header"},
	"no files":      {[]tar.Header{{Typeflag: tar.TypeDir, Name: "models/", Mode: 0o755}}, "no files"},
}

// unpackBytes unpacks a layer and reads all of its files.
func unpackBytes(raw []byte) (map[string][]byte, error) {
	spans, err := unpackModel(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for name, s := range spans {
		if files[name], err = io.ReadAll(s.open()); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func TestUnpackRefuses(t *testing.T) {
	for name, c := range hostile {
		t.Run(name, func(t *testing.T) {
			files, err := unpackBytes(makeTar(t, c.headers...))
			if !errors.Is(err, registry.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, %v; want %q", files, err, c.want)
			}
		})
	}
}

// What the tar writer would not write.
func TestUnpackRefusesBytes(t *testing.T) {
	whole := makeTar(t, file("models/a", 10))
	sparse := bytes.Clone(whole)
	sparse[156] = tar.TypeGNUSparse
	fixChecksum(sparse)
	huge := bytes.Clone(whole)
	copy(huge[124:136], "77777777777\x00")
	fixChecksum(huge)
	negative := bytes.Clone(whole)
	copy(negative[124:136], bytes.Repeat([]byte{0xff}, 12))
	fixChecksum(negative)
	for name, raw := range map[string][]byte{
		"empty": nil, "noise": bytes.Repeat([]byte("noise"), 1000), "sparse": sparse, "huge": huge, "negative": negative,
		"cut in the content": whole[:515], "cut in the header": whole[:300],
		"second archive behind": append(bytes.Clone(whole), whole...),
		"bad checksum":          append(bytes.Repeat([]byte("9"), 512), whole...),
	} {
		t.Run(name, func(t *testing.T) {
			if files, err := unpackBytes(raw); !errors.Is(err, registry.ErrInvalid) {
				t.Errorf("got %v, %v", files, err)
			}
		})
	}
}

func fixChecksum(header []byte) {
	copy(header[148:156], "        ")
	sum := 0
	for _, b := range header[:512] {
		sum += int(b)
	}
	copy(header[148:156], leftZero(fmtOctal(int64(sum)), 6)+"\x00 ")
}

func leftZero(s string, n int) string { return strings.Repeat("0", max(n-len(s), 0)) + s }

func TestUnpackBoundsMembers(t *testing.T) {
	one := makeTar(t, file("models/a", 0))[:512]
	var raw []byte
	for n := range maxModelFiles + 1 {
		h := bytes.Clone(one)
		copy(h, "models/"+leftZero(fmtInt(int64(n)), 6))
		fixChecksum(h)
		raw = append(raw, h...)
	}
	if _, err := unpackBytes(raw); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("got %v", err)
	}
}

func TestMemFS(t *testing.T) {
	m := newMemFS(map[string][]byte{"model.json": []byte("{}"), "a/b/c.bin": []byte("abc"), "a/d": nil, "a.b": nil})
	if err := fstest.TestFS(m, "model.json", "a/b/c.bin", "a/d", "a.b"); err != nil {
		t.Error(err)
	}
	if _, err := fs.Stat(m, "b"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// Whatever the bytes: no panic, and what comes out is plain, inside and no
// more than what went in.
func FuzzUnpackModel(f *testing.F) {
	f.Add(makeTar(f, tar.Header{Typeflag: tar.TypeDir, Name: "models/"}, file("models/a", 3), file("models/b/c", 600)))
	for _, name := range slices.Sorted(maps.Keys(hostile)) {
		f.Add(makeTar(f, hostile[name].headers...))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		files, err := unpackBytes(raw)
		if err != nil {
			if !errors.Is(err, registry.ErrInvalid) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		total := 0
		for name, data := range files {
			total += len(data)
			if !fs.ValidPath(name) || name == "." || path.Clean(name) != name {
				t.Errorf("name %q", name)
			}
		}
		if total > len(raw) {
			t.Errorf("%d bytes came out of %d", total, len(raw))
		}
		if len(files) < 50 { // TestFS is slow on many
			if err := fstest.TestFS(newMemFS(files), slices.Collect(maps.Keys(files))...); err != nil {
				t.Error(err)
			}
		}
	})
}
