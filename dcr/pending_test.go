package dcr_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

const week = 7 * 24 * time.Hour

func TestARegistrationThatWaitsIsKnownToNobodyButTheBank(t *testing.T) {
	b := newWaitingRoom(t, nil)
	request := b.token(t, secretJWT)
	id := requireAccepted(t, b.answerTo(t, http.MethodPost, "/register", request, ""))
	require.Equal(t, []dcr.Event{event(dcr.OpCreate, dcr.OutcomePending, dcr.ActorTPP)}, b.newEvents())
	require.Empty(t, b.server.holds())
	require.Empty(t, inForce(t, b.records))
	record := b.stored(t, id)
	require.Equal(t, store.PendingCreate, record.State)
	require.Empty(t, record.ClientID)
	require.Nil(t, record.SecretHash)
	require.Nil(t, record.SealedSecret)
	require.Equal(t, []string{id}, b.waitingIDs(t))
	require.Len(t, b.pending, 1)
	require.Equal(t, record, *b.pending[0].After)
	require.Equal(t, dcr.Actor{Kind: dcr.ActorTPP, Name: dcr.LimitKey(b.certificate(t, b.software))}, b.pending[0].Actor)

	before := everything(t, b.records)
	_, refusal := b.register(t, b.Registrar, request)
	require.Equal(t, 400, refusal.Status)
	require.Equal(t, []string{validate.RuleRequestJTIReplayed}, ruleIDs(refusal.Report))
	require.Contains(t, refusal.Description, "approval")
	_, refusal = b.register(t, b.Registrar, b.token(t, nil))
	require.Equal(t, 400, refusal.Status)
	require.ErrorIs(t, refusal, store.ErrExists)
	require.Contains(t, refusal.Description, "approval")
	for verb, call := range b.verbs(t) {
		by := b.caller(t, id)
		require.Equal(t, 401, refusalOf(t, call(id, by)).Status, verb)
		require.False(t, b.alive(by.Token), "%s: a token of no client is revoked", verb)
	}
	_, _, err := b.Application(context.Background(), b.caller(t, id))
	require.Equal(t, 401, refusalOf(t, err).Status)
	require.Equal(t, before, everything(t, b.records))
	require.Empty(t, b.done)
	report, err := b.Reconcile(context.Background(), 0)
	require.NoError(t, err)
	require.Zero(t, report, "what waits is not unfinished")
}

func TestAnApprovedRegistrationIsAClientFromThenOn(t *testing.T) {
	b := newWaitingRoom(t, nil)
	id := b.apply(t, secretJWT).ID
	early := b.caller(t, id)
	b.now = b.now.Add(time.Hour)
	b.newEvents()

	registration, err := b.ApprovePending(operator("ada"), id)
	require.NoError(t, err)
	require.Equal(t, []dcr.Event{event(dcr.OpCreate, dcr.OutcomeDone, dcr.ActorOperator)}, b.newEvents())
	client := b.stored(t, id)
	require.Equal(t, registration.Client, client)
	require.Equal(t, store.Active, client.State)
	require.Equal(t, id, client.ClientID)
	require.Equal(t, b.now.UTC(), client.IssuedAt)
	require.False(t, registration.Pending)
	require.Equal(t, inForce(t, b.records), b.server.holds())
	hash := sha256.Sum256([]byte(registration.Secret.Reveal()))
	require.Equal(t, hash[:], client.SecretHash)
	opened, err := b.OpenSecret(client)
	require.NoError(t, err)
	require.Equal(t, registration.Secret, opened)
	require.Equal(t, registration.Secret, b.server.secrets[id])
	require.Len(t, b.done, 1)
	require.Equal(t, client, *b.done[0].After)
	require.Equal(t, b.software.Roles, b.done[0].RolesGained)
	require.Equal(t, dcr.Actor{Kind: dcr.ActorOperator, Name: "ada"}, b.done[0].Actor)
	require.Empty(t, b.waitingIDs(t))

	got := b.answerTo(t, http.MethodGet, "/register/"+id, "", b.caller(t, id).Token.Reveal())
	require.Equal(t, http.StatusOK, got.Code)
	var members map[string]any
	require.NoError(t, json.Unmarshal(got.Body.Bytes(), &members))
	require.EqualValues(t, b.now.Unix(), members["client_id_issued_at"])
	require.NotContains(t, members, "client_secret")
	_, err = b.Get(context.Background(), id, early)
	require.Equal(t, 401, refusalOf(t, err).Status, "a token of before the approval")

	b.newEvents()
	_, err = b.ApprovePending(context.Background(), id)
	require.ErrorIs(t, err, dcr.ErrNotPending)
	require.ErrorIs(t, b.RefusePending(context.Background(), id, "too late"), dcr.ErrNotPending)
	_, err = b.ApprovePending(context.Background(), "nobody")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.ErrorIs(t, b.RefusePending(context.Background(), "nobody", ""), store.ErrNotFound)
	require.Empty(t, b.newEvents(), "there was nothing to decide on")
	require.Len(t, b.done, 1)
}

