package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// checkTimeout is how long the check at the start may take where Config says nothing.
const checkTimeout = 10 * time.Second

// errMalformed ends Open for a file that is damaged.
var errMalformed = errors.New("the file is damaged: keep a copy of it and of its -wal, and put a backup in its place")

// checkFile looks at each page of the file once. A check that does not end in time is
// logged, and is no error.
func checkFile(ctx context.Context, db *sql.DB, path string, limit time.Duration, log *slog.Logger) error {
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var found string
	err := db.QueryRowContext(within, "PRAGMA quick_check(1)").Scan(&found)
	switch {
	case err != nil && within.Err() != nil && ctx.Err() == nil:
		log.Warn("the store was not checked to the end at the start: check it with PRAGMA integrity_check of sqlite3 when there is time",
			"file", path, "limit", limit)
		return nil
	case isDamage(err):
		return fmt.Errorf("%s: %w (%w)", path, errMalformed, err)
	case err != nil:
		return fmt.Errorf("%s: %w", path, explained(err))
	case found != "ok":
		return fmt.Errorf("%s: %w (%.200q)", path, errMalformed, found)
	}
	return nil
}

// unread gives the error of a read its prefix, and remembers damage for Probe.
func (s *Store) unread(verb string, err error) error {
	s.write.remember(err)
	return failed(verb, err)
}

// remember keeps the first sight of damage, from any statement: Probe itself may never meet
// the damaged page. It stays until the file is opened, and so checked, again.
func (w *writer) remember(err error) {
	if isDamage(err) {
		w.damage.CompareAndSwap(nil, &err)
	}
}

// isDamage reports whether SQLite found the file damaged.
func isDamage(err error) bool {
	code := codeOf(err) & 0xff
	return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
}
