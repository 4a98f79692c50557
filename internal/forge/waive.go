package forge

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"
)

// Accept is somebody's word that one rule's result is let through. Whether it counts is for the gate to say.
type Accept struct {
	// Model is empty when the word does not name one.
	Model, Metric, Slice string
	// Value is the value that was accepted, or nil when the word names none.
	Value *float64
	// Commit is the beginning of the commit that was accepted, or "" when the word names none.
	Commit string
	Reason string
	By     string
	// Permission is what the code host says that By may do: read, triage, write, maintain or admin; "" is nothing.
	Permission string
	Given      time.Time
	// Comment is the comment that held it, 0 for a label.
	Comment int64
}

// command is the form of the first line of a comment: /weighlock accept [MODEL/]METRIC [on COLUMN=LEVEL] [VALUE]
// [at COMMIT] REASON. The level may stand in double quotes.
var command = regexp.MustCompile(
	`^/weighlock +accept +(?:([a-z0-9][a-z0-9._-]*)/)?([a-z0-9_]+)` +
		`(?: +on +([^=\s]{1,80})=(?:"([^"]{1,200})"|([^\s"]{1,200})))?` +
		`(?: +([-+−]?[0-9][0-9_,]*(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?))?` +
		`(?: +at +([0-9a-f]{7,40}))?` +
		`(?:[ :]+(.*))?$`)

// label is the form of a label that accepts: "weighlock accept METRIC" or "weighlock accept METRIC on COLUMN=LEVEL".
const label = "weighlock accept "

// maxReason bounds what is kept of a reason.
const maxReason = 300

// ErrNoReason says that a command accepts without saying why.
var ErrNoReason = errors.New("it gives no reason")

// ParseCommand reads the first line of a comment. It reports false for everything that is not meant for Weighlock, and an
// error for a command that cannot be understood.
func ParseCommand(body string) (Accept, bool, error) {
	line, _, _ := strings.Cut(strings.TrimSpace(body), "\n")
	line = strings.TrimSpace(line)
	if line != "/weighlock" && !strings.HasPrefix(line, "/weighlock ") {
		return Accept{}, false, nil
	}
	m := command.FindStringSubmatch(line)
	if m == nil {
		return Accept{}, true, errors.New("it is not /weighlock accept METRIC [on COLUMN=LEVEL] [VALUE] [at COMMIT] REASON")
	}
	a := Accept{Model: m[1], Metric: m[2], Commit: m[7], Reason: cut(strings.TrimSpace(m[8]), maxReason)}
	if m[3] != "" {
		a.Slice = m[3] + "=" + m[4] + m[5]
	}
	if m[6] != "" {
		value, err := strconv.ParseFloat(strings.NewReplacer(",", "", "_", "", "−", "-").Replace(m[6]), 64)
		if err != nil {
			return a, true, errors.New("its value is not a number")
		}
		a.Value = &value
	}
	if a.Reason == "" {
		return a, true, ErrNoReason
	}
	return a, true, nil
}

// Accepts are the words of people on a pull request: commands in comments that nobody has edited, and labels. Somebody
// whose permission cannot be read has none.
func (c *Client) Accepts(ctx context.Context, pull int) ([]Accept, error) {
	var found []Accept
	err := c.eachComment(ctx, pull, func(comment *github.IssueComment) {
		a, meant, err := ParseCommand(comment.GetBody())
		if !meant || err != nil || comment.GetUser().GetType() == "Bot" || !comment.GetUpdatedAt().Equal(comment.GetCreatedAt()) {
			return // an edited command is one that nobody may have meant
		}
		a.By, a.Given, a.Comment = comment.GetUser().GetLogin(), comment.GetCreatedAt().UTC(), comment.GetID()
		found = append(found, a)
	})
	if err != nil {
		return nil, err
	}
	labels, err := c.labels(ctx, pull)
	if err != nil {
		return nil, err
	}
	found = append(found, labels...)
	permissions := map[string]string{}
	for i := range found {
		by := found[i].By
		if _, known := permissions[by]; !known {
			if permissions[by], err = c.Permission(ctx, by); err != nil {
				return nil, err
			}
		}
		found[i].Permission = permissions[by]
	}
	return found, nil
}

