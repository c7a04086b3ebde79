package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/internal/row"
)

// makeReservation makes a reservation inside of the transaction, and then forgets a few
// that have ended.
func (w *writer) makeReservation(ctx context.Context, clock time.Time, id string, r store.Reservation) error {
	if r.IsZero() {
		return nil
	}
	now, ends, key := clock.Unix(), row.Seconds(r.Until), r.Key()
	insert := func() error {
		return affects(store.ErrForgotten)(w.reserve.ExecContext(ctx, key[:], ends, ends, id))
	}
	err := insert()
	if errors.Is(err, store.ErrForgotten) {
		if err = w.displace(ctx, key[:], ends, now); err == nil {
			err = insert()
		}
	}
	if err != nil {
		return err
	}
	w.nextEnd = min(w.nextEnd, ends)
	return w.purgeEnded(ctx, now)
}

// displace removes the reservation that has the key, if it has ended and another one may
// take its place. Else it returns the error of the contract.
func (w *writer) displace(ctx context.Context, key []byte, ends, now int64) error {
	var held int64
	switch err := w.reserved.QueryRowContext(ctx, key).Scan(&held); {
	case errors.Is(err, sql.ErrNoRows):
		return store.ErrForgotten
	case err != nil:
		return err
	case held > now || ends <= held:
		return w.used(ctx, key)
	}
	if _, err := w.drop.ExecContext(ctx, key); err != nil {
		return err
	}
	_, err := w.raise.ExecContext(ctx, held)
	return err
}

// used returns the error for a jti that was used before.
func (w *writer) used(ctx context.Context, key []byte) error {
	var n int
	if err := w.underWay.QueryRowContext(ctx, key).Scan(&n); err != nil {
		return err
	}
	if n > 0 {
		return store.ErrUnderWay
	}
	return store.ErrReplayed
}

// purgeEnded forgets a few reservations that have ended, the earliest first, and raises the
// mark to the last of them. It costs nothing until the next one is due. Where the
// transaction is rolled back afterwards, what is due is noticed later.
func (w *writer) purgeEnded(ctx context.Context, now int64) error {
	if now < w.nextEnd {
		return nil
	}
	ends, err := w.purged(ctx, now, purgeBatch)
	if err != nil {
		return err
	}
	if len(ends) > 0 {
		if _, err := w.raise.ExecContext(ctx, slices.Max(ends)); err != nil {
			return err
		}
	}
	if len(ends) == purgeBatch {
		return nil
	}
	err = w.next.QueryRowContext(ctx).Scan(&w.nextEnd)
	if errors.Is(err, sql.ErrNoRows) {
		w.nextEnd = math.MaxInt64
		return nil
	}
	return err
}

// purged removes at most limit reservations that have ended, and returns their ends.
func (w *writer) purged(ctx context.Context, now int64, limit int) ([]int64, error) {
	return collect(scanned[int64])(w.purge.QueryContext(ctx, now, limit))
}
