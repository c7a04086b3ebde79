package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/service"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/stores"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

func (a *app) clientsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "clients",
		Short: "Look at a bank's register of clients, and move it",
		Long: `clients is for operators of a bank. It works on the bank's store, beside the servers that
use it: --config names the file that obdcr serve runs with, --store a SQLite file or the
address of a PostgreSQL database. Opening a SQLite file brings its tables up to date.`,
		Example: `  obdcr clients list --store obdcr-sandbox/obdcr.db
  obdcr clients show 0e1f7a52 --config bank.yaml
  obdcr clients export --config bank.yaml --out register.jsonl`,
		Args: onlyCommands,
		RunE: func(c *cobra.Command, _ []string) error {
			var names []string
			for _, below := range c.Commands() {
				names = append(names, below.Name())
			}
			return usageError("say what to do: %s", text.List(names))
		},
	}
	cmd.AddCommand(a.clientsListCommand(), a.clientsShowCommand(), a.clientsHistoryCommand(), a.clientsRemoveCommand(),
		a.clientsExportCommand(), a.clientsImportCommand(), a.clientsRecheckCommand())
	return cmd
}

// registerFlags name the store of a bank.
type registerFlags struct{ config, store string }

func (o *registerFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.config, "config", "", "the bank's configuration, a YAML `FILE` as obdcr serve takes it")
	cmd.Flags().StringVar(&o.store, "store", "", "the store instead, a SQLite `FILE|URL` of postgres://...; keep a password out of it: PGPASSFILE")
	cmd.MarkFlagsMutuallyExclusive("config", "store")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml") // it fails only for a flag that is not there
}

// name returns the path or the address of the store, and the configuration where one is
// given.
func (a *app) registerName(o *registerFlags) (claims.Secret, *service.Config, error) {
	if o.config == "" && o.store == "" {
		return claims.Secret{}, nil, usageError("give --config FILE, or --store with a SQLite file or postgres://...")
	}
	if scheme, _, found := strings.Cut(o.store, "://"); found && !stores.IsPostgres(o.store) { // what follows may have a password
		return claims.Secret{}, nil, usageError("--store %s://... is of no database that obdcr knows: "+
			"give a SQLite file, or postgres://USER@HOST/DATABASE", cut(scheme))
	}
	if o.store != "" {
		return claims.NewSecret(o.store), nil, nil
	}
	config, err := service.Load(o.config)
	if err != nil {
		return claims.Secret{}, nil, serveError(err)
	}
	name, err := config.StoreName(nil)
	return name, config, serveError(err)
}

// openRegister opens the store that is named, which has to be there. The caller closes it.
func (a *app) openRegister(ctx context.Context, o *registerFlags) (stores.Opened, *service.Config, error) {
	name, config, err := a.registerName(o)
	if err != nil {
		return nil, nil, err
	}
	s, err := stores.Open(ctx, name, stores.Options{Existing: true, NoMigrate: true, Beside: true, Logger: a.warnings()})
	switch {
	case errors.Is(err, fs.ErrNotExist) && o.store != "":
		return nil, nil, ioError(fmt.Errorf("%w; --store takes a file that is there, or postgres://USER@HOST/DATABASE", err))
	case err != nil:
		return nil, nil, ioError(err)
	}
	return s, config, nil
}

// withRegister opens the store, and closes it when do has ended. An error of the store, or
// of closing it, ends the command with code 3.
func (a *app) withRegister(ctx context.Context, o *registerFlags, do func(stores.Opened, *service.Config) error) error {
	s, config, err := a.openRegister(ctx, o)
	if err != nil {
		return err
	}
	err = do(s, config)
	if closed := s.Close(); closed != nil && err == nil {
		err = closed
	}
	if exit, ok := errors.AsType[*exitError](err); ok {
		return exit
	}
	if err != nil {
		return ioError(plainly(err))
	}
	return nil
}

// findClient finds a record by its client_id or its own ID, in any state. Where there is
// none the command ends with code 1, and says which ID is near to it.
func findClient(ctx context.Context, s stores.Opened, id string) (store.Client, error) {
	c, err := s.Get(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		c, err = s.GetByClientID(ctx, id)
	}
	if errors.Is(err, store.ErrNotFound) {
		return store.Client{}, notFound(ctx, s, id)
	}
	return c, err
}

// notFound says that there is no such client.
func notFound(ctx context.Context, s stores.Opened, id string) error {
	switch _, err := store.AuditedID(ctx, s, id); {
	case err == nil:
		return &exitError{exitViolated, fmt.Errorf("the client %s is not in the register any more: obdcr clients history says why", text.Quote(id))}
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	ids, err := similarIDs(ctx, s, id)
	if err != nil {
		return err
	}
	return &exitError{exitViolated, fmt.Errorf("there is no client %s%s", text.Quote(id), meant("", id, ids))}
}

// similarPage is how many records similarIDs looks at, from either side.
const similarPage = 200

// similarIDs returns IDs that one may have meant: those of records whose ID begins likewise, and
// those of the newest ones.
func similarIDs(ctx context.Context, s stores.Opened, id string) ([]string, error) {
	const prefix = 4
	records, err := s.List(ctx, text.Clip(id, prefix), similarPage)
	if err != nil {
		return nil, err
	}
	newest, err := s.Search(ctx, store.Query{Newest: true}, store.Position{}, similarPage)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, c := range slices.Concat(records, newest) {
		for _, known := range []string{c.ClientID, c.ID} {
			if known != "" && !slices.Contains(ids, known) {
				ids = append(ids, known)
			}
		}
	}
	return ids, nil
}

// oneClient demands the ID of a client.
func oneClient(c *cobra.Command, args []string) error {
	switch {
	case len(args) == 0 || args[0] == "":
		return usageError("%s needs a CLIENT_ID, or the ID of a record; see %s --help", c.Name(), c.CommandPath())
	case len(args) > 1:
		return usageError("%s takes one CLIENT_ID: %q is one too many", c.Name(), cut(args[1]))
	}
	return nil
}

// states are those that a record can be in, in the order of a life.
var states = []store.State{store.PendingCreate, store.Creating, store.Active, store.Updating, store.PendingDelete, store.Deleting}

// spell writes a state for people and for programs: pending_create.
func stateOf(s store.State) string {
	if s == "" {
		return string(store.Active)
	}
	return string(s)
}

// fit returns a text that can be printed in at most limit cells, with dots at the end if it
// was cut.
func fit(s string, limit int) string {
	s = text.Visible(s)
	if text.Cells(s) <= limit {
		return s
	}
	return text.CutCells(s, limit-len("...")) + "..."
}

// pad adds blanks up to a width in cells.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-text.Cells(s)))
}
