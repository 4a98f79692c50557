package forge

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weighlock/weighlock/internal/forge/forgetest"
)

func TestSpeakMakesOneCommentAndKeepsItUpToDate(t *testing.T) {
	s, c := start(t)
	addPull(s, headA)
	steps := []struct {
		say  Comment
		want Spoken
	}{
		{saying(headA, 1, "first"), Created},
		{saying(headA, 1, "first"), Unchanged},
		{saying(headA, 2, "second"), Updated},
		{saying(headA, 1, "late"), Superseded},
		{saying(headB, 3, "of another head"), Superseded},
	}
	for i, step := range steps {
		got, err := c.Speak(t.Context(), step.say)
		if err != nil || got != step.want {
			t.Fatalf("step %d: got %q, %v, want %q", i, got, err, step.want)
		}
	}
	all := s.Snapshot(7)
	if len(all) != 1 {
		t.Fatalf("got %d comments, want one", len(all))
	}
	_, text, _ := strings.Cut(all[0].Body, "\n")
	if diff := cmp.Diff("## second\n- first\n", text); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSpeakStaysSilentWhereNothingIsThereAndNothingIsAsked(t *testing.T) {
	s, c := start(t)
	addPull(s, headA)
	quiet := saying(headA, 1, "fine")
	quiet.First = false
	if got, err := c.Speak(t.Context(), quiet); err != nil || got != NotNeeded {
		t.Fatalf("got %q, %v", got, err)
	}
	if _, err := c.Speak(t.Context(), saying(headA, 2, "blocked")); err != nil {
		t.Fatal(err)
	}
	quiet.Run = 3
	if got, err := c.Speak(t.Context(), quiet); err != nil || got != Updated {
		t.Fatalf("a red comment must not stay: got %q, %v", got, err)
	}
}

func TestSpeakLeavesOthersCommentsAlone(t *testing.T) {
	s, c := start(t)
	addPull(s, headA)
	s.AddUser("mallory", "write")
	s.Users["other[bot]"] = &forgetest.User{Login: "other[bot]", ID: 5, Type: "Bot"}
	forged := saying(headA, 1<<50, "forged")
	s.AddComment(7, "mallory", forged.render(nil))
	s.AddComment(7, "other[bot]", forged.render(nil))
	longer := saying(headA, 1, "another key")
	longer.Key = "fraud-v2"
	if _, err := c.Speak(t.Context(), longer); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Speak(t.Context(), saying(headA, 2, "ours")); err != nil || got != Created {
		t.Fatalf("got %q, %v", got, err)
	}
	if n := len(s.Snapshot(7)); n != 4 {
		t.Fatalf("got %d comments, want 4", n)
	}
}

func TestSpeakFailsClosedWhenTheSearchFails(t *testing.T) {
	s, c := start(t)
	addPull(s, headA)
	s.Fault = func(r *http.Request) *forgetest.Fault {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/comments") {
			return &forgetest.Fault{Status: http.StatusBadGateway}
		}
		return nil
	}
	if _, err := c.Speak(t.Context(), saying(headA, 1, "x")); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("got %v, want unavailable", err)
	}
	if n := len(s.Snapshot(7)); n != 0 {
		t.Fatalf("got %d comments, want none", n)
	}
}

func TestSpeakLooksBeforeItRepeatsALostPost(t *testing.T) {
	for _, after := range []bool{true, false} {
		t.Run(fmt.Sprintf("written=%v", after), func(t *testing.T) {
			s, c := start(t)
			addPull(s, headA)
			lost := 1
			s.Fault = func(r *http.Request) *forgetest.Fault {
				if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/comments") && lost > 0 {
					lost--
					return &forgetest.Fault{Status: http.StatusBadGateway, After: after}
				}
				return nil
			}
			if got, err := c.Speak(t.Context(), saying(headA, 1, "x")); err != nil || got != Created {
				t.Fatalf("got %q, %v", got, err)
			}
			if n := len(s.Snapshot(7)); n != 1 {
				t.Fatalf("got %d comments, want one", n)
			}
		})
	}
}

