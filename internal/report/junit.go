package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"

	"github.com/weighlock/weighlock/internal/dataset"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	Class     string        `xml:"classname,attr"`
	Time      string        `xml:"time,attr"`
	Skipped   *junitProblem `xml:"skipped,omitempty"`
	Error     *junitProblem `xml:"error,omitempty"`
	Failure   *junitProblem `xml:"failure,omitempty"`
	SystemOut string        `xml:"system-out,omitempty"`
}

type junitProblem struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// JUnit writes the report for a test viewer: one case per rule, one per data check, and one for the decision, so that a
// run that judged nothing is red as well. A rule that blocks is a failure, one that could not be judged an error, one
// that is waived is skipped.
func JUnit(w io.Writer, r *Report) error {
	class := "weighlock." + clean(r.Model)
	suites := []junitSuite{
		{Name: class + ".decision", Cases: []junitCase{r.decisionCase(class)}},
		{Name: class + ".rules", Cases: r.ruleCases(class)},
		{Name: class + ".checks", Cases: r.checkCases(class)},
	}
	out := junitSuites{Name: class, Time: strconv.FormatFloat(max(0, r.Measured.Seconds), 'f', 3, 64)}
	for _, s := range suites {
		if len(s.Cases) == 0 {
			continue
		}
		s.count()
		out.Tests, out.Failures, out.Errors = out.Tests+s.Tests, out.Failures+s.Failures, out.Errors+s.Errors
		out.Suites = append(out.Suites, s)
	}
	out.Suites[0].Time = out.Time
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write junit: %w", err)
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(out); err != nil {
		return fmt.Errorf("write junit: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// count fills in the totals; the time of a case is always 0, for rules take none of their own.
func (s *junitSuite) count() {
	s.Time = "0"
	s.Tests = len(s.Cases)
	for i := range s.Cases {
		c := &s.Cases[i]
		c.Time = "0"
		switch {
		case c.Skipped != nil:
			s.Skipped++
		case c.Error != nil:
			s.Errors++
		case c.Failure != nil:
			s.Failures++
		}
	}
}

func (r *Report) decisionCase(class string) junitCase {
	c := junitCase{Name: "decision", Class: class}
	problem := &junitProblem{Message: r.decisionWord() + ": " + r.cause(), Type: string(r.Decision)}
	for _, a := range r.advice() {
		problem.Text += a + "\n"
	}
	switch r.Decision {
	case "passed":
		c.SystemOut = problem.Message
	case "blocked", "undecided":
		c.Failure = problem
	default:
		c.Error = problem
	}
	return c
}

func (r *Report) ruleCases(class string) []junitCase {
	var out []junitCase
	for _, rule := range r.Rules {
		c := junitCase{Name: rule.name(), Class: class + ".rules"}
		problem := &junitProblem{Message: rule.name() + " " + rule.sentence(), Type: string(rule.Verdict), Text: rule.plain()}
		switch {
		case rule.Waived:
			c.Skipped = &junitProblem{Message: "waived: " + problem.Message}
		case rule.Verdict == "invalid":
			c.Error = problem
		case rule.Blocks:
			c.Failure = problem
		default:
			c.SystemOut = rule.plain()
		}
		out = append(out, c)
	}
	return out
}

// plain is everything about a rule as lines of text.
func (r Rule) plain() string {
	s := fmt.Sprintf("verdict %s; %s\nbaseline %s, candidate %s, difference %s", r.standing(), r.betterWord(),
		r.value(r.Baseline), r.value(r.Candidate), r.delta())
	if rel := r.relative(); rel != "" {
		s += " (" + rel + ")"
	}
	if r.Interval != nil {
		s += "\n" + r.level() + " interval " + r.interval()
	}
	if l := r.limit(); l != none {
		s += "\nmargin " + l
	}
	if how := r.how(); how != "" {
		s += "\n" + how
	}
	return s + "\n" + r.next() + "\n"
}

func (r *Report) checkCases(class string) []junitCase {
	var out []junitCase
	for _, check := range r.Checks {
		c := junitCase{Name: clean(check.Name), Class: class + ".checks"}
		if check.Column != "" {
			c.Name += " " + clean(check.Column)
		}
		message := cleanTo(check.Message, 300)
		if check.Severity == dataset.Block {
			c.Failure = &junitProblem{Message: message, Type: string(check.Severity)}
		} else {
			c.SystemOut = string(check.Severity) + ": " + message
		}
		out = append(out, c)
	}
	return out
}
