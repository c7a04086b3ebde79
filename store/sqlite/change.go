package sqlite

import (
	"context"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/internal/row"
)

// Create implements store.Store.
func (s *Store) Create(ctx context.Context, c store.Client, with store.Change) error {
	c, err := store.ForCreate(c, with)
	if err != nil {
		return err
	}
	values, err := row.Values(c)
	if err != nil {
		return failed("create", err)
	}
	return failed("create", s.write.transact(ctx, func(ctx context.Context) error {
		if err := s.write.makeReservation(ctx, s.clock(), c.ID, with.Reservation); err != nil {
			return err
		}
		if err := affects(store.ErrExists)(s.write.insert.ExecContext(ctx, values...)); err != nil {
			return err
		}
		if err := s.write.hold(ctx, c); err != nil {
			return err
		}
		return s.record(ctx, c, false, with)
	}))
}

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, c store.Client, with store.Change) error {
	return failed("update", s.write.transact(ctx, func(ctx context.Context) error {
		old, err := s.write.client(ctx, c.ID)
		if err != nil {
			return err
		}
		if err := s.write.makeReservation(ctx, s.clock(), c.ID, with.Reservation); err != nil {
			return err
		}
		c, err := store.ForUpdate(old, c, with)
		if err != nil {
			return err
		}
		// The client_id comes first: where that is taken, ErrLeaving would promise too much.
		if err := s.write.replace(ctx, c); err != nil {
			return err
		}
		if err := s.write.rehold(ctx, old, c); err != nil {
			return err
		}
		for _, api := range with.Unsubscribe {
			if _, err := s.write.conn.ExecContext(ctx, deleteSubscription, c.ID, api); err != nil {
				return err
			}
		}
		return s.record(ctx, c, false, with)
	}))
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, id string, version int64, with store.Change) error {
	return failed("delete", s.write.transact(ctx, func(ctx context.Context) error {
		old, err := s.write.client(ctx, id)
		if err != nil {
			return err
		}
		if err := store.ForDelete(old, version, with); err != nil {
			return err
		}
		return s.remove(ctx, old, with)
	}))
}

// remove removes a record inside of the transaction of the change.
func (s *Store) remove(ctx context.Context, c store.Client, with store.Change) error {
	if _, err := s.write.remove.ExecContext(ctx, c.ID); err != nil {
		return err
	}
	return s.record(ctx, c, true, with)
}

// Undo implements store.Unfinished.
func (s *Store) Undo(ctx context.Context, id string, version int64, with store.Change) error {
	return failed("undo", s.write.transact(ctx, func(ctx context.Context) error {
		old, err := s.write.client(ctx, id)
		if err != nil {
			return err
		}
		before, err := store.ForUndo(old, version, with)
		if err != nil {
			return err
		}
		if len(old.Reserved) > 0 {
			if _, err := s.write.forget.ExecContext(ctx, old.Reserved, id); err != nil {
				return err
			}
		}
		if before == nil {
			return s.remove(ctx, old, with)
		}
		if err := s.write.rehold(ctx, old, *before); err != nil {
			return err
		}
		if err := s.write.replace(ctx, *before); err != nil {
			return err
		}
		return s.record(ctx, *before, false, with)
	}))
}