func TestAnAuthorizationServerThatChoosesTheClientIDChoosesItAtTheApproval(t *testing.T) {
	b := newWaitingRoom(t, nil)
	choosy := openOffice(t, b.world, b.records, func(c *dcr.Config) { c.Provisioner = chooses{b.server, "chosen-by-the-server"} })
	provisional := choosy.apply(t, nil).ID
	registration, err := choosy.ApprovePending(context.Background(), provisional)
	require.NoError(t, err)
	require.Equal(t, provisional, registration.Client.ID)
	require.Equal(t, "chosen-by-the-server", registration.Client.ClientID)
	_, err = choosy.Get(context.Background(), provisional, choosy.caller(t, provisional))
	require.Equal(t, 401, refusalOf(t, err).Status, "the client_id of the 202 was provisional")
	_, err = choosy.Get(context.Background(), "chosen-by-the-server", choosy.caller(t, "chosen-by-the-server"))
	require.NoError(t, err)
}

// chooses is an authorization server that chooses client_ids.
type chooses struct {
	*authorizationServer
	id string
}

func (c chooses) Provision(ctx context.Context, p dcr.Provisioning) (dcr.Provisioned, error) {
	decided, err := c.authorizationServer.Provision(ctx, p)
	decided.ClientID = c.id
	return decided, err
}

func TestARefusedRegistrationIsForgottenButItsJTI(t *testing.T) {
	b := newWaitingRoom(t, nil)
	request := b.token(t, nil)
	id := requireAccepted(t, b.answerTo(t, http.MethodPost, "/register", request, ""))
	b.newEvents()
	require.NoError(t, b.RefusePending(operator("ada"), id, "nobody knows them"))
	require.Equal(t, []dcr.Event{event(dcr.OpCreate, dcr.OutcomeRefused, dcr.ActorOperator)}, b.newEvents())
	require.Equal(t, "null", everything(t, b.records))
	require.Empty(t, b.server.holds())
	require.Empty(t, b.done)
	require.ErrorIs(t, b.RefusePending(context.Background(), id, ""), store.ErrNotFound)
	_, err := b.ApprovePending(context.Background(), id)
	require.ErrorIs(t, err, store.ErrNotFound)
	_, refusal := b.register(t, b.Registrar, request)
	require.Equal(t, []string{validate.RuleRequestJTIReplayed}, ruleIDs(refusal.Report))
	require.NotEqual(t, id, b.apply(t, nil).ID, "the software may ask again")
}

