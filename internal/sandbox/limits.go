package sandbox

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

func (l Limits) withDefaults() Limits {
	if l.Wall == 0 {
		l.Wall = time.Hour
	}
	if l.Silence == 0 {
		l.Silence = l.Wall
	}
	if l.CPU == 0 {
		l.CPU = l.Wall * time.Duration(runtime.NumCPU())
	}
	if l.Memory == 0 {
		l.Memory = machineMemory() / 10 * 9
	}
	if l.File == 0 {
		l.File = 16 << 30
	}
	if l.Free == 0 {
		l.Free = 512 << 20
	}
	if l.Processes == 0 {
		l.Processes = 512
	}
	if l.Output == 0 {
		l.Output = 10 << 20
	}
	return l
}

// machineMemory is the memory of this machine or, where that is less, of this container; 8 GiB where neither can be read.
func machineMemory() uint64 {
	least := uint64(0)
	if content, err := os.ReadFile("/proc/meminfo"); err == nil {
		if _, rest, ok := strings.Cut(string(content), "MemTotal:"); ok {
			var kib uint64
			if _, err := fmt.Sscanf(rest, "%d kB", &kib); err == nil {
				least = kib << 10
			}
		}
	}
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		content, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if limit, err := strconv.ParseUint(strings.TrimSpace(string(content)), 10, 64); err == nil && (least == 0 || limit < least) {
			least = limit
		}
	}
	if least == 0 {
		return 8 << 30
	}
	return least
}
