package bench

import (
	"context"
	"database/sql"
	"encoding/json"
	"path/filepath"
	"sync"
	"testing"

	"github.com/obdcr/obdcr/store"
)

// bare writes the rows of a client and of its jti in one transaction, by the driver
// and with the settings of store/sqlite, into tables that have a primary key and
// nothing else.
type bare struct {
	mu                                 sync.Mutex
	begin, reservation, client, commit *sql.Stmt
}

func openBare(b *testing.B) *bare {
	b.Helper()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	db, err := sql.Open("sqlite", filepath.Join(b.TempDir(), "bare.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	must(err)
	b.Cleanup(func() { must(db.Close()) })
	conn, err := db.Conn(b.Context())
	must(err)
	b.Cleanup(func() { must(conn.Close()) })
	_, err = conn.ExecContext(b.Context(), `
		CREATE TABLE clients (id TEXT NOT NULL PRIMARY KEY, version, state, since, issued_at, environment, software_id, org_id,
			metadata, software_statement, application, unique_key, secret_hash, sealed_secret, reserved, previous);
		CREATE TABLE reservations (reservation_key BLOB NOT NULL PRIMARY KEY, ends_at, client_id)`)
	must(err)
	f := &bare{}
	for query, into := range map[string]**sql.Stmt{
		"BEGIN IMMEDIATE": &f.begin, "COMMIT": &f.commit, "INSERT INTO reservations VALUES (?, ?, ?)": &f.reservation,
		"INSERT INTO clients VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)": &f.client,
	} {
		*into, err = conn.PrepareContext(b.Context(), query)
		must(err)
		b.Cleanup(func() { must((*into).Close()) })
	}
	return f
}

func (f *bare) write(ctx context.Context, c store.Client, r store.Reservation) error {
	key := r.Key()
	application, err := json.Marshal(c.Application)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, step := range []struct {
		stmt *sql.Stmt
		args []any
	}{
		{f.begin, nil},
		{f.reservation, []any{key[:], r.Until.Unix(), c.ID}},
		{f.client, []any{c.ID, 1, "active", c.Since.Unix(), c.IssuedAt.Unix(), string(c.Environment), c.SoftwareID, c.OrgID, []byte(c.Metadata),
			[]byte(c.SoftwareStatement), application, c.UniqueKey, c.SecretHash, c.SealedSecret, nil, nil}},
		{f.commit, nil},
	} {
		if _, err := step.stmt.ExecContext(ctx, step.args...); err != nil {
			return err
		}
	}
	return nil
}
