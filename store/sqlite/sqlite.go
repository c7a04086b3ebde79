// Package sqlite is a store in one SQLite file, for a bank that runs on one machine
// and for sandboxes. It has all that package store describes but Replay: Store,
// Unfinished, Lister.
//
// An answer without an error means that the change is on the disk: each one is a
// transaction of its own in the write-ahead log with synchronous=FULL. One
// connection writes, a few others read and are never held up by it. Other
// processes may open the file meanwhile (a backup, the sqlite3 shell), on the same
// machine.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/obdcr/obdcr/store"
)

// ErrNewer is the error of Open for a file that a newer version of this package
// has written. Nothing was changed in it.
var ErrNewer = errors.New("sqlite: the database is newer than this program")

const (
	busyTimeout = 5 * time.Second       // how long to wait for another process
	busyStep    = 20 * time.Millisecond // how long to do so without a look at the context
	readers     = 4                     // connections that read
	purgeEvery  = 16                    // reservations, until some that have ended are forgotten
	purgeBatch  = 64                    // of them at most, so that the table shrinks
)

// Config says where the store is.
type Config struct {
	Path  string           // required: the file, made with mode 0600 where there is none
	Clock func() time.Time // says when reservations end; nil means time.Now
}

// Store is a store in one SQLite file. Only Open makes one that works. Its methods
// are safe for concurrent use.
type Store struct {
	clock func() time.Time
	write *writer
	read  *reader
}

var (
	_ store.Store      = (*Store)(nil)
	_ store.Unfinished = (*Store)(nil)
	_ store.Lister     = (*Store)(nil)
)

// Open opens the file, makes it where there is none, and brings its tables up to
// date; several processes may do so at once. ErrNewer: they are newer than this
// package. The file, and those with -wal and -shm behind its name, hold no secret
// in the clear, but the bank's records: keep them from others. The context is for
// the opening alone. Close the store when done.
func Open(ctx context.Context, c Config) (*Store, error) {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	path, err := prepareFile(c.Path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: open: %w", err)
	}
	if err := migrate(ctx, path); err != nil {
		return nil, err
	}
	s := &Store{clock: c.Clock}
	if s.write, err = newWriter(ctx, path); err != nil {
		return nil, fmt.Errorf("sqlite: open: %w", err)
	}
	if s.read, err = newReader(ctx, path); err != nil {
		return nil, fmt.Errorf("sqlite: open: %w", errors.Join(err, s.write.close()))
	}
	return s, nil
}

// Close waits for the change under way and closes the file. Whatever is asked of
// the store afterwards is an error.
func (s *Store) Close() error {
	if err := errors.Join(s.read.close(), s.write.close()); err != nil {
		return fmt.Errorf("sqlite: close: %w", err)
	}
	return nil
}

// prepareFile returns the absolute path of a file, made with mode 0600 where there
// was none. SQLite gives its other files the same mode. The file itself is never
// opened here: where one that a process has open by SQLite is closed again by
// other means, the system drops the process's locks on it (POSIX fcntl).
func prepareFile(path string) (string, error) {
	if path == "" || path == ":memory:" {
		return "", fmt.Errorf("the path %q names no file", path)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is no regular file", path)
	case err == nil || !errors.Is(err, fs.ErrNotExist):
		return path, err
	}
	empty, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return "", err
	}
	if err := errors.Join(empty.Chmod(0o600), empty.Close()); err != nil {
		return "", errors.Join(err, os.Remove(empty.Name()))
	}
	err = os.Link(empty.Name(), path)
	if errors.Is(err, fs.ErrExist) {
		err = nil // another process was faster
	}
	return path, errors.Join(err, os.Remove(empty.Name()))
}

// connect opens a pool of connections to the file.
func connect(path string, size int, pragmas ...string) (*sql.DB, error) {
	query := url.Values{"_txlock": {"immediate"}, "_pragma": append([]string{
		fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
		"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
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

// seconds is how a time is kept: the first whole second not before it.
func seconds(t time.Time) int64 {
	s := t.Unix()
	if t.Nanosecond() > 0 {
		s++
	}
	return s
}
