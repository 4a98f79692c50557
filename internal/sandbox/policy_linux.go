package sandbox

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/landlock-lsm/go-landlock/landlock"
	landlocksyscall "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// sandboxUser is who the child becomes when Weighlock runs as root, as in a container action.
const sandboxUser = 65532

// minimumLandlock is the first ABI that can keep a process from truncating files (Linux 6.2).
const minimumLandlock = 3

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
	o.Landlock, o.Seccomp = abi, true
	layers := []string{fmt.Sprintf("landlock %d", abi), "seccomp", "no new privileges", "limits"}
	if os.Geteuid() == 0 {
		o.UID = sandboxUser
		layers = append([]string{fmt.Sprintf("user %d", sandboxUser)}, layers...)
	}
	return o, layers, nil
}

// landlockConfig is the strictest preset of an ABI version. The presets are not combined with BestEffort, which would
// silently do less on an older kernel.
func landlockConfig(abi int) (landlock.Config, error) {
	switch {
	case abi >= 6:
		return landlock.V6, nil // files, devices, TCP, abstract sockets, signals to processes outside
	case abi == 5:
		return landlock.V5, nil
	case abi == 4:
		return landlock.V4, nil
	case abi == minimumLandlock:
		return landlock.V3, nil
	}
	return landlock.Config{}, fmt.Errorf("landlock ABI %d: %w", abi, ErrUnavailable)
}

// systemPaths are what programs need of the system: code, fonts, time zones, certificates, and what the machine is.
// Nothing in them is a secret; /proc keeps other processes' memory and environment shut by Landlock itself.
func systemPaths(network bool) []string {
	paths := []string{
		"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt",
		"/etc/alternatives", "/etc/ca-certificates", "/etc/fonts", "/etc/group", "/etc/ld.so.cache", "/etc/ld.so.conf",
		"/etc/ld.so.conf.d", "/etc/localtime", "/etc/mime.types", "/etc/nsswitch.conf", "/etc/os-release", "/etc/passwd",
		"/etc/pki", "/etc/python3", "/etc/python3.11", "/etc/python3.12", "/etc/python3.13", "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/timezone",
		"/proc", "/sys/devices/system", "/sys/fs/cgroup", "/sys/kernel/mm",
	}
	if network {
		paths = append(paths, "/etc/gai.conf", "/etc/host.conf", "/etc/hosts", "/etc/resolv.conf", "/etc/services", "/etc/protocols", "/run/systemd/resolve")
	}
	return paths
}

// refused are system calls that training never needs and that escapes are made of: other processes, namespaces and
// mounts, kernel interfaces with a history of holes, keys, modules, clocks.
var refused = []string{
	"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp",
	"unshare", "setns", "mount", "umount", "umount2", "pivot_root", "chroot", "fsopen", "fsconfig", "fsmount", "fspick", "move_mount", "open_tree", "mount_setattr",
	"io_uring_setup", "io_uring_enter", "io_uring_register", "bpf", "perf_event_open", "userfaultfd", "fanotify_init", "lookup_dcookie",
	"add_key", "keyctl", "request_key", "open_by_handle_at", "name_to_handle_at",
	"init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff",
	"settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname", "acct", "quotactl", "quotactl_fd",
	"iopl", "ioperm", "modify_ldt", "vm86", "vm86old", "syslog", "vhangup", "nfsservctl", "mknod", "mknodat",
}

// newNamespaces are the flags of clone that make one.
var newNamespaces = []uint64{
	unix.CLONE_NEWUSER, unix.CLONE_NEWNS, unix.CLONE_NEWPID, unix.CLONE_NEWNET, unix.CLONE_NEWIPC, unix.CLONE_NEWUTS, unix.CLONE_NEWCGROUP,
}

// systemCalls refuses with EPERM instead of killing, so that a library that merely tries goes on without.
func systemCalls(network bool) seccomp.Filter {
	info, err := arch.GetInfo("")
	known := func(name string) bool {
		if err != nil {
			return false
		}
		_, ok := info.SyscallNames[name]
		return ok
	}
	names := slices.DeleteFunc(slices.Clone(refused), func(name string) bool { return !known(name) })
	families := []uint64{}
	if network {
		families = append(families, unix.AF_INET, unix.AF_INET6)
	}
	// A socket is refused unless its family is one of those allowed. Unix sockets are never: the Docker daemon listens on one.
	var socket seccomp.SyscallGroup
	if len(families) == 0 {
		names = append(names, "socket")
	} else {
		conditions := make(seccomp.ArgumentConditions, len(families))
		for i, family := range families {
			conditions[i] = seccomp.Condition{Argument: 0, Operation: seccomp.NotEqual, Value: family}
		}
		socket = seccomp.SyscallGroup{
			NamesWithCondtions: []seccomp.NameWithConditions{{Name: "socket", Conditions: conditions}},
			Action:             seccomp.ActionErrno | seccomp.Action(unix.EPERM),
		}
	}
	clone := seccomp.SyscallGroup{Action: seccomp.ActionErrno | seccomp.Action(unix.EPERM)}
	for _, flag := range newNamespaces {
		clone.NamesWithCondtions = append(clone.NamesWithCondtions, seccomp.NameWithConditions{
			Name: "clone", Conditions: seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.BitsSet, Value: flag}},
		})
	}
	groups := []seccomp.SyscallGroup{
		{Names: names, Action: seccomp.ActionErrno | seccomp.Action(unix.EPERM)},
		// clone3 passes its flags in memory, where a filter cannot look; the C library falls back to clone.
		{Names: []string{"clone3"}, Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS)},
		clone,
	}
	if network {
		groups = append(groups, socket)
	}
	return seccomp.Filter{
		NoNewPrivs: true, Flag: seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{DefaultAction: seccomp.ActionAllow, Syscalls: groups},
	}
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
