package sandbox

import (
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// refused are system calls that training never needs and that escapes are made of: other processes, namespaces and
// mounts, kernel interfaces with a history of holes, keys, modules, clocks, memory that outlives its processes or that
// nobody is charged for, and watching what happens in folders that may not be read.
var refused = []string{
	"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp",
	"unshare", "setns", "mount", "umount", "umount2", "pivot_root", "chroot", "fsopen", "fsconfig", "fsmount", "fspick", "move_mount", "open_tree", "mount_setattr",
	"io_uring_setup", "io_uring_enter", "io_uring_register", "bpf", "perf_event_open", "userfaultfd", "fanotify_init", "inotify_add_watch", "lookup_dcookie",
	"add_key", "keyctl", "request_key", "open_by_handle_at", "name_to_handle_at",
	"init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff",
	"settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname", "acct", "quotactl", "quotactl_fd",
	"iopl", "ioperm", "modify_ldt", "vm86", "vm86old", "syslog", "vhangup", "nfsservctl", "mknod", "mknodat",
	"shmget", "semget", "msgget", "mq_open", "memfd_create", "memfd_secret",
}

// byPath change what is known about a file by its path, which Landlock does not look at. As a user of its own the child
// owns nothing outside; as a plain user it owns all that the user owns, so there they do nothing and say that they did:
// programs that copy a file along with its mode go on.
var byPath = []string{
	"chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat", "utime", "utimes", "futimesat",
	"setxattr", "lsetxattr", "setxattrat", "removexattr", "lremovexattr", "removexattrat",
}

// newNamespaces are the flags of clone that make one.
var newNamespaces = []uint64{
	unix.CLONE_NEWUSER, unix.CLONE_NEWNS, unix.CLONE_NEWPID, unix.CLONE_NEWNET, unix.CLONE_NEWIPC, unix.CLONE_NEWUTS, unix.CLONE_NEWCGROUP,
}

// restrictSystemCalls loads the filters. What is refused fails with EPERM instead of killing, so that a library that
// merely tries goes on without.
func restrictSystemCalls(o order) error {
	info, err := arch.GetInfo("")
	if err != nil {
		return err
	}
	if o.Unix && sendListener(listenerFile) != nil {
		o.Unix = false // without somebody to ask, all sockets stay closed
	}
	if err := loadProgram(ownFilter(info, o.UID < 0)); err != nil {
		return err
	}
	return seccomp.LoadFilter(systemCalls(info, o))
}

// Offsets in struct seccomp_data, on little-endian machines.
const (
	offsetNumber     = 0
	offsetArch       = 4
	offsetSecondLow  = 24
	offsetSecondHigh = 28
)

// ownFilter does what the library's filters cannot. It kills a process that enters the kernel by the door of another
// instruction set: a 64-bit program can make 32-bit calls, whose numbers mean something else, and the library lets them
// pass. And for a plain user it answers the calls of byPath with success.
func ownFilter(info *arch.Info, plainUser bool) []unix.SockFilter {
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	equal := func(value uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: yes, Jf: no, K: value}
	}
	answer := func(action uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
	}
	program := []unix.SockFilter{
		load(offsetArch), equal(uint32(info.ID), 1, 0), answer(unix.SECCOMP_RET_KILL_PROCESS),
	}
	if plainUser {
		program = append(program, load(offsetNumber))
		for _, name := range byPath {
			if number, ok := info.SyscallNames[name]; ok {
				program = append(program, equal(uint32(number), 0, 1), answer(unix.SECCOMP_RET_ERRNO))
			}
		}
		if number, ok := info.SyscallNames["utimensat"]; ok { // without a path it changes an open file, and may
			program = append(program, equal(uint32(number), 0, 5),
				load(offsetSecondLow), equal(0, 0, 2), load(offsetSecondHigh), equal(0, 1, 0), answer(unix.SECCOMP_RET_ERRNO))
		}
	}
	return append(program, answer(unix.SECCOMP_RET_ALLOW))
}

func loadProgram(program []unix.SockFilter) error {
	fprog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	//nolint:gosec // the kernel wants the address of the program
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&fprog)))
	runtime.KeepAlive(program)
	if errno != 0 {
		return fmt.Errorf("load own filter: %w", errno)
	}
	return nil
}

// otherSockets are the bits of the number of a kind of socket that SOCK_STREAM does not have.
const otherSockets = 0xf &^ unix.SOCK_STREAM

func systemCalls(info *arch.Info, o order) seccomp.Filter {
	denied := seccomp.ActionErrno | seccomp.Action(unix.EPERM)
	group := seccomp.SyscallGroup{Names: slices.Clone(refused), Action: denied}
	conditional := seccomp.SyscallGroup{Action: denied}
	when := func(name string, conditions ...seccomp.Condition) {
		conditional.NamesWithCondtions = append(conditional.NamesWithCondtions, seccomp.NameWithConditions{Name: name, Conditions: conditions})
	}
	for _, flag := range newNamespaces {
		when("clone", seccomp.Condition{Argument: 0, Operation: seccomp.BitsSet, Value: flag})
	}
	// Limits of one's own only.
	when("prlimit64", seccomp.Condition{Argument: 0, Operation: seccomp.NotEqual, Value: 0})
	// A pair of datagram sockets could be pointed at a socket outside, such as the system log's.
	when("socketpair", seccomp.Condition{Argument: 1, Operation: seccomp.BitsSet, Value: unix.SOCK_DGRAM})
	if o.Spec.Network {
		// Unix sockets are never granted: the Docker daemon listens on one.
		when("socket", seccomp.Condition{Argument: 0, Operation: seccomp.NotEqual, Value: unix.AF_INET},
			seccomp.Condition{Argument: 0, Operation: seccomp.NotEqual, Value: unix.AF_INET6})
	} else if o.Unix {
		// Only the kind that has to connect before it can send, which the supervisor does (unix_linux.go). A name can be
		// bound where Landlock lets the child make files.
		when("socket", seccomp.Condition{Argument: 0, Operation: seccomp.NotEqual, Value: unix.AF_UNIX})
		when("socket", seccomp.Condition{Argument: 1, Operation: seccomp.BitsNotSet, Value: unix.SOCK_STREAM})
		when("socket", seccomp.Condition{Argument: 1, Operation: seccomp.BitsSet, Value: otherSockets})
	} else {
		group.Names = append(group.Names, "socket", "connect", "bind", "listen")
	}
	groups := []seccomp.SyscallGroup{
		group, conditional,
		// clone3 passes its flags in memory, where a filter cannot look; the C library falls back to clone.
		{Names: []string{"clone3"}, Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS)},
	}
	for i := range groups { // the library refuses names that this architecture does not have
		groups[i].Names = slices.DeleteFunc(groups[i].Names, func(name string) bool { _, ok := info.SyscallNames[name]; return !ok })
	}
	return seccomp.Filter{
		NoNewPrivs: true, Flag: seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{DefaultAction: seccomp.ActionAllow, Syscalls: groups},
	}
}
