package pipeline

import (
	"context"
	"encoding/binary"
	"hash"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/weighlock/weighlock/internal/atomicfile"
	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/evaluation"
	"github.com/weighlock/weighlock/internal/registry"
	"github.com/weighlock/weighlock/internal/report"
)

// The files of an output folder.
const (
	ReportFile      = "report.json"
	EvaluationFile  = "evaluation.json"
	PredictionsFile = "predictions.parquet"
	ModelFolder     = "model"
	outputRoot      = ".weighlock"
)

// OutputFolder is where a run of this model writes, relative to the folder of its configuration.
func OutputFolder(f *config.File) string { return path.Join(outputRoot, f.Model) }

// ImageName is where images of this model live: image.name, or a folder beside the other output where there is none.
func ImageName(f *config.File) string {
	if f.Image.Name != "" {
		return f.Image.Name
	}
	return "oci:" + path.Join(OutputFolder(f), "image")
}

// registryOptions lets a relative oci:PATH start at the folder of the configuration.
func registryOptions(law *law, o registry.Options) registry.Options {
	if law.repo != nil { // without a checkout there is no folder of images either
		o.Dir = filepath.Join(law.repo.Dir, filepath.FromSlash(law.folder))
	}
	return o
}

// write replaces the last run's output. The report goes first and comes back last: while it is there, everything else
// is complete and belongs to it, whenever the process is killed.
func write(ctx context.Context, law *law, weighed outcome, r *report.Report) error {
	root := filepath.Join(law.repo.Dir, filepath.FromSlash(law.folder), outputRoot)
	folder := filepath.Join(root, law.effective.Model)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := ignoreInGit(root); err != nil {
		return err
	}
	if err := clear(folder); err != nil {
		return err
	}
	if c := weighed.candidate; c != nil {
		if err := writeContender(folder, weighed.rows.evaluation, c); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	encoded, err := r.Encode()
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(folder, ReportFile), encoded, 0o644)
}

// clear removes the last run's output, and what a killed run left of its own: files under a hidden name, which become
// visible when they are complete.
func clear(folder string) error {
	for _, old := range []string{ReportFile, EvaluationFile, PredictionsFile, ModelFolder} {
		if err := os.RemoveAll(filepath.Join(folder, old)); err != nil {
			return err
		}
		halves, err := filepath.Glob(filepath.Join(folder, "."+old+"*"))
		if err != nil {
			return err
		}
		for _, half := range halves {
			if err := os.Remove(half); err != nil {
				return err
			}
		}
	}
	return nil
}

// ignoreInGit keeps the output out of commits without touching a file of the user's.
func ignoreInGit(root string) error {
	file := filepath.Join(root, ".gitignore")
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	return atomicfile.WriteFile(file, []byte("*\n"), 0o644)
}

func writeContender(folder string, rows evaluation.Rows, c *contender) error {
	encoded, err := c.evaluation.Encode()
	if err != nil {
		return err
	}
	if err := atomicfile.WriteFile(filepath.Join(folder, EvaluationFile), encoded, 0o644); err != nil {
		return err
	}
	predictions, err := atomicfile.Create(filepath.Join(folder, PredictionsFile), 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = predictions.Cleanup() }()
	if err := evaluation.WritePredictions(predictions, rows, c.predictions, true); err != nil {
		return err
	}
	if err := predictions.CloseAtomicallyReplace(); err != nil {
		return err
	}
	if c.opaque != nil {
		return writeStreamed(filepath.Join(folder, ModelFolder), c.opaque.FS())
	}
	if c.model == nil {
		return nil
	}
	files, err := c.model.Files()
	if err != nil {
		return err
	}
	return writeFiles(filepath.Join(folder, ModelFolder), files)
}

// writeFiles writes a set of files by slash-separated path into a folder of their own.
func writeFiles(folder string, files map[string][]byte) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		file := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := atomicfile.WriteFile(file, files[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// writeStreamed is writeFiles for files that memory may not hold.
func writeStreamed(folder string, files fs.FS) error {
	return fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		file := filepath.Join(folder, filepath.FromSlash(name))
		if entry.IsDir() {
			return os.MkdirAll(file, 0o755)
		}
		return copyFile(file, files, name)
	})
}

func copyFile(file string, files fs.FS, name string) error {
	from, err := files.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	to, err := atomicfile.Create(file, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = to.Cleanup() }()
	if _, err := io.Copy(to, from); err != nil {
		return err
	}
	return to.CloseAtomicallyReplace()
}

func hashFloats(h hash.Hash, values []float64) {
	buffer := binary.LittleEndian.AppendUint64(nil, uint64(len(values)))
	for _, v := range values {
		buffer = binary.LittleEndian.AppendUint64(buffer, math.Float64bits(v))
	}
	_, _ = h.Write(buffer)
}

func hashLabels(h hash.Hash, labels []int32) {
	buffer := binary.LittleEndian.AppendUint64(nil, uint64(len(labels)))
	for _, v := range labels {
		buffer = binary.LittleEndian.AppendUint32(buffer, uint32(v))
	}
	_, _ = h.Write(buffer)
}
