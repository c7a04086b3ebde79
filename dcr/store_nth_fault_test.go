package dcr_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// nth is a store whose calls fail from one on, for a number of calls.
type nth struct {
	*store.Memory
	calls     int
	at, until int // the first call that fails, and the one after the last
	panics    bool
}

func (s *nth) out() bool {
	s.calls++
	out := s.at <= s.calls && s.calls < s.until
	if out && s.panics {
		panic(fmt.Sprintf("call %d", s.calls))
	}
	return out
}

func (s *nth) Create(ctx context.Context, c store.Client, with store.Change) error {
	if s.out() {
		return errOut
	}
	return s.Memory.Create(ctx, c, with)
}

func (s *nth) Get(ctx context.Context, id string) (store.Client, error) {
	if s.out() {
		return store.Client{}, errOut
	}
	return s.Memory.Get(ctx, id)
}

func (s *nth) GetByClientID(ctx context.Context, id string) (store.Client, error) {
	if s.out() {
		return store.Client{}, errOut
	}
	return s.Memory.GetByClientID(ctx, id)
}

func (s *nth) Update(ctx context.Context, c store.Client, with store.Change) error {
	if s.out() {
		return errOut
	}
	return s.Memory.Update(ctx, c, with)
}

func (s *nth) Delete(ctx context.Context, id string, version int64, with store.Change) error {
	if s.out() {
		return errOut
	}
	return s.Memory.Delete(ctx, id, version, with)
}

func (s *nth) Undo(ctx context.Context, id string, version int64, with store.Change) error {
	if s.out() {
		return errOut
	}
	return s.Memory.Undo(ctx, id, version, with)
}

func (s *nth) List(ctx context.Context, after string, limit int) ([]store.Client, error) {
	if s.out() {
		return nil, errOut
	}
	return s.Memory.List(ctx, after, limit)
}

func (s *nth) ListSubscriptions(ctx context.Context, id string) ([]store.Subscription, error) {
	if s.out() {
		return nil, errOut
	}
	return s.Memory.ListSubscriptions(ctx, id)
}

func (s *nth) Subscribe(ctx context.Context, of store.Subscription, version int64, with store.Change) error {
	if s.out() {
		return errOut
	}
	return s.Memory.Subscribe(ctx, of, version, with)
}

func (s *nth) Unsubscribe(ctx context.Context, id, api string, version int64, with store.Change) error {
	if s.out() {
		return errOut
	}
	return s.Memory.Unsubscribe(ctx, id, api, version, with)
}

// trial is a bank with a store that fails, in front of a server that chooses.
type trial struct {
	*office
	server *chooser
	store  *nth
	log    *syncedBuffer
	before store.Client // the client or the registration that the operation is about; zero for none
	lost   bool         // the server had lost the client before
}

func newTrial(t *testing.T, w *world) *trial {
	t.Helper()
	memory := store.NewMemory(w.config.Clock)
	s := &trial{server: newChooser(), store: &nth{Memory: memory}, log: &syncedBuffer{}}
	s.office = openOffice(t, w, memory, func(c *dcr.Config) {
		c.Store, c.Provisioner, c.SealingKey = s.store, s.server, claims.NewSecret(strings.Repeat("k", 32))
		c.Logger, c.MaySubscribe = slog.New(slog.NewTextHandler(s.log, nil)), byRole
	})
	return s
}

// client returns the client_id that a TPP has now.
func (s *trial) client(t *testing.T) string {
	t.Helper()
	return s.stored(t, s.before.ID).ClientID
}

// faultyOperation is one that the store fails in.
type faultyOperation struct {
	waits bool // registrations and deletions wait for a person
	// prepare sets before, and returns the operation. The operation can be repeated: by a
	// TPP with the same request.
	prepare func(t *testing.T, s *trial) func() error
}

