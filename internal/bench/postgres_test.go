package bench

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/postgres"
)

// floorTables have a primary key and nothing else.
const floorTables = `
	CREATE TABLE clients (id TEXT COLLATE "C" NOT NULL PRIMARY KEY, version BIGINT, state TEXT, since BIGINT, issued_at BIGINT, environment TEXT,
		issuer TEXT, software_id TEXT, org_id TEXT, metadata BYTEA, software_statement BYTEA, application TEXT, unique_key TEXT, secret_hash BYTEA,
		client_id TEXT, jwks_address TEXT, subject_dn TEXT, own_subject TEXT);
	CREATE TABLE unique_keys (unique_key TEXT COLLATE "C" NOT NULL PRIMARY KEY, client_id TEXT);
	CREATE TABLE reservations (reservation_key BYTEA NOT NULL PRIMARY KEY, ends_at BIGINT, client_id TEXT);
	CREATE TABLE audit (id TEXT COLLATE "C" NOT NULL PRIMARY KEY, at BIGINT, client TEXT, version BIGINT, state TEXT, client_id TEXT, environment TEXT,
		issuer TEXT, software_id TEXT, org_id TEXT, actor TEXT, actor_name TEXT, operation TEXT, decision TEXT, reason TEXT, ssa_jti TEXT, rule_set TEXT,
		changes TEXT)`

const (
	floorClient      = "INSERT INTO clients VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)"
	floorUnique      = "INSERT INTO unique_keys VALUES ($1, $2)"
	floorReservation = "INSERT INTO reservations VALUES ($1, $2, $3)"
	floorAudit       = "INSERT INTO audit VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)"
)

// postgresFloor writes the rows of a client, of its unique key, of its jti and of its entry in
// the audit trail, in one transaction.
type postgresFloor struct{ pool *pgxpool.Pool }

func (f postgresFloor) write(ctx context.Context, c store.Client, with store.Change) error {
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
	return pgx.BeginFunc(ctx, f.pool, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(floorReservation, key[:], with.Reservation.Until.Unix(), c.ID)
		b.Queue(floorClient, c.ID, c.Version, string(c.State), c.Since.Unix(), c.IssuedAt.Unix(), string(c.Environment), c.Issuer, c.SoftwareID, c.OrgID,
			[]byte(c.Metadata), []byte(c.SoftwareStatement), string(application), c.UniqueKey, c.SecretHash, c.ID, c.JWKSAddress, c.SubjectDN, c.OwnSubject)
		b.Queue(floorUnique, c.UniqueKey, c.ID)
		b.Queue(floorAudit, e.ID, e.At.UnixMilli(), e.Client, e.Version, string(e.State), e.ClientID, string(e.Environment), e.Issuer, e.SoftwareID,
			e.OrgID, e.Actor, e.ActorName, e.Operation, e.Decision, e.Reason, e.SSAJTI, e.RuleSet, string(changes))
		return tx.SendBatch(ctx, b).Close()
	})
}

// unique gives each record a unique key, as a bank has it that registers a software once.
func unique(create creating) creating {
	return func(ctx context.Context, c store.Client, with store.Change) error {
		c.UniqueKey = c.SoftwareID + c.ID
		return create(ctx, c, with)
	}
}

// BenchmarkPostgresCreate measures Create of the store in PostgreSQL against a bare transaction
// with the same rows in the same server, into tables without an index.
func BenchmarkPostgresCreate(b *testing.B) {
	server, ok := realtest.StartPostgres(b)
	if !ok {
		return
	}
	clients, err := postgres.Open(b.Context(), postgres.Config{DSN: claims.NewSecret(server.DSN(server.Database(b)))})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := clients.Close(); err != nil {
			b.Error(err)
		}
	})
	pool, err := pgxpool.New(b.Context(), server.DSN(server.Database(b))+"&pool_max_conns=10")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	if _, err := pool.Exec(b.Context(), floorTables); err != nil {
		b.Fatal(err)
	}
	createRatios(b, unique(clients.Create), unique(postgresFloor{pool}.write))
}
