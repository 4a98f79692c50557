// Package forgetest is a GitHub small enough to test against: it keeps comments, pull requests, reviews, checks and runs,
// serves the objects of a real git repository, can be told to fail, and holds every request and response against
// GitHub's own OpenAPI description.
package forgetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"
)

// Server is one GitHub with one repository. Change its state only between requests, or under Lock.
type Server struct {
	sync.Mutex
	// URL is the server's own address; the API is at URL + "/api/v3", GraphQL at URL + "/api/graphql".
	URL string
	// Owner and Repo name the repository; Git is a local repository that serves trees, blobs and commits, or "".
	Owner, Repo, Git string
	// Users by login; "github-actions[bot]" is always there.
	Users map[string]*User
	// Tokens maps a token to the login it speaks as.
	Tokens map[string]string
	// ReadOnly tokens are refused every write, as on a pull request from a fork.
	ReadOnly map[string]bool

	Pulls     []*Pull
	Comments  []*Comment
	Reviews   []*Review
	Events    []*Event
	Checks    []*Check
	Statuses  []*Status
	Runs      []*Run
	Artifacts []*Artifact
	Reactions []Reaction
	// Reruns are the runs whose failed jobs were started again.
	Reruns []int64

	// Fault says what goes wrong with a request, or nil. It is called under the lock.
	Fault func(r *http.Request) *Fault
	// Now is the server's clock.
	Now func() time.Time
	// Writes counts the writes that were carried out, by operation.
	Writes map[string]int
	// Requests are all operations that were asked for, in order.
	Requests []string

	api    *description
	broken []string
	next   int64
	http   *httptest.Server
}

// User is an account.
type User struct {
	Login string
	ID    int64
	// Type is User or Bot.
	Type string
	// Role is the permission in the repository: admin, maintain, write, triage, read or "" for none.
	Role string
}

// Pull is a pull request.
type Pull struct {
	Number            int
	Head, HeadRef     string
	HeadRepo          string
	Base, BaseRef     string
	Author            string
	State             string
	MergedAt          *time.Time
	MergeCommit       string
	OtherCommits      []string
	CreatedAt, Update time.Time
}

// Comment is a comment on an issue or pull request.
type Comment struct {
	ID               int64
	Pull             int
	Author, Body     string
	Created, Updated time.Time
}

// Review is a review of a pull request.
type Review struct {
	Pull                  int
	Author, State, Commit string
	Submitted             time.Time
}

// Event is a label that was set or taken off.
type Event struct {
	Pull               int
	Actor, Kind, Label string
	Created            time.Time
}

// Check is a check run.
type Check struct {
	ID                       int64
	Name, Head, Status, URL  string
	Conclusion, Title, Words string
	Annotations              int
}

// Status is a commit status.
type Status struct{ Commit, State, Context, Description string }

// Run is a workflow run.
type Run struct {
	ID                            int64
	Attempt                       int
	Event, Path, Head, Conclusion string
	HeadRepo                      string
}

// Artifact is what a run uploaded.
type Artifact struct {
	ID, Run int64
	Name    string
	Zip     []byte
}

// Reaction is one reaction to a comment.
type Reaction struct {
	Comment int64
	Content string
}

// Fault is one failure.
type Fault struct {
	// Status answers with this code; 0 with Drop cuts the connection.
	Status int
	Header map[string]string
	Body   string
	Drop   bool
	// After carries the request out first, so that only the answer is lost.
	After bool
}

// Bot is the account behind GITHUB_TOKEN.
const Bot = "github-actions[bot]"

// New starts a server on loopback. Close ends it.
func New() (*Server, error) {
	s, err := Unstarted()
	if err != nil {
		return nil, err
	}
	s.http = httptest.NewServer(s)
	s.URL = s.http.URL
	return s, nil
}

// Unstarted makes a server for a listener of the caller's; the caller sets URL.
func Unstarted() (*Server, error) {
	api, err := load()
	if err != nil {
		return nil, err
	}
	return &Server{
		Owner: "acme", Repo: "model", api: api, Now: time.Now, next: 1000,
		Users:    map[string]*User{Bot: {Login: Bot, ID: 41898282, Type: "Bot"}},
		Tokens:   map[string]string{"test-token": Bot},
		ReadOnly: map[string]bool{}, Writes: map[string]int{},
	}, nil
}

// Close ends the server.
func (s *Server) Close() { s.http.Close() }

// Broken lists every request and response so far that GitHub's description does not allow.
func (s *Server) Broken() []string {
	s.Lock()
	defer s.Unlock()
	return slices.Clone(s.broken)
}

// Snapshot is a copy of the comments of a pull request, in order.
func (s *Server) Snapshot(pull int) []Comment {
	s.Lock()
	defer s.Unlock()
	var out []Comment
	for _, c := range s.Comments {
		if c.Pull == pull {
			out = append(out, *c)
		}
	}
	return out
}

// AddUser makes an account.
func (s *Server) AddUser(login, role string) *User {
	u := &User{Login: login, ID: s.id(), Type: "User", Role: role}
	s.Users[login] = u
	return u
}

// AddComment makes a comment by somebody.
func (s *Server) AddComment(pull int, author, body string) *Comment {
	c := &Comment{ID: s.id(), Pull: pull, Author: author, Body: body, Created: s.Now(), Updated: s.Now()}
	s.Comments = append(s.Comments, c)
	return c
}

