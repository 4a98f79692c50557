package forgetest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
)

func (s *Server) check(k *Check) map[string]any {
	out := map[string]any{
		"id": k.ID, "name": k.Name, "head_sha": k.Head, "status": k.Status,
		"output": map[string]any{"title": k.Title, "summary": k.Words, "annotations_count": k.Annotations},
	}
	if k.Conclusion != "" {
		out["conclusion"] = k.Conclusion
	}
	return out
}

// sentCheck is the part of a check run's request that is kept.
type sentCheck struct {
	Name       string
	HeadSHA    string `json:"head_sha"`
	Status     string
	Conclusion string
	DetailsURL string `json:"details_url"`
	Output     struct {
		Title, Summary string
		Annotations    []any
	}
}

// take carries a request over; GitHub refuses a completed check without a conclusion, which its description does not say.
func (k *Check) take(in sentCheck) bool {
	if in.Status == "completed" && in.Conclusion == "" {
		return false
	}
	if in.Conclusion != "" {
		k.Conclusion, k.Status = in.Conclusion, "completed"
	} else if in.Status != "" {
		k.Status = in.Status
	}
	if in.Output.Title != "" {
		k.Title, k.Words = in.Output.Title, in.Output.Summary
	}
	k.Annotations += len(in.Output.Annotations)
	return true
}

func createCheck(c *call) answer {
	var in sentCheck
	c.sent(&in)
	k := &Check{ID: c.server.id(), Name: in.Name, Head: in.HeadSHA, Status: "queued", URL: in.DetailsURL}
	if !k.take(in) {
		return answer{status: http.StatusUnprocessableEntity, message: "conclusion is missing"}
	}
	c.server.Checks = append(c.server.Checks, k)
	return answer{status: http.StatusCreated, overlay: c.server.check(k)}
}

func updateCheck(c *call) answer {
	var in sentCheck
	c.sent(&in)
	for _, k := range c.server.Checks {
		if k.ID == int64(c.number("check_run_id")) {
			if !k.take(in) {
				return answer{status: http.StatusUnprocessableEntity, message: "conclusion is missing"}
			}
			return answer{status: http.StatusOK, overlay: c.server.check(k)}
		}
	}
	return notFound
}

func createStatus(c *call) answer {
	var in struct{ State, Context, Description string }
	c.sent(&in)
	if strings.ContainsFunc(in.Description+in.Context, func(c rune) bool { return c > 0xFFFF }) {
		return answer{status: http.StatusUnprocessableEntity, message: "description doesn't accept 4-byte Unicode"}
	}
	if len([]rune(in.Description)) > 140 {
		return answer{status: http.StatusUnprocessableEntity, message: "description is too long (maximum is 140 characters)"}
	}
	c.server.Statuses = append(c.server.Statuses, &Status{c.params["sha"], in.State, in.Context, in.Description})
	return answer{status: http.StatusCreated, overlay: map[string]any{
		"state": in.State, "context": in.Context, "description": in.Description,
		"created_at": when(c.server.Now()), "updated_at": when(c.server.Now()),
	}}
}

func getRun(c *call) answer {
	for _, r := range c.server.Runs {
		if r.ID != int64(c.number("run_id")) {
			continue
		}
		owner, name, _ := strings.Cut(r.HeadRepo, "/")
		out := map[string]any{
			"id": r.ID, "run_attempt": r.Attempt, "event": r.Event, "path": r.Path, "head_sha": r.Head,
			"html_url":        fmt.Sprintf("%s/%s/%s/actions/runs/%d", c.server.URL, c.server.Owner, c.server.Repo, r.ID),
			"head_repository": map[string]any{"full_name": r.HeadRepo, "name": name, "owner": c.server.author(owner)},
			"head_commit":     nil, "pull_requests": []any{},
		}
		if r.Conclusion != "" {
			out["conclusion"] = r.Conclusion
		}
		return answer{status: http.StatusOK, overlay: out}
	}
	return notFound
}

