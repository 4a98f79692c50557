package action

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"slices"

	"github.com/weighlock/weighlock/internal/ci"
	"github.com/weighlock/weighlock/internal/forge"
	"github.com/weighlock/weighlock/internal/git"
	"github.com/weighlock/weighlock/internal/pipeline"
	"github.com/weighlock/weighlock/internal/promotion"
	"github.com/weighlock/weighlock/internal/signing"
)

// mostGrouped is how many commits of one push are looked up.
const mostGrouped = 20

// baseOfPush is what the newest pull request of a push is compared with. A queue merges several pull requests in one push:
// each was judged against the one before it, and what people said about that one is not said again here.
func (a *action) baseOfPush(ctx context.Context, plan ci.Plan, before string) (string, error) {
	if plan != ci.Publish || a.client == nil || before == "" {
		return before, nil
	}
	repo, err := git.Open(ctx, a.job.Workspace)
	if err != nil {
		return "", err
	}
	chain, err := repo.FirstParents(ctx, "HEAD", mostGrouped)
	if err != nil {
		return "", err
	}
	for _, commit := range chain[1:max(1, slices.Index(chain, before))] {
		merged, err := a.client.PullsOfCommit(ctx, commit)
		if err != nil {
			return before, a.optional(ctx, err)
		}
		if slices.ContainsFunc(merged, func(p forge.Pull) bool { return p.BaseBranch == a.job.Event.DefaultBranch }) {
			return commit, nil
		}
	}
	return before, nil
}

// publish pushes the image of a model that passed, and lets the tag of deployers follow it.
func (a *action) publish(ctx context.Context, run ci.Run, file string, p people, s *session) error {
	if f := a.configOf(file); f != nil && f.Image.Name == "" {
		a.talk("%s names no image, so nothing is pushed", file)
		return nil
	}
	o := pipeline.PushOptions{Options: a.options(run, file)}
	if p.pull != nil {
		o.Reviewed = p.pull.Head
	}
	o.Warn = func(sentence string) { a.talk("warning: %s", sentence) }
	var warning string
	var err error
	if o.Servers, warning, err = a.Servers(); err != nil {
		return err
	}
	if warning != "" {
		o.Warn(warning)
	}
	if a.secrets.signingKey != "" {
		if o.Key, err = signing.ParsePrivate([]byte(a.secrets.signingKey), a.secrets.signingPassword); err != nil {
			return fmt.Errorf("read input signing_key: %w", err)
		}
	}
	pushed, err := pipeline.Push(ctx, o)
	if err != nil {
		return err
	}
	a.talk("pushed %s@%s", pushed.Image, pushed.Digest)
	s.images = append(s.images, pushed.Image+"@"+pushed.Digest)
	if err := ci.Announce(a.Getenv, pushed.Image, pushed.Digest); err != nil {
		return err
	}
	return a.promote(ctx, o.Options)
}

// promote moves the tag to the newest passed image of the branch. It is about where the branch is by now, so it asks the
// code host for it.
func (a *action) promote(ctx context.Context, o pipeline.Options) error {
	if err := a.letGitIn(); err != nil {
		return err
	}
	defer a.shutGitOut()
	desk, err := pipeline.OpenDesk(ctx, o, a.job.Event.DefaultBranch)
	if err != nil {
		return err
	}
	desk.By = a.Getenv("GITHUB_ACTOR")
	move, err := desk.Promote(ctx, promotion.Approved)
	if err != nil {
		return pipeline.PromotionError(err)
	}
	a.talk("%s:%s names %s (commit %s)", desk.Images.Name(), move.Tag, move.To, move.Revision)
	return nil
}

// authorization lets git read the repository as the token does.
func (a *action) authorization() git.Authorization {
	auth := git.Authorization{URL: a.job.ServerURL + "/"}
	if a.secrets.token != "" {
		auth.Value = "Basic " + base64.StdEncoding.EncodeToString([]byte("x-access-token:"+a.secrets.token))
	}
	return auth
}

// letGitIn gives git the token while nothing is trained; shutGitOut takes it away.
func (a *action) letGitIn() error {
	auth := a.authorization()
	if auth.Value == "" {
		return nil
	}
	for name, value := range map[string]string{
		"GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_1": "http." + auth.URL + ".extraheader", "GIT_CONFIG_VALUE_1": "Authorization: " + auth.Value,
	} {
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("prepare git: %w", err)
		}
	}
	return nil
}

func (a *action) shutGitOut() {
	for _, name := range []string{"GIT_CONFIG_KEY_1", "GIT_CONFIG_VALUE_1"} {
		_ = os.Unsetenv(name)
	}
	_ = os.Setenv("GIT_CONFIG_COUNT", "1")
}
