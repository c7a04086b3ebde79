package postgres

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	probeSize  = 8192      // bytes, about as many as a record has
	probeStale = time.Hour // after which the row of a process that has died goes

	insertProbe = `INSERT INTO probes (id, written_at, written) VALUES ($1, $2, $3)
		ON CONFLICT (id) DO UPDATE SET written_at = excluded.written_at, written = excluded.written`
	deleteProbe = "DELETE FROM probes WHERE id = $1 OR written_at < $2"
)

// Probe implements store.Prober. It writes a row of 8 KiB, as large as a record, and removes it
// again, in two transactions, which are committed as those of a change and wait for a second in
// all. So it finds a standby, a disk that is full, and a database that does not answer.
func (s *Store) Probe(ctx context.Context) error {
	written := make([]byte, probeSize)
	_, _ = rand.Read(written) // which never fails
	until, id := time.Now().Add(probeWait), s.self+rand.Text()
	err := s.transact(ctx, probeWait, nil, func(ctx context.Context, w *work) error {
		return w.send(ctx, func(b *pgx.Batch) { b.Queue(insertProbe, id, w.now.Unix(), written) })
	})
	if err != nil {
		return failed("probe", err)
	}
	return failed("probe", s.transact(ctx, time.Until(until), nil, func(ctx context.Context, w *work) error {
		return w.send(ctx, func(b *pgx.Batch) { b.Queue(deleteProbe, id, w.now.Add(-probeStale).Unix()) })
	}))
}
