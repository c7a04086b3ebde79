package sqlite

import (
	"context"
	"fmt"
	"math"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/obdcr/obdcr/store"
)

const (
	insertProbe = "INSERT INTO probes (id, written) VALUES (1, randomblob(8192)) ON CONFLICT (id) DO UPDATE SET written = excluded.written"
	deleteProbe = "DELETE FROM probes"
)

var _ store.Prober = (*Store)(nil)

// Probe implements store.Prober. It writes a row of 8 KiB, as large as a record, and removes
// it again, in two transactions, which are committed as those of a change and wait for a second. A log
// that has room left in the file hides a full disk from both for as long.
// Once any statement has met a damaged page, Probe says so until the file is opened again.
func (s *Store) Probe(ctx context.Context) error {
	if met := s.write.damage.Load(); met != nil {
		return failed("probe", *met)
	}
	for _, statement := range []string{insertProbe, deleteProbe} {
		err := s.write.within(ctx, min(s.write.wait, probeWait), func(ctx context.Context) error {
			_, err := s.write.conn.ExecContext(ctx, statement)
			return err
		})
		if err != nil {
			return failed("probe", err)
		}
	}
	return nil
}

// advice says what the bank can do about an error of SQLite; "" where nothing is known.
func advice(err error) string {
	switch codeOf(err) & math.MaxUint8 {
	case sqlite3.SQLITE_FULL:
		return "make room on the disk; a store that is open goes on by itself then"
	case sqlite3.SQLITE_IOERR:
		return "look at the disk and at the log of the system: it is full, over a limit, mounted read-only (EROFS), or fails"
	case sqlite3.SQLITE_READONLY:
		return "the file or its file system is read-only: make it writable, and start again"
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return "the file is damaged: stop, keep a copy of it with -wal, move both and -shm away, and put a backup in its place"
	case sqlite3.SQLITE_CANTOPEN:
		return "the file, or its folder, is gone, read-only, or may not be opened: put that right, and start again"
	}
	return ""
}

// explained adds the advice to an error.
func explained(err error) error {
	if what := advice(err); what != "" {
		return fmt.Errorf("%w: %s", err, what)
	}
	return err
}
