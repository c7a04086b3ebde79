package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/internal/row"
)

const (
	placeholders = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"

	insertClient = "INSERT INTO clients (" + row.Columns + ") VALUES (" + placeholders + ") ON CONFLICT DO NOTHING"
	updateClient = "UPDATE clients SET (" + row.Columns + ") = (" + placeholders + ") WHERE id = ?"
	deleteClient = "DELETE FROM clients WHERE id = ?"
	insertUnique = "INSERT INTO unique_keys (unique_key, client_id) VALUES (?, ?) ON CONFLICT DO NOTHING"
	deleteUnique = "DELETE FROM unique_keys WHERE client_id = ?"
	selectHolder = "SELECT state FROM clients JOIN unique_keys ON unique_keys.client_id = clients.id WHERE unique_keys.unique_key = ?"

	// insertReservation inserts nothing where the key is there, or where the mark makes the
	// client_id NULL, which it may not be. INSERT with SELECT would say so in plain words, and
	// keeps a journal of the statement.
	insertReservation = `INSERT OR IGNORE INTO reservations (reservation_key, ends_at, client_id)
		VALUES (?, ?, iif(EXISTS (SELECT 1 FROM reservation_marks WHERE ends_at >= ?), NULL, ?))`
	selectReservation = "SELECT ends_at FROM reservations WHERE reservation_key = ?"
	selectUnderWay    = `SELECT count(*) FROM reservations JOIN clients ON reservations.client_id = clients.id AND reserved = reservation_key
		WHERE reservation_key = ?`
	dropReservation   = "DELETE FROM reservations WHERE reservation_key = ?"
	deleteReservation = "DELETE FROM reservations WHERE reservation_key = ? AND client_id = ?"
	purgeReservations = `DELETE FROM reservations WHERE reservation_key IN
		(SELECT reservation_key FROM reservations WHERE ends_at <= ? ORDER BY ends_at LIMIT ?) RETURNING ends_at`
	selectNextEnd = "SELECT ends_at FROM reservations ORDER BY ends_at LIMIT 1"
	raiseMark     = `INSERT INTO reservation_marks (name, ends_at) VALUES ('forgotten', ?)
		ON CONFLICT (name) DO UPDATE SET ends_at = excluded.ends_at WHERE reservation_marks.ends_at < excluded.ends_at`
)

// writer is the one connection that writes. Only the goroutine that holds the turn uses
// it.
type writer struct {
	db   *sql.DB
	conn *sql.Conn
	turn chan struct{} // holds one element while no goroutine writes
	line line          // of the changes that wait
	side chan struct{} // holds an element for each change that aside lets into the line
	wait time.Duration // how long a change waits until it may write: for the turn and for other processes together

	held atomic.Bool // whether another process holds the file, as the holder of the turn waits for it

	guard  *guard // set by Open
	damage atomic.Pointer[error]

	nextEnd  int64       // no reservation that this process knows of ends before, in seconds since 1970
	prepared []*sql.Stmt // all of the following

	begin, commit, rollback, get, insert, update, remove  *sql.Stmt
	addUnique, dropUnique, holder, reserve, forget, purge *sql.Stmt
	underWay, reserved, drop, next, raise                 *sql.Stmt
	save, keep, takeBack, inLog                           *sql.Stmt
	addEntry, addReservation, putSession                  *sql.Stmt
}

func newWriter(ctx context.Context, path string) (*writer, error) {
	db, err := connect(path, 1)
	if err != nil {
		return nil, err
	}
	w := &writer{db: db, turn: make(chan struct{}, 1), side: make(chan struct{}, maxAside), wait: changeWait}
	if w.conn, err = db.Conn(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	for query, into := range map[string]**sql.Stmt{
		"BEGIN IMMEDIATE": &w.begin, "COMMIT": &w.commit, "ROLLBACK": &w.rollback, selectClient: &w.get,
		"SAVEPOINT one": &w.save, "RELEASE one": &w.keep, "ROLLBACK TO one": &w.takeBack,
		insertClient: &w.insert, updateClient: &w.update, deleteClient: &w.remove,
		insertUnique: &w.addUnique, deleteUnique: &w.dropUnique, selectHolder: &w.holder,
		insertReservation: &w.reserve, selectUnderWay: &w.underWay, deleteReservation: &w.forget, purgeReservations: &w.purge,
		selectReservation: &w.reserved, dropReservation: &w.drop, selectNextEnd: &w.next, raiseMark: &w.raise,
		countFrames: &w.inLog, insertEntry: &w.addEntry, importedReservation: &w.addReservation, putSession: &w.putSession,
	} {
		if *into, err = w.conn.PrepareContext(ctx, query); err != nil {
			return nil, errors.Join(err, w.release())
		}
		w.prepared = append(w.prepared, *into)
	}
	// From here on the statement begin waits for other processes, in steps.
	if _, err := w.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", busyStep.Milliseconds())); err != nil {
		return nil, errors.Join(err, w.release())
	}
	w.turn <- struct{}{}
	return w, nil
}

