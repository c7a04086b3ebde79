package dcr_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// spoil changes everything that a record points to.
func spoil(c *store.Client) {
	if c == nil {
		return
	}
	c.SoftwareID = "changed by a hook"
	for _, b := range [][]byte{c.Metadata, c.SecretHash, c.SealedSecret} {
		for i := range b {
			b[i] = 'x'
		}
	}
	for i, a := range c.Application.Attributes {
		c.Application.Attributes[i].Name = "changed by a hook"
		for j := range a.Values {
			a.Values[j] = "changed by a hook"
		}
	}
}

// spoiling is an authorization server that changes its arguments.
type spoiling struct{ *authorizationServer }

func (s spoiling) Provision(ctx context.Context, p dcr.Provisioning) (dcr.Provisioned, error) {
	done, err := s.authorizationServer.Provision(ctx, p)
	spoil(&p.Client)
	return done, err
}

func TestWhatABankDoesToARecordDoesNotChangeWhatIsStored(t *testing.T) {
	b, server := provisioned(t)
	hook := func(c dcr.Change) {
		spoil(c.Before)
		spoil(c.After)
		for i := range c.RolesGained {
			c.RolesGained[i] = "x"
		}
	}
	w := openOffice(t, b.world, b.records, func(c *dcr.Config) {
		c.Provisioner = spoiling{server}
		c.Hooks = dcr.Hooks{Approve: func(_ context.Context, c dcr.Change) error { hook(c); return nil },
			Done: func(_ context.Context, c dcr.Change) { hook(c) }}
	})
	ctx := context.Background()
	sound := func(r *dcr.Registration) {
		stored, err := b.records.Get(ctx, r.Client.ID)
		require.NoError(t, err)
		require.Equal(t, stored, r.Client)
		require.Equal(t, b.software.SoftwareID, stored.SoftwareID)
		require.NotContains(t, everything(t, b.records), "changed by a hook")
		secret, err := b.OpenSecret(stored)
		require.NoError(t, err)
		require.Equal(t, server.secrets[stored.ID], secret)
		require.NotContains(t, r.Change.RolesGained, claims.Role("x"))
	}
	created := w.enrol(t, secretJWT)
	sound(created)
	id := created.Client.ID
	updated, err := w.Update(ctx, id, w.token(t, func(c *claims.Request) { secretJWT(c); oneRedirect(c) }), w.caller(t, id))
	require.NoError(t, err)
	sound(updated)

	server.fail = failOnce("provisioned")
	_, err = w.Update(ctx, id, w.token(t, secretJWT), w.caller(t, id))
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
	restored, err := b.records.Get(ctx, id)
	require.NoError(t, err)
	restored.Version = updated.Client.Version
	require.Equal(t, updated.Client, restored)
}

func TestDoneOutlivesTheSender(t *testing.T) {
	told := 0
	ctx, cancel := context.WithCancel(context.Background())
	b := newOffice(t, nil, func(c *dcr.Config) {
		c.Hooks.Approve = func(context.Context, dcr.Change) error { return nil }
		c.Hooks.Done = func(ctx context.Context, _ dcr.Change) {
			cancel()
			require.NoError(t, ctx.Err())
			end, bounded := ctx.Deadline()
			require.True(t, bounded)
			require.LessOrEqual(t, time.Until(end), dcr.ChangeTimeout)
			told++
		}
	})
	_, err := b.Register(ctx, dcr.RegisterInput{Token: claims.NewSecret(b.token(t, nil)), Certificate: b.certificate(t, b.software)})
	require.NoError(t, err)
	require.Equal(t, 1, told)
}

func TestAPanicOfTheBanksCodeLeavesNothingHalfDone(t *testing.T) {
	panics := func(string) error { panic("out of bounds\nsecond line") }
	for _, op := range []dcr.Operation{dcr.OpCreate, dcr.OpUpdate, dcr.OpDelete} {
		b, server := provisioned(t)
		ctx := context.Background()
		created := b.enrol(t, nil).Client
		shown := inForce(t, b.records)
		var log syncedBuffer
		loud := openOffice(t, b.world, b.records, func(c *dcr.Config) {
			c.Provisioner, c.Logger = server, slog.New(slog.NewTextHandler(&log, nil))
		})
		token := b.token(t, oneRedirect)
		once := failOnce("provision")
		server.fail = func(verb string) error {
			if op == dcr.OpDelete || once(verb) != nil {
				return panics(verb)
			}
			return nil
		}
		var err error
		switch op {
		case dcr.OpCreate:
			_, err = loud.Register(ctx, dcr.RegisterInput{Token: claims.NewSecret(token), Certificate: b.certificate(t, b.software)})
		case dcr.OpUpdate:
			_, err = loud.Update(ctx, created.ID, token, loud.caller(t, created.ID))
		case dcr.OpDelete:
			require.NoError(t, loud.Delete(ctx, created.ID, loud.caller(t, created.ID)))
			require.Equal(t, dcr.OutcomeUnfinished, loud.lastEvent().Outcome)
			report, err := loud.Reconcile(ctx, 0)
			require.ErrorIs(t, err, dcr.ErrPanic)
			require.Equal(t, dcr.ReconcileReport{Failed: 1}, report)
			shown = map[string]string{}
		}
		server.fail = func(string) error { return nil }
		if op != dcr.OpDelete {
			require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status, op)
			require.Equal(t, dcr.OutcomeUnavailable, loud.lastEvent().Outcome, op)
			require.NotContains(t, refusalOf(t, err).Description, "bounds")
		} else {
			report, err := loud.Reconcile(ctx, 0)
			require.NoError(t, err)
			require.Equal(t, dcr.ReconcileReport{Finished: 1}, report)
		}
		require.Equal(t, shown, inForce(t, b.records), op)
		require.Equal(t, shown, server.holds(), op)
		require.Contains(t, log.String(), "out of bounds")
		require.Contains(t, log.String(), "stack=\"goroutine", "whose fault it is")
	}
}

