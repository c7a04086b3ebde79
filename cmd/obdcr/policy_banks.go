package main

import (
	"fmt"
	"io"
	"io/fs"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/dialect"
)

// bankLine is a dialect in the list of all.
type bankLine struct {
	Name    string           `json:"name"`
	Title   string           `json:"title"`
	Profile validate.Profile `json:"profile"`
	Date    string           `json:"date"`
	Sources []string         `json:"sources"`
}

// banksCommand lists the dialects that --bank takes by name, and shows one of them.
func (a *app) banksCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "banks [NAME]",
		Short: "List the banks whose dialects are known, or show one",
		Long: `banks lists the dialects that --bank takes by name: what banks want, take and answer
otherwise than their profile, as their public pages say, each with the date on which it was
read. With a NAME it writes the file of that dialect, with its sources and quirks: a file of
your own to start from.`,
		Example: `  obdcr policy banks
  obdcr policy banks -o json
  obdcr policy banks hsbc > my-bank.json`,
		Args: arguments("[NAME]"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return bankNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			if output != "text" && output != "json" {
				return unlisted("-o", output, []string{"text", "json"})
			}
			if len(args) > 0 {
				return writeDialect(c.OutOrStdout(), args[0])
			}
			lines, err := bankLines()
			if err != nil {
				return err
			}
			if output == "json" {
				return writeJSON(c.OutOrStdout(), lines)
			}
			return writeBankLines(c.OutOrStdout(), lines)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "format of the list: text, json; a dialect is JSON")
	complete(cmd, "output", []string{"text", "json"})
	return cmd
}

// writeDialect writes the file of a known dialect.
func writeDialect(out io.Writer, name string) error {
	name = strings.ToLower(name)
	if _, err := dialect.Load(name); err != nil {
		return usageError("no known dialect has the name %q%s; obdcr policy banks lists them", cut(name), meant("", name, dialect.Names()))
	}
	file, err := fs.ReadFile(dialect.Files(), name+".json")
	if err != nil {
		return err
	}
	if _, err = out.Write(file); err != nil {
		return ioError(err)
	}
	return nil
}

func bankLines() ([]bankLine, error) {
	var lines []bankLine
	for _, name := range dialect.Names() {
		d, err := dialect.Load(name)
		if err != nil {
			return nil, err
		}
		line := bankLine{Name: d.Name, Title: d.Title, Profile: d.Profile, Date: d.Date}
		for _, s := range d.Sources {
			line.Sources = append(line.Sources, s.URL)
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// writeBankLines writes name, profile, date and title of each.
func writeBankLines(out io.Writer, lines []bankLine) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, l := range lines {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.Name, l.Profile, l.Date, l.Title)
	}
	if err := w.Flush(); err != nil {
		return ioError(err)
	}
	_, err := io.WriteString(out, "obdcr policy banks NAME has the sources of each.\n")
	if err != nil {
		return ioError(err)
	}
	return nil
}
