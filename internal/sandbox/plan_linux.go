package sandbox

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/elastic/go-seccomp-bpf"
	landlocksyscall "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// The users that a child becomes where Weighlock runs as root, as in a container action. Each run takes one that has no
// process yet, so that two runs on one machine stay apart. Systemd keeps the same range for its own passing users.
const (
	firstUser = 61184
	lastUser  = 65519
)

// plan decides which layers this machine can give, and refuses when one that matters is missing.
func plan(spec Spec) (order, []string, error) {
	o := order{Spec: spec, UID: -1}
	if spec.Off {
		return o, []string{"no new privileges", "limits"}, nil
	}
	abi, err := landlocksyscall.LandlockGetABIVersion()
	if err != nil || abi < minimumLandlock {
		return o, nil, fmt.Errorf("%w: the kernel has Landlock ABI %d, and %d is needed (Linux 6.2)", ErrUnavailable, max(abi, 0), minimumLandlock)
	}
	if !seccomp.Supported() {
		return o, nil, fmt.Errorf("%w: the kernel has no seccomp filters", ErrUnavailable)
	}
	o.Landlock, o.Seccomp, o.Unix = abi, true, !spec.Network
	layers := []string{fmt.Sprintf("landlock %d", abi), "seccomp", "no new privileges", "limits"}
	if os.Geteuid() != 0 {
		return o, layers, nil
	}
	if !mayChangeUser() {
		return o, nil, fmt.Errorf("%w: this process is root but may not become another user (CAP_SETUID, CAP_SETGID and CAP_CHOWN)", ErrUnavailable)
	}
	o.UID = freeUser()
	return o, append([]string{fmt.Sprintf("user %d", o.UID)}, layers...), nil
}

// mayChangeUser looks for the capabilities that a default container has and one without any lacks.
func mayChangeUser() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&header, &data[0]) != nil {
		return false
	}
	for _, capability := range []uint{unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_CHOWN, unix.CAP_KILL} {
		if data[0].Effective&(1<<capability) == 0 {
			return false
		}
	}
	return true
}

// freeUser is a user without any process.
func freeUser() int {
	const many = lastUser - firstUser + 1
	start := os.Getpid() % many
	for i := range many {
		if uid := firstUser + (start+i)%many; tasksOf(uid) == 0 {
			return uid
		}
	}
	return firstUser + start
}

// handOver gives folders to the sandbox's user. Symbolic links are not followed.
func handOver(folders []string, uid int) error {
	if uid < 0 {
		return nil
	}
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return syscall.Lchown(path, uid, uid)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
