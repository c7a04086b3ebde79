package sqlite

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrateAttempts is how often migrate tries. Where several processes make the same
// tables at the same moment, only one succeeds; the others find the step done when they
// look again.
const migrateAttempts = 10

// migrate brings the tables of the file up to date.
func migrate(ctx context.Context, path string) error {
	var err error
	for range migrateAttempts {
		if err = migrateOnce(ctx, path); err == nil || errors.Is(err, ErrNewer) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

func migrateOnce(ctx context.Context, path string) (err error) {
	db, err := connect(path, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.PingContext(ctx); err != nil {
		return err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	current, known, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if current > known {
		return fmt.Errorf("%w: the tables of %s have version %d, and this knows %d", ErrNewer, path, current, known)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: a step on the way from version %d of the tables to %d failed, and nothing of that step is left in the file; "+
			"whoever has made tables or indexes in it by hand takes them back: %w", current, known, err)
	}
	return nil
}
