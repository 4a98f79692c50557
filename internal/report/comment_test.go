package report

import (
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/weighlock/weighlock/internal/gate"
)

// commented is a report of a pull request whose policy allows waivers.
func commented() *Report {
	in := blockedInputs()
	in.Head = Head{Commit: strings.Repeat("e", 40), Reviewed: "3f2a9c1b04de5566778899aabbccddeeff001122"}
	in.Policy.Owners, in.Policy.Waivers = []string{"mia"}, []string{"maintain", "risk-lead"}
	return New(in)
}

func commentOptions() MarkdownOptions {
	return MarkdownOptions{Marker: marker, RunURL: "https://github.example/acme/model/actions/runs/12/attempts/2", Past: []Past{
		{Head: "1a2b3c4d5e6f7788", When: "2026-11-23T09:00:00Z", Decision: "blocked", Headline: "rmse rose 54.10 → 60.02"},
		{Head: "0011223344556677", When: "2026-11-22T09:00:00Z", Decision: "passed", Headline: "nothing is worse beyond its margin"},
	}}
}

func TestGoldenComments(t *testing.T) {
	passed := fixtures()["passed"]
	golden(t, "comment.md", []byte(Markdown(commented(), commentOptions())))
	golden(t, "comment-several.md", []byte(MarkdownAll([]*Report{passed, commented()}, []Skipped{{"churn", "the change touches no file of it"}}, commentOptions())))
	golden(t, "comment-skipped.md", []byte(MarkdownAll(nil, []Skipped{{"churn", "the change touches no file of it"}}, MarkdownOptions{Marker: marker})))
}

func TestSeveralModelsStayWithinTheBudget(t *testing.T) {
	var reports []*Report
	for i := range 40 {
		r := New(manyInputs(60))
		r.Model = strings.Repeat("m", 40) + string(rune('a'+i%26))
		reports = append(reports, r)
	}
	for _, budget := range []int{4_000, 20_000, DefaultBudget} {
		text := MarkdownAll(reports, nil, MarkdownOptions{Marker: marker, Budget: budget})
		if n := length(text); n > budget {
			t.Errorf("budget %d: %d letters", budget, n)
		}
		if !strings.HasPrefix(text, marker+"\n## ") || !strings.Contains(text, "left out here") {
			t.Errorf("budget %d: marker, headline or the word about what is left out is missing", budget)
		}
		if strings.Count(text, "<details>") != strings.Count(text, "</details>") {
			t.Errorf("budget %d: a folded section is cut", budget)
		}
	}
}

func TestForeignStringsStayTextAmongSeveralModels(t *testing.T) {
	many(t, 120)
	rapid.Check(t, func(t *rapid.T) {
		reports := []*Report{hostileReport(t), hostileReport(t)}
		for _, r := range reports {
			r.Policy.Waivers, r.Policy.Owners = []string{hostile(t, "waiver")}, []string{hostile(t, "owner")}
		}
		o := MarkdownOptions{Marker: marker, Past: []Past{
			{Head: hostile(t, "head"), When: hostile(t, "when"), Decision: hostile(t, "decision"), Headline: hostile(t, "headline")},
		}}
		text := MarkdownAll(reports, []Skipped{{hostile(t, "skipped"), hostile(t, "why skipped")}}, o)
		if n := shape(t, []byte(text))["heading 3"]; n != 2 {
			t.Fatalf("%d models have a heading, want 2:\n%s", n, text)
		}
		checkHostile(t, strings.ReplaceAll(text, "\n### ", "\n\\#\\#\\# "))
	})
}

func TestOnlyAPlainAddressBecomesALink(t *testing.T) {
	for _, s := range []string{
		"", "javascript:alert(1)", "https://x.example/)[y](https://evil.example", "https://x.example/ y", "https://x.example/\n# h", "https://x.example/<b>", "//x.example",
	} {
		if got := safeURL(s); got != "" {
			t.Errorf("%q became a link to %q", s, got)
		}
	}
	if safeURL(commentOptions().RunURL) == "" {
		t.Error("an honest address is no link")
	}
}

func TestWorst(t *testing.T) {
	of := func(decisions ...gate.Decision) []*Report {
		var out []*Report
		for _, d := range decisions {
			out = append(out, &Report{Decision: d})
		}
		return out
	}
	tests := []struct {
		reports []*Report
		want    gate.Decision
	}{
		{nil, gate.Passed},
		{of(gate.Passed, gate.Passed), gate.Passed},
		{of(gate.Passed, gate.Undecided), gate.Undecided},
		{of(gate.Undecided, gate.Blocked, gate.Passed), gate.Blocked},
		{of(gate.Blocked, gate.Unavailable), gate.Unavailable},
		{of(gate.Invalid, gate.Misconfigured, gate.Blocked), gate.Invalid},
	}
	for _, tt := range tests {
		if got := Worst(tt.reports); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

func TestAcceptedValueIsNoBetterThanWhatWasMeasured(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float64Range(-1e6, 1e6).Draw(t, "value")
		for _, direction := range []string{"lower", "higher"} {
			r := commented()
			r.Rules = r.Rules[:1]
			r.Rules[0].Candidate, r.Rules[0].Direction = &v, direction
			commands := r.acceptCommands()
			if len(commands) != 1 {
				t.Fatalf("got %q", commands)
			}
			shown := strings.Fields(commands[0])[3]
			accepted, err := strconv.ParseFloat(shown, 64)
			if err != nil {
				t.Fatal(err)
			}
			worse := accepted - v
			if direction == "higher" {
				worse = -worse
			}
			if worse < -1e-9*max(1, v, -v) || worse > 2e-5*max(1e-9, v, -v)+1e-12 {
				t.Fatalf("%s is better: %v is offered as %v", direction, v, accepted)
			}
		}
	})
}
