package dcr_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// twoDirectories is a bank that trusts a second directory in the same environment. The
// second one has software with the same identifiers as the first one's.
func twoDirectories(t *testing.T, policy func(*validate.Policy)) (*office, *ssatest.EnrolledSoftware) {
	t.Helper()
	w, _ := newWorld(t, policy)
	second, err := ssatest.New(ssatest.Options{Clock: w.config.Clock, Issuer: "Another Ltd", Algorithm: claims.ES256})
	require.NoError(t, err)
	t.Cleanup(second.Close)
	same, err := second.NewSoftware(ssatest.SoftwareOptions{SoftwareID: w.software.SoftwareID, OrgID: w.software.OrgID})
	require.NoError(t, err)
	b := openOffice(t, w, w.store, func(c *dcr.Config) {
		c.Statements, err = ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{w.directory.Anchor(), second.Anchor()}, Clock: c.Clock, Skew: time.Minute})
		require.NoError(t, err)
		c.SoftwareKeys = either{w.directory.Resolver(), second.Resolver()}
	})
	return b, same
}

func requestOf(t *testing.T, s *ssatest.EnrolledSoftware) string {
	t.Helper()
	request := s.Request(ssatest.DefaultAudience)
	token, err := s.Sign(&request)
	require.NoError(t, err)
	return token
}

func TestAnUpdateNeverMovesAClientToAnotherDirectory(t *testing.T) {
	b, same := twoDirectories(t, nil)
	client := b.enrol(t, nil).Client
	require.Equal(t, b.directory.Anchor().Issuer, client.Issuer)
	before := everything(t, b.records)
	_, err := b.Update(context.Background(), client.ID, requestOf(t, same), b.caller(t, client.ID))
	refusal := refusalOf(t, err)
	require.Equal(t, 400, refusal.Status)
	require.Equal(t, validate.InvalidClientMetadata, refusal.Code)
	require.Equal(t, []string{"ssa.issuer.unchanged"}, ruleIDs(refusal.Report))
	require.Equal(t, before, everything(t, b.records))
}

func TestTheNamesOfTwoDirectoriesAreNotOneSoftware(t *testing.T) {
	for _, registrations := range []validate.Registrations{validate.RegistrationsOnePerSoftware, validate.RegistrationsOnePerClientName} {
		b, same := twoDirectories(t, func(p *validate.Policy) { p.Registrations = registrations })
		first := b.enrol(t, nil).Client
		second, err := b.Register(context.Background(), dcr.RegisterInput{Token: claims.NewSecret(requestOf(t, same)), Certificate: b.certificate(t, same)})
		require.NoError(t, err, registrations)
		require.NotEqual(t, first.UniqueKey, second.Client.UniqueKey)
		require.Equal(t, "Another Ltd", second.Client.Issuer)
	}
}

// TestASoftwareIDOfAStatementIsNotDroppedForAHint: the software_id of a request is only
// the TPP's own claim.
func TestASoftwareIDOfAStatementIsNotDroppedForAHint(t *testing.T) {
	b := newOffice(t, func(p *validate.Policy) { p.SoftwareIDFrom = validate.SoftwareIDFromHint }, nil)
	anonymous := b.statement(t, map[string]any{"software_id": nil})
	hinted := func(statement string) string {
		return b.token(t, func(c *claims.Request) {
			c.SoftwareStatement, c.SoftwareID = claims.Some(statement), claims.Some(b.software.SoftwareID)
		})
	}
	ctx := context.Background()
	named := b.enrol(t, nil).Client
	before := everything(t, b.records)
	_, err := b.Update(ctx, named.ID, hinted(anonymous), b.caller(t, named.ID))
	require.Equal(t, []string{"software_id.unchanged"}, ruleIDs(refusalOf(t, err).Report))
	require.Equal(t, before, everything(t, b.records))

	registration, refusal := b.register(t, b.Registrar, hinted(anonymous))
	require.Nil(t, refusal, "where the statement never had one the hint is all there is")
	id := registration.Client.ID
	_, err = b.Update(ctx, id, hinted(anonymous), b.caller(t, id))
	require.NoError(t, err)
	_, err = b.Update(ctx, id, b.token(t, nil), b.caller(t, id))
	require.NoError(t, err, "a statement may come to have it")
	_, err = b.Update(ctx, id, hinted(anonymous), b.caller(t, id))
	require.Equal(t, 400, refusalOf(t, err).Status, "and then it stays")
}

