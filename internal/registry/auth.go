package registry

import (
	"context"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/authn/github"
	"github.com/google/go-containerregistry/pkg/name"
)

// credentials finds what to log in with: what the caller gave, then the
// configuration of docker or podman with its helpers, then GITHUB_TOKEN, which
// goes to ghcr.io and nowhere else; anonymous when there is nothing.
func credentials(ctx context.Context, o Options, repo name.Repository) (authn.Authenticator, error) {
	if o.Username != "" || o.Password != "" {
		return authn.FromConfig(authn.AuthConfig{Username: o.Username, Password: o.Password}), nil
	}
	if o.GitHubToken != "" && repo.RegistryStr() == "ghcr.io" {
		return authn.FromConfig(authn.AuthConfig{Username: "x-access-token", Password: o.GitHubToken}), nil
	}
	type answer struct {
		auth authn.Authenticator
		err  error
	}
	done := make(chan answer, 1)
	// A credential helper is a program that can hang and takes no context.
	go func() {
		keys := authn.NewMultiKeychain(authn.DefaultKeychain, github.Keychain)
		auth, err := authn.Resolve(ctx, keys, repo)
		done <- answer{auth, err}
	}()
	select {
	case a := <-done:
		if a.err != nil {
			// The text of a helper's failure is not ours to repeat in a log.
			return nil, &failure{ErrDenied, "read credentials for " + repo.RegistryStr() +
				": the docker configuration or its credential helper does not work: " + ErrDenied.Error()}
		}
		return a.auth, nil
	case <-ctx.Done():
		return nil, ended(ctx, nil)
	}
}
