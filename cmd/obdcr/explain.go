package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

func explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "explain RULE",
		Short:   "Explain a rule: what it demands, its clause, and how to meet it",
		Example: "  obdcr explain redirect_uris.subset_of_ssa",
		Args:    cobra.ExactArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return ruleIDs(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			rules := rowsOf(args[0])
			if len(rules) == 0 {
				return unknownRule(args[0])
			}
			for i := range rules {
				if i > 0 {
					fmt.Fprintln(c.OutOrStdout())
				}
				explain(c.OutOrStdout(), &rules[i])
			}
			return nil
		},
	}
}

// rowsOf returns the rows of an ID. There may be several, for different profiles.
func rowsOf(id string) []validate.Rule {
	return slices.DeleteFunc(validate.Rules(), func(r validate.Rule) bool { return r.ID != id })
}

func ruleIDs() []string {
	var ids []string
	for _, r := range validate.Rules() {
		if !slices.Contains(ids, r.ID) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// explain leaves out empty fields: few rules have all of them.
func explain(out io.Writer, r *validate.Rule) {
	fmt.Fprintf(out, "%s\n  %s\n\n", r.ID, r.Summary)
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	for _, row := range [][2]string{
		{"reason", r.Reason}, {"bad", string(r.Bad)}, {"good", string(r.Good)},
		{"given", r.Given.String()}, {"fix", r.Fix},
		{"clause", r.Citation.String()}, {"", r.Citation.URL},
		{"basis", string(r.Basis) + ", " + basisMeans(r.Basis)}, {"text", r.Stricter},
		{"severity", string(r.Severity)}, {"code", answered(r)}, {"document", string(r.Document)},
		{"profiles", text.List(profilesOf(r))}, {"judged", judged(r)},
	} {
		if row[1] != "" {
			fmt.Fprintf(w, "  %s\t%s\n", row[0], row[1])
		}
	}
	_ = w.Flush() // into memory
}

func profilesOf(r *validate.Rule) []validate.Profile {
	if r.Profiles == nil {
		return validate.Profiles()
	}
	return r.Profiles
}

// basisMeans says in a few words what a basis is.
func basisMeans(b validate.Basis) string {
	switch b {
	case validate.BasisMust:
		return "the clause demands it"
	case validate.BasisShould:
		return "the clause recommends it, or it is a known trap"
	case validate.BasisStricter:
		return "the clause does not demand it"
	case validate.BasisPolicy:
		return "the bank says so"
	}
	return "for the sender to know"
}

// answered returns the code that a bank answers. Warnings and notices are not answered.
func answered(r *validate.Rule) string {
	if r.Severity != validate.SeverityError {
		return ""
	}
	return string(r.Code)
}

func judged(r *validate.Rule) string {
	if r.External {
		return "where keys, signatures and earlier requests are known, not by the claims alone"
	}
	return ""
}

// unknownRule suggests rules with a similar ID, because IDs are long and easy to misspell.
func unknownRule(id string) error {
	near := text.Nearest(id, ruleIDs())
	if len(near) == 0 {
		return usageError("there is no rule %q: see obdcr rules", cut(id))
	}
	return usageError("there is no rule %q; did you mean\n  %s", cut(id), strings.Join(near, "\n  "))
}

// cut bounds input that a message repeats.
func cut(s string) string { return text.Echo(s) }

func rulesCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:     "rules",
		Short:   "List all rules",
		Example: "  obdcr rules -o json",
		Args:    noArgument,
		RunE: func(c *cobra.Command, _ []string) error {
			switch output {
			case "json":
				return writeRules(c.OutOrStdout())
			case "text":
				tabulateRules(c.OutOrStdout())
				return nil
			}
			return usageError("-o %q is none of text, json", output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "format: text, json")
	complete(cmd, "output", []string{"text", "json"})
	return cmd
}

func tabulateRules(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RULE\tSEVERITY\tDOCUMENT\tCODE\tPROFILES\tDEMANDS")
	for _, r := range validate.Rules() {
		profiles := "all"
		if r.Profiles != nil {
			profiles = strings.ReplaceAll(text.List(r.Profiles), ", ", ",")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Severity, r.Document, r.Code, profiles, r.Summary)
	}
	_ = w.Flush() // into memory
}

// jsonRule is a row of the table as rules -o json writes it.
type jsonRule struct {
	ID       string             `json:"id"`
	Summary  string             `json:"summary"`
	Reason   string             `json:"reason"`
	Bad      validate.Example   `json:"bad"`
	Good     validate.Example   `json:"good"`
	Given    string             `json:"given,omitempty"`
	Citation jsonCitation       `json:"citation"`
	Profiles []validate.Profile `json:"profiles"`
	Document validate.Document  `json:"document"`
	Severity validate.Severity  `json:"severity"`
	Basis    validate.Basis     `json:"basis"`
	Stricter string             `json:"stricter,omitempty"` // what the cited text says instead
	Code     validate.Code      `json:"code"`
	Fix      string             `json:"fix"`
	External bool               `json:"external"` // judged by a bank, which knows keys and earlier requests
}

type jsonCitation struct {
	Spec    string `json:"spec"`
	Section string `json:"section"`
	URL     string `json:"url"`
}

// writeRules writes the whole table, so that other programs need not parse docs/rules.md.
func writeRules(out io.Writer) error {
	rules := validate.Rules()
	rows := make([]jsonRule, 0, len(rules))
	for i := range rules {
		r := &rules[i]
		rows = append(rows, jsonRule{
			ID: r.ID, Summary: r.Summary, Reason: r.Reason, Bad: r.Bad, Good: r.Good, Given: r.Given.String(), Citation: jsonCitation(r.Citation),
			Profiles: profilesOf(r), Document: r.Document, Severity: r.Severity, Basis: r.Basis, Stricter: r.Stricter, Code: r.Code, Fix: r.Fix, External: r.External,
		})
	}
	return writeJSON(out, rows)
}

// writeJSON writes indented JSON. It does not escape <, > and &: the output is not HTML, and
// URLs have to stay readable.
func writeJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