func TestAHookThatPanicsIsAnOutageAndAnObserverThatDoesIsNone(t *testing.T) {
	b := newOffice(t, nil, nil)
	events := 0
	odd := openOffice(t, b.world, b.records, func(c *dcr.Config) {
		c.Hooks.Approve = func(context.Context, dcr.Change) error { panic(errOut) }
		c.Observer = func(e dcr.Event) {
			events++
			require.Equal(t, dcr.OutcomeUnavailable, e.Outcome)
			panic("observer")
		}
	})
	token := b.token(t, nil)
	_, refusal := odd.register(t, odd.Registrar, token)
	require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
	require.Equal(t, 1, events)
	require.Equal(t, "null", everything(t, b.records))
	odd = openOffice(t, b.world, b.records, func(c *dcr.Config) {
		c.Hooks.Done = func(context.Context, dcr.Change) { panic("done") }
	})
	_, refusal = odd.register(t, odd.Registrar, token)
	require.Nil(t, refusal, "it is told after the fact")
}

func TestARefusalOfNothingRefusesInTheBanksName(t *testing.T) {
	b := newOffice(t, nil, func(c *dcr.Config) {
		c.Hooks.Approve = func(context.Context, dcr.Change) error {
			var none *dcr.Refusal
			return none
		}
	})
	_, refusal := b.register(t, b.Registrar, b.token(t, nil))
	require.Equal(t, validate.UnapprovedSoftwareStatement, refusal.Code)
	require.Equal(t, "the bank does not approve", refusal.Description)
	require.Contains(t, refusal.Err.Error(), "the bank does not approve")
}

func TestReconcileRefusesANegativeAge(t *testing.T) {
	b, _ := provisioned(t)
	record := b.enrol(t, nil).Client
	record.State, record.Since = store.Deleting, b.now
	require.NoError(t, b.records.Update(context.Background(), record, store.Change{}))
	report, err := b.Reconcile(context.Background(), -time.Second)
	require.Error(t, err)
	require.Zero(t, report)
	require.NotEqual(t, "null", everything(t, b.records), "nor does it touch what has just begun")
}

// TestASealedSecretThatDoesNotOpenIsAnOutage: without the secret, the authorization
// server would not accept the client any more.
func TestASealedSecretThatDoesNotOpenIsAnOutage(t *testing.T) {
	b, server := provisioned(t)
	ctx := context.Background()
	created := b.enrol(t, secretJWT)
	id := created.Client.ID
	other := openOffice(t, b.world, b.records, func(c *dcr.Config) {
		c.Provisioner, c.SealingKey = server, claims.NewSecret(strings.Repeat("\x01", 32))
	})
	before := everything(t, b.records)
	token := b.token(t, func(c *claims.Request) { secretJWT(c); oneRedirect(c) })
	_, err := other.Update(ctx, id, token, other.caller(t, id))
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
	require.Equal(t, before, everything(t, b.records), "nothing was begun")
	require.Equal(t, created.Secret, server.secrets[id])

	record, err := b.records.Get(ctx, id)
	require.NoError(t, err)
	record.State, record.Since = store.Updating, b.now
	require.NoError(t, b.records.Update(ctx, record, store.Change{}))
	report, err := other.Reconcile(ctx, 0)
	require.ErrorIs(t, err, dcr.ErrSealed)
	require.Equal(t, dcr.ReconcileReport{Failed: 1}, report)
	report, err = b.Reconcile(ctx, 0)
	require.NoError(t, err)
	require.Equal(t, dcr.ReconcileReport{Undone: 1}, report)
	_, err = b.Update(ctx, id, token, b.caller(t, id))
	require.NoError(t, err)
}

// shut is a store that cannot make a record Active again.
type shut struct{ records }

func (s shut) Update(ctx context.Context, c store.Client, with store.Change) error {
	if c.State == store.Active {
		return errOut
	}
	return s.records.Update(ctx, c, with)
}

