package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/obdcr/obdcr/store"
)

const (
	firstPause = 5 * time.Millisecond   // before the second attempt
	lastPause  = 200 * time.Millisecond // before a late one
	endWait    = time.Second            // how long a rollback, and a COMMIT near the end of the wait, may take
)

// errMade says that an earlier attempt has made the change.
var errMade = errors.New("an earlier attempt has made the change")

// change is a change with all its attempts.
type change struct {
	id    string // written with each row that can tell whose it is
	audit string // ID of the entry, "" where the change leaves none
	doubt bool   // an attempt may have been committed
	// made finds out, after an attempt that met an answer of the contract and in a transaction
	// of its own, whether an earlier attempt was committed. ErrUnknown: it cannot.
	made func(ctx context.Context, w *work) (bool, error)
}

// work is an attempt of a change: a transaction on one connection.
type work struct {
	*change
	conn *pgxpool.Conn
	tx   pgx.Tx // nil before the first batch
	now  time.Time
}

// send sends the statements that fill queues, in one round trip. The first send begins the
// transaction. A result that a callback refuses ends it with the error of the callback.
func (w *work) send(ctx context.Context, fill func(b *pgx.Batch)) error {
	b := &pgx.Batch{}
	if w.tx == nil {
		b.BeginTx(pgx.TxOptions{})
	}
	fill(b)
	results := w.conn.SendBatch(ctx, b)
	if w.tx == nil {
		w.tx = results.Tx()
	}
	return results.Close()
}

// transact makes a change, in as many attempts as are safe and fit into the wait. A nil error
// means that it is committed. ErrUnknown means that it may be; any other that nothing was
// changed. made is as in change.
func (s *Store) transact(
	ctx context.Context, wait time.Duration, made func(context.Context, *work) (bool, error), do func(context.Context, *work) error,
) error {
	c := &change{id: rand.Text(), made: made}
	until := time.Now().Add(wait)
	last := error(nil)
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		again, err := s.attempt(ctx, until, c, do)
		if err == nil || errors.Is(err, ErrUnknown) || isAnswer(err) {
			return err
		}
		if last == nil || !errors.Is(err, context.DeadlineExceeded) {
			last = err
		}
		if !again || !rest(ctx, until, pause, c.doubt) {
			break
		}
		s.log.WarnContext(ctx, "postgres: a change is made again", "after", explained(err), "unknown", c.doubt)
	}
	switch {
	case c.doubt:
		s.log.ErrorContext(ctx, "postgres: the outcome of a change is unknown", "after", explained(last))
		return ErrUnknown
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return last
}

// rest waits for about so long, also for a caller that has gone if it is in doubt. It reports
// whether there is time left.
func rest(ctx context.Context, until time.Time, pause time.Duration, doubt bool) bool {
	if doubt {
		ctx = context.WithoutCancel(ctx)
	}
	pause = pause/2 + mathrand.N(pause)
	if time.Until(until) <= pause {
		return false
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// attempt is one transaction of a change. again says that another one is worth it.
func (s *Store) attempt(caller context.Context, until time.Time, c *change, do func(context.Context, *work) error) (again bool, err error) {
	ctx := caller
	if c.doubt { // the caller may have gone, and still the outcome is looked for
		ctx = context.WithoutCancel(caller)
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	err = s.transaction(caller, ctx, c, do)
	return err != nil && time.Now().Before(until) && (c.doubt || ctx.Err() == nil && s.transient(err)), err
}

func (s *Store) transaction(caller, ctx context.Context, c *change, do func(context.Context, *work) error) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	w := &work{change: c, conn: conn, now: s.clock()}
	err = w.settle(ctx, do(ctx, w))
	if err == nil {
		err = caller.Err()
	}
	switch {
	case err == nil && w.tx != nil:
		return w.commit(ctx)
	case w.tx != nil:
		w.rollback(ctx)
	}
	if errors.Is(err, errMade) {
		return nil
	}
	return err
}

// settle ends the doubt about an earlier attempt, once this one has its locks. Had the earlier
// one been committed, this one would meet what it has written, and have an answer of the
// contract instead of nil.
func (w *work) settle(ctx context.Context, err error) error {
	if !w.doubt || err != nil && !isAnswer(err) {
		return err
	}
	if err != nil && w.made != nil {
		w.rollback(ctx) // so that nothing is found which this attempt has written
		w.tx = nil
		switch made, unknown := w.made(ctx, w); {
		case unknown != nil:
			return unknown
		case made:
			return errMade
		}
	}
	w.doubt = false
	return err
}

func (w *work) rollback(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWait)
	defer cancel()
	_ = w.tx.Rollback(ctx) // a connection that cannot roll back is closed, which does it
}

// commit ends the transaction. Where the database does not say that COMMIT failed, and does not
// say that it succeeded, the change is in doubt.
func (w *work) commit(ctx context.Context) error {
	until := time.Now().Add(endWait)
	if deadline, ok := ctx.Deadline(); ok && deadline.After(until) {
		until = deadline
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), until)
	defer cancel()
	err := w.tx.Commit(ctx)
	if err != nil && !endedInFull(err) && !errors.Is(err, pgx.ErrTxCommitRollback) {
		w.doubt = true
	}
	return err
}

const (
	selectMade = "SELECT version, change_id FROM clients WHERE id = $1"
	selectNote = "SELECT count(*) FROM audit WHERE id = $1"
)

// wrote returns what finds out whether a change of a record was committed, which would have
// written the version. The entry of the audit trail decides, where the change leaves one.
func wrote(id string, version int64) func(context.Context, *work) (bool, error) {
	return func(ctx context.Context, w *work) (bool, error) {
		var stands, noted int64
		var by string
		var there bool
		err := w.send(ctx, func(b *pgx.Batch) {
			b.Queue(selectMade, id).QueryRow(found(&there, &stands, &by))
			if w.audit != "" {
				b.Queue(selectNote, w.audit).QueryRow(func(row pgx.Row) error { return row.Scan(&noted) })
			}
		})
		switch {
		case err != nil:
			return false, err
		case there && by == w.id || noted > 0:
			return true, nil
		case w.audit != "" || there && stands <= version:
			return false, nil
		}
		return false, ErrUnknown
	}
}

// read makes a read, and makes it again where the connection is lost.
func (s *Store) read(ctx context.Context, do func(ctx context.Context, conn *pgxpool.Conn) error) error {
	until := time.Now().Add(readWait)
	within, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	last := error(nil)
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := s.once(within, do)
		if err == nil || errors.Is(err, store.ErrNotFound) {
			return err
		}
		if last == nil || !errors.Is(err, context.DeadlineExceeded) {
			last = err
		}
		if !s.transient(err) || !rest(within, until, pause, false) {
			break
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return last
}

func (s *Store) once(ctx context.Context, do func(ctx context.Context, conn *pgxpool.Conn) error) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	return do(ctx, conn)
}
