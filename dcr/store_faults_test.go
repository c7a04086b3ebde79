package dcr_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// looking is a store that does something else at its next look-up of a client_id.
type looking struct {
	*store.Memory
	lookUp func(ctx context.Context, clientID string) (store.Client, error)
}

func (s *looking) GetByClientID(ctx context.Context, clientID string) (store.Client, error) {
	if do := s.lookUp; do != nil {
		s.lookUp = nil
		return do(ctx, clientID)
	}
	return s.Memory.GetByClientID(ctx, clientID)
}

// TestALookUpThatFailsLosesNoState: the server gave it with the client_id that is looked up.
func TestALookUpThatFailsLosesNoState(t *testing.T) {
	fails := func(context.Context, string) (store.Client, error) { return store.Client{}, errOut }
	t.Run("of a new client", func(t *testing.T) {
		b, server, _ := choosing(t)
		s := &looking{Memory: b.store, lookUp: fails}
		o, log := b.beside(t, server, func(c *dcr.Config) { c.Store = s })
		token := b.token(t, nil)
		_, refusal := o.register(t, o.Registrar, token)
		require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
		require.Nil(t, s.lookUp)
		require.Empty(t, server.holds(), "the client was removed by its state")
		require.Equal(t, "null", everything(t, b.records))
		require.NotContains(t, log.String(), "nobody knows")
		_, refusal = o.register(t, o.Registrar, token)
		require.Nil(t, refusal)
		require.Equal(t, inForce(t, b.records), server.holds())
	})
	t.Run("of a client that is made anew", func(t *testing.T) {
		b, server, _ := choosing(t)
		ctx := context.Background()
		c := b.enrol(t, nil).Client
		delete(server.clients, c.ClientID)
		s := &looking{Memory: b.store, lookUp: fails}
		o, log := b.beside(t, server, func(c *dcr.Config) { c.Store = s })
		_, err := o.Reprovision(ctx, dcr.ReprovisionOptions{})
		require.ErrorIs(t, err, errOut)
		require.Nil(t, s.lookUp)
		requireNothingUnfinished(t, b.records)
		report, err := o.Reprovision(ctx, dcr.ReprovisionOptions{})
		require.NoError(t, err)
		after := b.stored(t, c.ID).ClientID
		require.Equal(t, []dcr.MovedClient{{ID: c.ID, Before: c.ClientID, After: after}}, report.Moved)
		require.Equal(t, inForce(t, b.records), server.holds(), "there is no second client")
		requireLogged(t, log, slog.LevelError, "tell its TPP", c.ClientID, after)
	})
}

// patchy is a store whose updates fail by their number.
type patchy struct {
	*store.Memory
	updates int
	fails   map[int]bool
}

func (s *patchy) Update(ctx context.Context, c store.Client, with store.Change) error {
	if s.updates++; s.fails[s.updates] {
		return errOut
	}
	return s.Memory.Update(ctx, c, with)
}

// TestTheManagementTokenOfTheCompensationIsKept: the store fails at the last write of the
// change, and at the write of what the compensation got.
func TestTheManagementTokenOfTheCompensationIsKept(t *testing.T) {
	b, server, _ := choosing(t)
	ctx := context.Background()
	c := b.enrol(t, nil).Client
	s := &patchy{Memory: b.store, fails: map[int]bool{2: true, 3: true}}
	o, log := b.beside(t, server, func(config *dcr.Config) { config.Store = s })
	update := b.token(t, oneRedirect)
	_, err := o.Update(ctx, c.ClientID, update, o.caller(t, c.ClientID))
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
	require.Equal(t, 4, s.updates)
	require.Equal(t, store.Updating, b.stored(t, c.ID).State)
	report, err := o.Reconcile(ctx, 0)
	require.NoError(t, err)
	require.Equal(t, dcr.ReconcileReport{Undone: 1}, report)
	require.NotContains(t, log.String(), " lost")
	require.Equal(t, inForce(t, b.records), server.holds())
	_, err = o.Update(ctx, c.ClientID, update, o.caller(t, c.ClientID))
	require.NoError(t, err)
	require.Equal(t, inForce(t, b.records), server.holds())
}

