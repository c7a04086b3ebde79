package dcr_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

func TestTheBankApprovesRefusesAndIsToldOfEachChange(t *testing.T) {
	var approved, done []dcr.Operation
	var answer error
	b := newOffice(t, nil, func(c *dcr.Config) {
		c.Hooks = dcr.Hooks{
			Approve: func(_ context.Context, change dcr.Change) error {
				approved = append(approved, change.Operation)
				for _, c := range []*store.Client{change.Before, change.After} {
					if c != nil {
						c.SoftwareID, c.Metadata[0] = "changed by a hook", '['
					}
				}
				return answer
			},
			Done: func(_ context.Context, change dcr.Change) { done = append(done, change.Operation) },
		}
	})
	ctx := context.Background()
	id := b.enrol(t, nil).Client.ID
	by := b.caller(t, id)
	before := everything(t, b.records)
	require.NotContains(t, before, "changed by a hook")

	answer = &dcr.Refusal{Reason: "the contract \u2013 is\nnot signed"}
	_, err := b.Update(ctx, id, b.token(t, nil), by)
	refusal := refusalOf(t, err)
	require.Equal(t, 400, refusal.Status)
	require.Equal(t, validate.UnapprovedSoftwareStatement, refusal.Code)
	require.Equal(t, "the contract ? is?not signed", refusal.Description)
	token := b.token(t, nil)
	_, refusal = b.register(t, b.Registrar, token)
	require.Equal(t, validate.UnapprovedSoftwareStatement, refusal.Code)
	refusal = refusalOf(t, b.Delete(ctx, id, by))
	require.Equal(t, 403, refusal.Status)
	require.Empty(t, refusal.Code)
	require.Equal(t, dcr.OutcomeForbidden, b.lastEvent().Outcome)
	require.Equal(t, before, everything(t, b.records))
	require.True(t, b.alive(by.Token))

	answer = &dcr.Refusal{Reason: strings.Repeat("x", 600)}
	require.Len(t, refusalOf(t, b.Delete(ctx, id, by)).Description, 500)
	require.ErrorContains(t, answer, "xxx", "it repeats the bank's own words")
	answer = &dcr.Refusal{}
	require.NotEmpty(t, refusalOf(t, b.Delete(ctx, id, by)).Description)
	answer = errOut
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, b.Delete(ctx, id, by)).Status)
	require.Equal(t, []dcr.Operation{dcr.OpCreate}, done)

	answer, approved = nil, nil
	_, refusal = b.register(t, b.Registrar, token)
	require.Nil(t, refusal, "a refusal burns no jti")
	_, err = b.Update(ctx, id, b.token(t, nil), by)
	require.NoError(t, err)
	require.NoError(t, b.Delete(ctx, id, by))
	all := []dcr.Operation{dcr.OpCreate, dcr.OpUpdate, dcr.OpDelete}
	require.Equal(t, all, approved)
	require.Equal(t, append([]dcr.Operation{dcr.OpCreate}, all...), done)
}

func TestADeletionSaysWhatIsLost(t *testing.T) {
	var change dcr.Change
	b := newOffice(t, nil, func(c *dcr.Config) {
		c.Hooks.Done = func(_ context.Context, c dcr.Change) { change = c }
	})
	created := b.enrol(t, nil)
	require.Nil(t, created.Change.Before)
	require.NoError(t, b.Delete(context.Background(), created.Client.ID, b.caller(t, created.Client.ID)))
	require.Equal(t, created.Client, *change.Before)
	require.Nil(t, change.After)
	require.Equal(t, b.software.Roles, change.RolesLost)
	require.Empty(t, change.RolesGained)
	require.Equal(t, created.Change.Members(), change.Members())
}

