package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/obdcr/obdcr/internal/text"
)

// columns is the width that help is wrapped to.
const columns = 80

// helpful makes a command and those below it answer wrong usage with the word that was
// most likely meant, and wraps their help.
func helpful(root *cobra.Command) {
	root.SetFlagErrorFunc(flagError)
	wrapped := fmt.Sprintf(".FlagUsagesWrapped %d", columns)
	root.SetUsageTemplate(strings.NewReplacer(
		".LocalFlags.FlagUsages", ".LocalFlags"+wrapped,
		".InheritedFlags.FlagUsages", ".InheritedFlags"+wrapped,
	).Replace(root.UsageTemplate()))
	help := root.HelpFunc()
	root.SetHelpFunc(func(c *cobra.Command, args []string) {
		c.Long = text.WrapParagraphs(c.Long, columns)
		help(c, args)
	})
}

// flagError says what a flag takes, or which flag an unknown one is near to.
func flagError(c *cobra.Command, err error) error {
	help := "; see " + c.CommandPath() + " --help"
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return usageError("--%s %q %s%s", invalid.GetFlag().Name, cut(invalid.GetValue()), notTaken(invalid.GetFlag(), err), help)
	}
	if missing, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		value, _ := pflag.UnquoteUsage(missing.GetFlag())
		if value != strings.ToUpper(value) {
			value = "a value"
		}
		return usageError("--%s needs %s%s", missing.GetFlag().Name, value, help)
	}
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	switch {
	case !ok:
		return usageError("%w%s", err, help)
	case unknown.GetSpecifiedShortnames() != "":
		return usageError("%s has no flag -%s%s", c.Name(), cut(unknown.GetSpecifiedName()), help)
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	name := unknown.GetSpecifiedName()
	wanted := name
	if len(text.Nearest(name, []string{"format"})) > 0 { // as linters have it
		wanted = "output"
	}
	return usageError("%s has no flag --%s%s%s", c.Name(), cut(name), meant("--", wanted, names), help)
}

// notTaken says why a flag does not take the value that err is about.
func notTaken(f *pflag.Flag, err error) string {
	switch f.Value.Type() {
	case "int":
		return "is no whole number, or one too large"
	case "float64":
		return "is no number"
	case "duration":
		return "is no duration such as 90s, 5m or 1h30m"
	case "bool":
		return "is neither true nor false: leave it out, the flag stands alone"
	}
	return "is not taken: " + errors.Unwrap(err).Error()
}

// onlyCommands refuses the argument of a command that has others below it: it is a
// misspelt name.
func onlyCommands(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, below := range c.Commands() {
		if below.IsAvailableCommand() {
			names = append(names, below.Name())
		}
	}
	return usageError("there is no command %q%s; see %s --help", strings.TrimSpace(c.CommandPath()+" "+cut(args[0])),
		meant("", args[0], names), c.CommandPath())
}

// unlisted says of a flag's value that it is none of the known ones, and which was most likely
// meant.
func unlisted(flag, value string, known []string) error {
	return usageError("%s %q is none of %s%s", flag, cut(value), text.List(known), meant("", value, known))
}

// meant names the word that a word is nearest to, "" if there is none.
func meant(prefix, written string, words []string) string {
	near := text.Nearest(written, words)
	if len(near) == 0 {
		return ""
	}
	return ": did you mean " + prefix + near[0] + "?"
}

// arguments demands as many arguments as it has names: one that starts with [ may be left out.
func arguments(names ...string) cobra.PositionalArgs {
	least := len(names)
	for least > 0 && strings.HasPrefix(names[least-1], "[") {
		least--
	}
	all := strings.NewReplacer("[", "", "]", "").Replace(strings.Join(names, " and "))
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) == 0 && least > 0:
			return usageError("%s needs %s; see %s --help", c.Name(), all, c.CommandPath())
		case len(args) < least:
			return usageError("%s needs %s: %s is missing; see %s --help", c.Name(), all, names[len(args)], c.CommandPath())
		case len(args) > len(names):
			return usageError("%s takes %s: %q is one too many", c.Name(), all, cut(args[len(names)]))
		}
		return nil
	}
}

// oneFile demands one file, or - for standard input.
func oneFile(c *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return usageError("%s needs a FILE, or - for standard input; see %s --help", c.Name(), c.CommandPath())
	case len(args) > 1:
		return usageError("%s takes one FILE: %q is one too many", c.Name(), cut(args[1]))
	}
	return nil
}

// someFiles demands at least one file or folder.
func someFiles(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usageError("%s needs a FILE, a folder, or - for standard input; see %s --help", c.Name(), c.CommandPath())
	}
	return nil
}
