package ci

import (
	"encoding/json"
	"fmt"
	"os"
)

// Event is the part of a webhook payload that says what happened. Everything in it that a person can write (bodies,
// branch names, logins) is foreign text.
type Event struct {
	// Name is the event's, Action what happened, such as created or labeled.
	Name, Action string
	// DefaultBranch is the repository's.
	DefaultBranch string
	// Pull is the pull request of a pull_request event, or the number alone where only that is known.
	Pull struct {
		Number                int
		Head, Base, BaseRef   string
		Author                string
		HeadRepository        string
		OtherRepository, Open bool
	}
	// Comment is that of an issue_comment event; OnPull says that it stands under a pull request.
	Comment struct {
		ID           int64
		Body, Author string
		OnPull       bool
	}
	// Run is the finished run of a workflow_run event.
	Run struct {
		ID                       int64
		Attempt                  int
		Event, Path, Head        string
		Conclusion, HeadFullName string
	}
	// Group is the ref of a merge group's head.
	Group string
}

// payload is a webhook payload as GitHub sends it.
type payload struct {
	Action      string `json:"action"`
	Before      string `json:"before"` // the tip of the branch before a push
	Number      int    `json:"number"`
	PullRequest struct {
		State string `json:"state"`
		User  struct {
			Login string `json:"login"`
		} `json:"user"`
		Base struct {
			Ref string `json:"ref"`
			SHA string `json:"sha"`
		} `json:"base"`
		Head struct {
			SHA  string `json:"sha"`
			Repo struct {
				FullName string `json:"full_name"`
			} `json:"repo"`
		} `json:"head"`
	} `json:"pull_request"`
	MergeGroup struct {
		BaseSHA string `json:"base_sha"`
		HeadSHA string `json:"head_sha"`
		HeadRef string `json:"head_ref"`
	} `json:"merge_group"`
	Issue struct {
		Number      int             `json:"number"`
		PullRequest json.RawMessage `json:"pull_request"`
	} `json:"issue"`
	Comment struct {
		ID   int64  `json:"id"`
		Body string `json:"body"`
		User struct {
			Login string `json:"login"`
		} `json:"user"`
	} `json:"comment"`
	WorkflowRun struct {
		ID         int64  `json:"id"`
		Attempt    int    `json:"run_attempt"`
		Event      string `json:"event"`
		Path       string `json:"path"`
		HeadSHA    string `json:"head_sha"`
		Conclusion string `json:"conclusion"`
		HeadRepo   struct {
			FullName string `json:"full_name"`
		} `json:"head_repository"`
	} `json:"workflow_run"`
	Repository struct {
		FullName      string `json:"full_name"`
		DefaultBranch string `json:"default_branch"`
	} `json:"repository"`
}

// maxEvent bounds the payload; GitHub caps webhook payloads at 25 MB.
const maxEvent = 32 << 20

// readPayload reads the payload at path; an empty path is an empty payload.
func readPayload(path string) (payload, error) {
	var p payload
	if path == "" {
		return p, nil
	}
	stat, err := os.Stat(path)
	if err != nil {
		return p, fmt.Errorf("read GitHub event: %w", err)
	}
	if stat.Size() > maxEvent {
		return p, fmt.Errorf("read GitHub event: %s has %d bytes, more than %d", path, stat.Size(), maxEvent)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return p, fmt.Errorf("read GitHub event: %w", err)
	}
	if err := json.Unmarshal(content, &p); err != nil {
		return p, fmt.Errorf("read GitHub event: %s: %w", path, err)
	}
	return p, nil
}

// event is what a payload says, by the name of its event.
func (p payload) event(name string) Event {
	e := Event{Name: name, Action: p.Action, DefaultBranch: p.Repository.DefaultBranch, Group: p.MergeGroup.HeadRef}
	e.Pull.Number, e.Pull.Head, e.Pull.Base, e.Pull.BaseRef = p.Number, p.PullRequest.Head.SHA, p.PullRequest.Base.SHA, p.PullRequest.Base.Ref
	e.Pull.Author, e.Pull.HeadRepository = p.PullRequest.User.Login, p.PullRequest.Head.Repo.FullName
	e.Pull.OtherRepository = e.Pull.Head != "" && e.Pull.HeadRepository != p.Repository.FullName
	e.Pull.Open = p.PullRequest.State == "open"
	if p.Issue.Number != 0 {
		e.Pull.Number = p.Issue.Number
	}
	e.Comment.ID, e.Comment.Body, e.Comment.Author = p.Comment.ID, p.Comment.Body, p.Comment.User.Login
	e.Comment.OnPull = len(p.Issue.PullRequest) > 0 && string(p.Issue.PullRequest) != "null"
	run := p.WorkflowRun
	e.Run.ID, e.Run.Attempt, e.Run.Event, e.Run.Path, e.Run.Head = run.ID, run.Attempt, run.Event, run.Path, run.HeadSHA
	e.Run.Conclusion, e.Run.HeadFullName = run.Conclusion, run.HeadRepo.FullName
	return e
}

// Plan is what the container action does about an event.
type Plan string

// The plans. Only Weigh and Publish start a trainer.
const (
	// Weigh trains and judges a change, and speaks where the token may.
	Weigh Plan = "weigh"
	// Publish trains and judges a commit of the default branch, pushes its image and promotes it.
	Publish Plan = "publish"
	// Remeasure trains and judges a commit of the default branch, and leaves it at that.
	Remeasure Plan = "remeasure"
	// Speak judges what another job trained, and speaks for it.
	Speak Plan = "speak"
	// Waive takes a waiver from a comment.
	Waive Plan = "waive"
	// Refuse does nothing, and says why.
	Refuse Plan = "refuse"
)

// PlanFor says what to do about an event; ref is the one that was checked out. In an event that is not named here a
// writable token may be within reach of code that nobody has reviewed, so no trainer starts there.
func PlanFor(e Event, ref string) (Plan, string) {
	onDefault := e.DefaultBranch != "" && ref == "refs/heads/"+e.DefaultBranch
	switch e.Name {
	case "pull_request", "merge_group":
		return Weigh, ""
	case "push":
		if onDefault {
			return Publish, ""
		}
		return Refuse, "a push to a branch that is not the default one is weighed by its pull request"
	case "workflow_dispatch", "schedule":
		if onDefault {
			return Remeasure, ""
		}
		return Refuse, "a " + e.Name + " run is weighed on the default branch only"
	case "workflow_run":
		return Speak, ""
	case "issue_comment":
		return Waive, ""
	case "pull_request_target":
		return Refuse, "pull_request_target gives a stranger's code a writable token; use pull_request, and workflow_run to comment on forks (weighlock init --github --forks)"
	}
	return Refuse, "nothing is trained in this event, for a writable token may be within reach"
}
