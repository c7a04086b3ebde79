package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/service"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/stores"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// removeOptions are the flags of clients remove.
type removeOptions struct {
	registerFlags
	as, reason string
	yes        bool
}

func (a *app) clientsRemoveCommand() *cobra.Command {
	o := &removeOptions{}
	cmd := &cobra.Command{
		Use:   "remove CLIENT_ID",
		Short: "Remove a client for the bank's own reasons",
		Long: `remove deletes a client, such as one of a TPP that lost its authorisation: its tokens
end, the bank's authorization server forgets it, and then the register does. It asks for no
token and for no approval; who removed it and why is in the audit trail. It needs
--config, because hooks and authorization server are told. A registration that waits for
approval is forgotten. The client_id has to be typed to confirm, unless --yes is given.`,
		Example:           `  obdcr clients remove 0e1f7a52 --config bank.yaml --as jd --reason ticket-47`,
		Args:              oneClient,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case o.config == "":
				return usageError("remove needs --config FILE: the hooks and the authorization server of the bank are told")
			case strings.TrimSpace(o.as) == "":
				return usageError("remove needs --as NAME: who removes the client, for the audit trail")
			case strings.TrimSpace(o.reason) == "":
				return usageError("remove needs --reason TEXT: why the client is removed, for the audit trail")
			}
			return a.withRegister(c.Context(), &o.registerFlags, func(s stores.Opened, config *service.Config) error {
				return a.removeClient(c.Context(), o, args[0], s, config)
			})
		},
	}
	o.add(cmd)
	f := cmd.Flags()
	f.StringVar(&o.as, "as", "", "the `NAME` of who removes it")
	f.StringVar(&o.reason, "reason", "", "why, a `TEXT`; at most 500 characters are kept")
	f.BoolVar(&o.yes, "yes", false, "do not ask")
	return cmd
}

func (a *app) removeClient(ctx context.Context, o *removeOptions, id string, s stores.Opened, config *service.Config) error {
	record, err := findClient(ctx, s, id)
	if err != nil {
		return err
	}
	if !o.yes {
		if err := a.confirm(&record); err != nil {
			return err
		}
	}
	r, done, err := config.Registrar(s, a.warnings())
	if err != nil {
		return serveError(err)
	}
	defer done()
	ctx = dcr.WithActor(ctx, dcr.Actor{Kind: dcr.ActorOperator, Name: o.as})
	err = r.Remove(ctx, record.ID, o.reason)
	switch {
	case errors.Is(err, dcr.ErrUnfinished):
		return ioError(fmt.Errorf("the client %s is removed here, and the authorization server could not be told yet: obdcr serve goes on with it",
			text.Quote(id)))
	case errors.Is(err, store.ErrNotFound):
		return &exitError{exitViolated, fmt.Errorf("the client %s was removed meanwhile", text.Quote(id))}
	case err != nil:
		return err
	}
	a.note("removed %s", text.Quote(id))
	return nil
}

// confirm has the client_id typed. What cannot be asked is refused.
func (a *app) confirm(c *store.Client) error {
	if f, ok := a.in.(*os.File); ok && !isTerminal(f) {
		return usageError("there is nobody to ask: give --yes to remove the client without")
	}
	name := c.ClientID
	if name == "" {
		name = c.ID
	}
	listClient(a.err, c)
	fmt.Fprintf(a.err, "Type %s to remove this client: ", text.Visible(name))
	typed, err := bufio.NewReader(a.in).ReadString('\n')
	if strings.TrimSpace(typed) != name {
		if err != nil && typed == "" {
			fmt.Fprintln(a.err)
		}
		return usageError("that is not its client_id: nothing was removed")
	}
	return nil
}
