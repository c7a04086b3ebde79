package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/internal/text"
)

// build is what the Go tool recorded about this program.
type build struct {
	Version  string `json:"version"`            // of the module; (devel) from a working copy
	Revision string `json:"revision,omitempty"` // of the repository
	Changed  bool   `json:"changed,omitempty"`  // the working copy differed from the revision
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func thisBuild() build {
	b := build{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Changed = s.Value == "true"
		}
	}
	return b
}

// String gives version, revision, and what it was built with, in one line.
func (b build) String() string {
	revision := ""
	if b.Revision != "" {
		revision = " " + b.Revision[:min(len(b.Revision), 12)]
	}
	if b.Changed {
		revision += "+changes"
	}
	return fmt.Sprintf("obdcr %s%s %s %s", b.Version, revision, b.Go, b.Platform)
}

// versionCommand prints the version that the build recorded. --version does so too.
func versionCommand() *cobra.Command {
	var output string
	formats := []string{"text", "json"}
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  obdcr version -o json",
		Args:    noArgument,
		RunE: func(c *cobra.Command, _ []string) error {
			if !slices.Contains(formats, output) {
				return unlisted("-o", output, formats)
			}
			if output == "json" {
				return writeJSON(c.OutOrStdout(), thisBuild())
			}
			_, err := io.WriteString(c.OutOrStdout(), thisBuild().String()+"\n")
			return err
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "text", "format: "+text.List(formats))
	complete(c, "output", formats)
	return c
}
