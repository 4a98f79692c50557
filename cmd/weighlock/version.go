package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

func newVersion(w world) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, and which servers are packed into images",
		Long: withCodes(`
Print the version of weighlock, the Go version it was built with, and the platforms whose
server it packs into images.`, codeDone),
		Example: "  weighlock version",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(w.stdout, "weighlock %s (%s, %s/%s)\nservers: %s\n",
				version, runtime.Version(), runtime.GOOS, runtime.GOARCH, serverPlatforms())
			return err
		},
	}
}
