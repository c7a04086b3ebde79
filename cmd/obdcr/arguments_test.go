package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
)

// TestEachCommandNamesTheArgumentThatIsWrong: no command has the text of the parser, which counts and names none.
func TestEachCommandNamesTheArgumentThatIsWrong(t *testing.T) {
	t.Parallel()
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, below := range c.Commands() {
			walk(below)
		}
		if c.Args == nil {
			return
		}
		many := []string{"one", "two", "three", "four"}
		for n := range len(many) + 1 {
			err := c.Args(c, many[:n])
			if err == nil {
				continue
			}
			assert.Equal(t, exitUsage, codeOf(err), c.CommandPath())
			assert.NotContains(t, err.Error(), "arg(s)", c.CommandPath())
			assert.NotContains(t, err.Error(), "unknown command", c.CommandPath())
			assert.True(t, strings.Contains(err.Error(), c.Name()) || strings.Contains(err.Error(), many[max(n-1, 0)]), "%s: %v", c.CommandPath(), err)
		}
	}
	root := (&app{}).root()
	walk(root)
}
