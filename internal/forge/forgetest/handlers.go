package forgetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// call is one request on its way through a handler.
type call struct {
	server  *Server
	request *http.Request
	params  map[string]string
	body    []byte
	who     string
}

func (c *call) number(name string) int {
	n, err := strconv.Atoi(c.params[name])
	if err != nil {
		return -1
	}
	return n
}

// sent decodes the body into v; the description has already checked it.
func (c *call) sent(v any) { _ = json.Unmarshal(c.body, v) }

var notFound = answer{status: http.StatusNotFound, message: "Not Found"}

// handlers by operation.
var handlers = map[string]func(*call) answer{
	"GET /repos/{owner}/{repo}/issues/{issue_number}/comments":                   listComments,
	"POST /repos/{owner}/{repo}/issues/{issue_number}/comments":                  createComment,
	"GET /repos/{owner}/{repo}/issues/comments/{comment_id}":                     getComment,
	"PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}":                   editComment,
	"DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}":                  deleteComment,
	"POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions":          react,
	"GET /repos/{owner}/{repo}/issues/{issue_number}/events":                     listEvents,
	"GET /repos/{owner}/{repo}/pulls":                                            listPulls,
	"GET /repos/{owner}/{repo}/pulls/{pull_number}":                              getPull,
	"GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews":                      listReviews,
	"GET /repos/{owner}/{repo}/collaborators/{username}/permission":              permission,
	"GET /repos/{owner}/{repo}/commits":                                          listCommits,
	"GET /repos/{owner}/{repo}/commits/{ref}":                                    getCommit,
	"GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls":                       pullsOfCommit,
	"POST /repos/{owner}/{repo}/check-runs":                                      createCheck,
	"PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}":                      updateCheck,
	"POST /repos/{owner}/{repo}/statuses/{sha}":                                  createStatus,
	"GET /repos/{owner}/{repo}/git/trees/{tree_sha}":                             getTree,
	"GET /repos/{owner}/{repo}/git/blobs/{file_sha}":                             getBlob,
	"GET /repos/{owner}/{repo}/actions/runs/{run_id}":                            getRun,
	"GET /repos/{owner}/{repo}/actions/runs/{run_id}/artifacts":                  listArtifacts,
	"GET /repos/{owner}/{repo}/actions/artifacts/{artifact_id}/{archive_format}": getArtifact,
	"POST /repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs":         rerun,
}

// page cuts a list as per_page and page ask, 30 items where they do not, and links the next page.
func page[T any](c *call, all []T) ([]T, map[string]string) {
	q := c.request.URL.Query()
	size, number := 30, 1
	if n, err := strconv.Atoi(q.Get("per_page")); err == nil && n > 0 && n <= 100 {
		size = n
	}
	if n, err := strconv.Atoi(q.Get("page")); err == nil && n > 0 {
		number = n
	}
	from := min((number-1)*size, len(all))
	to := min(from+size, len(all))
	header := map[string]string{}
	if to < len(all) {
		next := url.Values{}
		maps.Copy(next, q)
		next.Set("page", strconv.Itoa(number+1))
		header["Link"] = fmt.Sprintf(`<%s%s?%s>; rel="next"`, c.server.URL, c.request.URL.Path, next.Encode())
	}
	return all[from:to], header
}