func TestAClientWhoseDeletionWaitsGoesOnAsItIs(t *testing.T) {
	b := newWaitingRoom(t, nil)
	id := b.admitted(t, nil).ID
	by := b.caller(t, id)
	b.newEvents()
	held := b.server.holds()
	for range 2 {
		require.Equal(t, id, requireAccepted(t, b.answerTo(t, http.MethodDelete, "/register/"+id, "", by.Token.Reveal())))
		require.Equal(t, []dcr.Event{event(dcr.OpDelete, dcr.OutcomePending, dcr.ActorTPP)}, b.newEvents())
		require.Len(t, b.pending, 2, "the registration, and the deletion once")
	}
	require.Equal(t, id, b.pending[1].Access.ClientID)
	require.Nil(t, b.pending[1].After)
	require.Equal(t, []string{id}, b.waitingIDs(t))
	require.Equal(t, held, b.server.holds())
	require.Len(t, b.done, 1, "of the registration")
	_, err := b.Get(context.Background(), id, by)
	require.NoError(t, err)
	_, _, err = b.Application(context.Background(), by)
	require.NoError(t, err)
	put := b.answerTo(t, http.MethodPut, "/register/"+id, b.token(t, oneRedirect), by.Token.Reveal())
	require.Equal(t, http.StatusForbidden, put.Code)
	require.True(t, b.alive(by.Token))

	t.Run("refused", func(t *testing.T) {
		b.newEvents()
		require.NoError(t, b.RefusePending(operator("ada"), id, "a contract is still open"))
		require.Equal(t, []dcr.Event{event(dcr.OpDelete, dcr.OutcomeRefused, dcr.ActorOperator)}, b.newEvents())
		require.Equal(t, store.Active, b.stored(t, id).State)
		require.True(t, b.alive(by.Token))
		_, err := b.Update(context.Background(), id, b.token(t, oneRedirect), by)
		require.NoError(t, err)
	})
	t.Run("approved", func(t *testing.T) {
		require.ErrorIs(t, b.Delete(context.Background(), id, by), dcr.ErrPending)
		b.newEvents()
		registration, err := b.ApprovePending(operator("ada"), id)
		require.NoError(t, err)
		require.Nil(t, registration)
		require.Equal(t, []dcr.Event{event(dcr.OpDelete, dcr.OutcomeDone, dcr.ActorOperator)}, b.newEvents())
		require.Equal(t, "null", everything(t, b.records))
		require.Empty(t, b.server.holds())
		require.False(t, b.alive(by.Token))
		last := b.done[len(b.done)-1]
		require.Equal(t, id, last.Before.ID)
		require.Equal(t, dcr.Actor{Kind: dcr.ActorOperator, Name: "ada"}, last.Actor)
		require.Nil(t, last.Access, "an operator needs no token")
		require.Equal(t, b.software.Roles, last.RolesLost)
		_, err = b.ApprovePending(context.Background(), id)
		require.ErrorIs(t, err, store.ErrNotFound)
	})
}

func TestAnApprovedDeletionThatCannotBeCompletedIsLeftToReconcile(t *testing.T) {
	b := newWaitingRoom(t, nil)
	client, by := b.leaving(t)
	b.server.fail = failOnce("deprovision")
	_, err := b.ApprovePending(context.Background(), client.ID)
	require.ErrorIs(t, err, dcr.ErrUnfinished)
	require.Equal(t, dcr.OutcomeUnfinished, b.lastEvent().Outcome)
	require.Empty(t, inForce(t, b.records))
	_, err = b.Get(context.Background(), client.ID, by)
	require.Equal(t, 401, refusalOf(t, err).Status)
	report, err := b.Reconcile(context.Background(), 0)
	require.NoError(t, err)
	require.Equal(t, dcr.ReconcileReport{Finished: 1}, report)
	require.Empty(t, b.server.holds())
}

