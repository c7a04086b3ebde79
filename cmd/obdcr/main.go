// Command obdcr is Open Banking Dynamic Client Registration on the command line: it
// checks registration requests and software statements before a bank does, decodes
// them, explains the rules, and registers clients.
//
// Results go to standard output and everything else to standard error. The exit code is 0
// for success, 1 if the input breaks a rule or a bank refused it, 2 for wrong usage, and 3
// if a file, the network or a bank fails, or if the bank has yet to approve.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate/dialect"
)

// Exit codes.
const (
	exitFine     = 0
	exitViolated = 1
	exitUsage    = 2
	exitIO       = 3
)

func main() {
	log.SetOutput(io.Discard) // net/http logs there what a server sends out of turn, secrets too; the command does not use it
	a := &app{in: os.Stdin, err: os.Stderr, color: wantsColor(os.Stdout), terminal: isTerminal(os.Stdout), progress: showsProgress(os.Stderr)}
	os.Exit(a.run(os.Args[1:], os.Stdout))
}

// app is one run of the command.
type app struct {
	in       io.Reader
	out      io.Writer // for a command that writes its result before it ends
	err      io.Writer
	color    bool
	terminal bool             // the result goes to a terminal
	progress bool             // messages go to a terminal that can show progress
	known    *secrets         // that no message may show
	timeout  time.Duration    // of each answer of a server
	cas      string           // the flag and file of the CAs that servers must chain to; "": the system's
	files    *input.Reader    // made by run: standard input is read once
	opens    *input.Password  // of --password-file; nil without it
	spoken   *dialect.Dialect // of --bank; nil before it was read: standard input is read once
	stopping func()           // for tests: called when a signal stops a sandbox; nil: not called
}

// exitError ends the command with a code. Without a cause it prints nothing, because the
// result on standard output tells everything.
type exitError struct {
	code  int
	cause error
}

// Error returns the text of the cause.
func (e *exitError) Error() string {
	if e.cause == nil {
		return ""
	}
	return e.cause.Error()
}

func (e *exitError) Unwrap() error { return e.cause }

func usageError(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

func ioError(err error) error { return &exitError{exitIO, err} }

// run runs the command line, writes its result to out and returns the exit code. An error
// without an exit code comes from the parser of the command line, so it is wrong usage.
// The result is written at the end, so that a command that fails halfway writes no part of
// it.
func (a *app) run(args []string, out io.Writer) int {
	var result bytes.Buffer
	a.out = out
	a.files = &input.Reader{Stdin: a.in, Warn: func(warning string) { a.note("warning: %s", warning) }}
	root := a.root()
	root.SetArgs(withDashedID(args))
	root.SetIn(a.in)
	root.SetOut(&result)
	root.SetErr(a.err)
	err := root.Execute()
	if _, failed := out.Write(result.Bytes()); failed != nil {
		a.note("writing the result: %v", failed)
		return exitIO
	}
	if err == nil {
		return exitFine
	}
	if said := err.Error(); said != "" {
		a.note("%s", said)
	}
	return codeOf(err)
}

// codeOf is the exit code of an error.
func codeOf(err error) int {
	if exit, ok := errors.AsType[*exitError](err); ok {
		return exit.code
	}
	return exitUsage
}

// indented begins a line that goes on with the message above it. Twice it begins a line of a
// command to copy, which must stay whole.
const indented = "  "

// note prints a message to standard error. The text may hold input, so control characters
// are escaped. A terminal gets it at most 80 columns wide.
func (a *app) note(format string, args ...any) {
	said := a.secrets().out(strings.TrimSpace(fmt.Sprintf(format, args...)))
	for line := range strings.Lines(said) {
		line = text.Visible(strings.TrimRight(line, "\n"))
		goesOn := strings.HasPrefix(line, indented)
		if !goesOn {
			line = "obdcr: " + line
		}
		if a.progress && !strings.HasPrefix(line, indented+indented) { // a program that reads messages gets each in one line
			var lines []string
			for _, part := range text.Wrap(line, columns-len(indented)) { // a word may be longer
				lines = append(lines, pieces(part, columns-len(indented))...)
			}
			line = strings.Join(lines, "\n"+indented)
			if goesOn {
				line = indented + line
			}
		}
		fmt.Fprintln(a.err, line)
	}
}

// root makes the command. Cobra prints neither errors nor usage: run prints errors, with the
// exit code of each.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "obdcr",
		Short: "Dynamic Client Registration for UK Open Banking",
		Long: `obdcr checks, decodes and explains registration requests and software
statements of UK Open Banking Dynamic Client Registration, and registers clients.

Exit codes: 0 fine, 1 a rule is broken or a bank refused, 2 wrong usage, 3 network or
I/O, or a bank that cannot answer now, or has yet to approve what was asked.`,
		Example: `  obdcr sandbox
  obdcr lint request.jwt
  obdcr explain redirect_uris.subset_of_ssa`,
		Args:          onlyCommands,
		Version:       thisBuild().Version,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error {
			c.SetOut(a.err)
			if err := c.Help(); err != nil {
				return ioError(err)
			}
			return usageError("say what to do: one of the commands above")
		},
	}
	root.SetHelpCommand(helpCommand())
	root.AddCommand(a.lintCommand(), a.inspectCommand(), explainCommand(), rulesCommand(),
		a.policyCommand(), a.attributesCommand(), a.dnCommand(), a.buildCommand(), a.registerCommand(), a.getCommand(), a.updateCommand(),
		a.deleteCommand(), a.ssaCommand(), a.sandboxCommand(), a.serveCommand(), a.clientsCommand(), a.peopleCommand(), a.migrateCommand(),
		a.conformCommand(), a.healthCommand(), versionCommand(), manCommand())
	root.SetVersionTemplate(thisBuild().String() + "\n")
	helpful(root)
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			showCompletion(c)
		}
	}
	return root
}

// helpCommand replaces cobra's help command, which takes an unknown command for no error.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Say what a command does",
		RunE: func(c *cobra.Command, args []string) error {
			target, rest, err := c.Root().Find(args)
			if err != nil {
				return onlyCommands(c.Root(), args)
			}
			if len(rest) > 0 {
				return onlyCommands(target, rest)
			}
			target.InitDefaultHelpFlag()
			return target.Help()
		},
	}
}
