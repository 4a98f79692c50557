package forge

import (
	"context"
	"fmt"

	"github.com/google/go-github/v60/github"
)

// identity is whom the token speaks as. A comment is ours when its author is: anybody can copy a marker.
type identity struct {
	// id is the number of the account, or 0 where only the login is known.
	id    int64
	login string
}

// actionsBot is the account behind GITHUB_TOKEN. Nobody can register a login with brackets.
const actionsBot = "github-actions[bot]"

// whoami asks GraphQL, the only interface that answers a GITHUB_TOKEN. Where there is none (Forgejo), the token is taken
// for that of Actions.
func (c *Client) whoami(ctx context.Context) (identity, error) {
	if c.identity != nil {
		return *c.identity, nil
	}
	me := identity{login: actionsBot}
	if c.graphQL != "" {
		req, err := c.gh.NewRequest("POST", c.graphQL, map[string]string{"query": "query { viewer { login databaseId } }"})
		if err != nil {
			return me, fmt.Errorf("ask who the token is: %w", err)
		}
		var answer struct {
			Data struct {
				Viewer struct {
					Login      string `json:"login"`
					DatabaseID int64  `json:"databaseId"`
				} `json:"viewer"`
			} `json:"data"`
		}
		if _, err := c.gh.Do(withRepeat(ctx), req, &answer); err != nil {
			return me, explain("ask who the token is", err)
		}
		if answer.Data.Viewer.DatabaseID != 0 {
			me = identity{answer.Data.Viewer.DatabaseID, answer.Data.Viewer.Login}
		}
	}
	c.identity = &me
	return me, nil
}

// wrote reports whether this account is the author.
func (i identity) wrote(author *github.User) bool {
	if i.id != 0 {
		return author.GetID() == i.id
	}
	return author.GetLogin() == i.login && author.GetType() == "Bot"
}