func rerun(c *call) answer {
	for _, r := range c.server.Runs {
		if r.ID == int64(c.number("run_id")) {
			c.server.Reruns = append(c.server.Reruns, r.ID)
			return answer{status: http.StatusCreated, overlay: map[string]any{}}
		}
	}
	return notFound
}

func listArtifacts(c *call) answer {
	all := []map[string]any{}
	for _, a := range c.server.Artifacts {
		if a.Run == int64(c.number("run_id")) {
			all = append(all, map[string]any{"id": a.ID, "name": a.Name, "size_in_bytes": len(a.Zip), "expired": false})
		}
	}
	part, header := page(c, all)
	return answer{status: http.StatusOK, overlay: map[string]any{"total_count": len(all), "artifacts": part}, header: header}
}

func getArtifact(c *call) answer {
	for _, a := range c.server.Artifacts {
		if a.ID == int64(c.number("artifact_id")) {
			return answer{status: http.StatusFound, header: map[string]string{"Location": fmt.Sprintf("%s/raw-artifact/%d?sig=secret", c.server.URL, a.ID)}}
		}
	}
	return notFound
}

// git runs git in the repository behind the server.
func (s *Server) git(args ...string) (string, bool) {
	if s.Git == "" {
		return "", false
	}
	out, err := exec.Command("git", append([]string{"-C", s.Git}, args...)...).Output() //nolint:noctx // a test server
	return string(out), err == nil
}

func (s *Server) commit(id string) (map[string]any, bool) {
	out, ok := s.git("log", "-1", "--format=%H %P%n%cI%n%T", id, "--")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if !ok || len(lines) != 3 {
		return nil, false
	}
	ids := strings.Fields(lines[0])
	parents := []map[string]any{}
	for _, p := range ids[1:] {
		parents = append(parents, map[string]any{"sha": p, "url": "https://github.example/", "html_url": "https://github.example/"})
	}
	who := map[string]any{"name": "x", "email": "x@example.com", "date": lines[1]}
	return map[string]any{
		"sha": ids[0], "parents": parents,
		"commit": map[string]any{"committer": who, "author": who, "tree": map[string]any{"sha": lines[2]}},
	}, true
}

func getCommit(c *call) answer {
	out, ok := c.server.commit(c.params["ref"])
	if !ok {
		return answer{status: http.StatusUnprocessableEntity, message: "No commit found for SHA"}
	}
	return answer{status: http.StatusOK, overlay: out}
}

func listCommits(c *call) answer {
	rev := c.request.URL.Query().Get("sha")
	if rev == "" {
		rev = "HEAD"
	}
	out, ok := c.server.git("rev-list", "--max-count=1000", rev, "--")
	if !ok {
		return notFound
	}
	ids, header := page(c, strings.Fields(out))
	all := []map[string]any{}
	for _, id := range ids {
		if one, ok := c.server.commit(id); ok {
			all = append(all, one)
		}
	}
	return answer{status: http.StatusOK, overlay: all, header: header}
}

func getTree(c *call) answer {
	out, ok := c.server.git("ls-tree", "-z", "--long", c.params["tree_sha"])
	if !ok {
		return notFound
	}
	entries := []map[string]any{}
	for record := range strings.SplitSeq(strings.TrimSuffix(out, "\x00"), "\x00") {
		meta, name, found := strings.Cut(record, "\t")
		fields := strings.Fields(meta)
		if !found || len(fields) != 4 {
			continue
		}
		e := map[string]any{"path": name, "mode": fields[0], "type": fields[1], "sha": fields[2]}
		if size, err := strconv.Atoi(fields[3]); err == nil {
			e["size"] = size
		}
		entries = append(entries, e)
	}
	return answer{status: http.StatusOK, overlay: map[string]any{"sha": c.params["tree_sha"], "truncated": false, "tree": entries}}
}

func getBlob(c *call) answer {
	out, ok := c.server.git("cat-file", "blob", c.params["file_sha"])
	if !ok {
		return notFound
	}
	return answer{status: http.StatusOK, overlay: map[string]any{
		"sha": c.params["file_sha"], "size": len(out), "encoding": "base64", "content": base64.StdEncoding.EncodeToString([]byte(out)),
	}}
}
