package registry

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
)

func TestCredentials(t *testing.T) {
	home := t.TempDir()
	t.Setenv("DOCKER_CONFIG", home)
	t.Setenv("GITHUB_TOKEN", testToken)
	t.Setenv("GITHUB_ACTOR", "octocat")
	entry := base64.StdEncoding.EncodeToString([]byte("docker:config"))
	config := `{"auths":{"registry.example":{"auth":"` + entry + `"}}}`
	if err := os.WriteFile(filepath.Join(home, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		repo string
		o    Options
		want string
	}{
		{"ghcr.io/acme/x", Options{}, "octocat:" + testToken},
		{"ghcr.io/acme/x", Options{GitHubToken: "handed"}, "x-access-token:handed"},
		{"ghcr.io.evil.example/acme/x", Options{GitHubToken: "handed"}, ":"},
		{"ghcr.io.evil.example/acme/x", Options{}, ":"},
		{"quay.io/acme/x", Options{}, ":"},
		{"registry.example/acme/x", Options{}, "docker:config"},
		{"registry.example/acme/x", Options{Username: "a", Password: "b"}, "a:b"},
	} {
		repo, err := name.NewRepository(c.repo)
		if err != nil {
			t.Fatal(err)
		}
		auth, err := credentials(t.Context(), c.o, repo)
		if err != nil {
			t.Fatal(err)
		}
		got, err := auth.Authorization()
		if err != nil || got.Username+":"+got.Password != c.want {
			t.Errorf("%s: %s:%s, %v; want %s", c.repo, got.Username, got.Password, err, c.want)
		}
	}
}

// A credential helper that does not work is the user's to mend, and what it
// prints is not repeated.
func TestBrokenCredentialHelper(t *testing.T) {
	home := t.TempDir()
	t.Setenv("DOCKER_CONFIG", home)
	helper := "#!/bin/sh\necho " + testToken + "\nexit 1\n"
	if err := os.WriteFile(filepath.Join(home, "docker-credential-broken"), []byte(helper), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", home+string(filepath.ListSeparator)+os.Getenv("PATH"))
	config := `{"credHelpers":{"registry.example":"broken"}}`
	if err := os.WriteFile(filepath.Join(home, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := mustOpen(t, "registry.example/acme/x", Options{}).Resolve(t.Context(), "main")
	if !errors.Is(err, ErrDenied) || strings.Contains(err.Error(), testToken) {
		t.Errorf("got %v", err)
	}
}
