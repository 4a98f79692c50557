package training

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// What a command may hand back.
const (
	maxPredictions = 2 << 30
	maxModel       = 64 << 30
	maxModelFiles  = 10_000
)

// predictionsFile and modelFolder are what a command fills.
const (
	predictionsFile = "predictions"
	modelFolder     = "model"
)

// readHandedBack reads one file of a folder that a command wrote, once every process of it is dead, so that what is
// judged is what was there then. Only a regular file with one name counts; nothing is followed.
func readHandedBack(root *os.Root, name string, limit int64) ([]byte, error) {
	if _, err := checkHandedBack(root, name, limit); err != nil {
		return nil, err
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = fmt.Errorf("%s holds more than %d bytes", name, limit)
	}
	return content, err
}

// checkHandedBack is what readHandedBack asks of a file. It returns its size.
func checkHandedBack(root *os.Root, name string, limit int64) (int64, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return 0, err
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return 0, fmt.Errorf("%s is a symbolic link, want a regular file", name)
	case !info.Mode().IsRegular():
		return 0, fmt.Errorf("%s is a %s, want a regular file", name, kindOf(info.Mode()))
	case links(info) != 1:
		return 0, fmt.Errorf("%s has %d names, want a file of its own", name, links(info))
	case info.Size() > limit:
		return 0, fmt.Errorf("%s holds %d bytes, at most %d are read", name, info.Size(), limit)
	}
	return info.Size(), nil
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "folder"
	case mode&fs.ModeNamedPipe != 0:
		return "pipe"
	case mode&fs.ModeSocket != 0:
		return "socket"
	case mode&fs.ModeDevice != 0:
		return "device"
	}
	return "special file"
}

// checkModel looks at every file that a command left in the model's folder, and says whether there is one. None is read:
// a model may be larger than memory.
func checkModel(root *os.Root) (bool, error) {
	size, folded := int64(0), map[string]string{}
	err := fs.WalkDir(root.FS(), modelFolder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return nil
		}
		short := strings.TrimPrefix(name, modelFolder+"/")
		if err := packable(short); err != nil {
			return err
		}
		if other, clash := folded[strings.ToLower(short)]; clash {
			return fmt.Errorf("%q and %q differ only in case", other, short)
		}
		folded[strings.ToLower(short)] = short
		if len(folded) > maxModelFiles {
			return fmt.Errorf("there are more than %d files", maxModelFiles)
		}
		n, err := checkHandedBack(root, name, maxModel-size)
		size += n
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return false, blamed(fmt.Errorf("read model: the folder is gone"))
	}
	if err != nil {
		return false, blamed(fmt.Errorf("read model: %w", err))
	}
	return len(folded) > 0, nil
}

// keepModel takes the model's folder out of the workspace to a folder of its own below keep, and returns where it stands
// now. Where keep is empty it stays, and goes with the workspace.
func (w *workspace) keepModel(keep string) (string, error) {
	left := w.path("out", modelFolder)
	if keep == "" {
		return left, nil
	}
	folder, err := os.MkdirTemp(keep, "opaque-*")
	if err != nil {
		return "", err
	}
	kept := filepath.Join(folder, modelFolder)
	if os.Rename(left, kept) == nil {
		return kept, nil
	}
	return kept, os.CopyFS(kept, os.DirFS(left)) // another file system
}

// packable refuses names that an image's layer cannot hold or a container runtime would misread.
func packable(name string) error {
	const longest = 80
	for _, r := range name {
		if r < ' ' || r > '~' || r == '\\' {
			return fmt.Errorf("file %q: want printable ASCII in a model's file names", name)
		}
	}
	if len(name) > longest {
		return fmt.Errorf("file %q: the name is longer than %d bytes", name, longest)
	}
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".wh.") {
			return fmt.Errorf("file %q: images take such a name for a deletion", name)
		}
	}
	return nil
}
