package main

import (
	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

func policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Write a policy to start from, or the schema of policies",
		Long: `policy helps to write a bank's policy: the file that lint, attributes and sandbox read
by --policy. docs/policy.md explains its members.`,
		Example: `  obdcr policy print --profile obie-3.4 > policy.json
  obdcr lint --policy policy.json --profile obie-3.4 request.jwt`,
		Args: onlyCommands,
		RunE: func(*cobra.Command, []string) error { return usageError("say what to write: print or schema") },
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
	cmd.AddCommand(defaults, &cobra.Command{
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
