package main

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// firstAnnounced describes the default of --auth-method.
const firstAnnounced = "the first that the bank announces"

// noArgument refuses arguments, for commands that take flags alone.
func noArgument(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError("%s takes no argument, only flags: %q is one too many", c.Name(), cut(args[0]))
}

// untilInterrupted lets a first SIGINT or SIGTERM end the wait for an answer, so that the
// command can say what the bank may have done, and removes its temporary files. A second one
// ends it at once.
func untilInterrupted(cmd *cobra.Command) *cobra.Command {
	run := cmd.RunE
	cmd.RunE = func(c *cobra.Command, args []string) error {
		ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		context.AfterFunc(ctx, stop)
		c.SetContext(ctx)
		return run(c, args)
	}
	return cmd
}

// oneClientID demands one client_id, for verbs about one client. The file of --client has
// one too.
func oneClientID(c *cobra.Command, args []string) error {
	switch {
	case len(args) == 0 && c.Flags().Changed("client"):
		return nil
	case len(args) == 0:
		return usageError("%s needs the CLIENT_ID, which register prints, or --client with the answer of register", c.Name())
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
bank's answer to standard output, without the client's secret. A bank shows a secret
once. With --client-out the whole answer goes to a file that nobody else can read, for
the flag --client of get, update and delete. --show-secret prints the secret. For a
method that has a secret one of the two is needed. If the file cannot be written after
all, the secret is printed, so that it is not lost. An answer of success that cannot be
used is kept as it came, in the file of --client-out or a new one, answer-*.txt.

At some banks a person approves registrations. Then the answer is 202, which says that
nothing is registered yet; it is kept in the same way, and the exit code is 3. Do not
register again: the client_id works once the bank has approved, unless it tells another
one.

If no answer comes, or one of 5xx, the client may be registered all the same. Then send the very same
request again with --request: a bank does not register it twice. The request is in the
file of --save, or else in a new file request-*.jwt in the current folder.`,
		Example: `  obdcr register --config conformance.json --client-out client.json
  obdcr register --ca ca.pem --cert transport.pem --key transport.key \
    --discovery https://bank.example/.well-known/openid-configuration \
    --signing-key signing.key --kid KID --ssa ssa.jwt \
    --aud 0015800001041RHAAY
  obdcr register --config conformance.json --auth-method tls_client_auth \
    --save request.jwt --timeout 2m --verbose`,
		Args: noArgument,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.idle(c, true); err != nil {
				return err
			}
			if err := a.speak(c, o); err != nil {
				return err
			}
			return a.register(c.Context(), c.OutOrStdout(), o)
		},
	}
	o.connectionFlags(cmd)
	o.requestFlags(cmd)
	o.methodFlag(cmd, "how the client is to authenticate", firstAnnounced)
	o.sendFlags(cmd)
	o.outFlag(cmd, "; it must not exist yet")
	return untilInterrupted(cmd)
}

func (a *app) getCommand() *cobra.Command {
	o := &clientOptions{}
	cmd := &cobra.Command{
		Use:   "get [CLIENT_ID]",
		Short: "Show a client as a bank has registered it",
		Long: `get asks the bank's token endpoint for an access token of the client, then reads the
client at the registration endpoint. It leaves out the secrets of the answer.`,
		Example: `  obdcr get --config conformance.json --client client.json
  obdcr get --config conformance.json --client client.json \
    --token-scope accounts`,
		Args:              oneClientID,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.speak(c, o); err != nil {
				return err
			}
			return a.get(c.Context(), c.OutOrStdout(), args, o)
		},
	}
	o.connectionFlags(cmd)
	o.statementFlag(cmd, ", which is not used here")
	o.methodFlag(cmd, "how the client authenticates", "the method of --client, or "+firstAnnounced)
	o.secretFlag(cmd)
	o.knownFlag(cmd)
	o.tokenFlag(cmd)
	return untilInterrupted(cmd)
}

func (a *app) updateCommand() *cobra.Command {
	o := &clientOptions{}
	cmd := &cobra.Command{
		Use:   "update [CLIENT_ID]",
		Short: "Replace all registered members of a client at a bank",
		Long: `update builds a registration request as build does and replaces all registered
members by those of the request, also members that do not change. The client keeps its
method at the token endpoint unless --auth-method names another one.

update takes the client_id and the registered method from --client, and sends the
client_id (RFC 7592 section 2.2). Without --client it takes the method from
--auth-method; without either it reads the client first, by the first method that the
bank announces.`,
		Example: `  obdcr update --config conformance.json --client client.json \
    --client-out client.json --redirect-uri https://app.example/cb`,
		Args:              oneClientID,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.idle(c, false); err != nil {
				return err
			}
			if err := a.speak(c, o); err != nil {
				return err
			}
			return a.update(c.Context(), c.OutOrStdout(), args, o)
		},
	}
	o.connectionFlags(cmd)
	o.requestFlags(cmd)
	o.methodFlag(cmd, "how the client is to authenticate from now on", "the registered one; if that is not known "+firstAnnounced)
	o.sendFlags(cmd)
	o.knownFlag(cmd)
	o.tokenFlag(cmd)
	o.outFlag(cmd, "; it is replaced")
	return untilInterrupted(cmd)
}

func (a *app) deleteCommand() *cobra.Command {
	o := &clientOptions{}
	cmd := &cobra.Command{
		Use:   "delete [CLIENT_ID]",
		Short: "Delete a client at a bank, with its tokens",
		Long: `delete asks the bank's token endpoint for an access token of the client, and deletes
the client with it.

At some banks a person approves deletions. Then the answer is 202, and the exit code 3:
the client and its tokens stay valid until the bank has approved.`,
		Example:           `  obdcr delete --config conformance.json --client client.json`,
		Args:              oneClientID,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.speak(c, o); err != nil {
				return err
			}
			return a.delete(c.Context(), args, o)
		},
	}
	o.connectionFlags(cmd)
	o.statementFlag(cmd, ", which is not used here")
	o.methodFlag(cmd, "how the client authenticates", "as --client says, or "+firstAnnounced)
	o.knownFlag(cmd)
	o.tokenFlag(cmd)
	return untilInterrupted(cmd)
}
