package sandbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// Programs that share work among processes pass open files over Unix sockets in their temporary folder. Landlock does not
// look at connect, and a filter cannot read a path, so the child never connects itself: the kernel hands each of its
// connect calls to the supervisor (seccomp user notification), which finds the socket below the child's own folders
// without following any link, connects a socket of its own, and puts that in the place of the child's. Whatever the child
// writes over its memory or its folders meanwhile, no other socket can be what it gets. Abstract names are in no folder
// and are refused. Where the kernel cannot notify, connect stays closed.

// The structures of the kernel's seccomp notifications (linux/seccomp.h).
type (
	notification struct {
		ID         uint64
		PID, Flags uint32
		Number     int32
		Arch       uint32
		IP         uint64
		Args       [6]uint64
	}
	notificationReply struct {
		ID    uint64
		Value int64
		Error int32
		Flags uint32
	}
	notificationFile struct {
		ID                                uint64
		Flags, Source, Target, TargetFlag uint32
	}
)

// Requests that golang.org/x/sys does not name.
const (
	notifyValid   = 0x40082102
	notifyAddFile = 0x40182103
)

// listenerPair is a pair of sockets for one listener: the supervisor's end, and the launcher's.
func listenerPair() (ours int, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, nil, err
	}
	return pair[0], os.NewFile(uintptr(pair[1]), "listener"), nil
}

// sendListener makes connect calls of this process and its descendants notifications, and sends the file descriptor that
// they arrive at to the supervisor. An error means that nothing was changed.
func sendListener(to int) error {
	info, err := arch.GetInfo("")
	if err != nil {
		return err
	}
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offsetNumber},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: uint32(info.SyscallNames["connect"])},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	fprog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	const flags = unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH |
		unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	//nolint:gosec // the kernel wants the address of the program
	listener, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&fprog)))
	runtime.KeepAlive(program)
	if errno != 0 {
		return fmt.Errorf("ask for notifications: %w", errno)
	}
	// Who holds the listener may answer for it; it was made to close when the command starts.
	err = unix.Sendmsg(to, []byte{0}, unix.UnixRights(int(listener)), nil, 0)
	return errors.Join(err, unix.Close(int(listener)), unix.Close(to))
}

// receiveListener waits for what sendListener sends; ok is false when there is none.
func receiveListener(from int) (listener int, ok bool) {
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(from, make([]byte, 1), oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil || n == 0 {
		return -1, false
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) != 1 {
		return -1, false
	}
	files, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(files) != 1 {
		return -1, false
	}
	return files[0], true
}

// connector answers connect calls.
type connector struct {
	listener int
	roots    []socketRoot
	// waiting are calls of blocking sockets whose listener has a full queue.
	waiting []connecting
}

// socketRoot is a folder of the child, under a name that the child may know it by.
type socketRoot struct {
	name string
	file int
}

// connecting is one connect call: the socket that is asked for, held open, and what it is to replace.
type connecting struct {
	id       uint64
	target   int // file descriptor of the socket's inode
	replaces uint32
	blocking bool
	flags    uint32 // of the new file descriptor
}

// connectFor serves the connect calls of a sandbox until its last process is gone. It takes a thread of its own, which
// becomes the child's user, so that the kernel judges each path by the child's rights; the thread ends with it.
func connectFor(from int, o order) {
	runtime.LockOSThread()
	listener, ok := receiveListener(from)
	_ = unix.Close(from)
	if !ok {
		return
	}
	defer func() { _ = unix.Close(listener) }()
	c := &connector{listener: listener, roots: socketRoots(o.Spec.Write)}
	if o.UID >= 0 && threadBecomes(o.UID) != nil {
		return // the listener closes, and connect fails
	}
	for c.serve() {
		continue
	}
}

// threadBecomes changes the effective user of this thread alone.
func threadBecomes(uid int) error {
	const keep = ^uintptr(0)
	for _, call := range [][4]uintptr{
		{unix.SYS_SETGROUPS, 0, 0, 0}, {unix.SYS_SETRESGID, keep, uintptr(uid), keep}, {unix.SYS_SETRESUID, keep, uintptr(uid), keep},
	} {
		if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
			return errno
		}
	}
	return nil
}

func socketRoots(folders []string) []socketRoot {
	var roots []socketRoot
	for _, folder := range folders {
		file, err := unix.Open(folder, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		roots = append(roots, socketRoot{filepath.Clean(folder), file})
		if resolved, err := filepath.EvalSymlinks(folder); err == nil && resolved != filepath.Clean(folder) {
			roots = append(roots, socketRoot{resolved, file})
		}
	}
	return roots
}

// serve waits for one notification and answers it, and tries again what waits. It returns false when none can come.
func (c *connector) serve() bool {
	timeout := -1
	if len(c.waiting) > 0 {
		timeout = int(fullQueueRetry / time.Millisecond)
	}
	poll := []unix.PollFd{{Fd: int32(c.listener), Events: unix.POLLIN}}
	if _, err := unix.Poll(poll, timeout); err != nil && !errors.Is(err, unix.EINTR) {
		return false
	}
	waiting := c.waiting
	c.waiting = nil
	for _, call := range waiting {
		c.connect(call)
	}
	switch {
	case poll[0].Revents&unix.POLLIN != 0:
		var n notification
		if ask(c, unix.SECCOMP_IOCTL_NOTIF_RECV, &n) != nil {
			return true // the caller is gone
		}
		call, err := c.understand(n)
		if err != nil {
			c.answer(n.ID, err)
			return true
		}
		c.connect(call)
	case poll[0].Revents != 0:
		return false
	}
	return true
}

// fullQueueRetry is how often a connection is tried again whose listener has a full queue.
const fullQueueRetry = 5 * time.Millisecond

// ask puts one of the requests for notifications to the kernel.
func ask[T any](c *connector, request uintptr, argument *T) error {
	//nolint:gosec // the kernel wants the address of the argument
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(c.listener), request, uintptr(unsafe.Pointer(argument))); errno != 0 {
		return errno
	}
	return nil
}