func faultyOperations() map[string]faultyOperation {
	ctx := context.Background()
	enrol := func(t *testing.T, s *trial) { s.before = s.enrol(t, nil).Client }
	remove := func(t *testing.T, s *trial) func() error {
		return func() error {
			_, err := s.store.Memory.Get(ctx, s.before.ID)
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			id := s.client(t)
			return s.office.Delete(ctx, id, s.caller(t, id))
		}
	}
	operations := map[string]faultyOperation{
		"register": {prepare: func(t *testing.T, s *trial) func() error { return s.post(t, s.token(t, nil)) }},
		"update": {prepare: func(t *testing.T, s *trial) func() error {
			enrol(t, s)
			update := s.token(t, oneRedirect)
			return func() error { _, err := s.Update(ctx, s.client(t), update, s.caller(t, s.client(t))); return err }
		}},
		"delete": {prepare: func(t *testing.T, s *trial) func() error { enrol(t, s); return remove(t, s) }},
		"remove": {prepare: func(t *testing.T, s *trial) func() error {
			enrol(t, s)
			return func() error { return s.Remove(ctx, s.before.ID, reason) }
		}},
		"reprovision": {prepare: func(t *testing.T, s *trial) func() error {
			enrol(t, s)
			return func() error { _, err := s.Reprovision(ctx, dcr.ReprovisionOptions{}); return err }
		}},
		"reprovision of a lost client": {prepare: func(t *testing.T, s *trial) func() error {
			enrol(t, s)
			delete(s.server.clients, s.before.ClientID)
			s.lost = true
			return func() error { _, err := s.Reprovision(ctx, dcr.ReprovisionOptions{}); return err }
		}},
		"register and wait": {waits: true, prepare: func(t *testing.T, s *trial) func() error { return s.post(t, s.token(t, nil)) }},
		"approve": {waits: true, prepare: func(t *testing.T, s *trial) func() error {
			s.before = s.apply(t, nil)
			return func() error { _, err := s.ApprovePending(ctx, s.before.ID); return err }
		}},
		"refuse": {waits: true, prepare: func(t *testing.T, s *trial) func() error {
			s.before = s.apply(t, nil)
			return func() error { return s.RefusePending(ctx, s.before.ID, reason) }
		}},
		"delete and wait": {waits: true, prepare: func(t *testing.T, s *trial) func() error {
			s.before = s.admitted(t, nil)
			return remove(t, s)
		}},
		"approve a deletion": {waits: true, prepare: func(t *testing.T, s *trial) func() error {
			s.before = s.admitted(t, nil)
			require.ErrorIs(t, s.office.Delete(ctx, s.before.ClientID, s.caller(t, s.before.ClientID)), dcr.ErrPending)
			return func() error { _, err := s.ApprovePending(ctx, s.before.ID); return err }
		}},
	}
	maps.Copy(operations, faultyManualOperations())
	return operations
}

// TestWhereverTheStoreFailsNothingStaysHalfDone: at each call of each operation, once, twice,
// and until the operation has ended.
func TestWhereverTheStoreFailsNothingStaysHalfDone(t *testing.T) {
	plain, _ := newWorld(t, nil)
	waiting, _ := newWorld(t, bothPending)
	for name, o := range faultyOperations() {
		t.Run(name, func(t *testing.T) {
			w := plain
			if o.waits {
				w = waiting
			}
			for _, times := range []int{1, 2, 1000} {
				for _, panics := range []bool{false, true} {
					at := 1
					for ; failsAt(t, w, o, nth{at: at, until: at + times, panics: panics}); at++ {
					}
					require.Greater(t, at, 1, "the store was called")
				}
			}
		})
	}
}

