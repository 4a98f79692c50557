package forge

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/google/go-github/v60/github"
)

// The limits of what a run that held a stranger's code may hand over.
const (
	maxArchive = 64 << 20
	maxEntry   = 128 << 20
	// maxEntries bounds the entries of an archive before any is read.
	maxEntries = 64
)

// Artifact downloads the newest artifact of this name from a run and unpacks it in memory. Only the files of allowed may
// be in it, each once, as regular files; the whole archive is a stranger's work.
func (c *Client) Artifact(ctx context.Context, run int64, name string, allowed []string) (map[string][]byte, error) {
	what := fmt.Sprintf("read artifact %s of run %d", name, run)
	var newest *github.Artifact
	options := &github.ListOptions{PerPage: 100}
	for {
		page, resp, err := c.gh.Actions.ListWorkflowRunArtifacts(ctx, c.owner, c.repo, run, options)
		if err != nil {
			return nil, explain(what, err)
		}
		for _, a := range page.Artifacts {
			if a.GetName() == name && !a.GetExpired() && (newest == nil || a.GetID() > newest.GetID()) {
				newest = a
			}
		}
		if resp.NextPage == 0 {
			break
		}
		options.Page = resp.NextPage
	}
	if newest == nil {
		return nil, fmt.Errorf("%s: there is none: %w", what, ErrNotFound)
	}
	if newest.GetSizeInBytes() > maxArchive {
		return nil, fmt.Errorf("%s: it has %d bytes, more than %d", what, newest.GetSizeInBytes(), maxArchive)
	}
	archive, err := c.download(ctx, newest.GetID())
	if err != nil {
		return nil, explain(what, err)
	}
	files, err := Unpack(archive, allowed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return files, nil
}

// download asks where the archive lies and fetches it there. The token stays with the API.
func (c *Client) download(ctx context.Context, id int64) ([]byte, error) {
	req, err := c.gh.NewRequest("GET", fmt.Sprintf("repos/%s/%s/actions/artifacts/%d/zip", c.owner, c.repo, id), nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusFound {
		if err := github.CheckResponse(resp); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("the code host answered %d instead of where the archive lies", resp.StatusCode)
	}
	at, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || at.Host == "" {
		return nil, errors.New("the code host does not say where the archive lies")
	}
	if at.Scheme != "https" && !isLoopback(at.Hostname()) {
		return nil, errors.New("the archive lies where it could be changed on the way")
	}
	return c.fetch(ctx, at.String())
}

// fetch reads a signed address without a token; the address itself is a secret and stays out of every message.
func (c *Client) fetch(ctx context.Context, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("the code host does not say where the archive lies")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the archive's host answered %d", resp.StatusCode)
	}
	content, err := io.ReadAll(io.LimitReader(resp.Body, maxArchive+1))
	if err != nil {
		return nil, errors.New("the archive broke off")
	}
	if len(content) > maxArchive {
		return nil, fmt.Errorf("the archive is longer than %d bytes", maxArchive)
	}
	return content, nil
}

// Unpack reads an archive that an enemy may have written. An entry that is not allowed, stands twice, is no regular file
// or unpacks to more than it may is an error: nobody honest makes one.
func Unpack(archive []byte, allowed []string) (map[string][]byte, error) {
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, fmt.Errorf("unpack archive: %w", err)
	}
	if len(r.File) > maxEntries {
		return nil, fmt.Errorf("unpack archive: it has %d entries, more than %d", len(r.File), maxEntries)
	}
	files := map[string][]byte{}
	total := 0
	for _, entry := range r.File {
		switch {
		case !slices.Contains(allowed, entry.Name):
			return nil, fmt.Errorf("unpack archive: entry %.80q does not belong here", entry.Name)
		case !entry.Mode().IsRegular():
			return nil, fmt.Errorf("unpack archive: entry %s is no regular file", entry.Name)
		case files[entry.Name] != nil:
			return nil, fmt.Errorf("unpack archive: entry %s stands twice", entry.Name)
		}
		content, err := unpackOne(entry, maxEntry-total)
		if err != nil {
			return nil, fmt.Errorf("unpack archive: entry %s: %w", entry.Name, err)
		}
		total += len(content)
		files[entry.Name] = content
	}
	return files, nil
}

func unpackOne(entry *zip.File, most int) ([]byte, error) {
	in, err := entry.Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	content, err := io.ReadAll(io.LimitReader(in, int64(most)+1))
	if err != nil {
		return nil, err
	}
	if len(content) > most {
		return nil, fmt.Errorf("the archive unpacks to more than %d bytes", maxEntry)
	}
	if content == nil {
		content = []byte{}
	}
	return content, nil
}
