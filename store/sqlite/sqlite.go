// Package sqlite is a store in one SQLite file, for a bank that runs on one machine and
// for sandboxes. [Open] opens the file and returns a [Store], which has each interface of
// package store but Replay.
//
// An answer without an error means that the change is on the disk. Each change is a
// transaction of its own in the write-ahead log, with synchronous=FULL. One connection
// writes. A few others read, and the writer never blocks them. Other processes on the
// same machine may open the file meanwhile, a backup or the sqlite3 shell for example.
package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/obdcr/obdcr/store"
)

// ErrNewer is the error of Open for a file that a newer version of this package has
// written. Open has not changed the file.
var ErrNewer = errors.New("sqlite: the database is newer than this program")

var (
	// errBusy is why a change waited too long before it could begin.
	errBusy = fmt.Errorf("another process than the bank, whose PID is %d, holds the file: end that one (fuser names both)", os.Getpid())
	// errSlow is another reason: the file is free.
	errSlow = errors.New("the changes before it still wait for the disk: look at the disk and at the log of the system")
)

const (
	changeWait  = 5 * time.Second       // how long a change waits until it may write
	probeWait   = time.Second           // and a probe, whose caller wants to know why it failed
	busyTimeout = 5 * time.Second       // how long a read, and the opening, waits for another process
	busyStep    = 20 * time.Millisecond // how long it waits before it looks at the context
	readers     = 4                     // connections that read
	purgeBatch  = 3                     // how many reservations that have ended one that is made forgets: more than one, so the table shrinks

	// checkpointPages is how long the log becomes before it is copied into the file: 16 MB. A
	// page that many changes write, as the last one of an index, is copied once.
	checkpointPages = 4000
)

// Config configures a store.
type Config struct {
	Path  string           // of the file; Open makes it with mode 0600 where there is none; required
	Clock func() time.Time // tells when reservations end; nil means time.Now

	// CheckTimeout is how long the check of the file at the start may take; 0 means 10 s. A
	// check that does not end in time is logged, and the store opens.
	CheckTimeout time.Duration
	// Logger gets what the operator has to know: a log of the file that was lost, also while it was
	// open, a copy that lies beside it, a check that did not end. Nil logs nothing.
	Logger *slog.Logger
	// Beside says that a tool opens the file, and not the bank that works with it. A log that was
	// lost while nobody had the file open is told to both.
	Beside bool
}

// Store is a store in one SQLite file. Make it with Open: the zero value does not work.
// Its methods are safe for concurrent use.
type Store struct {
	clock func() time.Time
	write *writer
	read  *reader
}

var (
	_ store.Store      = (*Store)(nil)
	_ store.Unfinished = (*Store)(nil)
	_ store.Lister     = (*Store)(nil)
	_ store.ClientIDs  = (*Store)(nil)
	_ store.Pending    = (*Store)(nil)
)

// Open opens the file, makes it where there is none, and brings its tables up to date.
// Several processes may do so at once. ErrNewer: the tables are newer than this package.
// A file that is damaged is an error that says so: each page is looked at.
// The context is for the opening alone. The caller closes the store.
//
// The file, and the files with -wal and -shm behind its name, hold the bank's records
// but no secret in the clear. The bank keeps other users from reading them.
func Open(ctx context.Context, c Config) (*Store, error) {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	path, err := prepareFile(c.Path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: open: %w", err)
	}
	s, err := openAs(ctx, path, c)
	switch {
	case err == nil || errors.Is(err, ErrNewer):
		return s, err
	case isDamage(err) || errors.Is(err, errMalformed):
		err = malformed(path, err)
	default:
		err = explained(err)
	}
	return nil, fmt.Errorf("sqlite: open: %s: %w", path, err)
}

// openAs opens a file that is there. It looks at all of it before anything is written.
func openAs(ctx context.Context, path string, c Config) (*Store, error) {
	if lost := noticeLostLog(path, c.Logger); lost && c.Beside {
		setLost(path, c.Logger) // at once: the log that this process makes may stay
	}
	noticeCopies(path, c.Logger)
	if err := checkFile(ctx, path, cmp.Or(c.CheckTimeout, checkTimeout), c.Logger); err != nil {
		return nil, err
	}
	if err := migrate(ctx, path); err != nil {
		return nil, err
	}
	s := &Store{clock: c.Clock}
	var err error
	if s.write, err = newWriter(ctx, path); err != nil {
		return nil, err
	}
	if s.read, err = newReader(ctx, path); err != nil {
		return nil, errors.Join(err, s.write.close())
	}
	if s.write.guard, err = newGuard(path, c.Logger); err != nil {
		return nil, errors.Join(err, s.read.close(), s.write.close())
	}
	if c.Beside {
		setInUse(path, c.Logger)
	} else {
		setTold(path, c.Logger)
	}
	return s, nil
}

// Close waits for the change under way and closes the file. Afterwards each method of
// the store returns an error.
func (s *Store) Close() error {
	err := errors.Join(s.read.close(), s.write.close())
	if g := s.write.guard; err == nil || g.saved {
		err = errors.Join(err, endUse(g.path, g.log))
	}
	if err != nil {
		return fmt.Errorf("sqlite: close: %w", err)
	}
	return nil
}

// connect opens a pool of connections to the file.
func connect(path string, size int, pragmas ...string) (*sql.DB, error) {
	return dial(path, size, "rw", append([]string{
		"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", fmt.Sprintf("wal_autocheckpoint(%d)", checkpointPages),
	}, pragmas...)...)
}

// dial opens a pool of connections in a mode of SQLite.
func dial(path string, size int, mode string, pragmas ...string) (*sql.DB, error) {
	query := url.Values{"_txlock": {"immediate"}, "mode": {mode}, "_pragma": append([]string{
		fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
	}, pragmas...)}
	address := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", address.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db, nil
}
