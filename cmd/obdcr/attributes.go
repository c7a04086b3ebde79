package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// attributeOptions are the flags of attributes.
type attributeOptions struct{ environment, policy, profile, output string }

func (a *app) attributesCommand() *cobra.Command {
	o := &attributeOptions{}
	cmd := &cobra.Command{
		Use:   "attributes SSA --env sandbox|production",
		Short: "Show the application attributes of a statement, UNVERIFIED",
		Long: `attributes maps the claims of a software statement to the attributes of the
application that a bank would create. The statement is a compact JWT, or its claims as
JSON. attributes checks no signature. A bank knows the environment from the directory
that signed the statement; here --env has to name it.`,
		Example:           "  obdcr attributes ssa.jwt --env sandbox",
		Args:              oneFile,
		ValidArgsFunction: filesAlone,
		RunE: func(c *cobra.Command, args []string) error {
			return a.attributes(c.OutOrStdout(), args[0], o)
		},
	}
	environments := []string{string(claims.Sandbox), string(claims.Production)}
	cmd.Flags().StringVar(&o.environment, "env", "", "environment: "+strings.Join(environments, ", ")+" (required)")
	cmd.Flags().StringVar(&o.policy, "policy", "", "a bank's policy, a JSON `FILE`, which declares the attributes")
	cmd.Flags().StringVar(&o.profile, "profile", string(validate.OBIE33), "profile that the policy is for: "+text.List(validate.Profiles()))
	cmd.Flags().StringVarP(&o.output, "output", "o", "text", "format: text, json")
	complete(cmd, "env", environments)
	complete(cmd, "profile", text.Strings(validate.Profiles()))
	complete(cmd, "output", []string{"text", "json"})
	return cmd
}

// attributes maps the statement by the policy that would declare the attributes at the bank,
// so that a policy can be tried before it is used.
func (a *app) attributes(out io.Writer, name string, o *attributeOptions) error {
	env := claims.Environment(o.environment)
	switch {
	case env != claims.Sandbox && env != claims.Production:
		return unlisted("--env", o.environment, []string{string(claims.Sandbox), string(claims.Production)})
	case o.output != "text" && o.output != "json":
		return unlisted("-o", o.output, []string{"text", "json"})
	}
	policy, err := a.loadPolicy(o.policy, validate.Profile(o.profile))
	if err != nil {
		return err
	}
	mapper, err := claims.NewAttributeMapper(claims.AttributeConfig{
		Declarations: policy.Attributes, UseSoftwareIDAsApplicationName: policy.UseSoftwareIDAsApplicationName})
	if err != nil {
		return usageError("%w", plainly(err))
	}
	statement, err := a.loadStatement(name, &policy)
	if err != nil {
		return err
	}
	application, err := mapper.Map(statement, env)
	if err != nil {
		return &exitError{exitViolated, fmt.Errorf("%s: %w", shownName(name), plainly(err))}
	}
	if o.output == "json" {
		a.note("UNVERIFIED: no signature was checked")
		return writeJSON(out, application)
	}
	writeApplication(out, application)
	return nil
}

// loadStatement reads the claims of a software statement. A file that is no statement is a
// violation, and so is a claim of the wrong type that an attribute is made of.
func (a *app) loadStatement(name string, policy *validate.Policy) (*claims.SSA, error) {
	f, err := a.open("", name)
	if err != nil {
		return nil, err
	}
	text, err := f.Claims(input.Statement)
	if err != nil {
		return nil, &exitError{exitViolated, err}
	}
	payload, err := payloadOf(text)
	if err != nil {
		return nil, &exitError{exitViolated, fmt.Errorf("%s is no software statement: %w", shownName(name), err)}
	}
	statement, faults, err := claims.DecodeSSA([]byte(payload), policy.ClaimNames)
	if err != nil {
		return nil, &exitError{exitViolated, fmt.Errorf("%s is no software statement: %w", shownName(name), plainly(err))}
	}
	var wrong []error
	for _, f := range faults {
		if slices.ContainsFunc(policy.Attributes, func(d claims.AttributeDeclaration) bool {
			claim := "/" + cmp.Or(policy.ClaimNames[d.Claim], d.Claim)
			return f.Pointer == claim || strings.HasPrefix(f.Pointer, claim+"/")
		}) {
			wrong = append(wrong, fmt.Errorf("%s: %s is %s, not %s", shownName(name), f.Pointer, f.Got, f.Want))
		}
	}
	if len(wrong) > 0 {
		return nil, &exitError{exitViolated, errors.Join(wrong...)}
	}
	return statement, nil
}

// writeApplication escapes every text: the statement is not verified, and its sender chose
// the texts.
func writeApplication(out io.Writer, app claims.Application) {
	fmt.Fprintln(out, "UNVERIFIED: no signature was checked, anybody may have written this")
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintf(w, "Name\t%s\nID\t%s\n", text.Visible(app.Name), text.Visible(app.ID))
	for _, attribute := range app.Attributes {
		values := make([]string, len(attribute.Values))
		for i, v := range attribute.Values {
			values[i] = text.Visible(v)
		}
		fmt.Fprintf(w, "%s\t%s\n", text.Visible(attribute.Name), strings.Join(values, ", "))
	}
	_ = w.Flush() // into memory
}
