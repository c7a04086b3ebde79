package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/internal/row"
)

// noteColumns are those of an entry of the audit trail.
const noteColumns = `id, at, client, version, state, client_id, environment, issuer, software_id, org_id,
	actor, actor_name, operation, decision, reason, ssa_jti, rule_set, changes`

const (
	selectHistory = "SELECT " + noteColumns + " FROM audit WHERE client = $1 AND version > $2 ORDER BY version, id LIMIT $3"
	selectAudit   = "SELECT " + noteColumns + " FROM audit WHERE id > $1 ORDER BY id LIMIT $2"
	selectNoted   = "SELECT " + noteColumns + " FROM audit WHERE id = $1"
	selectAs      = "SELECT client FROM audit WHERE client_id = $1 AND client_id <> '' AND client_id <> client AND version > 0 ORDER BY id DESC LIMIT 1"
)

// An attempt after one that was committed meets its entry. What else it meets says so: the
// statement must not fail before.
var insertNote = "INSERT INTO audit (" + noteColumns + ") VALUES (" + places(1, noteColumns) + ") ON CONFLICT DO NOTHING"

// note is an entry to write; nil for none.
type note []any

func (n note) queue(b *pgx.Batch) {
	if n != nil {
		b.Queue(insertNote, n...)
	}
}

// entry returns the entry of the change, as store.NewAuditEntry makes it. Each attempt of a change
// writes it with the same ID.
func (w *work) entry(c store.Client, removed bool, with store.Change) (note, error) {
	e, ok := store.NewAuditEntry(c, removed, with, w.now)
	if !ok {
		return nil, nil
	}
	return w.named(e)
}

// named returns the entry with the ID that the first attempt has given it.
func (w *work) named(e store.AuditEntry) (note, error) {
	if w.audit == "" {
		w.audit = e.ID
	}
	e.ID = w.audit
	return noteOf(e)
}

// Note implements store.Noter.
func (s *Store) Note(ctx context.Context, e store.AuditEntry) error {
	return failed("note", s.transact(ctx, changeWait, nil, func(ctx context.Context, w *work) error {
		entry, err := store.NewNote(e, w.now)
		if err != nil {
			return err
		}
		n, err := w.named(entry)
		if err != nil {
			return err
		}
		return w.send(ctx, n.queue)
	}))
}

// noteOf returns the values of noteColumns. The error names a text that PostgreSQL cannot keep.
func noteOf(e store.AuditEntry) (note, error) {
	changes, err := json.Marshal(e.Changes)
	if err != nil {
		return nil, fmt.Errorf("audit: changes: %w", err)
	}
	n := note{
		e.ID, e.At.UnixMilli(), e.Client, e.Version, row.EntryState(e), e.ClientID, string(e.Environment), e.Issuer, e.SoftwareID, e.OrgID,
		e.Actor, e.ActorName, e.Operation, e.Decision, e.Reason, e.SSAJTI, e.RuleSet, string(changes),
	}
	if err := kept(noteColumns, n); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return n, nil
}

// scanNote reads a row of noteColumns.
func scanNote(r pgx.Row) (store.AuditEntry, error) {
	var e store.AuditEntry
	var at int64
	var state string
	var changes []byte
	if err := r.Scan(&e.ID, &at, &e.Client, &e.Version, &state, &e.ClientID, &e.Environment, &e.Issuer, &e.SoftwareID, &e.OrgID,
		&e.Actor, &e.ActorName, &e.Operation, &e.Decision, &e.Reason, &e.SSAJTI, &e.RuleSet, &changes); err != nil {
		return store.AuditEntry{}, err
	}
	e.At, e.State = time.UnixMilli(at).UTC(), row.StateOfEntry(e.Version, state)
	if err := json.Unmarshal(changes, &e.Changes); err != nil {
		return store.AuditEntry{}, fmt.Errorf("changes of audit entry %.64q: %w", e.ID, err)
	}
	return e, nil
}

// History implements store.Auditor.
func (s *Store) History(ctx context.Context, id string, after int64, limit int) ([]store.AuditEntry, error) {
	return list(ctx, s, "history", scanNote, selectHistory, id, max(after, 0), max(limit, 0))
}

// ListAudit implements store.Auditor.
func (s *Store) ListAudit(ctx context.Context, after string, limit int) ([]store.AuditEntry, error) {
	return list(ctx, s, "list the audit trail", scanNote, selectAudit, after, max(limit, 0))
}

// AuditedAs implements store.Auditor.
func (s *Store) AuditedAs(ctx context.Context, clientID string) (id string, err error) {
	if !keepable(clientID) {
		return "", store.ErrNotFound
	}
	err = s.read(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		return missing(conn.QueryRow(ctx, selectAs, clientID).Scan(&id))
	})
	return id, failed("audited", err)
}
