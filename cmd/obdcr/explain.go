package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

func explainCommand() *cobra.Command {
	var profile string
	cmd := &cobra.Command{
		Use:   "explain RULE|MEMBER|CODE",
		Short: "Explain a rule, a member or an error code",
		Long: `explain tells what a rule demands and why, its clause, and how to meet it, with a fragment
that breaks the rule and one that keeps it. In these a{240} is 240 times a.

Of a member of a request or a statement it lists the rules. Of an error code that a bank
answers it lists what leads there, the most likely first.`,
		Example: `  obdcr explain redirect_uris.subset_of_ssa
  obdcr explain redirect_uris
  obdcr explain invalid_client_metadata
  obdcr explain grant_types.known --profile obie-3.4`,
		Args: arguments("RULE|MEMBER|CODE"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return explained(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			rules, err := rulesIn(validate.Profile(profile))
			if err != nil {
				return err
			}
			e := explainer{out: c.OutOrStdout(), profile: validate.Profile(profile), rules: rules}
			return e.explain(args[0], c.Flags().Changed("profile"))
		},
	}
	cmd.Flags().StringVar(&profile, "profile", string(validate.OBIE33), "whose rules and clauses: "+text.List(validate.Profiles()))
	complete(cmd, "profile", text.Strings(validate.Profiles()))
	return cmd
}

// explainer explains by the rules of one profile.
type explainer struct {
	out     io.Writer
	profile validate.Profile
	rules   []validate.Rule
}

// explain finds out what a name is: a rule, a code or a member. A rule that the profile
// does not have is explained by another profile, unless this one was asked for.
func (e *explainer) explain(name string, asked bool) error {
	rows := rowsOf(name, e.rules)
	if all := rowsOf(name, validate.Rules()); len(rows) == 0 && len(all) > 0 {
		profiles := profilesOf(&all[0])
		if asked {
			return usageError("%s is no rule of %s: use --profile %s", name, e.profile, strings.Join(text.Strings(profiles), " or "))
		}
		others, err := rulesIn(profiles[0])
		if err != nil {
			return err
		}
		rows = rowsOf(name, others)
	}
	for i := range rows {
		if i > 0 {
			fmt.Fprintln(e.out)
		}
		explainRule(e.out, &rows[i])
	}
	if len(rows) > 0 || e.explainCode(name) || e.explainMember(name) {
		return nil
	}
	near := text.Nearest(name, explained())
	if len(near) == 0 {
		return usageError("there is no rule, member or code %q: see obdcr rules", cut(name))
	}
	return usageError("there is no rule, member or code %q; did you mean\n  %s", cut(name), strings.Join(near, "\n  "))
}

// explained are the names that can be explained.
func explained() []string {
	names := slices.Concat(ruleIDs(), codeNames(), memberNames())
	slices.Sort(names)
	return slices.Compact(names)
}

// explainRule leaves out empty fields: few rules have all of them.
func explainRule(out io.Writer, r *validate.Rule) {
	fmt.Fprintln(out, r.ID)
	hang(out, "  ", "  ", r.Summary)
	fmt.Fprintln(out)
	for _, row := range [...]struct {
		label string
		lines []string
	}{
		{"reason", wrapped(r.Reason)}, {"bad", brokenAtBlanks(string(r.Bad))}, {"good", brokenAtBlanks(string(r.Good))},
		{"given", brokenAtBlanks(r.Given.String())}, {"fix", wrapped(r.Fix)},
		{"clause", append(wrapped(r.Citation.String()), r.Citation.URL)},
		{"basis", wrapped(string(r.Basis) + ", " + basisMeans(r.Basis))}, {"text has", wrapped(r.Stricter)},
		{"severity", wrapped(string(r.Severity))}, {"code", wrapped(answered(r))}, {"document", wrapped(string(r.Document))},
		{"profiles", wrapped(text.List(profilesOf(r)))}, {"judged", wrapped(judged(r))},
	} {
		label := row.label
		for _, line := range row.lines {
			fmt.Fprintf(out, "  %-9s%s\n", label, line)
			label = ""
		}
	}
}

// explainWidth is the width of the text beside the labels.
const explainWidth = columns - len("  severity ")

func wrapped(s string) []string { return text.Wrap(s, explainWidth) }

// brokenAtBlanks breaks an example at blanks outside of strings, so that it stays JSON.
func brokenAtBlanks(s string) []string {
	var lines []string
	line, inString, from := "", false, 0
	add := func(part string) {
		if line != "" && len(line)+1+len(part) > explainWidth {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += part
	}
	for i := range len(s) {
		switch {
		case s[i] == '"' && (i == 0 || s[i-1] != '\\'):
			inString = !inString
		case s[i] == ' ' && !inString:
			add(s[from:i])
			from = i + 1
		}
	}
	if s != "" {
		add(s[from:])
		lines = append(lines, line)
	}
	return lines
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

// answered returns the code that a bank answers, or the status of an answer that has none.
// Warnings and notices are not answered.
func answered(r *validate.Rule) string {
	switch {
	case r.Severity != validate.SeverityError:
		return ""
	case r.Status != 0:
		return "none: the answer is a line of text with the status " + strconv.Itoa(r.Status)
	}
	return string(r.Code)
}

func judged(r *validate.Rule) string {
	if r.External {
		return "where keys, signatures and earlier requests are known, not by the claims alone"
	}
	return ""
}

// cut bounds input that a message repeats.
func cut(s string) string { return text.Echo(s) }