func (s *Server) id() int64 {
	s.next++
	return s.next
}

// answer is what a handler gives back: an overlay over the smallest response that the description allows, or raw.
type answer struct {
	status  int
	overlay any
	header  map[string]string
	message string
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if rest, ok := s.gitPath(r.URL.Path); ok {
		s.serveGit(w, r, rest)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	s.Lock()
	defer s.Unlock()
	if raw, ok := strings.CutPrefix(r.URL.Path, "/raw-artifact/"); ok {
		s.rawArtifact(w, r, raw)
		return
	}
	who, ok := s.Tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if !ok {
		http.Error(w, `{"message":"Bad credentials"}`, http.StatusUnauthorized)
		return
	}
	if r.URL.Path == "/api/graphql" {
		if fault := s.fault(r); fault != nil {
			fault.write(w)
			return
		}
		s.graphQL(w, who)
		return
	}
	op, params, found := s.api.match(r.Method, strings.TrimPrefix(r.URL.Path, "/api/v3"))
	if !found {
		s.complain("%s %s: no such operation in the description", r.Method, r.URL.Path)
		http.Error(w, `{"message":"Not Found"}`, http.StatusNotFound)
		return
	}
	s.Requests = append(s.Requests, op.name)
	if err := s.api.checkRequest(r, op, params, body); err != nil {
		s.complain("%s: request: %v", op.name, err)
	}
	fault := s.fault(r)
	if fault != nil && !fault.After {
		fault.write(w)
		return
	}
	a := s.handle(op, &call{server: s, request: r, params: params, body: body, who: who})
	if fault != nil {
		fault.write(w)
		return
	}
	s.reply(w, r, op, a)
}

// SetFault sets Fault while requests may be under way.
func (s *Server) SetFault(fault func(r *http.Request) *Fault) {
	s.Lock()
	defer s.Unlock()
	s.Fault = fault
}

func (s *Server) fault(r *http.Request) *Fault {
	if s.Fault == nil {
		return nil
	}
	return s.Fault(r)
}

func (f *Fault) write(w http.ResponseWriter) {
	if f.Drop {
		if h, ok := w.(http.Hijacker); ok {
			if conn, _, err := h.Hijack(); err == nil {
				_ = conn.Close()
			}
		}
		return
	}
	for name, value := range f.Header {
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(f.Status)
	if f.Body == "" {
		f.Body = `{"message":"something went wrong"}`
	}
	_, _ = io.WriteString(w, f.Body) //nolint:gosec // a test's own text
}

func (s *Server) complain(format string, args ...any) {
	s.broken = append(s.broken, fmt.Sprintf(format, args...))
}

func (s *Server) handle(op *operation, c *call) answer {
	h, ok := handlers[op.name]
	if !ok {
		return answer{status: http.StatusNotImplemented, message: "not implemented: " + op.name}
	}
	if c.params["owner"] != s.Owner || c.params["repo"] != s.Repo {
		return answer{status: http.StatusNotFound, message: "Not Found"}
	}
	write := c.request.Method != http.MethodGet
	if write && s.ReadOnly[strings.TrimPrefix(c.request.Header.Get("Authorization"), "Bearer ")] {
		return answer{status: http.StatusForbidden, message: "Resource not accessible by integration"}
	}
	a := h(c)
	if write && a.status < 300 {
		s.Writes[op.name]++
	}
	return a
}

// reply writes the smallest response that the description allows, with the overlay on top, and checks it.
func (s *Server) reply(w http.ResponseWriter, r *http.Request, op *operation, a answer) {
	h := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	for name, value := range a.header {
		h.Set(name, value)
	}
	var content []byte
	switch {
	case a.status == http.StatusNoContent, a.status == http.StatusFound:
		h.Del("Content-Type")
	case a.message != "":
		content = mustJSON(map[string]any{"message": a.message, "documentation_url": "https://docs.github.com/rest", "status": fmt.Sprint(a.status)})
	default:
		content = mustJSON(s.api.fill(op, a.status, a.overlay))
	}
	if err := s.api.checkResponse(r, op, a.status, h, content); err != nil {
		s.complain("%s: response %d: %v", op.name, a.status, err)
	}
	maps.Copy(w.Header(), h)
	w.WriteHeader(a.status)
	_, _ = w.Write(content)
}

func (s *Server) graphQL(w http.ResponseWriter, who string) {
	w.Header().Set("Content-Type", "application/json")
	u := s.Users[who]
	_, _ = w.Write(mustJSON(map[string]any{"data": map[string]any{"viewer": map[string]any{"login": strings.TrimSuffix(u.Login, "[bot]"), "databaseId": u.ID}}}))
}

// rawArtifact is the storage host: it hands out archives to whoever knows the address, and no token may reach it.
func (s *Server) rawArtifact(w http.ResponseWriter, r *http.Request, id string) {
	if r.Header.Get("Authorization") != "" && !strings.HasPrefix(s.URL, "http://"+r.Host) {
		s.complain("a token was sent to the storage host")
	}
	for _, a := range s.Artifacts {
		if fmt.Sprint(a.ID) == id {
			_, _ = io.Copy(w, bytes.NewReader(a.Zip))
			return
		}
	}
	w.WriteHeader(http.StatusNotFound)
}

func mustJSON(v any) []byte {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err) // a handler of this package made something that is no JSON
	}
	return out
}
