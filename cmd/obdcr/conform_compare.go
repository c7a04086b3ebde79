package main

import (
	"errors"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/internal/text"
)

// compareForms are the formats of a comparison.
var compareForms = []string{"text", "json"}

func (a *app) compareCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "compare OLD NEW",
		Short: "Compare two reports in JSON",
		Long: `compare tells what has changed from one report of conform (-o json) to another: which
cases fail now, are mended, are missing or new, or have another verdict, and in what the
two runs differ. The exit code is 1 if something got worse: a case that was passed and is
not, a new case that fails, or one that is missing.`,
		Example: `  obdcr conform compare old.json new.json
  obdcr conform compare old.json new.json -o json`,
		Args: arguments("OLD", "NEW"),
		RunE: func(c *cobra.Command, args []string) error { return a.compare(c.OutOrStdout(), args, output) },
	}
	c.Flags().StringVarP(&output, "output", "o", "text", "format: "+text.List(compareForms))
	complete(c, "output", compareForms)
	return c
}

func (a *app) compare(out io.Writer, args []string, form string) error {
	var reports [2]*conform.Report
	for i, name := range args {
		var err error
		if reports[i], err = a.readReport(name); err != nil {
			return err
		}
	}
	difference := conform.Compare(reports[0], reports[1])
	var err error
	switch form {
	case "json":
		err = difference.WriteJSON(out)
	case "text":
		err = difference.WriteText(out, conform.TextOptions{Width: columns})
	default:
		return usageError("-o %s: one of %s", cut(form), text.List(compareForms))
	}
	if err != nil {
		return ioError(err)
	}
	if difference.Worse {
		return &exitError{code: exitViolated}
	}
	return nil
}

// readReport reads a report in JSON. That of a whole run is longer than the files that the other verbs read.
func (a *app) readReport(name string) (*conform.Report, error) {
	in, done, err := a.seekable(name)
	if err != nil {
		return nil, err
	}
	defer done()
	report, err := conform.ReadReport(in)
	switch {
	case errors.Is(err, conform.ErrReport):
		return nil, usageError("%s: %s", cut(name), detail(err))
	case err != nil:
		return nil, ioError(err)
	}
	return report, nil
}

func (a *app) showReportCommand() *cobra.Command {
	var output string
	var filter []string
	var full bool
	c := &cobra.Command{
		Use:     "show REPORT",
		Short:   "Write a report in JSON in another form",
		Long:    `show reads a report of conform (-o json) and writes it in another form. It sends nothing.`,
		Example: "  obdcr conform show report.json -o html > report.html\n  obdcr conform show report.json --full --filter register.valid",
		Args:    arguments("REPORT"),
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(conformForms, output) {
				return usageError("-o %s: one of %s", cut(output), text.List(conformForms))
			}
			report, err := a.readReport(args[0])
			if err != nil {
				return err
			}
			if report, err = report.Select(filter...); err != nil {
				return usageError("%s", detail(err))
			}
			return a.writeReport(c.OutOrStdout(), output, report, full)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "text", "format: "+text.List(conformForms))
	c.Flags().StringArrayVar(&filter, "filter", nil, "the cases whose ID or group matches this `GLOB` alone, once for each")
	c.Flags().BoolVar(&full, "full", false, "show each case on a line of its own, with its exchanges whole, as text")
	complete(c, "output", conformForms)
	return c
}
