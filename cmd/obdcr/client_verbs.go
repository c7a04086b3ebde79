package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// firstAnnounced is the method where nothing else is known.
const firstAnnounced = "the first that the bank announces"

// noArgument is for commands that take flags alone.
func noArgument(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError("%s takes no argument, but for its flags: %q is one too many", c.Name(), cut(args[0]))
}

// oneClientID is for verbs about one client.
func oneClientID(c *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return usageError("%s needs the CLIENT_ID, which register printed", c.Name())
	case len(args) > 1:
		return usageError("%s takes one CLIENT_ID: %q is one too many", c.Name(), cut(args[1]))
	case strings.TrimSpace(args[0]) == "":
		return usageError("%s: the CLIENT_ID is empty", c.Name())
	}
	return nil
}

func (a *app) registerCommand() *cobra.Command {
	o := &clientOptions{}
	cmd := &cobra.Command{
		Use:   "register",
		Short: "Register a client at a bank over mutual TLS",
		Long: `register builds a registration request as build does, sends it, and writes the
bank's answer to standard output. A client secret is part of the answer, which is the
only one that has it: with --client-out the whole answer is kept in a file that nobody
else can read, and standard output gets it without its secrets. Without --client-out
all of it, the secret too, goes to standard output.

Where no answer comes, the client may be registered all the same. Send the very same
request again then (--save, --request): it registers nothing twice.`,
		Example: `  obdcr register --config conformance.json --client-out client.json
  obdcr register --discovery https://bank.example/.well-known/openid-configuration --ca ca.pem --cert transport.pem \
    --key transport.key --signing-key signing.key --kid KID --ssa ssa.jwt --aud 0015800001041RHAAY`,
		Args: noArgument,
		RunE: func(c *cobra.Command, _ []string) error { return a.register(c.Context(), c.OutOrStdout(), o) },
	}
	o.connectionFlags(cmd)
	o.requestFlags(cmd)
	o.methodFlag(cmd, "how the client is to authenticate", firstAnnounced)
	o.sendFlags(cmd)
	o.outFlag(cmd, "; it must not exist yet")
	return cmd
}

func (a *app) getCommand() *cobra.Command {
	o := &clientOptions{}
	cmd := &cobra.Command{
		Use:   "get CLIENT_ID",
		Short: "Show a client as a bank has registered it",
		Long: `get asks the bank's token endpoint for an access token, in the client's name, and
with it the registration endpoint for the client. Secrets in the answer are left out.`,
		Example:           `  obdcr get --config conformance.json --client client.json CLIENT_ID`,
		Args:              oneClientID,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			return a.get(c.Context(), c.OutOrStdout(), args[0], o)
		},
	}
	o.connectionFlags(cmd)
	o.statementFlag(cmd, ", which is not used here")
	o.methodFlag(cmd, "how the client authenticates", "as --client says, or "+firstAnnounced)
	o.knownFlag(cmd)
	return cmd
}

func (a *app) updateCommand() *cobra.Command {
	o := &clientOptions{}
	cmd := &cobra.Command{
		Use:   "update CLIENT_ID",
		Short: "Replace what a bank has registered of a client",
		Long: `update builds a registration request as build does, which says everything, also what
does not change, and puts it in place of what is registered. The client keeps its
method at the token endpoint unless --auth-method names another one. How it is
registered --client says; without it --auth-method does, and without both the client is
read first, by the first method that the bank announces.`,
		Example:           `  obdcr update --config conformance.json --client client.json --redirect-uri https://app.example/cb CLIENT_ID`,
		Args:              oneClientID,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			return a.update(c.Context(), c.OutOrStdout(), args[0], o)
		},
	}
	o.connectionFlags(cmd)
	o.requestFlags(cmd)
	o.methodFlag(cmd, "how the client is to authenticate from now on", "as it is registered; where that is not known "+firstAnnounced)
	o.sendFlags(cmd)
	o.knownFlag(cmd)
	o.outFlag(cmd, "; it is replaced")
	return cmd
}

func (a *app) deleteCommand() *cobra.Command {
	o := &clientOptions{}
	cmd := &cobra.Command{
		Use:               "delete CLIENT_ID",
		Short:             "Delete a client at a bank, with its tokens",
		Example:           `  obdcr delete --config conformance.json --client client.json CLIENT_ID`,
		Args:              oneClientID,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			return a.delete(c.Context(), args[0], o)
		},
	}
	o.connectionFlags(cmd)
	o.statementFlag(cmd, ", which is not used here")
	o.methodFlag(cmd, "how the client authenticates", "as --client says, or "+firstAnnounced)
	o.knownFlag(cmd)
	return cmd
}