// labels are the accepting labels that stand, each with who set it and when.
func (c *Client) labels(ctx context.Context, pull int) ([]Accept, error) {
	standing := map[string]Accept{}
	var order []string
	options := &github.ListOptions{PerPage: 100}
	for {
		page, resp, err := c.gh.Issues.ListIssueEvents(ctx, c.owner, c.repo, pull, options)
		if err != nil {
			return nil, explain("list events", err)
		}
		for _, event := range page {
			name := event.GetLabel().GetName()
			rest, ok := strings.CutPrefix(name, label)
			if !ok {
				continue
			}
			switch event.GetEvent() {
			case "labeled":
				a, _, err := ParseCommand("/weighlock accept " + rest + " by label")
				if err != nil {
					continue
				}
				a.By, a.Given = event.GetActor().GetLogin(), event.GetCreatedAt().UTC()
				standing[name] = a
				order = append(order, name)
			case "unlabeled":
				delete(standing, name)
			}
		}
		if resp.NextPage == 0 {
			break
		}
		options.Page = resp.NextPage
	}
	var out []Accept
	for _, name := range order {
		if a, ok := standing[name]; ok {
			delete(standing, name)
			out = append(out, a)
		}
	}
	return out, nil
}

// Permission is what a user may do in the repository: admin, maintain, write, triage or read, or "" for nothing.
func (c *Client) Permission(ctx context.Context, user string) (string, error) {
	if user == "" || strings.ContainsAny(user, "/?#%") {
		return "", nil
	}
	req, err := c.gh.NewRequest("GET", "repos/"+c.owner+"/"+c.repo+"/collaborators/"+user+"/permission", nil)
	if err != nil {
		return "", err
	}
	var answer struct {
		Permission string `json:"permission"`
		RoleName   string `json:"role_name"` // go-github v60 does not know it; permission folds maintain into write
	}
	if _, err := c.gh.Do(ctx, req, &answer); err != nil {
		if err := explain("read the permission of "+user, err); !errors.Is(err, ErrNotFound) {
			return "", err
		}
		return "", nil // not a collaborator
	}
	for _, name := range []string{answer.RoleName, answer.Permission} {
		switch name {
		case "admin", "maintain", "write", "triage", "read":
			return name, nil
		}
	}
	return "", nil
}

// Shown is what our comment shows people about one commit.
type Shown struct {
	// Run is the run that wrote it, 0 where there is no comment.
	Run int64
	// Since is when a comment first showed this commit: an answer from before is about another one.
	Since time.Time
	// Values are the values of the rules that block: what a waiver without a value accepts.
	Values map[string]float64
}

// Shown reads our comment of this key; it is empty where that is about another commit.
func (c *Client) Shown(ctx context.Context, pull int, key, commit string) (Shown, error) {
	mine, err := c.ownComments(ctx, pull, key)
	if err != nil {
		return Shown{}, err
	}
	for _, comment := range mine {
		if m := comment.marker; m.Head == commit {
			since, err := time.Parse(time.RFC3339, m.Since)
			if err != nil {
				continue
			}
			return Shown{Run: m.Run, Since: since, Values: m.Values}, nil
		}
	}
	return Shown{}, nil
}

// Exact reports whether a word names the value and the commit that it is about, so that no comment has to be asked.
func (a Accept) Exact() bool { return a.Value != nil && a.Commit != "" }

// About reports whether a word is about a commit: it names it, or it was given after our comment had shown it. A word
// from before that names nothing is about an older commit.
func (a Accept) About(commit string, shown Shown) bool {
	if a.Commit != "" {
		return strings.HasPrefix(commit, a.Commit)
	}
	return a.Answers(shown)
}

// Answers reports whether a word was given after our comment had shown what it shows: only then it accepts that. The
// beginning of a commit that it names is not enough, for another commit with the same one can be made.
func (a Accept) Answers(shown Shown) bool {
	return !shown.Since.IsZero() && !a.Given.Before(shown.Since)
}
