package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
)

// manCommand writes the manual pages. It is hidden, because packagers need it and users do
// not: make man calls it.
func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "man DIR",
		Short:   "Write the manual pages into a folder",
		Example: "  obdcr man dist/man",
		Hidden:  true,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError("%s needs one folder", c.Name())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return ioError(fmt.Errorf("%s: %w", args[0], input.WithoutPath(err)))
			}
			root := c.Root()
			root.DisableAutoGenTag = true
			header := &doc.GenManHeader{Section: "1", Source: "obdcr " + thisBuild().Version, Manual: "Dynamic Client Registration"}
			if err := doc.GenManTree(root, header, args[0]); err != nil {
				return ioError(err)
			}
			return nil
		},
	}
}
