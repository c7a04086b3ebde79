package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// commands returns every command that a user can call.
func commands(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, below := range c.Commands() {
		if below.Name() != "help" {
			all = append(all, commands(below)...)
		}
	}
	return all
}

// Each command has examples, their flags exist, and its help fits a terminal.
func TestHelpHasExamplesThatWork(t *testing.T) {
	for _, c := range commands((&app{}).root()) {
		if !assert.NotEmpty(t, c.Example, c.CommandPath()) {
			continue
		}
		for line := range strings.Lines(strings.ReplaceAll(c.Example, "\\\n", " ")) { // one line each
			line, _, _ = strings.Cut(strings.TrimSpace(line), " > ")
			line, _, _ = strings.Cut(line, " | ")
			words := strings.Fields(line)
			if len(words) == 0 || words[0] != "obdcr" {
				continue
			}
			root := (&app{}).root()
			target, rest, err := root.Find(words[1:])
			require.NoError(t, err, line)
			require.NoError(t, target.ParseFlags(rest), line)
			require.NoError(t, target.ValidateArgs(target.Flags().Args()), line)
		}
		var help strings.Builder
		c.SetOut(&help)
		require.NoError(t, c.Help())
		for line := range strings.Lines(help.String()) {
			assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), columns, "%s: %s", c.CommandPath(), line)
		}
	}
}

// Wrong usage of a flag is told in the words of this command, whatever the flag takes.
func TestAFlagSaysWhatItTakes(t *testing.T) {
	takes := map[string]string{"int": "no whole number", "float64": "no number", "duration": "no duration such as", "bool": "neither true nor false"}
	seen := map[string]bool{}
	for _, c := range commands((&app{}).root()) {
		path := strings.Fields(c.CommandPath())[1:]
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if says, ok := takes[f.Value.Type()]; ok {
				seen[f.Value.Type()] = true
				code, _, said := call(append(path, "--"+f.Name+"=a b")...)
				require.Equal(t, exitUsage, code, "%s --%s", path, f.Name)
				require.Contains(t, said, "--"+f.Name+` "a b" is `+says, path)
				require.Contains(t, said, "see "+c.CommandPath()+" --help")
				require.NotContains(t, said, "invalid", "no words of a library")
			}
			if f.NoOptDefVal == "" {
				seen["a value"] = true
				code, _, said := call(append(path, "--"+f.Name)...)
				require.Equal(t, exitUsage, code, "%s --%s", path, f.Name)
				require.Regexp(t, `--`+f.Name+` needs ([A-Z:=|,/-]+|a value); see `, said)
			}
		})
	}
	require.Len(t, seen, len(takes)+1)
}
