package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/obdcr/obdcr/dcr/internal/contain"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// Retention says how long a bank keeps what it need not keep for its clients. It needs a Store
// that is a store.Purger. The zero Retention keeps the audit trail for ever. Sessions of a portal that
// have ended are forgotten whatever it says, where the Store is a store.Sessions.
type Retention struct {
	// Audit is how long an entry of the audit trail is kept; 0 for ever.
	Audit time.Duration
	// Deleted is how long the entries about a client are kept after the client was removed; 0 as
	// long as Audit says.
	Deleted time.Duration
}

// How Run purges. A step is a transaction of the store, and one for the sessions of a portal.
const (
	PurgeEach = time.Hour // how often Run forgets what is to be kept no longer

	purgeStep    = 50                     // entries and reservations: a change waits some milliseconds for as many in SQLite
	purgePause   = 100 * time.Millisecond // between two steps
	purgeTimeout = time.Minute            // of a step
	purgeRetry   = time.Minute            // after a failure
)

func (c *Config) checkRetention(f *faults) {
	f.add(c.Retention.Audit < 0 || c.Retention.Deleted < 0, "a duration of Retention is negative: give how long to keep, or leave it out to keep for ever")
	_, purges := c.Store.(store.Purger)
	f.add(c.Retention != Retention{} && c.Store != nil && !purges, "Retention is set, and the Store is no store.Purger: leave it out, or give a Store that is")
}

// purging forgets what a bank keeps no longer, step by step.
type purging struct {
	store     store.Purger   // nil where the Store is none
	sessions  store.Sessions // nil where the Store has none
	retention Retention
	clock     func() time.Time
	log       *slog.Logger
	failed    bool // the log has been told
}

// purging returns what forgets; nil where the Store cannot.
func (b *Bank) purging() *purging {
	purger, purges := b.config.Store.(store.Purger)
	sessions, keepsSessions := b.config.Store.(store.Sessions)
	if !purges && !keepsSessions {
		return nil
	}
	return &purging{store: purger, sessions: sessions, retention: b.config.Retention, clock: b.config.Clock, log: b.log}
}

// run makes a pass now and after each interval, until the context ends.
func (p *purging) run(ctx context.Context) {
	for ctx.Err() == nil {
		next := PurgeEach
		forgotten, err := p.pass(ctx)
		if forgotten != (forgot{}) {
			p.log.Info("what is kept no longer was forgotten", "reservations", forgotten.Reservations, "audit", forgotten.Audit,
				"deleted", forgotten.Deleted, "sessions", forgotten.sessions)
		}
		if p.tell(ctx, err); err != nil {
			next = purgeRetry
		}
		wait(ctx, next)
	}
}

// tell logs the first of several failures, and their end.
func (p *purging) tell(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
		return
	case err != nil && !p.failed:
		p.log.Error("what is kept no longer cannot be forgotten; it is tried again each minute", "error", text.Bounded{Err: err})
	case err == nil && p.failed:
		p.log.Info("what is kept no longer can be forgotten again")
	}
	p.failed = err != nil
}

// forgot is how much was forgotten.
type forgot struct {
	store.Purged
	sessions int // of a portal, that had ended
}

// pass forgets all that is to be kept no longer, and returns how much it was.
func (p *purging) pass(ctx context.Context) (all forgot, err error) {
	now, what := p.clock(), store.Purge{Limit: purgeStep}
	if p.retention.Audit > 0 {
		what.AuditBefore = now.Add(-p.retention.Audit)
	}
	if p.retention.Deleted > 0 {
		what.DeletedBefore = now.Add(-p.retention.Deleted)
	}
	for {
		step, err := p.step(ctx, what)
		if err != nil {
			return all, err
		}
		all.Reservations, all.Audit, all.Deleted = all.Reservations+step.Reservations, all.Audit+step.Audit, all.Deleted+step.Deleted
		all.sessions += step.sessions
		if max(step.Reservations, step.Audit, step.Deleted, step.sessions) < purgeStep {
			return all, nil
		}
		if wait(ctx, purgePause); ctx.Err() != nil {
			return all, ctx.Err()
		}
	}
}

// step makes a transaction of each kind. A panic of the store is an error.
func (p *purging) step(ctx context.Context, what store.Purge) (step forgot, err error) {
	ctx, cancel := context.WithTimeout(ctx, purgeTimeout)
	defer cancel()
	defer func() {
		if found := recover(); found != nil {
			step, err = forgot{}, errors.New("the store panics")
			if !p.failed {
				err = fmt.Errorf("the store panics: %s", contain.Log(p.log, found))
			}
		}
	}()
	if p.store != nil {
		if step.Purged, err = p.store.Purge(ctx, what); err != nil {
			return forgot{}, err
		}
	}
	if p.sessions != nil {
		step.sessions, err = p.sessions.PurgeSessions(ctx, what.Limit)
	}
	return step, err
}

// wait waits, or until the context ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
