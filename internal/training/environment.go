package training

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// harmless are the variables that a command gets from this process; everything else, tokens above all, stays behind.
var harmless = []string{
	"LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE",
}

// forSetup are those that a package client may need besides; one that carries credentials is left out.
var forSetup = []string{
	"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CERT", "PIP_DEFAULT_TIMEOUT", "UV_INDEX_URL", "UV_DEFAULT_INDEX",
	"UV_INDEX", "UV_HTTP_TIMEOUT", "REQUESTS_CA_BUNDLE", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
}

// environment is the whole environment of a command. first is put in front of PATH.
func (h Host) environment(w *workspace, first string) []string {
	path := h.variable("PATH")
	if path == "" {
		path = "/usr/local/bin:/usr/bin:/bin"
	}
	// A relative entry would let the tree decide what "python3" means.
	entries := slices.DeleteFunc(filepath.SplitList(path), func(entry string) bool { return !filepath.IsAbs(entry) })
	if first != "" {
		entries = append([]string{first}, entries...)
	}
	env := []string{
		"PATH=" + strings.Join(entries, string(filepath.ListSeparator)), "HOME=" + w.path("home"), "TMPDIR=" + w.path("tmp"),
		"USER=weighlock", "LOGNAME=weighlock", "PYTHONUNBUFFERED=1", "MPLBACKEND=Agg", "CI=true",
	}
	return append(env, h.some(harmless)...)
}

func (h Host) some(names []string) []string {
	var env []string
	for _, name := range names {
		if value := h.variable(name); value != "" && !strings.Contains(value, "@") {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// contract are the variables that training scripts read (docs/training.md).
func contract(job Job, w *workspace, t tables) []string {
	format := job.Train.Format
	seed := seedOf(job)
	return []string{
		"WEIGHLOCK_EVALUATE=" + w.path("in", "evaluate."+format),
		"WEIGHLOCK_PREDICTIONS=" + w.path("out", predictionsFile+"."+format),
		fmt.Sprintf("WEIGHLOCK_SEED=%d", seed), fmt.Sprintf("PYTHONHASHSEED=%d", seed%(1<<32)),
		"WEIGHLOCK_TARGET=" + job.Target, "WEIGHLOCK_ID=" + t.id, "WEIGHLOCK_TASK=" + string(job.Task),
	}
}
