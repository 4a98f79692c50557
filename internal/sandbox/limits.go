package sandbox

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
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
	if l.Processes == 0 {
		l.Processes = 512
	}
	if l.Output == 0 {
		l.Output = 10 << 20
	}
	return l
}

// machineMemory is the memory of this machine, or 8 GiB where it cannot be read.
func machineMemory() uint64 {
	const fallback = 8 << 30
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return fallback
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "MemTotal:"); ok {
			var kib uint64
			if _, err := fmt.Sscanf(rest, "%d kB", &kib); err == nil {
				return kib << 10
			}
		}
	}
	return fallback
}