func TestRacingRunsLeaveOneCommentOfTheNewest(t *testing.T) {
	s, _ := start(t)
	addPull(s, headA)
	var wait sync.WaitGroup
	for run := range int64(8) {
		wait.Go(func() {
			if _, err := open(t, s, nil).Speak(t.Context(), saying(headA, run+1, fmt.Sprint("run ", run+1))); err != nil && !errors.Is(err, ErrNotFound) {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if n := len(s.Snapshot(7)); n != 1 {
		t.Errorf("the race left %d comments", n)
	}
	// Where a late write of an older run was the last one, the next run settles it.
	if _, err := open(t, s, nil).Speak(t.Context(), saying(headA, 8, "run 8")); err != nil {
		t.Fatal(err)
	}
	all := s.Snapshot(7)
	if len(all) != 1 || !strings.Contains(all[0].Body, "## run 8") {
		t.Fatalf("got %d comments, the first %.300q; want one of run 8", len(all), all[0].Body)
	}
}

// TestSpeakUnderFaults runs 100 times beside 450 foreign comments, of which 50 carry our marker, with three of ten
// requests failing: before they are carried out, after it, with a limit, or by a cut connection.
func TestSpeakUnderFaults(t *testing.T) {
	s, _ := start(t)
	addPull(s, headA)
	for i := range 450 {
		body := fmt.Sprint("nice work ", i)
		if i%9 == 0 {
			body = saying(headA, 1<<40, "forged").render(nil)
		}
		who := fmt.Sprint("user", i%30)
		if s.Users[who] == nil {
			s.AddUser(who, "write")
		}
		s.AddComment(7, who, body)
	}
	before := s.Snapshot(7)
	dice := rand.New(rand.NewPCG(1, 2))
	hits, requests := 0, 0
	s.Fault = func(*http.Request) *forgetest.Fault {
		requests++
		if dice.Float64() >= 0.3 {
			return nil
		}
		hits++
		switch dice.IntN(5) {
		case 0:
			return &forgetest.Fault{Status: http.StatusBadGateway}
		case 1:
			return &forgetest.Fault{Status: http.StatusBadGateway, After: true}
		case 2:
			return &forgetest.Fault{Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "1"}}
		case 3:
			return &forgetest.Fault{Status: http.StatusForbidden, Header: map[string]string{"Retry-After": "1"}, Body: `{"message":"You have exceeded a secondary rate limit"}`}
		}
		return &forgetest.Fault{Drop: true, After: dice.IntN(2) == 0}
	}
	spoke, most := 0, 0
	for run := range int64(100) {
		s.Lock()
		clear(s.Writes)
		s.Unlock()
		_, err := open(t, s, nil).Speak(t.Context(), saying(headA, run+1, fmt.Sprint("run ", run+1)))
		if err == nil {
			spoke++
		} else if !errors.Is(err, ErrUnavailable) {
			t.Errorf("run %d: %v", run+1, err)
		}
		writes := 0
		for _, n := range s.Writes {
			writes += n
		}
		most = max(most, writes)
	}
	s.Fault = nil
	var mine []forgetest.Comment
	for _, comment := range s.Snapshot(7) {
		if comment.Author == forgetest.Bot {
			mine = append(mine, comment)
		}
	}
	t.Logf("%d requests, %d of them failed; %d of 100 runs spoke; at most %d writes in a run; %d own comments", requests, hits, spoke, most, len(mine))
	if len(mine) != 1 {
		t.Errorf("got %d own comments, want one", len(mine))
	}
	if most > 3 {
		t.Errorf("a run wrote %d times, want at most 3", most)
	}
	if spoke < 95 {
		t.Errorf("only %d of 100 runs spoke", spoke)
	}
	if diff := cmp.Diff(before, s.Snapshot(7)[:450]); diff != "" {
		t.Errorf("foreign comments were touched: %s", diff)
	}
}

func TestAnOlderRunThatWroteOverOursIsPutRight(t *testing.T) {
	s, c := start(t)
	addPull(s, headA)
	if _, err := c.Speak(t.Context(), saying(headA, 1, "first")); err != nil {
		t.Fatal(err)
	}
	once := true
	s.Fault = func(r *http.Request) *forgetest.Fault {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/issues/comments/") && once {
			once = false
			s.Comments[0].Body = saying(headA, 2, "late").render(nil) // between our write and our look
		}
		return nil
	}
	if got, err := c.Speak(t.Context(), saying(headA, 3, "third")); err != nil || got != Updated {
		t.Fatalf("got %q, %v", got, err)
	}
	if all := s.Snapshot(7); len(all) != 1 || !strings.Contains(all[0].Body, "## third") {
		t.Errorf("got %+v", all)
	}
}

func TestMarkerSurvivesItsOwnContent(t *testing.T) {
	hostile := Comment{
		Pull: 7, Key: "a--> <b", Head: headA, Run: 1, Attempt: 2,
		Values:  map[string]float64{"rmse--": -1e-7},
		Summary: Past{Headline: "--> <script>\n\r\x00--!>", Decision: "blocked"},
		Body:    func([]Past) string { return "x" },
	}
	body := hostile.render(nil)
	line, _, _ := strings.Cut(body, "\n")
	inner := strings.TrimSuffix(strings.TrimPrefix(line, "<!--"), "-->")
	if strings.Contains(inner, "--") || strings.ContainsAny(inner, "<>") {
		t.Errorf("the marker can end early: %q", line)
	}
	got, ok := ParseMarker(body)
	if !ok || got.Key != hostile.Key || got.Values["rmse--"] != -1e-7 || len(got.Past) != 1 {
		t.Fatalf("got %+v, %v", got, ok)
	}
	if strings.ContainsAny(got.Past[0].Headline, "\n\r\x00") {
		t.Errorf("a control letter came back: %q", got.Past[0].Headline)
	}
}

func FuzzParseMarker(f *testing.F) {
	f.Add(saying(headA, 1, "x").render(nil))
	f.Add("<!-- weighlock {} -->")
	f.Add("<!-- weighlock {\"v\":1,\"key\":\"k\"} --> --> x")
	f.Fuzz(func(t *testing.T, body string) {
		m, ok := ParseMarker(body)
		if !ok {
			return
		}
		again, ok := ParseMarker(m.String() + "\nx")
		if !ok || again.Key != m.Key || again.Run != m.Run {
			t.Errorf("%q reads as %+v and then as %+v", body, m, again)
		}
	})
}

// TestAGarbledAnswerToAWriteIsLookedUp: the comment is there, and what came back does not say so.
func TestAGarbledAnswerToAWriteIsLookedUp(t *testing.T) {
	s, c := start(t)
	addPull(s, headA)
	left := 1
	s.Fault = func(r *http.Request) *forgetest.Fault {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/comments") || left == 0 {
			return nil
		}
		left--
		return &forgetest.Fault{Status: 201, Body: `{"id":`, After: true}
	}
	got, err := c.Speak(t.Context(), saying(headA, 1, "one"))
	if err != nil || got != Created || len(s.Snapshot(7)) != 1 {
		t.Errorf("got %s, %v and %d comments", got, err, len(s.Snapshot(7)))
	}
}
