package training

import (
	"github.com/weighlock/weighlock/internal/config"
	"github.com/weighlock/weighlock/internal/sandbox"
)

// limitsOf are what the law grants a command; what it leaves out has the sandbox's default.
func limitsOf(t config.Train) sandbox.Limits {
	l := t.Limits
	return sandbox.Limits{Wall: l.Time, Silence: l.Silence, Memory: l.Memory, Processes: l.Processes}
}
