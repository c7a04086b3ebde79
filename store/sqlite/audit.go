package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/internal/row"
)

const (
	insertEntry = "INSERT INTO audit (" + row.EntryColumns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
	selectEntry = "SELECT " + row.EntryColumns + " FROM audit WHERE id = ?"

	selectHistory   = "SELECT " + row.EntryColumns + " FROM audit WHERE record_id = ? AND version > ? ORDER BY version, id LIMIT ?"
	selectAudit     = "SELECT " + row.EntryColumns + " FROM audit WHERE id > ? ORDER BY id LIMIT ?"
	selectAuditedAs = "SELECT record_id FROM audit WHERE client_id = ? AND client_id <> '' AND client_id <> record_id AND version > 0 ORDER BY id DESC LIMIT 1"
)

var (
	_ store.Auditor = (*Store)(nil)
	_ store.Noter   = (*Store)(nil)
)

// errEntry is why an entry was not written: random IDs do not meet.
var errEntry = errors.New("the audit trail has the ID of the entry already")

// record writes the entry of a change inside of its transaction. c is the record after the
// change, or as it was where the change removed it.
func (s *Store) record(ctx context.Context, c store.Client, removed bool, with store.Change) error {
	if with.Audit.IsZero() {
		return nil
	}
	entry, _ := store.NewAuditEntry(c, removed, with, s.clock())
	return s.enter(ctx, entry)
}

// Note implements store.Noter.
func (s *Store) Note(ctx context.Context, e store.AuditEntry) error {
	return failed("note", s.write.aside(ctx, func(ctx context.Context) error {
		entry, err := store.NewNote(e, s.clock())
		if err != nil {
			return err
		}
		return s.enter(ctx, entry)
	}))
}

// enter writes an entry.
func (s *Store) enter(ctx context.Context, entry store.AuditEntry) error {
	values, err := row.EntryValues(entry)
	if err != nil {
		return err
	}
	return affects(errEntry)(s.write.addEntry.ExecContext(ctx, values...))
}

// History implements store.Auditor.
func (s *Store) History(ctx context.Context, id string, after int64, limit int) ([]store.AuditEntry, error) {
	return s.entries(ctx, s.read.history, limit, id, max(after, 0))
}

// ListAudit implements store.Auditor.
func (s *Store) ListAudit(ctx context.Context, after string, limit int) ([]store.AuditEntry, error) {
	return s.entries(ctx, s.read.audit, limit, after)
}

// AuditedAs implements store.Auditor.
func (s *Store) AuditedAs(ctx context.Context, clientID string) (id string, err error) {
	err = s.read.auditedAs.QueryRowContext(ctx, clientID).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", store.ErrNotFound
	}
	if err != nil {
		return "", s.unread("audit", err)
	}
	return id, nil
}

func (s *Store) entries(ctx context.Context, query *sql.Stmt, limit int, arguments ...any) ([]store.AuditEntry, error) {
	found, err := collect(row.ScanEntry)(query.QueryContext(ctx, append(arguments, max(limit, 0))...))
	if err != nil {
		return nil, s.unread("audit", err)
	}
	return found, nil
}
