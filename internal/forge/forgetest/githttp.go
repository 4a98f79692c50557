package forgetest

import (
	"net/http"
	"net/http/cgi" //nolint:gosec // git speaks it, and this server is for tests on loopback
	"os/exec"
	"path/filepath"
	"strings"
)

// gitPath is where the repository can be fetched: URL/OWNER/REPO, with or without .git.
func (s *Server) gitPath(path string) (string, bool) {
	rest, ok := strings.CutPrefix(path, "/"+s.Owner+"/"+s.Repo)
	rest = strings.TrimPrefix(rest, ".git")
	return rest, ok && strings.HasPrefix(rest, "/") && s.Git != ""
}

// serveGit lets git itself answer a fetch. Like a private repository it wants a token.
func (s *Server) serveGit(w http.ResponseWriter, r *http.Request, rest string) {
	_, token, _ := r.BasicAuth()
	s.Lock()
	_, known := s.Tokens[token]
	repository := s.Git
	s.Unlock()
	if !known {
		w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
		http.Error(w, "Repository not found", http.StatusUnauthorized)
		return
	}
	where, err := exec.CommandContext(r.Context(), "git", "--exec-path").Output() //nolint:gosec // nothing of the request is in it
	if err != nil {
		http.Error(w, "git is missing", http.StatusInternalServerError)
		return
	}
	copied := r.Clone(r.Context())
	copied.URL.Path = rest
	handler := cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(where)), "git-http-backend"), Root: "/",
		Env: []string{"GIT_PROJECT_ROOT=" + repository, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER="},
	}
	handler.ServeHTTP(w, copied)
}
