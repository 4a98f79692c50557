package sandbox

import (
	"fmt"
	"os"

	"github.com/landlock-lsm/go-landlock/landlock"
	landlocksyscall "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// minimumLandlock is the first ABI that can keep a process from truncating files (Linux 6.2).
const minimumLandlock = 3

// sharedMemory is where POSIX semaphores and shared memory live; every program that forks workers needs them.
const sharedMemory = "/dev/shm"

// landlockConfig is the strictest preset of an ABI version. The presets are not combined with BestEffort, which would
// silently do less on an older kernel.
func landlockConfig(abi int, network bool) (landlock.Config, error) {
	var config landlock.Config
	switch {
	case abi >= 6:
		config = landlock.V6 // files, devices, TCP, abstract sockets, signals to processes outside
	case abi == 5:
		config = landlock.V5
	case abi == 4:
		config = landlock.V4
	case abi == minimumLandlock:
		config = landlock.V3
	default:
		return config, fmt.Errorf("landlock ABI %d: %w", abi, ErrUnavailable)
	}
	if network { // a port cannot be granted but by number, and any may be needed; nobody has to call in
		config.HandledAccessNet &= landlocksyscall.AccessNetBindTCP
	}
	return config, nil
}

// systemPaths are what programs need of the system: code, fonts, time zones, certificates, and what the machine is.
// Nothing in them is a secret; /proc keeps other processes' memory, files and environment shut by Landlock itself.
func systemPaths(network bool) []string {
	paths := []string{
		"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt",
		"/etc/alternatives", "/etc/ca-certificates", "/etc/fonts", "/etc/group", "/etc/ld.so.cache", "/etc/ld.so.conf",
		"/etc/ld.so.conf.d", "/etc/alpine-release", "/etc/debian_version", "/etc/lsb-release", "/etc/redhat-release", "/etc/localtime", "/etc/mime.types", "/etc/nsswitch.conf", "/etc/os-release", "/etc/passwd",
		"/etc/pki", "/etc/python3", "/etc/python3.11", "/etc/python3.12", "/etc/python3.13", "/etc/ssl/certs",
		"/etc/ssl/openssl.cnf", "/etc/timezone", "/proc", "/sys/devices/system", "/sys/fs/cgroup", "/sys/kernel/mm",
	}
	if network {
		paths = append(paths, "/etc/gai.conf", "/etc/host.conf", "/etc/hosts", "/etc/resolv.conf", "/etc/services", "/etc/protocols",
			"/etc/pip.conf", "/run/systemd/resolve")
	}
	return paths
}

// restrictFiles leaves the child the system's programs and libraries, what it was given, and nothing else.
func restrictFiles(o order) error {
	config, err := landlockConfig(o.Landlock, o.Spec.Network)
	if err != nil {
		return err
	}
	var rules []landlock.Rule
	for _, path := range append(systemPaths(o.Spec.Network), o.Spec.Read...) {
		rules = append(rules, readable(path))
	}
	for _, path := range o.Spec.Write {
		rules = append(rules, landlock.RWDirs(path).WithRefer())
	}
	for _, device := range []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"} {
		rules = append(rules, landlock.RWFiles(device).IgnoreIfMissing())
	}
	// Flat files only: what is left over is found again by listing one folder.
	rules = append(rules, landlock.PathAccess(landlocksyscall.AccessFSReadFile|landlocksyscall.AccessFSWriteFile|landlocksyscall.AccessFSReadDir|
		landlocksyscall.AccessFSMakeReg|landlocksyscall.AccessFSRemoveFile|landlocksyscall.AccessFSTruncate, sharedMemory).IgnoreIfMissing())
	return config.Restrict(rules...)
}

func readable(path string) landlock.Rule {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return landlock.ROFiles(path)
	}
	return landlock.RODirs(path).IgnoreIfMissing()
}
