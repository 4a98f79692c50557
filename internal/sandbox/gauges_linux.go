package sandbox

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// gauges are what the supervisor looks at besides the processes themselves: memory, also where it hides in files, disks,
// and what would be left over.
type gauges struct {
	memory uint64
	uid    int
	// free is what must stay free on the disk of each folder.
	free map[string]uint64
	// shared are the entries of sharedMemory that were there before.
	shared map[string]bool
	killed uint64
}

func newGauges(o order) *gauges {
	g := &gauges{memory: o.Spec.Limits.Memory, uid: o.UID, free: map[string]uint64{}, shared: map[string]bool{}}
	if g.uid < 0 {
		g.uid = os.Getuid()
	}
	for _, folder := range o.Spec.Write {
		if now, ok := freeOn(folder); ok {
			g.free[folder] = min(o.Spec.Limits.Free, now/2)
		}
	}
	entries, _ := os.ReadDir(sharedMemory)
	for _, entry := range entries {
		g.shared[entry.Name()] = true
	}
	g.killed = killedByKernel()
	return g
}

// read looks at all of them.
func (g *gauges) read(end *outcome) {
	pids := descendants()
	files := g.sharedFiles()
	used := files
	for _, pid := range pids {
		used += kilobytes(pid, "status", "RssAnon:", "RssShmem:")
	}
	if used > g.memory {
		used = exactly(pids, files)
	}
	end.Peak = max(end.Peak, used)
	end.OutOfMemory = used > g.memory
	for folder, least := range g.free {
		if now, ok := freeOn(folder); ok && now < least {
			end.DiskFull = true
		}
	}
}

func freeOn(folder string) (uint64, bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return 0, false
	}
	return s.Bavail * uint64(s.Bsize), true
}

// leftOver lists what the sandbox put into shared memory.
func (g *gauges) leftOver() []os.FileInfo {
	var found []os.FileInfo
	entries, _ := os.ReadDir(sharedMemory)
	for _, entry := range entries {
		if g.shared[entry.Name()] {
			continue
		}
		if info, err := entry.Info(); err == nil && owner(info) == g.uid {
			found = append(found, info)
		}
	}
	return found
}

// sharedFiles is the memory that they hold; mapped or not, it is charged to no process.
func (g *gauges) sharedFiles() uint64 {
	var n uint64
	for _, info := range g.leftOver() {
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			n += uint64(stat.Blocks) * 512
		}
	}
	return n
}

// sweep removes them once every process of the sandbox is dead. A plain user shares its name with other programs, so
// there only what nobody has open goes.
func (g *gauges) sweep() {
	left := g.leftOver()
	if len(left) == 0 {
		return
	}
	open := map[string]bool{}
	if os.Getuid() == g.uid {
		open = openSharedMemory()
	}
	for _, info := range left {
		if path := filepath.Join(sharedMemory, info.Name()); !open[path] {
			_ = os.Remove(path)
		}
	}
}

// openSharedMemory lists the files of shared memory that some process has open or mapped.
func openSharedMemory() map[string]bool {
	open := map[string]bool{}
	descriptors, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, descriptor := range descriptors {
		if target, err := os.Readlink(descriptor); err == nil {
			open[target] = true
		}
	}
	maps, _ := filepath.Glob("/proc/[0-9]*/maps")
	for _, file := range maps {
		content, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(content)) {
			if at := strings.Index(line, sharedMemory+"/"); at >= 0 {
				open[strings.TrimSpace(line[at:])] = true
			}
		}
	}
	return open
}

// exactly divides every page among the processes that share it, where the quick look counts it once for each, and files
// once more. The kernel has to look at each page for that, and it answers only somebody who may look into the process:
// root in a default container may not, so there the quick figure stands, which errs towards ending training early.
func exactly(pids []int, files uint64) uint64 {
	var own, shared uint64
	for _, pid := range pids {
		anonymous := kilobytes(pid, "smaps_rollup", "Pss_Anon:")
		if anonymous == 0 {
			own += kilobytes(pid, "status", "RssAnon:")
			shared += kilobytes(pid, "status", "RssShmem:")
			continue
		}
		own += anonymous
		shared += kilobytes(pid, "smaps_rollup", "Pss_Shmem:")
	}
	return own + max(shared, files)
}

// kilobytes adds up fields of a file of /proc/PID, in bytes; 0 where it cannot be read.
func kilobytes(pid int, name string, fields ...string) uint64 {
	content, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), name))
	if err != nil {
		return 0
	}
	var total uint64
	for _, field := range fields {
		if _, rest, ok := strings.Cut(string(content), field); ok {
			if words := strings.Fields(rest); len(words) > 0 {
				kib, _ := strconv.ParseUint(words[0], 10, 64)
				total += kib << 10
			}
		}
	}
	return total
}

// kernelKilled says whether the kernel has killed for lack of memory since the start, in this container or control group.
func (g *gauges) kernelKilled() bool { return killedByKernel() > g.killed }

func killedByKernel() uint64 {
	files := []string{"/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"}
	if content, err := os.ReadFile("/proc/self/cgroup"); err == nil {
		for line := range strings.Lines(string(content)) {
			if parts := strings.SplitN(strings.TrimSpace(line), ":", 3); len(parts) == 3 {
				files = append(files, filepath.Join("/sys/fs/cgroup", parts[2], "memory.events"),
					filepath.Join("/sys/fs/cgroup/memory", parts[2], "memory.oom_control"))
			}
		}
	}
	var n uint64
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if _, rest, ok := strings.Cut(string(content), "oom_kill "); ok {
			if words := strings.Fields(rest); len(words) > 0 {
				killed, _ := strconv.ParseUint(words[0], 10, 64)
				n = max(n, killed)
			}
		}
	}
	return n
}