func provisioned(t *testing.T) (*office, *authorizationServer) {
	t.Helper()
	server := newAuthorizationServer()
	b := newOffice(t, func(p *validate.Policy) {
		p.AuthMethods = append(p.AuthMethods, claims.ClientSecretBasic, claims.ClientSecretJWT)
		p.Widenings = []validate.Widening{validate.WidenClientSecretBasic, validate.WidenClientSecretJWT}
	}, func(c *dcr.Config) { c.Provisioner = server })
	return b, server
}

func secretJWT(c *claims.Request) {
	c.TokenEndpointAuthMethod = claims.Some(claims.ClientSecretJWT)
}

func TestTheAuthorizationServerHasWhatTheStoreHas(t *testing.T) {
	b, server := provisioned(t)
	ctx := context.Background()
	created := b.enrol(t, secretJWT)
	id := created.Client.ID
	require.Equal(t, store.Active, created.Client.State)
	require.Nil(t, created.Client.Previous)
	stored, err := b.records.Get(ctx, id)
	require.NoError(t, err)
	require.Equal(t, stored, created.Client)
	require.Equal(t, inForce(t, b.records), server.holds())
	require.Equal(t, created.Secret, server.secrets[id])

	updated, err := b.Update(ctx, id, b.token(t, func(c *claims.Request) { secretJWT(c); oneRedirect(c) }), b.caller(t, id))
	require.NoError(t, err)
	stored, err = b.records.Get(ctx, id)
	require.NoError(t, err)
	require.Equal(t, stored, updated.Client)
	require.Equal(t, inForce(t, b.records), server.holds())
	require.Equal(t, created.Secret, server.secrets[id], "a secret that is kept is told again where it can be read")

	_, err = b.Update(ctx, id, b.token(t, nil), b.caller(t, id))
	require.NoError(t, err)
	require.Empty(t, server.secrets)
	require.NoError(t, b.Delete(ctx, id, b.caller(t, id)))
	require.Empty(t, server.holds())
}

func TestARegistrationThatCannotBeProvisionedIsUndone(t *testing.T) {
	b, server := provisioned(t)
	token := b.token(t, nil)
	server.fail = failOnce("provision")
	_, refusal := b.register(t, b.Registrar, token)
	require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
	require.Positive(t, refusal.RetryAfter)
	require.Equal(t, "null", everything(t, b.records))
	require.Empty(t, server.holds())
	_, refusal = b.register(t, b.Registrar, token)
	require.Nil(t, refusal, "its jti is free again")
	require.Equal(t, inForce(t, b.records), server.holds())
}

func TestAnUpdateThatCannotBeProvisionedLeavesWhatWasBefore(t *testing.T) {
	for _, when := range []string{"provision", "provisioned"} {
		t.Run(when, func(t *testing.T) { anUpdateThatCannotBeProvisioned(t, when) })
	}
}

func anUpdateThatCannotBeProvisioned(t *testing.T, when string) {
	b, server := provisioned(t)
	created := b.enrol(t, secretJWT)
	id := created.Client.ID
	held, shown := server.holds(), inForce(t, b.records)
	token := b.token(t, oneRedirect)
	server.fail = failOnce(when)
	_, err := b.Update(context.Background(), id, token, b.caller(t, id))
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
	require.Equal(t, held, server.holds())
	require.Equal(t, created.Secret, server.secrets[id])
	require.Equal(t, shown, inForce(t, b.records))
	restored, err := b.records.Get(context.Background(), id)
	require.NoError(t, err)
	restored.Version = created.Client.Version
	require.Equal(t, created.Client, restored)
	_, err = b.Update(context.Background(), id, token, b.caller(t, id))
	require.NoError(t, err, "its jti is free again")
	require.Equal(t, inForce(t, b.records), server.holds())
}