// TestOfTwoRegistrationsWithOneClientIDTheWinnerKeepsItsClient: each looks the client_id up
// before the other is Active.
func TestOfTwoRegistrationsWithOneClientIDTheWinnerKeepsItsClient(t *testing.T) {
	b, server, _ := choosing(t)
	ctx := context.Background()
	server.rename = func(string) string { return "one-for-all" }
	s := &looking{Memory: b.store}
	o, log := b.beside(t, server, func(c *dcr.Config) { c.Store = s })
	loser, winner := b.token(t, nil), b.token(t, nil)
	var won *dcr.Registration
	s.lookUp = func(ctx context.Context, clientID string) (store.Client, error) {
		nobody, err := s.Memory.GetByClientID(ctx, clientID)
		require.ErrorIs(t, err, store.ErrNotFound)
		var refusal *dcr.Error
		won, refusal = o.register(t, o.Registrar, winner)
		require.Nil(t, refusal)
		return nobody, err
	}
	_, refusal := o.register(t, o.Registrar, loser)
	require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
	require.Equal(t, map[string]string{"one-for-all": string(won.Client.Metadata)}, server.holds())
	require.Equal(t, inForce(t, b.records), server.holds())
	require.Equal(t, won.Client, b.stored(t, won.Client.ID))
	requireNothingUnfinished(t, b.records)
	requireLogged(t, log, slog.LevelError, "may hold a client that nobody knows", "one-for-all")
	_, err := o.Update(ctx, "one-for-all", b.token(t, oneRedirect), o.caller(t, "one-for-all"))
	require.NoError(t, err, "its state is worth something still")
	require.NoError(t, o.Remove(ctx, won.Client.ID, "test"))
	require.Empty(t, server.holds())
}

// TestAServerThatFindsClientsByTheirClientIDKeepsTheOtherRecords: it would remove the client
// of another record if it were told to, whether that record was found before or came first
// at the end.
func TestAServerThatFindsClientsByTheirClientIDKeepsTheOtherRecords(t *testing.T) {
	for _, atOnce := range []bool{false, true} {
		b := newOffice(t, nil, nil)
		server := &named{held: map[string]bool{}}
		s := &looking{Memory: b.store}
		o, log := b.beside(t, server, func(c *dcr.Config) { c.Store = s })
		if atOnce {
			s.lookUp = func(context.Context, string) (store.Client, error) {
				o.enrol(t, nil)
				return store.Client{}, store.ErrNotFound
			}
		} else {
			o.enrol(t, nil)
		}
		_, refusal := o.register(t, o.Registrar, b.token(t, nil))
		require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
		require.Len(t, inForce(t, b.records), 1)
		require.Contains(t, inForce(t, b.records), "as-1")
		require.True(t, server.held["as-1"])
		requireNothingUnfinished(t, b.records)
		requireLogged(t, log, slog.LevelError, "may hold a client that nobody knows")
	}
}

// named is a server without states: it names what it made also with an error.
type named struct {
	held map[string]bool
	err  error
}

func (s *named) Provision(context.Context, dcr.Provisioning) (dcr.Provisioned, error) {
	s.held["as-1"] = true
	return dcr.Provisioned{ClientID: "as-1"}, s.err
}

func (s *named) Deprovision(_ context.Context, d dcr.Deprovisioning) error {
	delete(s.held, d.ClientID)
	return nil
}

func TestAClientIDThatCameWithAnErrorIsRemoved(t *testing.T) {
	for name, err := range map[string]error{"an outage": errOut, "a refusal": &dcr.Refusal{Reason: "no"}} {
		t.Run(name, func(t *testing.T) {
			b := newOffice(t, nil, nil)
			server := &named{held: map[string]bool{}, err: err}
			o, log := b.beside(t, server, nil)
			token := b.token(t, nil)
			_, refusal := o.register(t, o.Registrar, token)
			require.NotNil(t, refusal)
			require.Empty(t, server.held)
			require.Equal(t, "null", everything(t, b.records))
			require.NotContains(t, log.String(), "nobody knows")
			server.err = nil
			_, refusal = o.register(t, o.Registrar, token)
			require.Nil(t, refusal)
		})
	}
}