// answer ends a call with an error, or with success for nil.
func (c *connector) answer(id uint64, err error) {
	reply := notificationReply{ID: id}
	if err != nil {
		errno := unix.EACCES
		_ = errors.As(err, &errno)
		reply.Error = -int32(errno)
	}
	_ = ask(c, unix.SECCOMP_IOCTL_NOTIF_SEND, &reply) // fails when the caller is gone
}

// understand reads what a call asks for from the memory of its process, and opens the socket that it names.
func (c *connector) understand(n notification) (connecting, error) {
	call := connecting{id: n.ID, replaces: uint32(n.Args[0])}
	process := "/proc/" + strconv.FormatUint(uint64(n.PID), 10)
	name, err := addressOf(process+"/mem", n.Args[1], n.Args[2])
	if err != nil {
		return call, err
	}
	if !filepath.IsAbs(name) {
		folder, err := os.Readlink(process + "/cwd")
		if err != nil {
			return call, unix.EACCES
		}
		name = filepath.Join(folder, name)
	}
	number := strconv.FormatUint(uint64(call.replaces), 10)
	if what, err := os.Readlink(process + "/fd/" + number); err != nil || !strings.HasPrefix(what, "socket:") {
		return call, unix.ENOTSOCK
	}
	flags, err := openFlags(process + "/fdinfo/" + number)
	if err != nil {
		return call, unix.EACCES
	}
	call.blocking, call.flags = flags&unix.O_NONBLOCK == 0, uint32(flags&unix.O_CLOEXEC)
	// All of it was about this call only if the call still waits: a number of a process is given again.
	if err := ask(c, notifyValid, &n.ID); err != nil {
		return call, err
	}
	call.target, err = c.find(filepath.Clean(name))
	return call, err
}

// addressOf reads the path of a Unix address out of a process's memory.
func addressOf(memory string, at, length uint64) (string, error) {
	const family, most = 2, unix.SizeofSockaddrUnix
	if length <= family || length > most {
		return "", unix.EINVAL
	}
	f, err := os.Open(memory)
	if err != nil {
		return "", unix.EACCES
	}
	defer func() { _ = f.Close() }()
	address := make([]byte, length)
	if n, err := unix.Pread(int(f.Fd()), address, int64(at)); err != nil || n != len(address) {
		return "", unix.EFAULT
	}
	if binary.NativeEndian.Uint16(address) != unix.AF_UNIX {
		return "", unix.EINVAL
	}
	name, _, _ := bytes.Cut(address[family:], []byte{0})
	if len(name) == 0 { // an abstract name
		return "", unix.EACCES
	}
	return string(name), nil
}

// openFlags reads the flags of an open file out of its fdinfo.
func openFlags(file string) (int, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(content)) {
		if octal, ok := strings.CutPrefix(line, "flags:"); ok {
			flags, err := strconv.ParseInt(strings.TrimSpace(octal), 8, 64)
			return int(flags), err
		}
	}
	return 0, unix.EBADF
}

// find opens the inode of a socket below one of the child's folders. No link is followed on the way.
func (c *connector) find(path string) (int, error) {
	for _, root := range c.roots {
		below, ok := strings.CutPrefix(path, root.name+"/")
		if !ok {
			continue
		}
		folders := strings.Split(below, "/")
		last := len(folders) - 1
		at, err := unix.Openat(root.file, ".", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		for i := 0; i <= last && err == nil; i++ {
			flags := unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC
			if i < last {
				flags |= unix.O_DIRECTORY
			}
			above := at
			at, err = unix.Openat(above, folders[i], flags, 0)
			_ = unix.Close(above)
		}
		if err != nil {
			return -1, err
		}
		var stat unix.Stat_t
		if err := unix.Fstat(at, &stat); err != nil || stat.Mode&unix.S_IFMT != unix.S_IFSOCK {
			_ = unix.Close(at)
			return -1, unix.ECONNREFUSED
		}
		return at, nil
	}
	return -1, unix.EACCES
}

// connect makes the connection and gives it to the child, or lets the call wait for a place in the listener's queue.
func (c *connector) connect(call connecting) {
	err := c.connected(call)
	if errors.Is(err, unix.EAGAIN) && call.blocking && ask(c, notifyValid, &call.id) == nil {
		c.waiting = append(c.waiting, call)
		return
	}
	_ = unix.Close(call.target)
	c.answer(call.id, err)
}

func (c *connector) connected(call connecting) error {
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(s) }()
	if err := unix.Connect(s, &unix.SockaddrUnix{Name: "/proc/self/fd/" + strconv.Itoa(call.target)}); err != nil {
		return err
	}
	if err := unix.SetNonblock(s, !call.blocking); err != nil {
		return err
	}
	file := notificationFile{
		ID: call.id, Flags: unix.SECCOMP_ADDFD_FLAG_SETFD, Source: uint32(s), Target: call.replaces, TargetFlag: call.flags,
	}
	return ask(c, notifyAddFile, &file)
}
