package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/obdcr/obdcr/store/internal/steps"
)

// FileVersion says how far the tables of a file are.
type FileVersion struct {
	Version int64 // of the tables; 0 where there are none
	Known   int64 // what this package makes of them
}

const (
	selectTable   = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'goose_db_version'"
	selectVersion = "SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied"

	// versionTable is the table of goose, with the row that goose expects first.
	versionTable = `BEGIN;
CREATE TABLE goose_db_version (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    version_id INTEGER NOT NULL,
    is_applied INTEGER NOT NULL,
    tstamp     TIMESTAMP DEFAULT (datetime('now'))
);
INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true);
COMMIT;
`
)

func migrationSteps() ([]steps.Step, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("sqlite: migrations: %w", err)
	}
	return steps.Read(files)
}

// Script returns the SQL that brings tables of a version up to date, for the sqlite3 shell;
// after is 0 for a file without tables. Each step is a transaction of its own, which also
// records that it was made. Open does the same by itself.
func Script(after int64) (string, error) {
	all, err := migrationSteps()
	if err != nil {
		return "", err
	}
	var script strings.Builder
	if after == 0 {
		script.WriteString(versionTable)
	}
	for _, step := range all {
		if step.Version > after {
			fmt.Fprintf(&script, "\n-- %s\nBEGIN;\n%sINSERT INTO goose_db_version (version_id, is_applied) VALUES (%d, true);\nCOMMIT;\n",
				step.Name, step.Up, step.Version)
		}
	}
	return script.String(), nil
}

// KnownVersion returns the version of the tables that Open makes.
func KnownVersion() (int64, error) {
	all, err := migrationSteps()
	if err != nil || len(all) == 0 {
		return 0, err
	}
	return all[len(all)-1].Version, nil
}

// Status returns how far the tables of a file are. It changes nothing. A file that is not
// there has none; one that is damaged, or no database, is an error.
func Status(ctx context.Context, path string) (v FileVersion, err error) {
	if v.Known, err = KnownVersion(); err != nil {
		return FileVersion{}, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return FileVersion{}, fmt.Errorf("sqlite: status: %w", err)
	}
	if info, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return v, nil
	}
	db, err := dial(path, 1, "ro")
	if err != nil {
		return FileVersion{}, fmt.Errorf("sqlite: status: %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var tables int
	if err = db.QueryRowContext(ctx, selectTable).Scan(&tables); err == nil && tables > 0 {
		err = db.QueryRowContext(ctx, selectVersion).Scan(&v.Version)
	}
	switch {
	case err != nil && isDamage(err):
		return FileVersion{}, fmt.Errorf("sqlite: status: %s: %w", path, malformed(path, err))
	case err != nil:
		return FileVersion{}, fmt.Errorf("sqlite: status: %s: %w", path, explained(err))
	}
	return v, nil
}
