package dcr_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
)

// faultyManualOperations are those of a TPP's contact. They are repeated with the same Once.
func faultyManualOperations() map[string]faultyOperation {
	ctx := contact("jo")
	enrol := func(t *testing.T, s *trial) { s.before = s.enrol(t, nil).Client }
	form := func(t *testing.T, s *trial) dcr.Manual {
		m := s.manual(t, map[string]any{"software_redirect_uris": []string{"https://tpp.example/new"}})
		m.Once = "form"
		return m
	}
	remove := func(s *trial) func() error {
		return func() error {
			err := s.DeleteManual(ctx, s.before.ID, s.own())
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			return err
		}
	}
	return map[string]faultyOperation{
		"register by hand": {prepare: func(t *testing.T, s *trial) func() error {
			m := form(t, s)
			return func() error { _, err := s.RegisterManual(ctx, m); return err }
		}},
		"update by hand": {prepare: func(t *testing.T, s *trial) func() error {
			enrol(t, s)
			m := form(t, s)
			return func() error { _, err := s.UpdateManual(ctx, s.before.ID, m); return err }
		}},
		"delete by hand": {prepare: func(t *testing.T, s *trial) func() error { enrol(t, s); return remove(s) }},
		"an update that ends a subscription": {prepare: func(t *testing.T, s *trial) func() error {
			enrol(t, s)
			require.NoError(t, s.Subscribe(ctx, s.before.ID, "payments", s.own()))
			m := form(t, s)
			m.Statement = s.statement(t, map[string]any{"software_roles": []string{"AISP"}})
			return func() error {
				_, err := s.UpdateManual(ctx, s.before.ID, m)
				s.requireSubscriptionsAsRoles(t)
				return err
			}
		}},
		"subscribe": {prepare: func(t *testing.T, s *trial) func() error {
			enrol(t, s)
			return func() error { return s.Subscribe(ctx, s.before.ID, "payments", s.own()) }
		}},
		"unsubscribe": {prepare: func(t *testing.T, s *trial) func() error {
			enrol(t, s)
			require.NoError(t, s.Subscribe(ctx, s.before.ID, "payments", s.own()))
			return func() error { return s.Unsubscribe(ctx, s.before.ID, "payments", s.own()) }
		}},
		"register by hand and wait": {waits: true, prepare: func(t *testing.T, s *trial) func() error {
			m := form(t, s)
			return func() error { _, err := s.RegisterManual(ctx, m); return err }
		}},
		"withdraw": {waits: true, prepare: func(t *testing.T, s *trial) func() error { s.before = s.apply(t, nil); return remove(s) }},
		"delete by hand and wait": {waits: true, prepare: func(t *testing.T, s *trial) func() error {
			s.before = s.admitted(t, nil)
			return remove(s)
		}},
	}
}

// requireSubscriptionsAsRoles requires that the client has the subscription for as long as its
// role is in force.
func (s *trial) requireSubscriptionsAsRoles(t *testing.T) {
	t.Helper()
	record, err := s.store.Memory.Get(context.Background(), s.before.ID)
	require.NoError(t, err)
	c, visible := record.Visible()
	require.True(t, visible)
	_, _, ok := byRole(c.Application, c.Environment, "payments")
	found, err := s.store.Memory.ListSubscriptions(context.Background(), s.before.ID)
	require.NoError(t, err)
	require.Equal(t, ok, len(found) == 1)
}

// lastWrite is a store that does not take the write which makes a record Active.
type lastWrite struct{ *store.Memory }

func (s lastWrite) Update(ctx context.Context, c store.Client, with store.Change) error {
	if c.State == store.Active {
		return errOut
	}
	return s.Memory.Update(ctx, c, with)
}

func TestAnAttemptThatAReplayConfirmedIsUsed(t *testing.T) {
	w, _ := newWorld(t, nil)
	replay := store.NewMemoryReplay(w.config.Clock)
	b := openCounter(t, w, w.store, func(c *dcr.Config) { c.Store, c.Replay = lastWrite{w.store}, replay })
	m := w.manual(t, nil)
	m.Once = "form"
	_, err := b.RegisterManual(context.Background(), m)
	require.Equal(t, 503, refusalOf(t, err).Status)
	require.Contains(t, refusalOf(t, err).Description, "begin anew")
	require.Equal(t, "null", everything(t, w.store))
	again := openCounter(t, w, w.store, func(c *dcr.Config) { c.Replay = replay })
	_, err = again.RegisterManual(context.Background(), m)
	require.ErrorIs(t, err, store.ErrReplayed)
	m.Once = "another form"
	again.walkIn(t, m)
}

// TestAPreviewIsUnharmedByAStoreThatFails: it changes nothing, and says that the bank cannot tell.
func TestAPreviewIsUnharmedByAStoreThatFails(t *testing.T) {
	w, _ := newWorld(t, nil)
	s := newTrial(t, w)
	s.before = s.enrol(t, nil).Client
	before := everything(t, s.records)
	s.store.calls, s.store.at, s.store.until = 0, 1, 1000
	_, err := s.PreviewManual(context.Background(), s.before.ID, s.manual(t, nil))
	require.Equal(t, 503, refusalOf(t, err).Status)
	s.store.until = 0
	require.Equal(t, before, everything(t, s.records))
}
