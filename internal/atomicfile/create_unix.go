//go:build unix

package atomicfile

import (
	"os"

	"github.com/google/renameio/v2"
)

// create puts the file into folder for now, or wherever it can be renamed from.
func create(name string, perm os.FileMode, folder string) (pending, error) {
	options := []renameio.Option{renameio.WithPermissions(perm), renameio.WithExistingPermissions()}
	if folder != "" {
		options = append(options, renameio.WithTempDir(folder))
	}
	return renameio.NewPendingFile(name, options...)
}