// TestARequestWaitsForTheLeaseOfItsUnfinishedChange: Config.Replay has the jti.
func TestARequestWaitsForTheLeaseOfItsUnfinishedChange(t *testing.T) {
	b, server := provisioned(t)
	ctx := context.Background()
	client := b.enrol(t, nil).Client
	o, _ := b.beside(t, server, func(c *dcr.Config) { c.Replay = store.NewMemoryReplay(c.Clock) })
	server.fail = func(string) error { return errOut }
	create, update := b.token(t, nil), b.token(t, oneRedirect)
	send := func(want int) {
		t.Helper()
		_, refusal := o.register(t, o.Registrar, create)
		_, err := o.Update(ctx, client.ID, update, o.caller(t, client.ID))
		if want == 0 {
			require.Nil(t, refusal)
			require.NoError(t, err)
			return
		}
		for _, e := range []*dcr.Error{refusal, refusalOf(t, err)} {
			require.Equal(t, want, e.Status)
			require.Positive(t, e.RetryAfter)
		}
	}
	send(http.StatusServiceUnavailable)
	server.fail = func(string) error { return nil }
	send(http.StatusServiceUnavailable)
	b.now = b.now.Add(2*dcr.ChangeTimeout - time.Second)
	send(http.StatusServiceUnavailable)
	report, err := o.Reconcile(ctx, 0)
	require.NoError(t, err)
	require.Equal(t, dcr.ReconcileReport{Undone: 2}, report)
	b.now = b.now.Add(time.Second)
	send(0)
	require.Equal(t, inForce(t, b.records), server.holds())
	_, refusal := o.register(t, o.Registrar, create)
	require.Equal(t, []string{validate.RuleRequestJTIReplayed}, ruleIDs(refusal.Report))
}

// TestASoftwareMayComeAgainWhileItsRegistrationMayBeUndone: it is not registered already.
func TestASoftwareMayComeAgainWhileItsRegistrationMayBeUndone(t *testing.T) {
	w, _ := newWorld(t, func(p *validate.Policy) { p.Registrations = validate.RegistrationsOnePerSoftware })
	server := newAuthorizationServer()
	b := openOffice(t, w, w.store, func(c *dcr.Config) { c.Provisioner = server })
	server.fail = func(string) error { return errOut }
	_, refusal := b.register(t, b.Registrar, b.token(t, nil))
	require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
	server.fail = func(string) error { return nil }
	again := b.token(t, nil)
	_, refusal = b.register(t, b.Registrar, again)
	require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
	require.Positive(t, refusal.RetryAfter)
	require.ErrorIs(t, refusal, store.ErrLeaving)
	_, err := b.Reconcile(context.Background(), 0)
	require.NoError(t, err)
	_, refusal = b.register(t, b.Registrar, again)
	require.Nil(t, refusal)
	_, refusal = b.register(t, b.Registrar, b.token(t, nil))
	require.Equal(t, http.StatusBadRequest, refusal.Status)
}

// TestAStoreThatDoesNotFindClientIDsIsWarnedOf: some authorization servers choose none.
func TestAStoreThatDoesNotFindClientIDsIsWarnedOf(t *testing.T) {
	b := newOffice(t, nil, nil)
	for name, c := range map[string]struct {
		store    store.Store
		server   dcr.Provisioner
		warnings int
	}{
		"a store that finds them": {b.store, newChooser(), 0},
		"one that does not":       {struct{ records }{b.records}, newChooser(), 1},
		"no server that chooses":  {struct{ records }{b.records}, nil, 0},
	} {
		o, log := b.beside(t, c.server, func(config *dcr.Config) { config.Store = c.store })
		require.Equal(t, c.warnings, bytes.Count([]byte(log.String()), []byte("level=WARN")), name)
		if c.warnings == 0 {
			continue
		}
		requireLogged(t, log, slog.LevelWarn, "store.ClientIDs")
		_, refusal := o.register(t, o.Registrar, b.token(t, nil))
		require.Equal(t, http.StatusServiceUnavailable, refusal.Status, name)
		require.Empty(t, c.server.(*chooser).holds())
		require.Equal(t, "null", everything(t, b.records))
		require.Equal(t, 1, bytes.Count([]byte(log.String()), []byte("level=WARN")), name)
	}
}

// TestARegistrationThatWaitsIsUndoneWithoutTheServer: nothing was provisioned.
func TestARegistrationThatWaitsIsUndoneWithoutTheServer(t *testing.T) {
	w, _ := newWorld(t, bothPending)
	b := openOffice(t, w, w.store, nil)
	replay := &replayed{store.NewMemoryReplay(w.config.Clock), errOut}
	server := newAuthorizationServer()
	server.fail = func(verb string) error { panic(verb) }
	o, log := b.beside(t, server, func(c *dcr.Config) { c.Replay = replay })
	token := b.token(t, nil)
	_, refusal := o.register(t, o.Registrar, token)
	require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
	require.Equal(t, "null", everything(t, b.records))
	require.NotContains(t, log.String(), dcr.ErrPanic.Error())
	require.NotContains(t, log.String(), "nobody knows")
	replay.confirm = nil
	registration, refusal := o.register(t, o.Registrar, token)
	require.Nil(t, refusal, "the lease was given back")
	require.True(t, registration.Pending)
}
