package stores

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store/postgres"
	"github.com/obdcr/obdcr/store/sqlite"
)

// TablesVersion says how far the tables of a store are.
type TablesVersion struct {
	Version int64 // of the tables; 0 where there are none
	Known   int64 // what this program makes of them
	Usable  bool  // this program can work on them, once migrations that are missing are made
}

// Tables returns how far the tables of a store are. It changes nothing. A file of SQLite that
// is not there has none.
func Tables(ctx context.Context, named claims.Secret) (TablesVersion, error) {
	name := named.Reveal()
	if IsPostgres(name) {
		s, err := postgres.Status(ctx, named)
		if err != nil {
			return TablesVersion{}, fmt.Errorf("the store %s: %w", Shown(name), err)
		}
		return TablesVersion{Version: s.Version, Known: s.Known, Usable: s.Version <= s.Known || s.Oldest <= s.Known}, nil
	}
	v, err := sqlite.Status(ctx, name)
	return TablesVersion{Version: v.Version, Known: v.Known, Usable: v.Version <= v.Known}, err
}

// Migrate makes the tables of a store, or brings them up to date. It makes a file of SQLite
// that is not there. The log gets what the operator has to know of the file.
func Migrate(ctx context.Context, named claims.Secret, log *slog.Logger) error {
	name := named.Reveal()
	if IsPostgres(name) {
		if err := postgres.Migrate(ctx, named); err != nil {
			return fmt.Errorf("the store %s: %w", Shown(name), err)
		}
		return nil
	}
	s, err := Open(ctx, named, Options{Beside: true, Logger: log})
	if err != nil {
		return err
	}
	return s.Close()
}

// Script returns the SQL that brings the tables of a store of that kind up to date, and the
// version that they have then. It opens no store.
func Script(named claims.Secret, after int64) (script string, known int64, err error) {
	write, version := sqlite.Script, sqlite.KnownVersion
	if IsPostgres(named.Reveal()) {
		write, version = postgres.Script, postgres.KnownVersion
	}
	if script, err = write(after); err != nil {
		return "", 0, err
	}
	known, err = version()
	return script, known, err
}
