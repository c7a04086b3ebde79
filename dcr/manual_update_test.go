package dcr_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

func TestAContactRenewsAClientThatWasMadeByAPI(t *testing.T) {
	b := newCounter(t, nil, nil)
	client := b.enrol(t, func(c *claims.Request) {
		b.byCertificate(c)
		c.RequestObjectSigningAlg = claims.Some(claims.ES256)
		c.GrantTypes = claims.Some([]claims.GrantType{claims.AuthorizationCode, claims.ClientCredentials, claims.CIBA})
		c.BackchannelTokenDeliveryMode = claims.Some(claims.DeliveryMode("poll"))
		c.BackchannelAuthenticationRequestSigningAlg = claims.Some(claims.PS256)
		c.Scope = claims.Some(claims.Scope{Words: []string{"openid", "accounts"}})
		oneRedirect(c)
	}).Client
	b.now = b.now.Add(time.Hour)
	m := b.manual(t, nil)
	p, err := b.PreviewManual(context.Background(), client.ID, m)
	require.NoError(t, err)
	require.Nil(t, p.Refusal, "%v", p.Refusal)
	require.Equal(t, []string{"software_statement"}, p.Change.Members())
	registration, err := b.UpdateManual(contact("jo@tpp.example"), client.ID, m)
	require.NoError(t, err)
	require.Equal(t, []string{"software_statement"}, registration.Change.Members(), "all else stays as the TPP asked for it")
	require.Equal(t, string(p.Client.Metadata), string(registration.Client.Metadata), "the preview is what is stored")
	stored := b.stored(t, client.ID)
	require.Equal(t, registration.Client, stored)
	require.Equal(t, m.Statement, stored.SoftwareStatement)
	require.Equal(t, []any{client.IssuedAt, client.ClientID, client.SubjectDN}, []any{stored.IssuedAt, stored.ClientID, stored.SubjectDN})
	require.Nil(t, registration.Change.Access)
	require.Equal(t, event(dcr.OpUpdate, dcr.OutcomeDone, dcr.ActorContact), b.lastEvent())
	sum := sha256.Sum256([]byte("jo@tpp.example"))
	require.Equal(t, []string{"1 active: create done by tpp +",
		"2 active: update done by contact " + hex.EncodeToString(sum[:]) + " [software_statement.iat software_statement.jti]"}, b.story(t, client.ID))

	_, err = b.Get(context.Background(), client.ID, b.caller(t, client.ID))
	require.NoError(t, err)
	require.NoError(t, b.DeleteManual(contact("jo@tpp.example"), client.ID, b.own()))
	require.Empty(t, inForce(t, b.records))
}

func TestARenewalTakesWhatIsNewInTheStatement(t *testing.T) {
	b := newCounter(t, nil, nil)
	const one, two, three, four, bad = "https://tpp.example/1", "https://tpp.example/2", "https://tpp.example/3", "https://tpp.example/4", "https://localhost/x"
	m := b.manual(t, map[string]any{"software_redirect_uris": []string{one, two, three}, "software_roles": []string{"AISP"}})
	m.RedirectURIs = []string{one, two}
	client := b.walkIn(t, m).Client
	require.Equal(t, "openid accounts", registeredMembers(t, client).Scope.Or(claims.Scope{}).String())

	m = b.manual(t, map[string]any{"software_redirect_uris": []string{two, three, four, bad}, "software_roles": []string{"PISP", "AISP"}})
	registration, err := b.UpdateManual(context.Background(), client.ID, m)
	require.NoError(t, err)
	c := registeredMembers(t, registration.Client)
	require.Equal(t, []string{two, four}, c.RedirectURIs.Or(nil), "what was left out stays out, what is new comes in, what is unfit does not")
	require.Equal(t, "openid accounts payments", c.Scope.Or(claims.Scope{}).String())
	require.Equal(t, []claims.Role{claims.PISP}, registration.Change.RolesGained)

	m = b.manual(t, map[string]any{"software_redirect_uris": []string{three}, "software_roles": []string{"PISP"}})
	registration, err = b.UpdateManual(context.Background(), client.ID, m)
	require.NoError(t, err)
	c = registeredMembers(t, registration.Client)
	require.Equal(t, []string{three}, c.RedirectURIs.Or(nil), "nothing else is left")
	require.Equal(t, "openid payments", c.Scope.Or(claims.Scope{}).String())

	m = b.manual(t, nil)
	m.RedirectURIs = b.software.RedirectURIs[:1]
	registration, err = b.UpdateManual(context.Background(), client.ID, m)
	require.NoError(t, err)
	require.Equal(t, m.RedirectURIs, registeredMembers(t, registration.Client).RedirectURIs.Or(nil))
}

