package ci

import (
	"embed"
	"fmt"
	"path"
	"strings"
)

//go:embed workflows/*.yml
var workflows embed.FS

// Workflow is a file for a repository's .github/workflows.
type Workflow struct {
	// Path is relative to the top level of the repository.
	Path    string
	Content []byte
}

// Workflows are the files that make a gate of the container action: the gate, publishing, and waivers. With forks the gate
// is a pair, one job that runs a stranger's code and holds nothing, one that holds a token and runs nothing. branch is the
// default branch; configs are the configuration files where that is not weighlock.yaml alone.
func Workflows(forks bool, branch string, configs []string) ([]Workflow, error) {
	files := [][2]string{{"weighlock.yml", "weighlock.yml"}}
	if forks {
		files = [][2]string{{"forks-weighlock.yml", "weighlock.yml"}, {"forks-weighlock-report.yml", "weighlock-report.yml"}}
	}
	files = append(files, [2]string{"weighlock-publish.yml", "weighlock-publish.yml"}, [2]string{"weighlock-waive.yml", "weighlock-waive.yml"})
	var out []Workflow
	for _, f := range files {
		content, err := workflows.ReadFile("workflows/" + f[0])
		if err != nil {
			return nil, fmt.Errorf("write workflow %s: %w", f[1], err)
		}
		text := strings.ReplaceAll(string(content), "branches: [main]", "branches: ["+quoted(branch)+"]")
		out = append(out, Workflow{path.Join(".github/workflows", f[1]), []byte(withConfigs(text, configs))})
	}
	return out, nil
}

// quoted is a branch as a YAML scalar.
func quoted(branch string) string {
	for _, c := range branch {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '/' {
			return "'" + strings.ReplaceAll(branch, "'", "''") + "'"
		}
	}
	return branch
}

// withConfigs names the configuration files in every step that uses the action.
func withConfigs(text string, configs []string) string {
	if len(configs) == 0 {
		return text
	}
	input := "config: '" + strings.ReplaceAll(strings.Join(configs, " "), "'", "''") + "'"
	if len(configs) == 1 { // what people are told to require has this name, whatever the configuration's is
		input += ", key: weighlock"
	}
	var out strings.Builder
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		out.WriteString(line)
		if !strings.Contains(line, "uses: weighlock/weighlock@") {
			continue
		}
		if i+1 < len(lines) && strings.Contains(lines[i+1], "with: {") {
			lines[i+1] = strings.Replace(lines[i+1], "with: {", "with: {"+input+", ", 1)
			continue
		}
		out.WriteString("        with: {" + input + "}\n")
	}
	return out.String()
}