func TestWhatCannotBeTakenBackNowReconcileTakesBack(t *testing.T) {
	b, server := provisioned(t)
	ctx := context.Background()
	first, second := b.enrol(t, nil).Client, b.enrol(t, nil).Client
	shown := inForce(t, b.records)
	out := func(string) error { return errOut }

	server.fail = out
	create := b.token(t, nil)
	_, refusal := b.register(t, b.Registrar, create)
	require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
	update := b.token(t, oneRedirect)
	_, err := b.Update(ctx, first.ID, update, b.caller(t, first.ID))
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
	require.NoError(t, b.Delete(ctx, second.ID, b.caller(t, second.ID)))
	require.Equal(t, dcr.OutcomeUnfinished, b.lastEvent().Outcome)

	delete(shown, second.ID)
	require.Equal(t, shown, inForce(t, b.records), "nothing half-done is seen")
	_, err = b.Get(ctx, second.ID, b.caller(t, second.ID))
	require.Equal(t, 401, refusalOf(t, err).Status)
	got, err := b.Get(ctx, first.ID, b.caller(t, first.ID))
	require.NoError(t, err)
	require.Equal(t, first, got.Client)
	_, err = b.Update(ctx, first.ID, b.token(t, nil), b.caller(t, first.ID))
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status, "a change is under way")
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, b.Delete(ctx, first.ID, b.caller(t, first.ID))).Status)

	report, err := b.Reconcile(ctx, dcr.ChangeTimeout)
	require.NoError(t, err)
	require.Zero(t, report, "they are too young")
	report, err = b.Reconcile(ctx, 0)
	require.ErrorIs(t, err, errOut)
	require.Equal(t, dcr.ReconcileReport{Failed: 3}, report)

	server.fail = func(string) error { return nil }
	b.now = b.now.Add(dcr.ChangeTimeout)
	b.events = nil
	report, err = b.Reconcile(ctx, dcr.ChangeTimeout)
	require.NoError(t, err)
	require.Equal(t, dcr.ReconcileReport{Undone: 2, Finished: 1}, report)
	require.ElementsMatch(t, []dcr.EventOutcome{dcr.OutcomeUndone, dcr.OutcomeUndone, dcr.OutcomeDone},
		[]dcr.EventOutcome{b.events[0].Outcome, b.events[1].Outcome, b.events[2].Outcome})
	require.Equal(t, shown, inForce(t, b.records))
	require.Equal(t, shown, server.holds())
	_, refusal = b.register(t, b.Registrar, create)
	require.Nil(t, refusal)
	_, err = b.Update(ctx, first.ID, update, b.caller(t, first.ID))
	require.NoError(t, err)
	report, err = b.Reconcile(ctx, 0)
	require.NoError(t, err)
	require.Zero(t, report)
}

func TestAChangeThatReconcileTookOverIsNotShown(t *testing.T) {
	for _, op := range []dcr.Operation{dcr.OpCreate, dcr.OpUpdate} {
		b, server := provisioned(t)
		ctx := context.Background()
		id := b.enrol(t, nil).Client.ID
		shown := inForce(t, b.records)
		// Another process reconciles while this one waits for the authorization server.
		other := openOffice(t, b.world, b.records, func(c *dcr.Config) { c.Provisioner = server })
		slow := openOffice(t, b.world, b.records, func(c *dcr.Config) {
			c.Provisioner = &late{authorizationServer: server, first: func() {
				report, err := other.Reconcile(ctx, 0)
				require.NoError(t, err)
				require.Equal(t, dcr.ReconcileReport{Undone: 1}, report)
			}}
		})
		token := b.token(t, oneRedirect)
		var err error
		if op == dcr.OpCreate {
			_, refusal := slow.register(t, slow.Registrar, token)
			err = refusal
		} else {
			_, err = slow.Update(ctx, id, token, slow.caller(t, id))
		}
		require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status, op)
		require.Equal(t, shown, inForce(t, b.records), op)
		require.Equal(t, shown, server.holds(), "%s: what came late does not outlast what was taken back", op)
	}
}