func TestARegistrationThatCannotBeProvisionedAtTheApprovalStillWaits(t *testing.T) {
	for name, c := range map[string]struct {
		fails  string
		with   error
		status int
	}{
		"the server is out":            {"provision", errOut, 503},
		"its answer is lost":           {"provisioned", errOut, 503},
		"the server refuses":           {"provision", &dcr.Refusal{Reason: "no"}, 400},
		"it has taken it back":         {"provisioned", &dcr.Refusal{Reason: "no"}, 400},
		"it does not know it any more": {"provision", dcr.ErrLost, 503},
	} {
		t.Run(name, func(t *testing.T) {
			b := newWaitingRoom(t, nil)
			before := b.apply(t, secretJWT)
			once := failOnce(c.fails)
			b.server.fail = func(verb string) error {
				if once(verb) != nil {
					return c.with
				}
				return nil
			}
			b.newEvents()
			_, err := b.ApprovePending(context.Background(), before.ID)
			require.Equal(t, c.status, refusalOf(t, err).Status)
			require.NotContains(t, refusalOf(t, err).Description, "jti", "the operator sent none")
			require.Len(t, b.newEvents(), 1)
			after := b.stored(t, before.ID)
			after.Version = before.Version
			require.Equal(t, before, after)
			require.Empty(t, b.server.holds())
			require.Empty(t, b.done)
			registration, err := b.ApprovePending(context.Background(), before.ID)
			require.NoError(t, err)
			require.Equal(t, registration.Secret, b.server.secrets[before.ID])
		})
	}
}

// TestAnApprovalThatDidNotReachTheServerWaitsAtOnce: nothing has to be taken back there, so
// Reconcile is not needed.
func TestAnApprovalThatDidNotReachTheServerWaitsAtOnce(t *testing.T) {
	b := newWaitingRoom(t, nil)
	before := b.apply(t, nil)
	b.server.fail = func(string) error { return errOut }
	far := openOffice(t, b.world, b.records, func(c *dcr.Config) { c.Provisioner = farAway{b.server} })
	for range 2 {
		_, err := far.ApprovePending(context.Background(), before.ID)
		require.Equal(t, 503, refusalOf(t, err).Status)
		after := b.stored(t, before.ID)
		after.Version = before.Version
		require.Equal(t, before, after)
	}
}

// farAway says of each failure that the authorization server changed nothing.
type farAway struct{ *authorizationServer }

func (f farAway) Provision(ctx context.Context, p dcr.Provisioning) (dcr.Provisioned, error) {
	decided, err := f.authorizationServer.Provision(ctx, p)
	decided.Unchanged = err != nil
	return decided, err
}

// TestAnApprovalUnderWayIsTooYoungForReconcile: the registration is old, and its approval is
// not.
func TestAnApprovalUnderWayIsTooYoungForReconcile(t *testing.T) {
	b := newWaitingRoom(t, nil)
	id := b.apply(t, nil).ID
	b.now = b.now.Add(24 * time.Hour)
	slow := openOffice(t, b.world, b.records, func(c *dcr.Config) {
		c.Provisioner = &late{authorizationServer: b.server, first: func() {
			report, err := b.Reconcile(context.Background(), dcr.ChangeTimeout)
			require.NoError(t, err)
			require.Zero(t, report)
			require.ErrorIs(t, b.RefusePending(context.Background(), id, ""), dcr.ErrNotPending)
		}}
	})
	_, err := slow.ApprovePending(context.Background(), id)
	require.NoError(t, err)
	require.Equal(t, inForce(t, b.records), b.server.holds())
}

func TestAnApprovalThatCannotBeTakenBackNowReconcileTakesBack(t *testing.T) {
	b := newWaitingRoom(t, nil)
	before := b.apply(t, nil)
	b.server.fail = func(string) error { return errOut }
	_, err := b.ApprovePending(context.Background(), before.ID)
	require.Equal(t, 503, refusalOf(t, err).Status)
	require.Empty(t, b.waitingIDs(t), "the approval is under way")
	_, err = b.ApprovePending(context.Background(), before.ID)
	require.ErrorIs(t, err, dcr.ErrNotPending)
	require.Equal(t, 503, refusalOf(t, b.Remove(context.Background(), before.ID, "")).Status)
	b.server.fail = func(string) error { return nil }
	report, err := b.Reconcile(context.Background(), 0)
	require.NoError(t, err)
	require.Equal(t, dcr.ReconcileReport{Undone: 1}, report)
	after := b.stored(t, before.ID)
	after.Version = before.Version
	require.Equal(t, before, after, "it has waited since it came")
	_, err = b.ApprovePending(context.Background(), before.ID)
	require.NoError(t, err)
	require.Equal(t, inForce(t, b.records), b.server.holds())
}