// release closes everything. It closes the statements first: SQLite keeps a file open,
// and leaves its log behind, while a statement is open.
func (w *writer) release() error {
	var errs []error
	for _, stmt := range w.prepared {
		errs = append(errs, stmt.Close())
	}
	if err := w.conn.Close(); !errors.Is(err, sql.ErrConnDone) {
		errs = append(errs, err)
	}
	return errors.Join(append(errs, w.db.Close())...)
}

// close waits for the turn. A second close does nothing. It lets go of nothing where the log
// of the file is gone: see leave.
func (w *writer) close() error {
	<-w.turn
	defer func() { w.turn <- struct{}{} }()
	if err := w.leave(); err != nil {
		return err
	}
	return w.release()
}

// isBusy reports whether another process holds the file.
func isBusy(err error) bool { return codeOf(err)&0xff == sqlite3.SQLITE_BUSY }

// codeOf returns the extended result code of SQLite, or 0.
func codeOf(err error) int {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return 0
	}
	return failure.Code()
}

// client reads a record inside of the transaction.
func (w *writer) client(ctx context.Context, id string) (store.Client, error) {
	c, err := row.Scan(w.get.QueryRowContext(ctx, id))
	if errors.Is(err, sql.ErrNoRows) {
		return store.Client{}, store.ErrNotFound
	}
	return c, err
}

// replace writes c over the record of its ID.
func (w *writer) replace(ctx context.Context, c store.Client) error {
	values, err := row.Values(c)
	if err != nil {
		return err
	}
	_, err = w.update.ExecContext(ctx, append(values, c.ID)...)
	if code := codeOf(err); code == sqlite3.SQLITE_CONSTRAINT_UNIQUE {
		return store.ErrExists // the client_id: no other column that is written here is unique
	}
	return err
}

// hold takes the unique keys of a record. ErrExists: another record holds one of them;
// ErrLeaving if that record is Creating or Deleting.
func (w *writer) hold(ctx context.Context, c store.Client) error {
	keys := []string{c.UniqueKey}
	if c.Previous != nil && c.Previous.UniqueKey != c.UniqueKey {
		keys = append(keys, c.Previous.UniqueKey)
	}
	for _, key := range keys {
		if key == "" {
			continue
		}
		err := affects(store.ErrExists)(w.addUnique.ExecContext(ctx, key, c.ID))
		if errors.Is(err, store.ErrExists) {
			return w.taken(ctx, key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// taken returns the error for a unique key that another record holds.
func (w *writer) taken(ctx context.Context, key string) error {
	var state store.State
	if err := w.holder.QueryRowContext(ctx, key).Scan(&state); err != nil {
		return err
	}
	if state == store.Deleting || state == store.Creating {
		return store.ErrLeaving
	}
	return store.ErrExists
}

// rehold gives up the unique keys of old and takes those of c.
func (w *writer) rehold(ctx context.Context, old, c store.Client) error {
	if old.UniqueKey == c.UniqueKey && old.Previous == nil && c.Previous == nil {
		return nil
	}
	if _, err := w.dropUnique.ExecContext(ctx, c.ID); err != nil {
		return err
	}
	return w.hold(ctx, c)
}

// affects returns the error none for a statement that changed no row.
func affects(none error) func(sql.Result, error) error {
	return func(result sql.Result, err error) error {
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err == nil && n == 0 {
			return none
		}
		return err
	}
}

// isAnswer reports whether an error is one of the contract of store.Store.
func isAnswer(err error) bool {
	for _, answer := range []error{store.ErrNotFound, store.ErrReplayed, store.ErrExists, store.ErrConflict, store.ErrState} {
		if errors.Is(err, answer) {
			return true
		}
	}
	return false
}

// failed gives the error of a change its prefix, unless it is an answer of the contract.
func failed(verb string, err error) error {
	if isAnswer(err) {
		return err
	}
	if err != nil {
		return fmt.Errorf("sqlite: %s: %w", verb, explained(err))
	}
	return nil
}
