package registry

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// tryLock locks f for this open file alone; the system unlocks when it is
// closed, also by a kill.
func tryLock(f *os.File) (bool, error) {
	var at windows.Overlapped
	flags := uint32(windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY)
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	if err != nil {
		return false, &os.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	return true, nil
}

// syncDir has nothing to do: a directory cannot be synced here.
func syncDir(string) error { return nil }
