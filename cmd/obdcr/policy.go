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
by --policy. docs/policy.md explains its members. banks lists the dialects that --bank takes;
docs/dialects.md explains them.`,
		Example: `  obdcr policy print --profile obie-3.4 > policy.json
  obdcr policy banks
  obdcr policy from-discovery discovery.json > policy.json
  obdcr lint --policy policy.json --profile obie-3.4 request.jwt`,
		Args: onlyCommands,
		RunE: func(*cobra.Command, []string) error {
			return usageError("say what to write: print, banks, from-discovery or schema")
		},
	}
	var profile, bank string
	defaults := &cobra.Command{
		Use:   "print",
		Short: "Write the whole policy of a profile, or of a bank, as JSON",
		Example: `  obdcr policy print --profile wso2 > policy.json
  obdcr policy print --bank hsbc > policy.json`,
		Args: noArgument,
		RunE: func(c *cobra.Command, _ []string) error {
			by, err := a.assume(bank, "", profile, c.Flags().Changed("profile"))
			if err != nil {
				return err
			}
			if bank != "" {
				a.note("the policy is for --profile %s", by.profile)
			}
			return writeJSON(c.OutOrStdout(), by.policy)
		},
	}
	bankFlag(defaults, defaults.Flags(), &bank)
	defaults.Flags().StringVar(&profile, "profile", string(validate.OBIE33), "profile that the policy is for: "+text.List(validate.Profiles()))
	complete(defaults, "profile", text.Strings(validate.Profiles()))
	cmd.AddCommand(defaults, a.banksCommand(), a.fromDiscoveryCommand(), &cobra.Command{
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