func when(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// author is a user as the API shows one; a login that nobody has is a ghost.
func (s *Server) author(login string) map[string]any {
	u := s.Users[login]
	if u == nil {
		u = &User{Login: login, ID: 10137, Type: "User"}
	}
	return map[string]any{"login": u.Login, "id": u.ID, "type": u.Type}
}

func (s *Server) comment(c *Comment) map[string]any {
	return map[string]any{
		"id": c.ID, "body": c.Body, "user": s.author(c.Author), "created_at": when(c.Created), "updated_at": when(c.Updated),
	}
}

func listComments(c *call) answer {
	var all []map[string]any
	for _, one := range c.server.Comments {
		if one.Pull == c.number("issue_number") {
			all = append(all, c.server.comment(one))
		}
	}
	part, header := page(c, all)
	return answer{status: http.StatusOK, overlay: append([]map[string]any{}, part...), header: header}
}

// maxBody is GitHub's own limit, which its description does not name.
const maxBody = 65_536

func createComment(c *call) answer {
	var in struct{ Body string }
	c.sent(&in)
	if len(in.Body) > maxBody {
		return answer{status: http.StatusUnprocessableEntity, message: "Validation Failed: body is too long"}
	}
	one := c.server.AddComment(c.number("issue_number"), c.who, in.Body)
	return answer{status: http.StatusCreated, overlay: c.server.comment(one), header: map[string]string{"Location": c.server.URL + "/c"}}
}

func (c *call) comment() *Comment {
	for _, one := range c.server.Comments {
		if one.ID == int64(c.number("comment_id")) {
			return one
		}
	}
	return nil
}

func editComment(c *call) answer {
	one := c.comment()
	if one == nil {
		return notFound
	}
	var in struct{ Body string }
	c.sent(&in)
	if len(in.Body) > maxBody {
		return answer{status: http.StatusUnprocessableEntity, message: "Validation Failed: body is too long"}
	}
	one.Body, one.Updated = in.Body, c.server.Now()
	return answer{status: http.StatusOK, overlay: c.server.comment(one)}
}

func getComment(c *call) answer {
	one := c.comment()
	if one == nil {
		return notFound
	}
	return answer{status: http.StatusOK, overlay: c.server.comment(one)}
}

func deleteComment(c *call) answer {
	for i, one := range c.server.Comments {
		if one.ID == int64(c.number("comment_id")) {
			c.server.Comments = append(c.server.Comments[:i:i], c.server.Comments[i+1:]...)
			return answer{status: http.StatusNoContent}
		}
	}
	return notFound
}

func react(c *call) answer {
	if c.comment() == nil {
		return notFound
	}
	var in struct{ Content string }
	c.sent(&in)
	one := Reaction{int64(c.number("comment_id")), in.Content}
	if slices.Contains(c.server.Reactions, one) {
		return answer{status: http.StatusOK, overlay: map[string]any{"content": in.Content}}
	}
	c.server.Reactions = append(c.server.Reactions, one)
	return answer{status: http.StatusCreated, overlay: map[string]any{"content": in.Content}}
}

func listEvents(c *call) answer {
	all := []map[string]any{}
	for _, e := range c.server.Events {
		if e.Pull == c.number("issue_number") {
			all = append(all, map[string]any{
				"event": e.Kind, "created_at": when(e.Created), "actor": c.server.author(e.Actor),
				"label": map[string]any{"name": e.Label, "color": "ededed"},
			})
		}
	}
	part, header := page(c, all)
	return answer{status: http.StatusOK, overlay: part, header: header}
}

func (s *Server) pull(p *Pull) map[string]any {
	repo := func(full string) any {
		if full == "" {
			return nil
		}
		owner, name, _ := strings.Cut(full, "/")
		return map[string]any{"full_name": full, "name": name, "owner": s.author(owner)}
	}
	out := map[string]any{
		"number": p.Number, "state": p.State, "user": s.author(p.Author), "created_at": when(p.CreatedAt), "updated_at": when(p.Update),
		"head": map[string]any{"sha": p.Head, "ref": p.HeadRef, "label": "x", "repo": repo(p.HeadRepo), "user": s.author(p.Author)},
		"base": map[string]any{"sha": p.Base, "ref": p.BaseRef, "label": "x", "repo": repo(s.Owner + "/" + s.Repo), "user": s.author(s.Owner)},
	}
	if p.MergedAt != nil {
		out["merged_at"] = when(*p.MergedAt)
	}
	if p.MergeCommit != "" {
		out["merge_commit_sha"] = p.MergeCommit
	}
	return out
}

func listPulls(c *call) answer {
	all := []map[string]any{}
	state := c.request.URL.Query().Get("state")
	for _, p := range c.server.Pulls {
		if state == "all" || p.State == state || state == "" && p.State == "open" {
			all = append(all, c.server.pull(p))
		}
	}
	part, header := page(c, all)
	return answer{status: http.StatusOK, overlay: part, header: header}
}

func getPull(c *call) answer {
	for _, p := range c.server.Pulls {
		if p.Number == c.number("pull_number") {
			out := c.server.pull(p)
			out["merged"] = p.MergedAt != nil
			return answer{status: http.StatusOK, overlay: out}
		}
	}
	return notFound
}

func pullsOfCommit(c *call) answer {
	all := []map[string]any{}
	for _, p := range c.server.Pulls {
		found := p.MergeCommit == c.params["commit_sha"] || p.Head == c.params["commit_sha"]
		for _, other := range p.OtherCommits {
			found = found || other == c.params["commit_sha"]
		}
		if found {
			all = append(all, c.server.pull(p))
		}
	}
	part, header := page(c, all)
	return answer{status: http.StatusOK, overlay: part, header: header}
}

func listReviews(c *call) answer {
	all := []map[string]any{}
	for _, r := range c.server.Reviews {
		if r.Pull == c.number("pull_number") {
			all = append(all, map[string]any{
				"user": c.server.author(r.Author), "state": r.State, "commit_id": r.Commit, "submitted_at": when(r.Submitted),
				"author_association": "MEMBER",
			})
		}
	}
	part, header := page(c, all)
	return answer{status: http.StatusOK, overlay: part, header: header}
}

func permission(c *call) answer {
	u := c.server.Users[c.params["username"]]
	if u == nil {
		return notFound
	}
	legacy := map[string]string{"maintain": "write", "triage": "read", "": "none"}
	words := u.Role
	if l, ok := legacy[u.Role]; ok {
		words = l
	}
	role := u.Role
	if role == "" {
		role = "none"
	}
	return answer{status: http.StatusOK, overlay: map[string]any{"permission": words, "role_name": role, "user": nil}}
}