// failsAt lets the store fail in an operation, and reports whether there was such a call.
func failsAt(t *testing.T, w *world, o faultyOperation, fault nth) (reached bool) {
	t.Helper()
	s := newTrial(t, w)
	do := o.prepare(t, s)
	fault.Memory = s.store.Memory
	*s.store = fault
	err := do()
	reached = s.store.calls >= fault.at
	s.store.until = 0
	where := fmt.Sprintf("calls %d to %d, panics: %t: %v\n%s", fault.at, fault.until-1, fault.panics, err, s.log)
	if !reached {
		return false
	}
	requireNoOutage(t, fault, err, s.log.String(), where)
	requireTrail(t, s.store.Memory, where)
	ctx := context.Background()
	_, failure := s.Reconcile(ctx, 0)
	require.NoError(t, failure, where)
	requireNothingUnfinished(t, s.store.Memory)
	s.requireNoneUnknown(t, where)
	s.requireNoneMovedUntold(t, where)

	// Whoever had no answer asks again, after an operator has repaired what was lost.
	_, failure = s.Reprovision(ctx, dcr.ReprovisionOptions{})
	require.NoError(t, failure, where)
	shown, held := inForce(t, s.records), s.server.holds()
	for id, metadata := range shown {
		require.Equal(t, metadata, held[id], where)
	}
	s.requireNoneMovedUntold(t, where)
	if err == nil || errors.Is(err, dcr.ErrUnfinished) || errors.Is(err, dcr.ErrPending) {
		return true
	}
	s.requireRepeatable(t, do(), where)
	requireTrail(t, s.store.Memory, where)
	return true
}

// requireNoOutage requires that a panic is told from an outage, and is in the log with its
// stack, but in no answer.
func requireNoOutage(t *testing.T, fault nth, err error, log, where string) {
	t.Helper()
	if !fault.panics {
		require.NotContains(t, log, "panicked", where)
		return
	}
	require.Regexp(t, `msg="code of the bank panicked" panic="call \d+" stack="goroutine`, log, where)
	var answer *dcr.Error
	if errors.As(err, &answer) {
		require.Equal(t, http.StatusInternalServerError, answer.Status, where)
		require.NotContains(t, answer.Description, "call", where)
	}
}

// requireNoneUnknown requires that both systems have the same, or that the log says which
// client is lost, or that the server may hold one more.
func (s *trial) requireNoneUnknown(t *testing.T, where string) {
	t.Helper()
	shown, held := inForce(t, s.records), s.server.holds()
	for id, metadata := range shown {
		if held[id] != metadata && !s.lost {
			require.Contains(t, s.log.String(), "has lost a client", where)
			requireLogged(t, s.log, slog.LevelError, "has lost a client", s.before.ID)
		}
	}
	for id := range held {
		if _, known := shown[id]; !known {
			require.Regexp(t, "nobody knows|may hold a second client|cannot be taken.*"+id, s.log.String(), where)
		}
	}
}

// requireNoneMovedUntold requires that the log names each client_id that was changed.
func (s *trial) requireNoneMovedUntold(t *testing.T, where string) {
	t.Helper()
	all, err := s.records.List(context.Background(), "", 10)
	require.NoError(t, err)
	for _, now := range all {
		if now.ID == s.before.ID && s.before.ClientID != "" && now.ClientID != s.before.ClientID {
			require.Contains(t, s.log.String(), "tell its TPP", where)
			requireLogged(t, s.log, slog.LevelError, "tell its TPP", now.ID, now.ClientID)
		}
	}
}

// requireRepeatable requires that what failed is done when it is asked for again, or was
// done: no jti is used without a client.
func (s *trial) requireRepeatable(t *testing.T, again error, where string) {
	t.Helper()
	var refusal *dcr.Error
	switch {
	case again == nil, errors.Is(again, dcr.ErrPending):
		requireNothingUnfinished(t, s.store.Memory)
	case errors.Is(again, dcr.ErrNotPending):
		require.True(t, s.before.ID == "" || !s.stored(t, s.before.ID).State.IsPending(), where)
	case errors.Is(again, store.ErrNotFound):
		_, err := s.records.Get(context.Background(), s.before.ID)
		require.ErrorIs(t, err, store.ErrNotFound, where)
	case errors.Is(again, store.ErrReplayed) && !errors.Is(again, store.ErrUnderWay):
		require.NotEmpty(t, inForce(t, s.records), where)
	case errors.As(again, &refusal) && slices.Equal(ruleIDs(refusal.Report), []string{validate.RuleRequestJTIReplayed}):
		require.NotEmpty(t, inForce(t, s.records), where)
	default:
		require.NoError(t, again, where)
	}
}
