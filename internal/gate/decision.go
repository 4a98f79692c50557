package gate

// Decision is what a run came to.
type Decision string

// The decisions of design section 3.
const (
	Passed        Decision = "passed"
	Blocked       Decision = "blocked"
	Misconfigured Decision = "misconfigured"
	Undecided     Decision = "undecided"
	Invalid       Decision = "invalid"
	Unavailable   Decision = "unavailable"
	Cancelled     Decision = "cancelled"
)

// ExitCode is what the program ends with. Only Passed is 0; a word that is no decision counts as Invalid.
func (d Decision) ExitCode() int {
	switch d {
	case Passed:
		return 0
	case Blocked:
		return 1
	case Misconfigured:
		return 2
	case Undecided:
		return 3
	case Unavailable:
		return 5
	case Cancelled:
		return 130
	case Invalid:
		return 4
	}
	return 4
}
