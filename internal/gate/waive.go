package gate

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// permissions a code host knows, from the weakest up. These words in WaiverPolicy.Allow are never names of users.
var permissions = []string{"read", "triage", "write", "maintain", "admin"}

// waiverDays is how long a waiver holds where the policy does not say.
const waiverDays = 7

// Apply lets through the blocking rules that somebody waived, and decides again. A waiver counts only for its metric and
// slice, for this head, for a value that is not worse than the one that was accepted, from somebody whom the policy
// allows, and until it expires; one that does not count is named in Warnings. A result that is invalid cannot be waived.
// The rule keeps its verdict. The decision becomes Passed when every blocking rule is waived, and stays as it is otherwise.
func Apply(r Result, waivers []Waiver, c Change) Result {
	r.Rules, r.Warnings, r.Reasons = slices.Clone(r.Rules), slices.Clone(r.Warnings), slices.Clone(r.Reasons)
	var by []string
	for _, w := range waivers {
		applied, refused := 0, "no blocking rule has that name"
		for i := range r.Rules {
			rule := &r.Rules[i]
			if !rule.Blocks || rule.Waived != nil || rule.Metric != w.Metric || rule.Slice != w.Slice {
				continue
			}
			if refused = c.refuses(w, *rule); refused != "" {
				break
			}
			given := w
			given.Value = clone(w.Value)
			rule.Waived = &given
			applied++
			by = append(by, waivedBy(*rule))
		}
		if applied == 0 {
			r.Warnings = append(r.Warnings, fmt.Sprintf("the waiver of %s by %s does not count: %s", w.label(), clip(w.By), refused))
		}
	}
	open, waived := 0, 0
	for _, rule := range r.Rules {
		switch {
		case rule.Blocks && rule.Waived == nil:
			open++
		case rule.Waived != nil:
			waived++
		}
	}
	judged := r.Decision == Blocked || r.Decision == Undecided
	if judged && open == 0 && waived > 0 {
		r.Decision = Passed
	}
	r.Reasons = append(by, r.Reasons...)
	return r
}

// refuses says why a waiver does not count for a rule, or returns "".
func (c Change) refuses(w Waiver, rule RuleResult) string {
	days := c.Policy.Days
	if days <= 0 {
		days = waiverDays
	}
	switch {
	case rule.Verdict == Unjudgeable:
		return "what cannot be judged cannot be waived"
	case c.Head == "" || w.Commit != c.Head:
		return "it was given for another commit"
	case w.By == "":
		return "it names nobody"
	case !c.Policy.Author && strings.EqualFold(w.By, c.Author):
		return "the author of a change may not waive its rules"
	case !c.Policy.Allows(w):
		return "the policy does not allow them to"
	case c.Policy.Exact && !w.Exact:
		return "the policy wants the value and the commit named in it"
	case w.Given.IsZero() || c.Now.IsZero() || w.Given.After(c.Now):
		return "its time is unknown or lies in the future"
	case c.Now.After(w.Given.Add(time.Duration(days) * 24 * time.Hour)):
		return fmt.Sprintf("it has expired after %d days", days)
	case (w.Value == nil) != (rule.Candidate == nil):
		return "it was given for another value"
	case w.Value != nil && !accepts(*w.Value, rule):
		return fmt.Sprintf("it was given for a value of %s, and now it is %s", number(*w.Value), number(*rule.Candidate))
	}
	return ""
}

// accepts reports whether the candidate's value is not worse than the accepted one; rounding in a comment is forgiven.
func accepts(accepted float64, rule RuleResult) bool {
	return float64(rule.Direction)*(*rule.Candidate-accepted) >= -1e-9*math.Abs(accepted)
}

// Allows reports whether the policy names the user, or a permission that is not above theirs.
func (p WaiverPolicy) Allows(w Waiver) bool {
	has := slices.Index(permissions, strings.ToLower(w.Permission))
	for _, entry := range p.Allow {
		wanted := slices.Index(permissions, strings.ToLower(entry))
		if wanted >= 0 {
			if has >= wanted {
				return true
			}
			continue
		}
		if name := strings.TrimPrefix(entry, "@"); name != "" && strings.EqualFold(name, w.By) {
			return true
		}
	}
	return false
}

func (w Waiver) label() string {
	if w.Slice == "" {
		return clip(w.Metric)
	}
	return clip(w.Metric) + " on " + clip(w.Slice)
}

func waivedBy(r RuleResult) string {
	text := fmt.Sprintf("%s is waived by %s", r.label(), clip(r.Waived.By))
	if r.Waived.Reason != "" {
		text += ": " + clip(r.Waived.Reason)
	}
	return text
}
