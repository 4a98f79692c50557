package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/weighlock/weighlock/internal/ci"
	"github.com/weighlock/weighlock/internal/git"
	"github.com/weighlock/weighlock/internal/pipeline"
)

// workflowFiles are the workflows of init --github for the repository that the configuration belongs to.
func workflowFiles(ctx context.Context, flags initFlags) ([]newFile, error) {
	folder, err := filepath.Abs(filepath.Dir(flags.output))
	if err != nil {
		return nil, fmt.Errorf("write workflows: %w", err)
	}
	repo, err := git.Open(ctx, folder)
	if err != nil {
		return nil, hinted{fmt.Errorf("write workflows: %w", err), "git init first: the workflows belong to a repository"}
	}
	if folder, err = filepath.EvalSymlinks(folder); err != nil {
		return nil, fmt.Errorf("write workflows: %w", err)
	}
	config, err := filepath.Rel(repo.Dir, filepath.Join(folder, filepath.Base(flags.output)))
	if err != nil || !filepath.IsLocal(config) {
		return nil, fmt.Errorf("write workflows: %s is outside the repository %s", flags.output, repo.Dir)
	}
	var configs []string
	if config = filepath.ToSlash(config); config != pipeline.DefaultConfig {
		configs = []string{config}
	}
	branch, err := repo.DefaultBranch(ctx)
	if errors.Is(err, git.ErrUnknownRevision) {
		branch, err = "main", nil // nothing is committed yet
	}
	if err != nil {
		return nil, err
	}
	found, err := ci.Workflows(flags.forks, branch, configs)
	if err != nil {
		return nil, err
	}
	var files []newFile
	for _, w := range found {
		path := filepath.Join(repo.Dir, filepath.FromSlash(w.Path))
		if shown, err := filepath.Rel(mustGetwd(), path); err == nil {
			path = shown
		}
		if !flags.force {
			if err := absent(path); err != nil {
				return nil, err
			}
		}
		files = append(files, newFile{path, w.Content})
	}
	return files, nil
}

// mustGetwd is the working directory, or "" where it is gone, and then paths are shown as they are.
func mustGetwd() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	return dir
}

// writeWorkflows writes the workflows alone, beside a configuration that is there.
func writeWorkflows(ctx context.Context, w world, flags initFlags) error {
	files, err := workflowFiles(ctx, flags)
	if err != nil {
		return err
	}
	if err := makeFolders(files); err != nil {
		return err
	}
	if err := writeNew(files, flags.force); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.stdout, "wrote      %s\n\n%s", listed(files), nextOnGitHub(flags.forks))
	return err
}

func makeFolders(files []newFile) error {
	for _, f := range files {
		if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
			return fmt.Errorf("write %s: %w", f.path, err)
		}
	}
	return nil
}

func listed(files []newFile) string {
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.path
	}
	return strings.Join(names, "\n           ")
}

// nextOnGitHub says what only an administrator of the repository can do.
func nextOnGitHub(forks bool) string {
	required := `the check "weigh"`
	if forks {
		required = `the status "weighlock"`
	}
	return "Next: push them to the default branch, then make " + required + " required there, and let an owner\nreview .github/ (docs/github.md says how).\n"
}