// TestAClientKeepsItsUniqueKeyWhereThePolicyHasChanged: a registration under the old
// policy stays valid under the new one.
func TestAClientKeepsItsUniqueKeyWhereThePolicyHasChanged(t *testing.T) {
	w, _ := newWorld(t, nil)
	under := func(registrations validate.Registrations) *office {
		return openOffice(t, w, w.store, func(c *dcr.Config) {
			p := c.Validator.Policy()
			p.Registrations = registrations
			var err error
			c.Validator, err = validate.New(validate.Config{Profile: validate.OBIE33, Policy: p})
			require.NoError(t, err)
		})
	}
	named := func(name string) func(*claims.Request) {
		statement := w.statement(t, map[string]any{"software_client_name": name})
		return func(c *claims.Request) { c.SoftwareStatement = claims.Some(statement) }
	}
	many, perSoftware, perName := validate.RegistrationsMany, validate.RegistrationsOnePerSoftware, validate.RegistrationsOnePerClientName
	key := func(b *office, id string, name string) string {
		updated, err := b.Update(context.Background(), id, b.token(t, named(name)), b.caller(t, id))
		require.NoError(t, err)
		return updated.Client.UniqueKey
	}
	for _, then := range []validate.Registrations{many, perSoftware, perName} {
		first := under(then)
		client := first.enrol(t, named("A")).Client
		for _, now := range []validate.Registrations{many, perSoftware, perName} {
			require.Equal(t, client.UniqueKey, key(under(now), client.ID, "A"), "%s, then %s", then, now)
		}
		switch renamed := key(under(perName), client.ID, "B"); then {
		case perName:
			require.Contains(t, renamed, `"B"`)
			require.Empty(t, key(under(many), client.ID, "C"), "a name that is its own no more is free")
		default:
			require.Contains(t, renamed, `"B"`, "a new name counts as the policy of the day has it")
		}
		require.NoError(t, deleteOthers(first, ""))
	}

	// Two clients of one software, from the time when that was allowed.
	old := under(many)
	one, two := old.enrol(t, named("A")).Client, old.enrol(t, named("A")).Client
	for _, id := range []string{one.ID, two.ID} {
		require.Empty(t, key(under(perSoftware), id, "B"))
		require.Empty(t, key(under(perName), id, "B"))
	}
	_, refusal := w.register(t, under(perSoftware).Registrar, w.token(t, named("A")))
	require.Nil(t, refusal, "neither of them holds the key")
	for registrations, text := range map[validate.Registrations]string{perSoftware: "registers a software once", perName: "registers a name once"} {
		require.NoError(t, deleteOthers(old, ""))
		b := under(registrations)
		b.enrol(t, named("A"))
		_, refusal := w.register(t, b.Registrar, w.token(t, named("A")))
		require.Equal(t, 400, refusal.Status)
		require.Contains(t, refusal.Description, text)
	}
}

func TestWhoComesBackWhileTheOldClientIsBeingDeletedWaits(t *testing.T) {
	for _, registrations := range []validate.Registrations{validate.RegistrationsOnePerSoftware, validate.RegistrationsOnePerClientName} {
		server := newAuthorizationServer()
		b := newOffice(t, func(p *validate.Policy) { p.Registrations = registrations }, func(c *dcr.Config) { c.Provisioner = server })
		ctx := context.Background()
		id := b.enrol(t, nil).Client.ID
		token := b.token(t, nil)
		_, refusal := b.register(t, b.Registrar, token)
		require.Equal(t, http.StatusBadRequest, refusal.Status)
		server.fail = func(string) error { return errOut }
		require.NoError(t, b.Delete(ctx, id, b.caller(t, id)))
		_, refusal = b.register(t, b.Registrar, token)
		require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
		require.Positive(t, refusal.RetryAfter)
		require.ErrorIs(t, refusal, store.ErrLeaving)
		server.fail = func(string) error { return nil }
		_, err := b.Reconcile(ctx, 0)
		require.NoError(t, err)
		_, refusal = b.register(t, b.Registrar, token)
		require.Nil(t, refusal, "the same request, later")
	}
}
