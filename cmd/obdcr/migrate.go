package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/stores"
	"github.com/obdcr/obdcr/internal/text"
)

func (a *app) migrateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the tables of a bank's store up to date",
		Long: `migrate makes the tables of a store, and brings those of an earlier version up to date.
obdcr serve does so by itself at its start, unless its database user may not. A newer
program works beside an earlier one over one database while a bank is upgraded.`,
		Example: `  obdcr migrate status --config bank.yaml
  obdcr migrate print --store postgres:// > tables.sql`,
		Args: onlyCommands,
		RunE: func(*cobra.Command, []string) error {
			return usageError("say what to do: up, status or print")
		},
	}
	cmd.AddCommand(a.migrateUpCommand(), a.migrateStatusCommand(), a.migratePrintCommand())
	return cmd
}

func (a *app) migrateUpCommand() *cobra.Command {
	var o registerFlags
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Make the tables, or bring them up to date",
		Long: `up runs the migrations that are missing, each in a transaction of its own. Where the
tables are up to date it does nothing. Several at once wait for each other. Tables of a
newer program are left as they are, and the exit code is 3.`,
		Example: `  obdcr migrate up --config bank.yaml
  obdcr migrate up --store postgres://obdcr@db.bank.example/obdcr`,
		Args:              noArgument,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.onTables(&o, func(name claims.Secret) error {
				before, err := stores.Tables(c.Context(), name)
				if err != nil {
					return err
				}
				if !before.Usable {
					return fmt.Errorf("the tables have version %d, which is newer than this program: use the one that made them, or a later one", before.Version)
				}
				if err := stores.Migrate(c.Context(), name, a.warnings()); err != nil {
					return err
				}
				after, err := stores.Tables(c.Context(), name)
				if err != nil {
					return err
				}
				switch {
				case after.Version > after.Known:
					a.note("the tables have version %d, which is newer than this program, and it works on them", after.Version)
				case before.Version == after.Version:
					a.note("the tables are up to date: version %d", after.Version)
				default:
					a.note("the tables have version %d; before, they had version %d", after.Version, before.Version)
				}
				return nil
			})
		},
	}
	o.add(cmd)
	return cmd
}

// tablesForms are the forms of migrate status.
var tablesForms = []string{"text", "json"}

func (a *app) migrateStatusCommand() *cobra.Command {
	var o registerFlags
	var output string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Tell how far the tables are",
		Long: `status tells which version the tables of a store have, and which one this program makes.
It changes nothing.

Exit codes: 0 where they are up to date, 1 where migrations are missing or the tables are
newer than this program, 2 for wrong usage, 3 where the store cannot be read.`,
		Example: `  obdcr migrate status --config bank.yaml
  obdcr migrate status --store clients.db -o json`,
		Args:              noArgument,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, _ []string) error {
			if !slices.Contains(tablesForms, output) {
				return unlisted("-o", output, tablesForms)
			}
			return a.onTables(&o, func(name claims.Secret) error {
				v, err := stores.Tables(c.Context(), name)
				if err != nil {
					return err
				}
				return writeTables(c.OutOrStdout(), v, output)
			})
		},
	}
	o.add(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "text", "format: "+text.List(tablesForms))
	complete(cmd, "output", tablesForms)
	return cmd
}

// writeTables writes how far tables are. Those that are not up to date end the command with
// code 1.
func writeTables(out io.Writer, v stores.TablesVersion, form string) error {
	said, code := "up to date", exitFine
	switch {
	case v.Version == 0:
		said, code = "none: obdcr migrate up makes them", exitViolated
	case v.Version < v.Known:
		said, code = "older than this program: obdcr migrate up brings them up to date", exitViolated
	case v.Version > v.Known && v.Usable:
		said = "newer than this program, which works on them"
	case v.Version > v.Known:
		said, code = "newer than this program: use the one that made them, or a later one", exitViolated
	}
	var err error
	if form == "json" {
		err = writeJSON(out, struct {
			Version int64 `json:"version"`
			Known   int64 `json:"known"`
		}{v.Version, v.Known})
	} else {
		_, err = fmt.Fprintf(out, "tables: version %d, %s\nprogram: version %d\n", v.Version, said, v.Known)
	}
	if err == nil && code != exitFine {
		err = &exitError{code: code}
	}
	return err
}

func (a *app) migratePrintCommand() *cobra.Command {
	var o registerFlags
	var from int64
	cmd := &cobra.Command{
		Use:   "print",
		Short: "Write the migrations as plain SQL, for a database administrator",
		Long: `print writes the SQL that migrate up runs, in its order, each migration in a
transaction that also records it: for psql, sqlite3 or any other tool. It opens no
database: --store says of which kind it is, "postgres://" or any path for SQLite.
--from leaves out the migrations up to that version, which migrate status tells.`,
		Example: `  obdcr migrate print --store postgres:// > tables.sql
  obdcr migrate print --store clients.db --from 4 | sqlite3 clients.db`,
		Args:              noArgument,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.onTables(&o, func(name claims.Secret) error {
				script, known, err := stores.Script(name, from)
				switch {
				case err != nil:
					return err
				case from < 0 || from > known:
					return usageError("--from is a version of the tables, from 0 to %d, which this program makes", known)
				}
				_, err = io.WriteString(c.OutOrStdout(), script)
				return err
			})
		},
	}
	o.add(cmd)
	cmd.Flags().Int64Var(&from, "from", 0, "leave out the migrations up to this `VERSION`")
	return cmd
}

// onTables does something with the tables of the store that is named. An error ends the
// command with code 3.
func (a *app) onTables(o *registerFlags, do func(claims.Secret) error) error {
	name, _, err := a.registerName(o)
	if err != nil {
		return err
	}
	err = do(name)
	if exit, ok := errors.AsType[*exitError](err); ok {
		return exit
	}
	if err != nil {
		return ioError(plainly(err))
	}
	return nil
}
