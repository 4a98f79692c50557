package main

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
)

// serverFiles are the servers that images start, one static binary per platform. `make build` makes them; a plain
// `go build` finds only the README.
//
//go:embed servers
var serverFiles embed.FS

const serverPrefix = "weighlock-server-"

// embeddedServers maps platforms such as "linux/amd64" to their server.
func embeddedServers() map[string][]byte {
	found := map[string][]byte{}
	entries, err := fs.ReadDir(serverFiles, "servers")
	if err != nil {
		return found
	}
	for _, entry := range entries {
		platform, ok := strings.CutPrefix(entry.Name(), serverPrefix)
		if !ok {
			continue
		}
		content, err := fs.ReadFile(serverFiles, "servers/"+entry.Name())
		if err == nil && len(content) > 0 {
			found[strings.Replace(platform, "-", "/", 1)] = content
		}
	}
	return found
}

// imageServers are the servers for a new image. A weighlock that was built without them packs itself, for its own
// platform: it has the serve command too, though it is larger, and such an image runs on that platform only.
func imageServers() (servers map[string][]byte, warning string, err error) {
	if servers = embeddedServers(); len(servers) > 0 {
		return servers, "", nil
	}
	if runtime.GOOS != "linux" {
		return nil, "", fmt.Errorf("pack server: this weighlock was built without the servers for linux; build it with make build")
	}
	self, err := os.Executable()
	if err != nil {
		return nil, "", fmt.Errorf("pack server: %w", err)
	}
	content, err := os.ReadFile(self)
	if err != nil {
		return nil, "", fmt.Errorf("pack server: %w", err)
	}
	platform := "linux/" + runtime.GOARCH
	return map[string][]byte{platform: content}, "this weighlock was built without the small servers, so the image holds weighlock itself and runs on " +
		platform + " only; make build packs all platforms", nil
}

// serverPlatforms names the embedded platforms.
func serverPlatforms() string {
	platforms := slices.Sorted(maps.Keys(embeddedServers()))
	if len(platforms) == 0 {
		return "none embedded (built without make build)"
	}
	return strings.Join(platforms, ", ")
}
