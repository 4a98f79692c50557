// Package ci knows which CI system runs us, which change it builds and how to write to its log.
package ci

import (
	"github.com/weighlock/weighlock/internal/git"
)

// Getenv looks up one environment variable; os.Getenv fits. Passing it in keeps tests free of the machine's own.
type Getenv func(name string) string

// Run is what a CI system says about the job that runs us.
type Run struct {
	// System is the row of the table below that matched; "local" outside CI.
	System string
	// Event is the system's own word for what started the job, such as pull_request.
	Event string
	// Change is what git needs to find the base revision.
	Change git.BaseQuery
	// Number is the pull or merge request's number, 0 where there is none.
	Number int
	// Repository is owner/name, or a URL where the system has no such form.
	Repository string
	// URL leads a reader to the job's log, or is empty.
	URL string
}

// Local reports whether no CI system was recognised.
func (r Run) Local() bool { return r.System == "local" }

// system recognises one CI system and reads what it says. One file and one row each.
type system struct {
	name   string
	detect func(env Getenv) bool
	read   func(env Getenv) (Run, error)
}

// systems are asked in this order; the first that recognises its own environment wins.
var systems = []system{
	{"github", isGitHub, readGitHub},
	{"gitlab", isGitLab, readGitLab},
	{"circleci", isCircleCI, readCircleCI},
	{"jenkins", isJenkins, readJenkins},
}

// Detect finds the CI system. An error means that a system was recognised but that what it says makes no sense.
func Detect(env Getenv) (Run, error) {
	for _, s := range systems {
		if !s.detect(env) {
			continue
		}
		run, err := s.read(env)
		run.System = s.name
		return run, err
	}
	return Run{System: "local"}, nil
}
