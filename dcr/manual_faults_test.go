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
