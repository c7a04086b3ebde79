package main

import (
	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

func (a *app) policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Write a policy to start from, that of a bank, or the schema",
		Long: `policy helps to write a bank's policy: the file that lint, attributes and sandbox read
by --policy. docs/policy.md explains its members.`,
		Example: `  obdcr policy print --profile obie-3.4 > policy.json
  obdcr policy from-discovery discovery.json > policy.json
  obdcr lint --policy policy.json --profile obie-3.4 request.jwt`,
		Args: onlyCommands,
		RunE: func(*cobra.Command, []string) error {
			return usageError("say what to write: print, from-discovery or schema")
		},
	}
	var profile string
	defaults := &cobra.Command{
		Use:     "print",
		Short:   "Write the default policy of a profile, all members, as JSON",
		Example: "  obdcr policy print --profile wso2 > policy.json",
		Args:    noArgument,
		RunE: func(c *cobra.Command, _ []string) error {
			p := validate.Profile(profile)
			if !p.Valid() {
				return unknownProfile(p)
			}
			return writeJSON(c.OutOrStdout(), validate.DefaultPolicy(p))
		},
	}
	defaults.Flags().StringVar(&profile, "profile", string(validate.OBIE33), "profile that the policy is for: "+text.List(validate.Profiles()))
	complete(defaults, "profile", text.Strings(validate.Profiles()))
	cmd.AddCommand(defaults, a.fromDiscoveryCommand(), &cobra.Command{
		Use:     "schema",
		Short:   "Write the JSON Schema of policies, draft 2020-12",
		Example: "  obdcr policy schema > policy.schema.json",
		Args:    noArgument,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := c.OutOrStdout().Write(validate.PolicySchema())
			return err
		},
	})
	return cmd
}

// fromDiscoveryCommand writes the policy of a bank, as far as the bank announces it.
func (a *app) fromDiscoveryCommand() *cobra.Command {
	var profile, ca string
	cmd := &cobra.Command{
		Use:   "from-discovery FILE|URL",
		Short: "Write the policy that a bank's discovery document tells",
		Long: `from-discovery writes a policy of what a bank announces: authentication methods,
algorithms, grant types, response types and scopes. What the bank does not announce is as in
the default policy of the profile. A bank does not announce the identifier that it takes as
aud: add it to audiences.`,
		Example: `  obdcr policy from-discovery discovery.json > policy.json
  obdcr policy from-discovery discovery.json --profile obie-3.4`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: filesAlone,
		RunE: func(c *cobra.Command, args []string) error {
			p := validate.Profile(profile)
			if !p.Valid() {
				return unknownProfile(p)
			}
			m, err := a.announced(c.Context(), args[0], ca)
			if err != nil {
				return err
			}
			policy, err := m.Policy(p)
			if err != nil {
				return usageError("%s: %s", shownName(args[0]), detail(err))
			}
			return writeJSON(c.OutOrStdout(), policy)
		},
	}
	cmd.Flags().StringVar(&profile, "profile", string(validate.OBIE33), "profile that the policy is for: "+text.List(validate.Profiles()))
	cmd.Flags().StringVar(&ca, "ca", "", "certificates in PEM, a `FILE`, that the bank's server must chain to; without it the system's")
	complete(cmd, "profile", text.Strings(validate.Profiles()))
	return cmd
}
