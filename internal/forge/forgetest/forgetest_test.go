package forgetest

import (
	"net/http"
	"strings"
	"testing"
)

// TestTheDescriptionIsHeldAgainstEverything shows that the checks can fail: each of these breaks GitHub's description.
func TestTheDescriptionIsHeldAgainstEverything(t *testing.T) {
	tests := []struct{ name, method, path, body, want string }{
		{"body of the wrong type", "POST", "/repos/acme/model/issues/1/comments", `{"body":5}`, "body"},
		{"body left out", "POST", "/repos/acme/model/issues/1/comments", `{}`, "body"},
		{"unknown state", "POST", "/repos/acme/model/statuses/abc", `{"state":"green"}`, "state"},
		{"unknown query parameter", "GET", "/repos/acme/model/issues/1/comments?perpage=3", "", "perpage"},
		{"number that is none", "GET", "/repos/acme/model/pulls/one", "", "pull_number"},
		{"51 annotations", "PATCH", "/repos/acme/model/check-runs/1", `{"name":"x","output":{"summary":"s","annotations":[` +
			strings.TrimSuffix(strings.Repeat(`{"path":"a","start_line":1,"end_line":1,"annotation_level":"notice","message":"m"},`, 51), ",") + `]}}`, "annotations"},
		{"operation that GitHub has not", "PUT", "/repos/acme/model/issues/1/comments", `{"body":"x"}`, "no such operation"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := New()
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			req, err := http.NewRequestWithContext(t.Context(), tt.method, s.URL+"/api/v3"+tt.path, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer test-token")
			req.Header.Set("Content-Type", "application/json")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			if broken := s.Broken(); len(broken) == 0 || !strings.Contains(strings.Join(broken, "\n"), tt.want) {
				t.Errorf("got %q, want a complaint about %q", broken, tt.want)
			}
		})
	}
}

func TestResponsesAreCheckedToo(t *testing.T) {
	api, err := load()
	if err != nil {
		t.Fatal(err)
	}
	op, _, ok := api.match("GET", "/repos/acme/model/issues/1/comments")
	if !ok {
		t.Fatal("the operation is missing")
	}
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://x/repos/acme/model/issues/1/comments", nil)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{"Content-Type": {"application/json"}}
	if err := api.checkResponse(req, op, http.StatusOK, h, []byte(`[{"id":1,"body":"x"}]`)); err == nil {
		t.Error("a comment without an author and dates was let through")
	}
	if err := api.checkResponse(req, op, http.StatusTeapot, h, []byte(`[]`)); err == nil {
		t.Error("an answer that is not described was let through")
	}
}
