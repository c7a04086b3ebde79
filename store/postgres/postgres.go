// Package postgres is a store in PostgreSQL, for a bank that runs several processes over one
// database. [Open] connects and returns a [Store], which has each interface of package store. It
// also keeps access tokens, as token.Keeper of dcr/token wants them.
//
// An answer without an error means that the database has committed the change, as durably as
// its synchronous_commit says. Nothing lives in the memory of a process: any number of them
// may work on one database, and each sees what the others have committed.
//
// The store works at READ COMMITTED and at SERIALIZABLE, whichever is the default of its
// connections. It uses no advisory lock, no LISTEN, no extension and no setting that outlives
// a transaction, so PgBouncer may pool transactions: the DSN says pooler=transaction then.
//
// # Lost connections
//
// A change whose connection is lost before COMMIT was sent has changed nothing, and is made
// again on another connection, for as long as its wait of 5 s lasts. So is one that the
// database ended for a serialization failure or a deadlock.
//
// Where the connection is lost after COMMIT was sent, nobody has said whether the change is
// made. It is made once more, on another connection. The second attempt waits for the locks of
// the first, so the first has ended by then. If that was committed, the second meets what it
// has written: the record, its version or the jti. The row has the ID of the change that wrote
// it, and so has the entry of the audit trail. By these the change is recognised and has
// succeeded. Where it cannot be recognised, since the record was changed again meanwhile and
// the change leaves no audit entry, the error says that the outcome is unknown.
//
// # Other databases
//
// What speaks the protocol of PostgreSQL may work. It was expected to, and not run:
//   - CockroachDB runs each transaction at SERIALIZABLE, and so ends more of them with 40001,
//     which are made again. Its 40003 counts as a lost COMMIT. It ignores COLLATE "C", and
//     compares texts by their bytes anyway.
//   - YugabyteDB has READ COMMITTED only where the flag yb_enable_read_committed_isolation is
//     set. Else what asks for it gets its snapshot isolation, at which two nodes may use one
//     jti while a third forgets it: set default_transaction_isolation=serializable.
package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
)

const (
	changeWait = 5 * time.Second // how long a change takes at most, with all attempts and the wait for a connection
	readWait   = 5 * time.Second // and a read
	probeWait  = time.Second     // and a probe, whose caller wants to know why it failed
)

// Config configures a store.
type Config struct {
	// DSN says where the database is: a URL (postgres://user:password@host:5432/name) or pairs
	// (host=... user=...), with the members that libpq and pgxpool know. Several hosts are
	// tried in turn until one takes changes, unless target_session_attrs says otherwise.
	// pool_max_conns is the greatest number of connections, 10 by default. connect_timeout
	// bounds the attempt at each host, 2 s by default. pooler=transaction says that a pooler
	// such as PgBouncer gives each transaction another connection. Required.
	DSN claims.Secret
	// Clock tells when reservations, leases and tokens end; nil means time.Now.
	Clock func() time.Time
	// NoMigrate leaves the tables to somebody else, who makes them by Migrate or by Script. Open
	// then fails with ErrOlder where they are not up to date.
	NoMigrate bool
	// Logger gets what the operator has to know: a change that was made again after a lost
	// connection, and one whose outcome is unknown. Nil logs nothing.
	Logger *slog.Logger
}

// Store is a store in PostgreSQL. Make it with Open: the zero value does not work. Its
// methods are safe for concurrent use.
type Store struct {
	clock   func() time.Time
	log     *slog.Logger
	pool    *pgxpool.Pool
	several bool   // hosts: one that takes no changes gives way to another
	self    string // a name of this Store, for its row of probes
	sweeper sweeper
}

var (
	_ store.Store      = (*Store)(nil)
	_ store.Unfinished = (*Store)(nil)
	_ store.Lister     = (*Store)(nil)
	_ store.ClientIDs  = (*Store)(nil)
	_ store.Pending    = (*Store)(nil)
	_ store.Prober     = (*Store)(nil)
	_ store.Auditor    = (*Store)(nil)
	_ store.Searcher   = (*Store)(nil)
	_ store.Purger     = (*Store)(nil)
	_ store.Transfer   = (*Store)(nil)
	_ store.Replay     = (*Store)(nil)
	_ store.Users      = (*Store)(nil)
	_ store.Sessions   = (*Store)(nil)

	_ store.NameSearcher  = (*Store)(nil)
	_ store.Subscriptions = (*Store)(nil)
	_ store.Noter         = (*Store)(nil)
)

// Open connects to the database and brings its tables up to date, unless NoMigrate is set.
// Any number of processes may do so at once. ErrNewer: the tables are newer than this package
// and do not say that it can work on them. ErrOlder: they are older, and NoMigrate is set. Other
// errors say what is wrong: a host that does not answer, a password, a right that is missing,
// a migration that was run in part. No error has the password.
// The context is for the opening alone. The caller closes the store.
func Open(ctx context.Context, c Config) (*Store, error) {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	config, err := parse(c.DSN)
	if err != nil {
		return nil, fmt.Errorf("postgres: open: %w", err)
	}
	if !c.NoMigrate {
		if err := migrate(ctx, config); err != nil {
			return nil, failed("open", err)
		}
	}
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), config)
	if err != nil {
		return nil, failed("open", err)
	}
	s := &Store{clock: c.Clock, log: c.Logger, pool: pool, several: hosts(config) > 1, self: rand.Text()}
	s.sweeper.ctx, s.sweeper.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.sweeper.pause = sweepPause
	if err := s.check(ctx); err != nil {
		return nil, errors.Join(failed("open", err), s.Close())
	}
	return s, nil
}

// Close waits for the changes and reads under way and closes the connections. It waits no longer
// than a change may take: a host that is gone does not hold up the end of a process. Afterwards
// each method of the store returns an error. A second Close does nothing. The error is always nil.
func (s *Store) Close() error {
	s.sweeper.close()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		s.pool.Close()
	}()
	select {
	case <-closed:
	case <-time.After(changeWait):
	}
	return nil
}

// isAnswer reports whether an error is one of the contract of package store.
func isAnswer(err error) bool {
	for _, answer := range []error{store.ErrNotFound, store.ErrReplayed, store.ErrExists, store.ErrConflict, store.ErrState} {
		if errors.Is(err, answer) {
			return true
		}
	}
	return false
}

// failed gives an error its prefix and its advice, unless it is an answer of the contract or has
// both.
func failed(verb string, err error) error {
	if err == nil || isAnswer(err) || errors.Is(err, ErrUnknown) || errors.Is(err, ErrNewer) || errors.Is(err, ErrOlder) {
		return err
	}
	return fmt.Errorf("postgres: %s: %w", verb, explained(err))
}
