package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

func rulesCommand() *cobra.Command {
	var output, profile string
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "List all rules, or those of a profile",
		Example: `  obdcr rules
  obdcr rules --profile obie-3.4 -o json`,
		Args: noArgument,
		RunE: func(c *cobra.Command, _ []string) error {
			rules := validate.Rules()
			if profile != "" {
				var err error
				if rules, err = rulesIn(validate.Profile(profile)); err != nil {
					return err
				}
			}
			switch output {
			case "json":
				return writeRules(c.OutOrStdout(), rules)
			case "text":
				listRules(c.OutOrStdout(), rules)
				return nil
			}
			return unlisted("-o", output, []string{"text", "json"})
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "format: text, json")
	cmd.Flags().StringVar(&profile, "profile", "", "the rules of this profile alone: "+text.List(validate.Profiles()))
	complete(cmd, "output", []string{"text", "json"})
	complete(cmd, "profile", text.Strings(validate.Profiles()))
	return cmd
}

// rulesIn returns the rules of a profile, which cite the texts of its own version.
func rulesIn(p validate.Profile) ([]validate.Rule, error) {
	v, err := validate.New(validate.Config{Profile: p, Policy: validate.DefaultPolicy(p)})
	if err != nil {
		return nil, usageError("%s", text.Detail(err))
	}
	return v.Rules(), nil
}

// rowsOf returns the rows of an ID. There may be several, for different profiles.
func rowsOf(id string, rules []validate.Rule) []validate.Rule {
	return slices.DeleteFunc(slices.Clone(rules), func(r validate.Rule) bool { return r.ID != id })
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

// listRules writes two or more lines for each rule: ID, severity and basis, and below it
// what the rule demands.
func listRules(out io.Writer, rules []validate.Rule) {
	longest := 0
	for i := range rules {
		longest = max(longest, len(rules[i].ID))
	}
	for i := range rules {
		r := &rules[i]
		fmt.Fprintf(out, "%-*s  %s\n", longest, r.ID, weight(r))
		hang(out, "    ", "    ", r.Summary)
	}
}

// weight names the severity of a rule, and the basis where that says more.
func weight(r *validate.Rule) string {
	if r.Basis == validate.BasisShould || r.Basis == validate.BasisNotice {
		return string(r.Severity)
	}
	return string(r.Severity) + ", " + string(r.Basis)
}

// hang writes a text that is wrapped to the width of help, with what begins its first line
// and, as long or longer, all others.
func hang(out io.Writer, first, others, s string) {
	for _, line := range text.Wrap(s, columns-len(others)) {
		fmt.Fprintln(out, first+line)
		first = others
	}
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
	Status   int                `json:"status,omitempty"` // of an answer that has no code
	Fix      string             `json:"fix"`
	External bool               `json:"external"` // judged by a bank, which knows keys and earlier requests
}

type jsonCitation struct {
	Spec    string `json:"spec"`
	Section string `json:"section"`
	URL     string `json:"url"`
}

// writeRules writes the rules, so that other programs need not parse docs/rules.md.
func writeRules(out io.Writer, rules []validate.Rule) error {
	rows := make([]jsonRule, 0, len(rules))
	for i := range rules {
		r := &rules[i]
		rows = append(rows, jsonRule{
			ID: r.ID, Summary: r.Summary, Reason: r.Reason, Bad: r.Bad, Good: r.Good, Given: r.Given.String(), Citation: jsonCitation(r.Citation),
			Profiles: profilesOf(r), Document: r.Document, Severity: r.Severity, Basis: r.Basis, Stricter: r.Stricter,
			Code: r.Code, Status: r.Status, Fix: r.Fix, External: r.External,
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