func TestAChangeThatCameTooLateGivesWayToTheNext(t *testing.T) {
	b, server := provisioned(t)
	ctx := context.Background()
	id := b.enrol(t, nil).Client.ID
	tokens := b.mixed(t)
	other := openOffice(t, b.world, b.records, func(c *dcr.Config) { c.Provisioner = server })
	var next *dcr.Registration
	slow := openOffice(t, b.world, b.records, func(c *dcr.Config) {
		c.Provisioner = &late{authorizationServer: server, first: func() {
			_, err := other.Reconcile(ctx, 0)
			require.NoError(t, err)
			next, err = other.Update(ctx, id, tokens[1], other.caller(t, id))
			require.NoError(t, err)
		}}
	})
	_, err := slow.Update(ctx, id, tokens[0], slow.caller(t, id))
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
	stored, err := b.records.Get(ctx, id)
	require.NoError(t, err)
	require.Equal(t, next.Client, stored)
	require.Equal(t, inForce(t, b.records), server.holds())
}

func TestAChangeThatCameTooLateLeavesNothingOfADeletedClient(t *testing.T) {
	b, server := provisioned(t)
	ctx := context.Background()
	id := b.enrol(t, nil).Client.ID
	other := openOffice(t, b.world, b.records, func(c *dcr.Config) { c.Provisioner = server })
	slow := openOffice(t, b.world, b.records, func(c *dcr.Config) {
		c.Provisioner = &late{authorizationServer: server, first: func() {
			_, err := other.Reconcile(ctx, 0)
			require.NoError(t, err)
			require.NoError(t, other.Delete(ctx, id, other.caller(t, id)))
		}}
	})
	_, err := slow.Update(ctx, id, b.token(t, oneRedirect), slow.caller(t, id))
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
	require.Equal(t, "null", everything(t, b.records))
	require.Empty(t, server.holds())
}

// late is an authorization server that provisions once after something else has happened.
type late struct {
	*authorizationServer
	once  sync.Once
	first func()
}

func (l *late) Provision(ctx context.Context, p dcr.Provisioning) (dcr.Provisioned, error) {
	l.once.Do(l.first)
	return l.authorizationServer.Provision(ctx, p)
}

func TestASenderThatHangsUpLeavesNothingHalfDone(t *testing.T) {
	b, server := provisioned(t)
	ctx, cancel := context.WithCancel(context.Background())
	hasty := openOffice(t, b.world, b.records, func(c *dcr.Config) {
		c.Provisioner = &late{authorizationServer: server, first: cancel}
	})
	_, err := hasty.Register(ctx, dcr.RegisterInput{Token: claims.NewSecret(b.token(t, nil)), Certificate: b.certificate(t, b.software)})
	require.NoError(t, err)
	require.Error(t, ctx.Err())
	require.Len(t, inForce(t, b.records), 1)
	require.Equal(t, inForce(t, b.records), server.holds())
}

// replayed is a Replay that fails in a given way.
type replayed struct {
	store.Replay
	confirm error
}

func (r replayed) Confirm(ctx context.Context, v store.Reservation) error {
	if r.confirm != nil {
		return r.confirm
	}
	return r.Replay.Confirm(ctx, v)
}

