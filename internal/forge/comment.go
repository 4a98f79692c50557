package forge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"
)

// Comment is what one run wants to say about a pull request.
type Comment struct {
	Pull int
	// Key tells this comment from others of ours on the same pull request.
	Key string
	// Head is the commit that was weighed; a pull request that has moved on gets no comment about it.
	Head string
	// Run and Attempt order the runs of CI.
	Run     int64
	Attempt int
	At      time.Time
	// Values are the values of the blocking rules, by the rule's name.
	Values map[string]float64
	// Summary is this run as the next one's history shows it.
	Summary Past
	// First says that a comment may be made where there is none yet. One that is there is always kept up to date, so that
	// none stays red when the model is not.
	First bool
	// Body renders the comment below its marker line, with the earlier runs, the newest first.
	Body func(past []Past) string
}

// Spoken is what became of a comment.
type Spoken string

// What can become of a comment.
const (
	Created    Spoken = "created"
	Updated    Spoken = "updated"
	Unchanged  Spoken = "unchanged"
	NotNeeded  Spoken = "not needed"
	Superseded Spoken = "superseded" // the pull request or a newer run has moved on
)

// own is one of our comments.
type own struct {
	id     int64
	body   string
	marker Marker
}

// maxComments bounds how far a pull request is searched for our comment: 100 pages.
const maxComments = 10_000

// Speak makes or updates the one comment of this key. It is found by author and marker over all pages; when the search
// fails nothing is written. After a write the search is repeated, so that of two runs that spoke at once one comment
// remains, the oldest. An answer that was lost is looked up before anything is written again.
func (c *Client) Speak(ctx context.Context, say Comment) (Spoken, error) {
	// The pull request is looked at first, so that as little as possible lies between the search and the write.
	pull, err := c.Pull(ctx, say.Pull)
	if err != nil {
		return "", err
	}
	mine, err := c.ownComments(ctx, say.Pull, say.Key)
	switch {
	case err != nil:
		return "", err
	case len(mine) == 0 && !say.First:
		return NotNeeded, nil
	case pull.Head != say.Head:
		return Superseded, nil
	}
	if len(mine) > 0 {
		return c.settle(ctx, say, mine)
	}
	body := say.render(nil)
	for tries := 0; ; tries++ {
		_, _, err := c.gh.Issues.CreateComment(ctx, c.owner, c.repo, say.Pull, &github.IssueComment{Body: &body})
		if err != nil && !errors.Is(err, errAmbiguous) {
			return "", explain("write comment", err)
		}
		mine, lookErr := c.ownComments(ctx, say.Pull, say.Key)
		switch {
		case lookErr != nil:
			return "", lookErr
		case len(mine) > 0:
			if spoken, settleErr := c.settle(ctx, say, mine); settleErr != nil || spoken == Superseded {
				return spoken, settleErr
			}
			return Created, nil
		case err == nil: // written, and not yet to be seen
			return Created, nil
		case tries == 1:
			return "", fmt.Errorf("write comment: the answers were lost and no comment is there: %w", ErrUnavailable)
		}
	}
}

// settle leaves one comment, the oldest, with the text of the newest run.
func (c *Client) settle(ctx context.Context, say Comment, mine []own) (Spoken, error) {
	spoken, keep, now := Unchanged, mine[0], say.marker(nil)
	newest := keep
	for _, other := range mine[1:] {
		if other.marker.newer(newest.marker) {
			newest = other
		}
	}
	body := say.render(&newest.marker)
	if newest.marker.newer(now) {
		body, spoken = newest.body, Superseded
	}
	if withoutTime(keep.body) != withoutTime(body) {
		if err := c.write(ctx, keep.id, body); err != nil {
			return "", err
		}
		if spoken == Unchanged {
			spoken = Updated
		}
	}
	for _, extra := range mine[1:] {
		if _, err := c.gh.Issues.DeleteComment(ctx, c.owner, c.repo, extra.id); err != nil {
			if err := explain("delete our second comment", err); !errors.Is(err, ErrNotFound) {
				return spoken, err
			}
		}
	}
	return spoken, nil
}

// write replaces a comment, and looks whether an older run has written over it meanwhile: then it writes once more.
// GitHub knows no conditional write, so an older run whose write comes even later than that look still wins; a concurrency
// group in the workflow rules that out.
func (c *Client) write(ctx context.Context, id int64, body string) error {
	ours, _ := ParseMarker(body)
	for range 2 {
		if _, _, err := c.gh.Issues.EditComment(ctx, c.owner, c.repo, id, &github.IssueComment{Body: &body}); err != nil {
			return explain("update comment", err)
		}
		now, _, err := c.gh.Issues.GetComment(ctx, c.owner, c.repo, id)
		if err != nil {
			return explain("read the comment again", err)
		}
		if theirs, ok := ParseMarker(now.GetBody()); ok && !ours.newer(theirs) {
			return nil
		}
	}
	return nil
}

// marker is that of the comment to write, with the history that the last one carried.
func (say Comment) marker(last *Marker) Marker {
	m := Marker{Key: say.Key, Head: say.Head, Run: say.Run, Attempt: say.Attempt, At: stamp(say.At), Values: say.Values}
	m.Since = m.At
	m.Past = append(m.Past, say.Summary)
	if last != nil {
		if last.Head == say.Head && last.Since != "" {
			m.Since = last.Since
			// What was shown first stays: a later run of the same commit may have come out worse, after people answered.
			m.Values = map[string]float64{}
			maps.Copy(m.Values, say.Values)
			maps.Copy(m.Values, last.Values)
		}
		for _, p := range last.Past {
			if len(m.Past) < mostPast && (p.Run != say.Run || p.Head != say.Head) {
				m.Past = append(m.Past, p)
			}
		}
	}
	return m
}

func (say Comment) render(last *Marker) string {
	m := say.marker(last)
	return m.String() + "\n" + say.Body(m.Past[1:])
}

// ownComments are ours with this key, the oldest first.
func (c *Client) ownComments(ctx context.Context, pull int, key string) ([]own, error) {
	me, err := c.whoami(ctx)
	if err != nil {
		return nil, err
	}
	var mine []own
	err = c.eachComment(ctx, pull, func(comment *github.IssueComment) {
		if m, ok := ParseMarker(comment.GetBody()); ok && m.Key == key && me.wrote(comment.User) {
			mine = append(mine, own{comment.GetID(), strings.ReplaceAll(comment.GetBody(), "\r\n", "\n"), m})
		}
	})
	return mine, err
}

// eachComment reads all pages.
func (c *Client) eachComment(ctx context.Context, pull int, visit func(*github.IssueComment)) error {
	options := &github.IssueListCommentsOptions{ListOptions: github.ListOptions{PerPage: 100}}
	for seen := 0; ; {
		page, resp, err := c.gh.Issues.ListComments(ctx, c.owner, c.repo, pull, options)
		if err != nil {
			return explain("list comments", err)
		}
		for _, comment := range page {
			visit(comment)
		}
		seen += len(page)
		if resp.NextPage == 0 {
			return nil
		}
		if seen >= maxComments {
			return fmt.Errorf("list comments: there are more than %d", maxComments)
		}
		options.Page = resp.NextPage
	}
}
