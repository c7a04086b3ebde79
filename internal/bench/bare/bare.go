// Package bare writes what a store of clients in SQLite cannot avoid writing: the floor
// that benchmarks measure a registration against. For benchmarks only. It uses the
// driver of store/sqlite, which the benchmark imports.
package bare

import (
	"context"
	"database/sql"
	"encoding/json"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/obdcr/obdcr/store"
)

// Writer writes the rows of a client, of its jti and of its entry in the audit trail in one
// transaction, by the driver and with the settings of store/sqlite. It is safe for concurrent
// use.
type Writer struct {
	mu                                        sync.Mutex
	begin, reservation, client, audit, commit *sql.Stmt
}

// Tables have a primary key and nothing else.
const Tables = `
	CREATE TABLE clients (id TEXT NOT NULL PRIMARY KEY, version, state, since, issued_at, environment, issuer, software_id, org_id,
		metadata, software_statement, application, unique_key, secret_hash, sealed_secret, reserved, previous,
		client_id, jwks_address, subject_dn, own_subject, upstream_state, upstream_members);
	CREATE TABLE reservations (reservation_key BLOB NOT NULL PRIMARY KEY, ends_at, client_id);
	CREATE TABLE audit (id TEXT NOT NULL PRIMARY KEY, at, record_id, version, state, client_id, environment, issuer, software_id, org_id,
		actor, actor_name, operation, decision, reason, ssa_jti, rule_set, changes)`

// Columns of the tables in the order of what Write writes.
const (
	clientColumns = `id, version, state, since, issued_at, environment, issuer, software_id, org_id,
		metadata, software_statement, application, unique_key, secret_hash, sealed_secret, reserved, previous,
		client_id, jwks_address, subject_dn, own_subject, upstream_state, upstream_members`
	auditColumns = `id, at, record_id, version, state, client_id, environment, issuer, software_id, org_id,
		actor, actor_name, operation, decision, reason, ssa_jti, rule_set, changes`
)

// Open makes a file of its own with some tables, which goes with the benchmark: Tables, or those
// of store/sqlite.
func Open(b *testing.B, tables string) *Writer {
	b.Helper()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	db, err := sql.Open("sqlite", filepath.Join(b.TempDir(), "bare.db")+"?_pragma=wal_autocheckpoint(4000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	must(err)
	b.Cleanup(func() { must(db.Close()) })
	conn, err := db.Conn(b.Context())
	must(err)
	b.Cleanup(func() { must(conn.Close()) })
	_, err = conn.ExecContext(b.Context(), tables)
	must(err)
	w := &Writer{}
	for query, into := range map[string]**sql.Stmt{
		"BEGIN IMMEDIATE": &w.begin, "COMMIT": &w.commit, "INSERT INTO reservations (reservation_key, ends_at, client_id) VALUES (?, ?, ?)": &w.reservation,
		"INSERT INTO clients (" + clientColumns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)": &w.client,
		"INSERT INTO audit (" + auditColumns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)":                   &w.audit,
	} {
		*into, err = conn.PrepareContext(b.Context(), query)
		must(err)
		b.Cleanup(func() { must((*into).Close()) })
	}
	return w
}

// Write writes the client, the reservation and the entry, and returns once they are on the
// disk.
func (w *Writer) Write(ctx context.Context, c store.Client, with store.Change) error {
	key := with.Reservation.Key()
	application, err := json.Marshal(c.Application)
	if err != nil {
		return err
	}
	c.Version, c.State = 1, store.Active
	e, _ := store.NewAuditEntry(c, false, with, time.Now())
	changes, err := json.Marshal(e.Changes)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, step := range []struct {
		stmt *sql.Stmt
		args []any
	}{
		{w.begin, nil},
		{w.reservation, []any{key[:], with.Reservation.Until.Unix(), c.ID}},
		{w.client, []any{
			c.ID, c.Version, string(c.State), c.Since.Unix(), c.IssuedAt.Unix(), string(c.Environment), c.Issuer, c.SoftwareID, c.OrgID,
			[]byte(c.Metadata), []byte(c.SoftwareStatement), application, c.UniqueKey, c.SecretHash, c.SealedSecret, nil, nil,
			c.ID, c.JWKSAddress, c.SubjectDN, c.OwnSubject, c.UpstreamState, []byte(c.UpstreamMembers),
		}},
		{w.audit, []any{
			e.ID, e.At.UnixMilli(), e.Client, e.Version, string(e.State), e.ClientID, string(e.Environment), e.Issuer, e.SoftwareID, e.OrgID,
			e.Actor, e.ActorName, e.Operation, e.Decision, e.Reason, e.SSAJTI, e.RuleSet, changes,
		}},
		{w.commit, nil},
	} {
		if _, err := step.stmt.ExecContext(ctx, step.args...); err != nil {
			return err
		}
	}
	return nil
}