func TestARenewalChangesTheMethodAndItsSecret(t *testing.T) {
	b := newCounter(t, func(p *validate.Policy) {
		p.AuthMethods = append(p.AuthMethods, claims.ClientSecretBasic, claims.ClientSecretJWT)
		p.Widenings = []validate.Widening{validate.WidenClientSecretBasic, validate.WidenClientSecretJWT}
	}, nil)
	m := b.manual(t, nil)
	m.AuthMethod = claims.ClientSecretBasic
	first := b.walkIn(t, m)
	require.NotEmpty(t, first.Secret.Reveal())
	renew := func(method claims.AuthMethod, certificate bool) *dcr.Registration {
		m := b.manual(t, nil)
		m.AuthMethod = method
		if certificate {
			m.Certificate = b.software.TransportCertificate.Leaf
		}
		registration, err := b.UpdateManual(context.Background(), first.Client.ID, m)
		require.NoError(t, err)
		return registration
	}
	kept := renew("", false)
	require.True(t, kept.Secret.IsZero())
	require.Equal(t, first.Client.SecretHash, kept.Client.SecretHash)
	sealed := renew(claims.ClientSecretJWT, false)
	require.NotEmpty(t, sealed.Secret.Reveal(), "the bank has to know the secret itself")
	byName := renew(claims.TLSClientAuth, true)
	require.Nil(t, byName.Client.SecretHash)
	require.Equal(t, cert.SubjectDN(b.software.TransportCertificate.Leaf.RawSubject), registeredMembers(t, byName.Client).TLSClientAuthSubjectDN.Or(""))
	require.Equal(t, byName.Client.SubjectDN, renew("", false).Client.SubjectDN)
	signs := registeredMembers(t, renew(claims.PrivateKeyJWT, false).Client)
	require.Equal(t, claims.PS256, signs.TokenEndpointAuthSigningAlg.Or(""))
	require.False(t, signs.TLSClientAuthSubjectDN.Present())
}

func TestARenewalKeepsANameAsLongAsItIsThatOfACertificate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(b *office)
		rules  []string
	}{
		"as it was":                          {func(*office) {}, nil},
		"another certificate took its place": {func(b *office) { b.directory.Publish(b.keysPath(), b.other(t, ssatest.SoftwareOptions{}).JWKS()) }, []string{"tls_client_auth_subject_dn.matches_certificate"}},
		"no certificate is published":        {func(b *office) { b.directory.Publish(b.keysPath(), b.part(t, b.software.SigningKeyID)) }, nil},
		"its key is withdrawn": {func(b *office) {
			b.directory.Publish(b.revokedPaths()["software"], b.part(t, b.software.TransportKeyID))
		}, []string{"certificate.key.revoked"}},
		"it publishes no key": {func(b *office) { b.directory.Publish(b.keysPath(), []byte(`{"keys":[]}`)) }, []string{"request.key.found"}},
		"all its keys are withdrawn, and none has a certificate": {func(b *office) {
			b.directory.Publish(b.revokedPaths()["software"], b.software.JWKS())
			b.directory.Publish(b.keysPath(), b.part(t, b.software.SigningKeyID))
		}, []string{"request.key.revoked"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newCounter(t, nil, nil)
			client := b.enrol(t, b.byCertificate).Client
			c.change(b)
			_, err := b.UpdateManual(context.Background(), client.ID, b.manual(t, nil))
			if c.rules == nil {
				require.NoError(t, err)
				return
			}
			require.Subset(t, ruleIDs(refusalOf(t, err).Report), c.rules)
			require.Equal(t, http.StatusBadRequest, refusalOf(t, err).Status)
			require.Equal(t, client, b.stored(t, client.ID))
		})
	}
}

func TestARenewalIsOfTheSameSoftwareAndNotOlder(t *testing.T) {
	b := newCounter(t, nil, nil)
	client := b.walkIn(t, b.manual(t, nil)).Client
	for name, c := range map[string]struct {
		changes map[string]any
		rule    string
	}{
		"older":                   {map[string]any{"iat": b.now.Unix() - 60}, "ssa.iat.not_older"},
		"of another software":     {map[string]any{"software_id": "4fQ1zJ3cXn0mL7bT9sVwYk"}, "software_id.unchanged"},
		"of another organisation": {map[string]any{"org_id": "0014H00002LmoBMQAZ"}, "ssa.org_id.unchanged"},
		"of a withdrawn one":      {map[string]any{"org_status": "Withdrawn"}, "ssa.org_status.active"},
	} {
		m := b.manual(t, c.changes)
		_, err := b.UpdateManual(context.Background(), client.ID, m)
		refusal := refusalOf(t, err)
		require.Contains(t, ruleIDs(refusal.Report), c.rule, name)
		require.Equal(t, client, b.stored(t, client.ID), name)
		p, err := b.PreviewManual(context.Background(), client.ID, m)
		require.NoError(t, err, name)
		require.Equal(t, wire(refusal), wire(p.Refusal), name)
		require.Nil(t, p.Change, name)
	}
}

