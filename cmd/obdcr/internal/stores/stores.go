// Package stores opens the store that a text names, for every command: a path of a SQLite
// file, or the address of a PostgreSQL database.
package stores

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/archive"
	"github.com/obdcr/obdcr/store/postgres"
	"github.com/obdcr/obdcr/store/sqlite"
)

// Opened is a store that was opened: all that a register of this module can do.
type Opened interface {
	store.Store
	store.Searcher
	store.ClientIDs
	archive.Register
	// Close ends the use of the store, once nobody uses it any more.
	Close() error
}

// Options say how a store is opened.
type Options struct {
	// Existing refuses a file of SQLite that is not there, and one that is empty: a command that
	// only reads must not make one where the path is misspelt.
	Existing bool
	// NoMigrate leaves the tables of a PostgreSQL database as they are.
	NoMigrate bool
	// Beside is for a command beside a bank: what the bank has to be told about its file is left
	// for it.
	Beside bool
	Clock  func() time.Time // nil means time.Now
	Logger *slog.Logger     // nil logs nothing
}

// IsPostgres reports whether a name is the address of a PostgreSQL database.
func IsPostgres(name string) bool {
	return strings.HasPrefix(name, "postgres://") || strings.HasPrefix(name, "postgresql://")
}

// Shown returns the name of a store for people: without the password, and without what else
// stands in the address of a database but its hosts and its name.
func Shown(name string) string {
	scheme, rest, found := strings.Cut(name, "://")
	if !found || !IsPostgres(name) {
		return text.Echo(name)
	}
	rest, _, _ = strings.Cut(rest, "?")
	return text.Echo(scheme + "://" + rest[strings.LastIndexByte(rest, '@')+1:])
}

// Open opens a store, and brings its tables up to date. The name is a secret because it may
// have a password. The error is one of reading the file,
// or that of the store; it has no password.
func Open(ctx context.Context, named claims.Secret, o Options) (Opened, error) {
	name := named.Reveal()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if IsPostgres(name) {
		s, err := postgres.Open(ctx, postgres.Config{DSN: named, Clock: o.Clock, NoMigrate: o.NoMigrate, Logger: o.Logger})
		if err != nil {
			return nil, failed(name, err)
		}
		return s, nil
	}
	if o.Existing {
		if err := exists(name); err != nil {
			return nil, err
		}
	}
	s, err := sqlite.Open(ctx, sqlite.Config{Path: name, Clock: o.Clock, Logger: o.Logger, Beside: o.Beside})
	if err != nil {
		return nil, failed(name, err)
	}
	return s, nil
}

// failed names the store in an error, and what helps where its tables are old.
func failed(name string, err error) error {
	if errors.Is(err, postgres.ErrOlder) {
		return fmt.Errorf("the store %s: %w: run obdcr migrate up", Shown(name), err)
	}
	return fmt.Errorf("the store %s cannot be opened: %w", Shown(name), err)
}

// exists demands a file that may be a database.
func exists(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the store %s: %w", text.Echo(path), fs.ErrNotExist)
	case err != nil:
		return fmt.Errorf("the store %s cannot be read: %w", text.Echo(path), err)
	case info.IsDir():
		return fmt.Errorf("the store %s is a folder, and no file of SQLite", text.Echo(path))
	case info.Size() == 0:
		return fmt.Errorf("the store %s is an empty file", text.Echo(path))
	}
	return nil
}
