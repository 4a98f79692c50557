package forge

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weighlock/weighlock/internal/forge/forgetest"
)

func TestPullsAreFoundByCommit(t *testing.T) {
	s, c := start(t)
	p := addPull(s, headA)
	p.HeadRepo = "stranger/model"
	got, err := c.PullsWithHead(t.Context(), headA)
	if err != nil {
		t.Fatal(err)
	}
	want := []Pull{{Number: 7, Head: headA, Base: baseC, BaseBranch: "main", HeadRepository: "stranger/model", Fork: true, Author: "ann", Open: true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got, err := c.PullsWithHead(t.Context(), headB); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v for a commit that heads nothing", got, err)
	}
	now := s.Now()
	p.State, p.MergedAt, p.MergeCommit = "closed", &now, headB
	merged, err := c.PullsOfCommit(t.Context(), headB)
	if err != nil || len(merged) != 1 || !merged[0].Merged {
		t.Errorf("got %+v, %v", merged, err)
	}
	if other, err := c.PullsOfCommit(t.Context(), headA); err != nil || len(other) != 0 {
		t.Errorf("a commit that is only part of a pull request is not its merge: got %+v, %v", other, err)
	}
}

func TestApprovalsAreTheLastWordOfEachReviewer(t *testing.T) {
	s, c := start(t)
	addPull(s, headA)
	for _, r := range []forgetest.Review{
		{Author: "bob", State: "APPROVED", Commit: headB},
		{Author: "eve", State: "APPROVED", Commit: headA},
		{Author: "eve", State: "CHANGES_REQUESTED", Commit: headA},
		{Author: "bob", State: "APPROVED", Commit: headA},
		{Author: "bob", State: "COMMENTED", Commit: headA},
		{Author: "zoe", State: "DISMISSED", Commit: headA},
	} {
		r.Pull, r.Submitted = 7, s.Now()
		s.Reviews = append(s.Reviews, &r)
	}
	got, err := c.Approvals(t.Context(), 7)
	if diff := cmp.Diff([]Approval{{By: "bob", Commit: headA}}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

func TestParseCommand(t *testing.T) {
	v := func(x float64) *float64 { return &x }
	tests := []struct {
		body  string
		want  Accept
		meant bool
		fails string
	}{
		{"/weighlock accept rmse it is the new sensor", Accept{Metric: "rmse", Reason: "it is the new sensor"}, true, ""},
		{"  /weighlock accept fraud/auroc 0.897 at abc1234: agreed with risk\nmore", Accept{Model: "fraud", Metric: "auroc", Value: v(0.897), Commit: "abc1234", Reason: "agreed with risk"}, true, ""},
		{"/weighlock accept recall on country=BR known", Accept{Metric: "recall", Slice: "country=BR", Reason: "known"}, true, ""},
		{`/weighlock accept recall on city="New York" 0.5 known`, Accept{Metric: "recall", Slice: "city=New York", Value: v(0.5), Reason: "known"}, true, ""},
		{"/weighlock accept mae −1,234.5 why not", Accept{Metric: "mae", Value: v(-1234.5), Reason: "why not"}, true, ""},
		{"/weighlock accept rmse", Accept{Metric: "rmse"}, true, "no reason"},
		{"/weighlock accept", Accept{}, true, "accept METRIC"},
		{"/weighlock", Accept{}, true, "accept METRIC"},
		{"/weighlock accept RMSE; rm -rf", Accept{}, true, "accept METRIC"},
		{"/weighlocker accept rmse x", Accept{}, false, ""},
		{"> /weighlock accept rmse quoted", Accept{}, false, ""},
		{"please /weighlock accept rmse x", Accept{}, false, ""},
	}
	for _, tt := range tests {
		got, meant, err := ParseCommand(tt.body)
		if meant != tt.meant || (err == nil) != (tt.fails == "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
			t.Errorf("%q: got %v, %v; want %v, %q", tt.body, meant, err, tt.meant, tt.fails)
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q (-want +got)\n%s", tt.body, diff)
		}
	}
}

func FuzzParseCommand(f *testing.F) {
	f.Add("/weighlock accept rmse on a=b 1 at abcdef0 x")
	f.Fuzz(func(t *testing.T, body string) {
		a, meant, err := ParseCommand(body)
		if meant && err == nil && (a.Metric == "" || a.Reason == "" || strings.ContainsAny(a.Reason, "\n")) {
			t.Errorf("%q reads as %+v", body, a)
		}
	})
}

func TestAcceptsCarryWhoMayDoWhat(t *testing.T) {
	s, c := start(t)
	addPull(s, headA)
	s.AddUser("mia", "maintain")
	s.AddUser("tim", "triage")
	s.AddUser("guest", "")
	s.AddComment(7, "mia", "/weighlock accept rmse fine by me")
	s.AddComment(7, "guest", "/weighlock accept rmse let me in")
	edited := s.AddComment(7, "mia", "/weighlock accept r2 edited later")
	edited.Updated = edited.Created.Add(time.Hour)
	s.AddComment(7, forgetest.Bot, "/weighlock accept mae a bot has no word")
	for _, e := range []forgetest.Event{
		{Kind: "labeled", Actor: "tim", Label: "weighlock accept mape"},
		{Kind: "labeled", Actor: "tim", Label: "weighlock accept mae"},
		{Kind: "unlabeled", Actor: "tim", Label: "weighlock accept mae"},
		{Kind: "labeled", Actor: "tim", Label: "bug"},
	} {
		e.Pull, e.Created = 7, s.Now()
		s.Events = append(s.Events, &e)
	}
	got, err := c.Accepts(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, a := range got {
		lines = append(lines, fmt.Sprintf("%s %s by %s (%s)", a.Metric, a.Reason, a.By, a.Permission))
	}
	want := []string{"rmse fine by me by mia (maintain)", "rmse let me in by guest ()", "mape by label by tim (triage)"}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAWordIsAboutTheCommitThatWasShown(t *testing.T) {
	s, c := start(t)
	addPull(s, headA)
	say := saying(headA, 1, "blocked")
	say.Values = map[string]float64{"fraud/rmse/": 58.31}
	for _, run := range []int64{1, 2} {
		say.Run = run
		if _, err := c.Speak(t.Context(), say); err != nil {
			t.Fatal(err)
		}
		say.At = say.At.Add(time.Hour)
		say.Values = map[string]float64{"fraud/rmse/": 90} // the same commit comes out worse, after people may have answered
	}
	shown, err := c.Shown(t.Context(), 7, "fraud", headA)
	first := saying(headA, 1, "").At
	if err != nil || shown.Run != 2 || !shown.Since.Equal(first) || shown.Values["fraud/rmse/"] != 58.31 {
		t.Fatalf("got %+v, %v", shown, err)
	}
	if other, err := c.Shown(t.Context(), 7, "fraud", headB); err != nil || !other.Since.IsZero() || other.Values != nil {
		t.Errorf("of another commit it shows %+v, %v", other, err)
	}
	tests := []struct {
		a     Accept
		shown Shown
		want  bool
	}{
		{Accept{Given: first.Add(-time.Second)}, shown, false},
		{Accept{Given: first.Add(time.Second)}, shown, true},
		{Accept{Given: first.Add(time.Second)}, Shown{}, false},
		{Accept{Given: first.Add(-time.Hour), Commit: headA[:8]}, Shown{}, true},
		{Accept{Given: first.Add(time.Hour), Commit: headB[:8]}, shown, false},
	}
	for i, tt := range tests {
		if got := tt.a.About(headA, tt.shown); got != tt.want {
			t.Errorf("%d: got %v, want %v", i, got, tt.want)
		}
	}
}

func TestCheckStartsYellowAndAlwaysEnds(t *testing.T) {
	s, c := start(t)
	id, err := c.StartCheck(t.Context(), "weighlock", headA, "https://github.example/run")
	if err != nil {
		t.Fatal(err)
	}
	if k := s.Checks[0]; k.Status != "in_progress" || k.Head != headA {
		t.Fatalf("got %+v", k)
	}
	var findings []Finding
	for i := range 120 {
		findings = append(findings, Finding{Path: "weighlock.yaml", Line: i, Level: "failure", Message: strings.Repeat("x", 9000)})
	}
	err = c.FinishCheck(t.Context(), id, "weighlock", Outcome{Conclusion: Failure, Summary: strings.Repeat("y", 200_000), Findings: findings})
	if err != nil {
		t.Fatal(err)
	}
	if k := s.Checks[0]; k.Status != "completed" || k.Conclusion != "failure" || k.Annotations != 120 {
		t.Errorf("got %s %s with %d annotations", k.Status, k.Conclusion, k.Annotations)
	}
	if n := s.Writes["PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}"]; n != 3 {
		t.Errorf("took %d writes, want 3 of 50 annotations each", n)
	}
}

func TestStatusIsCutToWhatGitHubTakes(t *testing.T) {
	s, c := start(t)
	if err := c.SetStatus(t.Context(), headA, "weighlock", Red, "\U0001F3D9\n"+strings.Repeat("ü", 200), ""); err != nil {
		t.Fatal(err)
	}
	if got := s.Statuses[0]; got.State != "failure" || len([]rune(got.Description)) != 140 {
		t.Errorf("got %s with %d letters", got.State, len([]rune(got.Description)))
	}
}

func TestRerunAndReact(t *testing.T) {
	s, c := start(t)
	s.Runs = append(s.Runs, &forgetest.Run{ID: 5, Attempt: 2, Event: "pull_request", Path: ".github/workflows/gate.yml", Head: headA, Conclusion: "failure", HeadRepo: "acme/model"})
	run, err := c.WorkflowRun(t.Context(), 5)
	want := Run{ID: 5, Attempt: 2, Event: "pull_request", Path: ".github/workflows/gate.yml", Head: headA, Conclusion: "failure", HeadRepository: "acme/model", URL: s.URL + "/acme/model/actions/runs/5"}
	if diff := cmp.Diff(want, run); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if err := c.Rerun(t.Context(), 5); err != nil || len(s.Reruns) != 1 {
		t.Errorf("got %v, %v", err, s.Reruns)
	}
	if _, err := c.WorkflowRun(t.Context(), 6); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want not found", err)
	}
	comment := s.AddComment(7, "ann", "x")
	for range 2 {
		if err := c.React(t.Context(), comment.ID, ThumbsUp); err != nil {
			t.Error(err)
		}
	}
	if len(s.Reactions) != 1 {
		t.Errorf("got %d reactions", len(s.Reactions))
	}
}

// repository makes a git repository with one commit of these files; a value "-> x" is a symbolic link.
func repository(t *testing.T, files map[string]string) (dir, commit string) {
	t.Helper()
	dir = t.TempDir()
	git := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=x", "-c", "user.email=x@example.com"}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q", "-b", "main")
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	git("add", ".")
	git("commit", "-q", "-m", "one")
	git("commit", "-q", "--allow-empty", "-m", "two")
	return dir, git("rev-parse", "HEAD")
}

func TestFSReadsACommitThroughTheAPI(t *testing.T) {
	s, c := start(t)
	var commit string
	s.Git, commit = repository(t, map[string]string{"weighlock.yaml": "version: 1\n", "data/a.csv": "x,y\n1,2\n", "link": "-> data/a.csv"})
	files := c.FS(t.Context(), commit)
	for name, want := range map[string]string{"weighlock.yaml": "version: 1\n", "data/a.csv": "x,y\n1,2\n"} {
		if got, err := fs.ReadFile(files, name); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	for name, want := range map[string]string{"none": "not exist", "data/none": "not exist", "none/x": "not exist", "link": "symbolic link", "data": "folder", "../x": "invalid"} {
		if _, err := fs.ReadFile(files, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	if info, err := fs.Lstat(files, "link"); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("a link is not seen as one: %v, %v", info, err)
	}
	chain, err := c.FirstParents(t.Context(), "main", 50)
	if err != nil || len(chain) != 2 || chain[0] != commit {
		t.Errorf("got %v, %v", chain, err)
	}
	if parents, err := c.Parents(t.Context(), commit); err != nil || len(parents) != 1 || parents[0] != chain[1] {
		t.Errorf("got parents %v, %v", parents, err)
	}
	one, err := c.Blob(t.Context(), chain[0], "weighlock.yaml")
	other, err2 := c.Blob(t.Context(), chain[1], "weighlock.yaml")
	if err != nil || err2 != nil || one != other || one == "" {
		t.Errorf("got %q and %q, %v, %v", one, other, err, err2)
	}
}

func archive(t *testing.T, entries ...zip.FileHeader) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, e := range entries {
		content := e.Comment
		e.Comment = ""
		f, err := w.CreateHeader(&e)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestArtifactIsReadAsAStrangersWork(t *testing.T) {
	s, c := start(t)
	link := zip.FileHeader{Name: "m/report.json", Comment: "/etc/passwd"}
	link.SetMode(fs.ModeSymlink | 0o777)
	ok := zip.FileHeader{Name: "m/report.json", Comment: "{}"}
	bomb := zip.FileHeader{Name: "m/report.json", Method: zip.Deflate, Comment: strings.Repeat("\x00", maxEntry+1)}
	tests := []struct {
		name    string
		content []byte
		want    string
	}{
		{"honest", archive(t, ok), ""},
		{"slip", archive(t, zip.FileHeader{Name: "../m/report.json"}), "does not belong"},
		{"absolute", archive(t, zip.FileHeader{Name: "/m/report.json"}), "does not belong"},
		{"extra", archive(t, ok, zip.FileHeader{Name: "m/run.sh"}), "does not belong"},
		{"folder", archive(t, zip.FileHeader{Name: "m/"}), "does not belong"},
		{"twice", archive(t, ok, ok), "twice"},
		{"link", archive(t, link), "no regular file"},
		{"bomb", archive(t, bomb), "unpacks to more"},
		{"rubbish", []byte("PK\x03\x04 not really"), "unpack"},
		{"empty", nil, "unpack"},
	}
	for i, tt := range tests {
		s.Artifacts = []*forgetest.Artifact{{ID: 10, Run: 5, Name: "weighlock", Zip: []byte("old")}, {ID: int64(20 + i), Run: 5, Name: "weighlock", Zip: tt.content}}
		files, err := c.Artifact(t.Context(), 5, "weighlock", []string{"m/report.json"})
		if tt.want == "" {
			if err != nil || string(files["m/report.json"]) != "{}" {
				t.Errorf("%s: got %q, %v", tt.name, files, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the signed address leaks: %v", tt.name, err)
		}
	}
	if _, err := c.Artifact(t.Context(), 5, "other", nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want not found", err)
	}
}