func TestAReplayStoreOfItsOwnHoldsTheJTIByALease(t *testing.T) {
	w, _ := newWorld(t, nil)
	memory := store.NewMemoryReplay(w.config.Clock)
	open := func(confirm error) *office {
		return openOffice(t, w, w.store, func(c *dcr.Config) { c.Replay = replayed{memory, confirm} })
	}
	b := open(nil)
	bad := w.token(t, func(c *claims.Request) { c.GrantTypes = claims.Some([]claims.GrantType{"password"}) })
	_, refusal := w.register(t, b.Registrar, bad)
	require.Equal(t, 400, refusal.Status)

	token := w.token(t, nil)
	out := open(errOut)
	_, refusal = w.register(t, out.Registrar, token)
	require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
	require.Equal(t, "null", everything(t, w.store))
	ended := open(store.ErrReplayed)
	_, refusal = w.register(t, ended.Registrar, token)
	require.Equal(t, http.StatusServiceUnavailable, refusal.Status, "the lease has ended meanwhile")
	require.Equal(t, "null", everything(t, w.store))

	registration, refusal := w.register(t, b.Registrar, token)
	require.Nil(t, refusal, "the lease was given back")
	require.Equal(t, store.Active, registration.Client.State)
	before := everything(t, w.store)
	_, refusal = w.register(t, b.Registrar, token)
	require.Equal(t, []string{"request.jti.replayed"}, ruleIDs(refusal.Report))
	id := registration.Client.ID
	_, err := b.Update(context.Background(), id, token, b.caller(t, id))
	require.Equal(t, []string{"request.jti.replayed"}, ruleIDs(refusalOf(t, err).Report))
	require.Equal(t, before, everything(t, w.store))
	_, err = b.Update(context.Background(), id, w.token(t, oneRedirect), b.caller(t, id))
	require.NoError(t, err)
	_, err = b.RegisterFromSSA(context.Background(), w.statement(t, nil))
	require.NoError(t, err)
}

func (w *world) statement(t *testing.T, changes map[string]any) string {
	t.Helper()
	statement, err := w.software.SSA(changes)
	require.NoError(t, err)
	return statement
}

func TestReconcileMeetsAStoreThatIsOut(t *testing.T) {
	b, _ := provisioned(t)
	out := openOffice(t, b.world, unlisted{b.records}, nil)
	_, err := out.Reconcile(context.Background(), time.Second)
	require.ErrorIs(t, err, errOut)

	record := b.enrol(t, nil).Client
	record.State, record.Since = store.Deleting, b.now
	require.NoError(t, b.records.Update(context.Background(), record, store.Change{}))
	out = openOffice(t, b.world, failingWrites{b.records}, nil)
	report, err := out.Reconcile(context.Background(), 0)
	require.ErrorIs(t, err, errOut)
	require.Equal(t, dcr.ReconcileReport{Failed: 1}, report)
	require.Equal(t, dcr.Event{Operation: dcr.OpReconcile, Outcome: dcr.OutcomeUnfinished, Environment: claims.Sandbox, Actor: dcr.ActorBank}, out.lastEvent())
}

type unlisted struct{ records }

func (unlisted) ListUnfinished(context.Context, time.Time, int) ([]store.Client, error) {
	return nil, errOut
}

func TestReconcileGetsThroughMoreThanItReadsAtATime(t *testing.T) {
	b, server := provisioned(t)
	record := b.enrol(t, nil).Client
	record.ClientID, record.State, record.Since = "", store.Creating, b.now
	const changes = 250
	for i := range changes {
		record.ID = strings.Repeat("a", i+1)
		require.NoError(t, b.records.Create(context.Background(), record, store.Change{}))
	}
	server.fail = func(string) error { return errOut }
	report, err := b.Reconcile(context.Background(), 0)
	require.Error(t, err)
	require.Equal(t, dcr.ReconcileReport{Failed: changes}, report, "one that fails holds up no others")
	server.fail = func(string) error { return nil }
	report, err = b.Reconcile(context.Background(), 0)
	require.NoError(t, err)
	require.Equal(t, dcr.ReconcileReport{Undone: changes}, report)
}

func TestWithoutRandomnessNothingIsMade(t *testing.T) {
	b := newOffice(t, nil, nil)
	dry := openOffice(t, b.world, b.records, func(c *dcr.Config) { c.Random = strings.NewReader("") })
	_, refusal := dry.register(t, dry.Registrar, b.token(t, nil))
	require.Equal(t, http.StatusInternalServerError, refusal.Status)
	require.Equal(t, dcr.OutcomeFailed, dry.lastEvent().Outcome)
	_, err := dry.RegisterFromSSA(context.Background(), b.statement(t, nil))
	require.Equal(t, http.StatusInternalServerError, refusalOf(t, err).Status)
	require.Equal(t, "null", everything(t, b.records))
}