func TestALastWriteThatFailsBurnsTheJTIOfAReplayStoreOfItsOwn(t *testing.T) {
	w, _ := newWorld(t, nil)
	replay := store.NewMemoryReplay(w.config.Clock)
	change := func(c *dcr.Config) { c.Replay = replay }
	broken, whole := openOffice(t, w, shut{w.store}, change), openOffice(t, w, w.store, change)
	token := w.token(t, nil)
	_, refusal := w.register(t, broken.Registrar, token)
	require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
	require.Contains(t, refusal.Description, "sign a new request")
	require.Equal(t, "null", everything(t, w.store))
	_, refusal = w.register(t, whole.Registrar, token)
	require.Equal(t, []string{"request.jti.replayed"}, ruleIDs(refusal.Report))
	_, refusal = w.register(t, whole.Registrar, w.token(t, nil))
	require.Nil(t, refusal)

	inStore := openOffice(t, w, shut{w.store}, func(c *dcr.Config) { c.Provisioner = newAuthorizationServer() })
	token = w.token(t, nil)
	_, refusal = w.register(t, inStore.Registrar, token)
	require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
	require.NotContains(t, refusal.Description, "sign a new request")
	_, refusal = w.register(t, whole.Registrar, token)
	require.Nil(t, refusal, "the store's own reservation is taken back with the record")
}

// TestAnOutageIsLoggedOnce: by the registrar, or by the handler if only that has a logger.
func TestAnOutageIsLoggedOnce(t *testing.T) {
	w, _ := newWorld(t, nil)
	for name, both := range map[string]bool{"the handler alone": false, "both": true} {
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodGet} {
			var log syncedBuffer
			logger := slog.New(slog.NewTextHandler(&log, nil))
			b := openOffice(t, w, w.store, nil)
			id := b.enrol(t, nil).Client.ID
			out := openOffice(t, w, failing4{w.store}, func(c *dcr.Config) {
				c.Tokens = b.tokens
				if both {
					c.Logger = logger
				}
			})
			h, err := dcr.NewHandler(dcr.HandlerConfig{Registrar: out.Registrar, Path: "/register", Logger: logger, Certificate: presents(w.certificate(t, w.software))})
			require.NoError(t, err)
			path := "/register/" + id
			if method == http.MethodPost {
				path = "/register"
			}
			r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(w.token(t, nil)))
			r.Header.Set("Content-Type", "application/jwt")
			r.Header.Set("Authorization", "Bearer "+b.caller(t, id).Token.Reveal())
			answer := httptest.NewRecorder()
			h.ServeHTTP(answer, r)
			require.Equal(t, http.StatusServiceUnavailable, answer.Code, method)
			require.Equal(t, 1, strings.Count(log.String(), errOut.Error()), "%s, %s: %s", name, method, log.String())
			require.Equal(t, 1, strings.Count(log.String(), "level=ERROR"), "%s, %s: %s", name, method, log.String())
		}
	}
}

// failing4 is a store whose four verbs fail.
type failing4 struct{ records }

func (failing4) Create(context.Context, store.Client, store.Change) error { return errOut }
func (failing4) Get(context.Context, string) (store.Client, error)        { return store.Client{}, errOut }

func TestAFaultOfTheBanksIsLoggedAtPUTToo(t *testing.T) {
	b := newOffice(t, nil, nil)
	id := b.enrol(t, nil).Client.ID
	var log syncedBuffer
	forgot := openOffice(t, b.world, b.records, func(c *dcr.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		anchor := b.directory.Anchor()
		anchor.Keys, anchor.JWKSURL = missingHost(t, b.world), b.directory.URL()+"/keys.jwks"
		var err error
		c.Statements, err = ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{anchor}, Clock: c.Clock, Skew: time.Minute})
		require.NoError(t, err)
	})
	_, err := forgot.Update(context.Background(), id, b.token(t, nil), forgot.caller(t, id))
	require.Equal(t, http.StatusInternalServerError, refusalOf(t, err).Status)
	require.Contains(t, log.String(), "RemoteConfig.Sources")
	require.Equal(t, 1, strings.Count(log.String(), "level=ERROR"))

	log = syncedBuffer{}
	forgot = openOffice(t, b.world, b.records, func(c *dcr.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		c.SoftwareKeys = missingHost(t, b.world)
	})
	err = forgot.Delete(context.Background(), id, forgot.caller(t, id))
	require.Equal(t, http.StatusInternalServerError, refusalOf(t, err).Status)
	require.Contains(t, log.String(), "not on the list")
}

// scribbling is a store that changes its argument after it has stored it.
type scribbling struct{ records }

func (s scribbling) Create(ctx context.Context, c store.Client, with store.Change) error {
	err := s.records.Create(ctx, c.Clone(), with)
	spoil(&c)
	return err
}

func TestTheAnswerIsMadeBeforeTheClientIsStored(t *testing.T) {
	w, _ := newWorld(t, nil)
	b := openOffice(t, w, scribbling{w.store}, nil)
	require.Equal(t, http.StatusCreated, b.sent(t)(http.MethodPost, "/register", b.token(t, nil), ""))
	require.Len(t, inForce(t, w.store), 1)
}
