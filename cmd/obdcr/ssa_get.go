package main

import (
	"cmp"
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
)

func (a *app) ssaCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "ssa",
		Short:   "Fetch a software statement from the directory",
		Example: `  obdcr ssa get --config conformance.json > ssa.jwt`,
		Args:    onlyCommands,
		RunE:    func(*cobra.Command, []string) error { return usageError("say what to do: get") },
	}
	cmd.AddCommand(a.ssaGetCommand())
	return cmd
}

func (a *app) ssaGetCommand() *cobra.Command {
	o := &clientOptions{}
	cmd := &cobra.Command{
		Use:   "get",
		Short: "Fetch a fresh software statement from the directory",
		Long: `get asks the directory's token endpoint for an access token by private_key_jwt, then
fetches a fresh software statement by the directory's API, both over mutual TLS. It writes
the statement to standard output, a compact JWT, for --ssa of the other commands. It does
not verify the statement: lint ssa does.

The addresses of the directory differ between its sandbox and its production. The file of
--config has them as directory_url and directory_token_endpoint, and takes org_id and
software_id from the statement that it holds.`,
		Example: `  obdcr ssa get --config conformance.json > ssa.jwt
  obdcr ssa get --directory https://matls-dirapi.openbankingtest.org.uk \
    --token-endpoint https://directory.example/token \
    --org-id 0015800001041RHAAY --software-id 4Kb1BFCjzBrlhWlNBDxVEo \
    --cert transport.pem --key transport.key \
    --signing-key signing.key --kid KID > ssa.jwt`,
		Args: noArgument,
		RunE: func(c *cobra.Command, _ []string) error { return a.ssaGet(c.Context(), c.OutOrStdout(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.config, "config", "",
		"a config.json of the OBIE conformance tool, a `FILE`, with the directory's addresses; the flags below change what it says")
	f.StringVar(&o.directory, "directory", "", "the address of the directory's API, an https `URL`")
	f.StringVar(&o.directoryTokens, "token-endpoint", "", "the directory's token endpoint, an https `URL`")
	f.StringVar(&o.orgID, "org-id", "", "the `ID` of the organisation")
	f.StringVar(&o.softwareID, "software-id", "", "the `ID` of the software")
	f.StringArrayVar(&o.scopes, "scope", nil, "a `SCOPE` to ask for with the access token, once for each; without it "+tpp.DirectoryScope)
	o.keyFlags(cmd, "the directory")
	o.wireFlags(cmd)
	return untilInterrupted(cmd)
}

// ssaGet writes the statement without a newline to anything but a terminal, like build.
func (a *app) ssaGet(ctx context.Context, out io.Writer, o *clientOptions) error {
	c, err := a.settings(o)
	if err != nil {
		return err
	}
	directory, err := a.directoryClient(c, o)
	if err != nil {
		return err
	}
	statement, err := directory.Statement(ctx, o.orgID, o.softwareID)
	if err != nil {
		return a.bankError(err)
	}
	if a.terminal {
		statement += "\n"
	}
	_, err = io.WriteString(out, statement)
	return err
}

// directoryClient makes the client of the directory. It takes the ids that no flag gives
// from the statement of --config. The software of that statement is the one that asks.
func (a *app) directoryClient(c *settings, o *clientOptions) (*tpp.DirectoryClient, error) {
	asks := o.softwareID
	if earlier, err := ssa.Parse(c.SSA); err == nil {
		own := earlier.UnverifiedClaims()
		asks = own.SoftwareID.Or(asks)
		o.orgID = cmp.Or(o.orgID, own.OrgID.Or(""))
		o.softwareID = cmp.Or(o.softwareID, asks)
	}
	var flags, members []string
	for _, n := range []need{
		{"--directory", "directory_url", c.DirectoryURL != ""}, {"--token-endpoint", "directory_token_endpoint", c.DirectoryTokenEndpoint != ""},
		{"--org-id", "ssa with an org_id", o.orgID != ""}, {"--software-id", "ssa with a software_id", o.softwareID != ""},
		{"--cert", "transport_cert", c.chain != nil}, {"--key", "transport_key", c.key != nil},
		{"--signing-key", "private_key", c.signer != nil}, {"--kid", "kid", c.Kid != ""},
	} {
		if !n.there {
			flags, members = append(flags, n.flag), append(members, n.member)
		}
	}
	if flags != nil {
		return nil, usageError("ssa get needs%s", lackingFlags(o.config, flags, members))
	}
	clock, err := o.clock()
	if err != nil {
		return nil, err
	}
	client, err := tpp.NewDirectoryClient(tpp.DirectoryConfig{
		HTTP: a.bankClient(tpp.MutualTLS(c.pair(), o.alsoOfTheSystem(c)), o), API: c.DirectoryURL, TokenEndpoint: c.DirectoryTokenEndpoint,
		SoftwareID: asks, Signer: c.signer, KeyID: c.Kid, Scopes: o.scopes, Clock: clock,
	})
	if err != nil {
		return nil, usageError("%s", detail(err))
	}
	return client, nil
}