func TestACountersClientIsSeenByItsOwnAlone(t *testing.T) {
	b := newWaitingRoom(t, nil)
	waiting := b.apply(t, nil)
	m := b.manual(t, nil)
	others := dcr.Reach{Organisations: []string{"0014H00002LmoBMQAZ"}, Issuers: []string{directoryIssuer}}
	requireUnknown := func(id string, reach dcr.Reach) {
		t.Helper()
		m.Reach = reach
		_, update := b.UpdateManual(context.Background(), id, m)
		_, preview := b.PreviewManual(context.Background(), id, m)
		for _, err := range []error{update, preview} {
			require.ErrorIs(t, err, store.ErrNotFound)
			require.Equal(t, "dcr: client "+id+": store: no such client", err.Error())
		}
	}
	seen := len(b.newEvents())
	require.Positive(t, seen)
	requireUnknown("nobody", b.own())
	requireUnknown(waiting.ID, b.own())
	requireUnknown(waiting.ID, others)
	require.ErrorIs(t, b.DeleteManual(context.Background(), waiting.ID, others), store.ErrNotFound)
	require.ErrorIs(t, b.DeleteManual(context.Background(), "nobody", b.own()), store.ErrNotFound)
	require.Equal(t, waiting, b.stored(t, waiting.ID))
	_, err := b.ApprovePending(context.Background(), waiting.ID)
	require.NoError(t, err)
	requireUnknown(waiting.ID, others)
	require.ErrorIs(t, b.DeleteManual(context.Background(), waiting.ID, others), store.ErrNotFound)
	require.Empty(t, inForce(t, b.records)["nobody"])
	require.Len(t, b.newEvents(), 1, "the approval")
}

func TestAContactWithdrawsARegistrationThatWaits(t *testing.T) {
	b := newWaitingRoom(t, nil)
	registration, err := b.RegisterManual(contact("jo"), b.manual(t, nil))
	require.NoError(t, err)
	require.True(t, registration.Pending)
	id := registration.Client.ID
	require.NoError(t, b.DeleteManual(contact("jo"), id, b.own()))
	require.Equal(t, "null", everything(t, b.records))
	sum := sha256.Sum256([]byte("jo"))
	by := "contact " + hex.EncodeToString(sum[:])
	require.Equal(t, []string{"1 pending_create: create pending by " + by + " +",
		"2 gone: create refused by " + by + ", its TPP withdrew it -"}, b.story(t, id))
	_, err = b.ApprovePending(context.Background(), id)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.Empty(t, b.server.holds())
	require.Equal(t, event(dcr.OpDelete, dcr.OutcomeDone, dcr.ActorContact), b.newEvents()[1])
}

func TestADeletionByAContactWaitsAndIsNotCrossed(t *testing.T) {
	b := newWaitingRoom(t, nil)
	client := b.admitted(t, nil)
	require.ErrorIs(t, b.DeleteManual(contact("jo"), client.ID, b.own()), dcr.ErrPending)
	require.ErrorIs(t, b.DeleteManual(contact("jo"), client.ID, b.own()), dcr.ErrPending)
	require.Len(t, b.pending, 2, "the registration's and the deletion's")
	require.Equal(t, dcr.ActorContact, b.pending[1].Actor.Kind)
	_, err := b.UpdateManual(context.Background(), client.ID, b.manual(t, nil))
	require.Equal(t, http.StatusForbidden, refusalOf(t, err).Status)
	p, err := b.PreviewManual(context.Background(), client.ID, b.manual(t, nil))
	require.NoError(t, err)
	require.Equal(t, http.StatusForbidden, p.Refusal.Status)
	_, err = b.ApprovePending(context.Background(), client.ID)
	require.NoError(t, err)
	require.Empty(t, b.server.holds())
}

func TestHooksAndTheServerDecideOnAContactsChanges(t *testing.T) {
	var refuse bool
	server := newAuthorizationServer()
	b := newCounter(t, nil, func(c *dcr.Config) {
		c.Provisioner = server
		c.Hooks.Approve = func(_ context.Context, change dcr.Change) error {
			if refuse {
				return &dcr.Refusal{Reason: "not you, " + change.Actor.Name}
			}
			return nil
		}
	})
	client := b.walkIn(t, b.manual(t, nil)).Client
	before := everything(t, b.records)
	try := func(status int, outcome dcr.EventOutcome) {
		t.Helper()
		_, err := b.RegisterManual(contact("jo"), b.manual(t, nil))
		require.Equal(t, status, refusalOf(t, err).Status)
		require.Equal(t, outcome, b.lastEvent().Outcome)
		_, err = b.UpdateManual(contact("jo"), client.ID, b.manual(t, nil))
		require.Equal(t, status, refusalOf(t, err).Status)
		require.Equal(t, before, everything(t, b.records))
	}
	refuse = true
	try(http.StatusBadRequest, dcr.OutcomeRefused)
	require.Equal(t, http.StatusForbidden, refusalOf(t, b.DeleteManual(contact("jo"), client.ID, b.own())).Status)
	refuse = false
	server.fail = down("provision")
	_, err := b.RegisterManual(contact("jo"), b.manual(t, nil))
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
	server.fail = down("deprovision")
	require.NoError(t, b.DeleteManual(contact("jo"), client.ID, b.own()))
	require.Equal(t, dcr.OutcomeUnfinished, b.lastEvent().Outcome)
	require.ErrorIs(t, b.DeleteManual(contact("jo"), client.ID, b.own()), store.ErrNotFound, "it is gone for its TPP")
	server.fail = down()
	_, err = b.Reconcile(context.Background(), 0)
	require.NoError(t, err)
	require.Empty(t, server.holds())
}
