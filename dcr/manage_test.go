package dcr_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

const (
	noCode      = ""
	invalidCode = "invalid_token"
)

// verbs are the three that take an access token.
func (b *office) verbs(t *testing.T) map[string]func(id string, by dcr.Caller) error {
	ctx := context.Background()
	return map[string]func(id string, by dcr.Caller) error{
		"get":    func(id string, by dcr.Caller) error { _, err := b.Get(ctx, id, by); return err },
		"update": func(id string, by dcr.Caller) error { _, err := b.Update(ctx, id, b.token(t, nil), by); return err },
		"delete": func(id string, by dcr.Caller) error { return b.Delete(ctx, id, by) },
	}
}

func TestTheOwnerOfAClientGetsItAsItIsRegistered(t *testing.T) {
	b := newOffice(t, nil, nil)
	client := b.enrol(t, nil).Client
	got, err := b.Get(context.Background(), client.ID, b.caller(t, client.ID))
	require.NoError(t, err)
	require.Equal(t, client, got.Client)
	require.Empty(t, got.Secret)
	require.Equal(t, dcr.Event{Operation: dcr.OpRead, Outcome: dcr.OutcomeDone, Environment: claims.Sandbox, Actor: dcr.ActorTPP}, b.lastEvent())
}

// brokenTokens is an authorization server that is down.
type brokenTokens struct{ token.Tokens }

func (brokenTokens) Introspect(context.Context, claims.Secret) (token.AccessToken, error) {
	return token.AccessToken{}, errOut
}

func TestManagementAuthenticatesInOrder(t *testing.T) {
	b := newOffice(t, nil, nil)
	ctx := context.Background()
	client := b.enrol(t, nil).Client
	stranger := b.other(t, ssatest.SoftwareOptions{})
	strangers := b.certificate(t, stranger)
	issue := func(id string, thumb [32]byte) claims.Secret {
		token, err := b.tokens.Issue(ctx, id, thumb, nil, time.Hour)
		require.NoError(t, err)
		return token
	}
	good := b.caller(t, client.ID)
	before := everything(t, b.records)
	for name, c := range map[string]struct {
		by     dcr.Caller
		status int
		code   string
	}{
		"nothing at all":                            {dcr.Caller{}, 401, noCode},
		"no certificate":                            {dcr.Caller{Token: good.Token}, 401, invalidCode},
		"no token":                                  {dcr.Caller{Certificate: good.Certificate}, 401, noCode},
		"a token that nobody issued":                {dcr.Caller{Token: claims.NewSecret("nobody"), Certificate: good.Certificate}, 401, invalidCode},
		"a token with a line break":                 {dcr.Caller{Token: claims.NewSecret("a\nb"), Certificate: good.Certificate}, 401, invalidCode},
		"a token without end":                       {dcr.Caller{Token: claims.NewSecret(strings.Repeat("a", 5000)), Certificate: good.Certificate}, 401, invalidCode},
		"the token with another certificate":        {dcr.Caller{Token: good.Token, Certificate: strangers}, 401, invalidCode},
		"a certificate that is not of the software": {dcr.Caller{Token: issue(client.ID, thumbprint(strangers)), Certificate: strangers}, 401, invalidCode},
	} {
		for verb, call := range b.verbs(t) {
			refusal := refusalOf(t, call(client.ID, c.by))
			require.Equal(t, c.status, refusal.Status, "%s, %s", name, verb)
			require.Equal(t, c.code, refusal.BearerError, "%s, %s", name, verb)
			require.Empty(t, refusal.Code, "%s, %s", name, verb)
			require.Equal(t, before, everything(t, b.records), "%s, %s", name, verb)
			require.Equal(t, dcr.OutcomeUnauthorized, b.lastEvent().Outcome)
		}
	}
	require.True(t, b.alive(good.Token), "a token that somebody else misuses stays its owner's")

	b.now = b.now.Add(2 * time.Hour)
	_, err := b.Get(ctx, client.ID, good)
	require.Equal(t, 401, refusalOf(t, err).Status, "the token has ended")

	out := openOffice(t, b.world, b.records, func(c *dcr.Config) { c.Tokens = brokenTokens{c.Tokens} })
	for verb, call := range out.verbs(t) {
		refusal := refusalOf(t, call(client.ID, good))
		require.Equal(t, http.StatusServiceUnavailable, refusal.Status, verb)
		require.Positive(t, refusal.RetryAfter, verb)
	}
}

// fixedTokens gives the same answer for every token.
type fixedTokens struct {
	token.Tokens
	token token.AccessToken
}

func (f fixedTokens) Introspect(context.Context, claims.Secret) (token.AccessToken, error) {
	return f.token, nil
}

func TestATokenOfUnknownBindingOrAgeIsRefused(t *testing.T) {
	b := newOffice(t, nil, nil)
	client := b.enrol(t, nil).Client
	by := b.caller(t, client.ID)
	good := token.AccessToken{ClientID: client.ID, CertificateSHA256: thumbprint(by.Certificate), IssuedAt: b.now, Expiry: b.now.Add(time.Minute)}
	for name, c := range map[string]struct {
		change func(*token.AccessToken)
		status int
	}{
		"as it should be":           {func(*token.AccessToken) {}, 200},
		"that does not end":         {func(a *token.AccessToken) { a.Expiry = time.Time{} }, 200},
		"that has ended":            {func(a *token.AccessToken) { a.Expiry = b.now }, 401},
		"of no client":              {func(a *token.AccessToken) { a.ClientID = "" }, 401},
		"of no certificate":         {func(a *token.AccessToken) { a.CertificateSHA256 = [32]byte{} }, 401},
		"of no time":                {func(a *token.AccessToken) { a.IssuedAt = time.Time{} }, 401},
		"of a clock that is behind": {func(a *token.AccessToken) { a.IssuedAt = b.now.Add(-time.Minute) }, 200},
		"older than the client":     {func(a *token.AccessToken) { a.IssuedAt = b.now.Add(-time.Minute - 1) }, 401},
		"of a client that is gone":  {func(a *token.AccessToken) { a.ClientID = "gone" }, 401},
	} {
		access := good
		c.change(&access)
		registrar := openOffice(t, b.world, b.records, func(config *dcr.Config) { config.Tokens = fixedTokens{config.Tokens, access} })
		_, err := registrar.Get(context.Background(), client.ID, by)
		if c.status == 200 {
			require.NoError(t, err, name)
			continue
		}
		require.Equal(t, c.status, refusalOf(t, err).Status, name)
	}
}

func TestAnUnknownClientAndAForeignTokenGetTheSameAnswerAndLoseTheToken(t *testing.T) {
	b := newOffice(t, nil, nil)
	ctx := context.Background()
	mine, theirs := b.enrol(t, nil).Client, b.enrol(t, nil).Client
	before := everything(t, b.records)
	var answers [][5]any
	for _, verb := range []string{"get", "update", "delete"} {
		for _, id := range []string{theirs.ID, "AAAAAAAAAAAAAAAAAAAAAA", "", "../x", strings.Repeat("a", 4000)} {
			by := b.caller(t, mine.ID)
			refusal := refusalOf(t, b.verbs(t)[verb](id, by))
			answers = append(answers, wire(refusal))
			require.False(t, b.alive(by.Token), "%s: the token is revoked", verb)
			require.Equal(t, before, everything(t, b.records))
		}
	}
	gone := b.caller(t, "no client of this bank")
	_, err := b.Get(ctx, mine.ID, gone)
	answers = append(answers, wire(refusalOf(t, err)))
	require.False(t, b.alive(gone.Token))
	for _, a := range answers {
		require.Equal(t, answers[0], a, "nobody learns which clients exist")
	}
	require.Equal(t, [5]any{401, validate.Code(""), "the access token is not valid for this client and this certificate", time.Duration(0), invalidCode}, answers[0])
}

func TestABankMayAnswerAForeignTokenWith403(t *testing.T) {
	b := newOffice(t, func(p *validate.Policy) { p.ForeignToken = validate.ForeignTokenForbidden }, nil)
	mine, theirs := b.enrol(t, nil).Client, b.enrol(t, nil).Client
	for id, status := range map[string]int{theirs.ID: 403, "AAAAAAAAAAAAAAAAAAAAAA": 401} {
		by := b.caller(t, mine.ID)
		_, err := b.Get(context.Background(), id, by)
		require.Equal(t, status, refusalOf(t, err).Status)
		require.False(t, b.alive(by.Token))
		require.Equal(t, status == 403, b.lastEvent().Outcome == dcr.OutcomeForbidden)
	}
}

func TestARegistrarWithoutTokensOffersPOSTAlone(t *testing.T) {
	b := newOffice(t, nil, func(c *dcr.Config) { c.Tokens = nil })
	client := b.enrol(t, nil).Client
	for verb, call := range b.verbs(t) {
		err := call(client.ID, b.caller(t, client.ID))
		require.ErrorIs(t, err, dcr.ErrNotOffered, verb)
		require.Equal(t, http.StatusMethodNotAllowed, refusalOf(t, err).Status, verb)
	}
	require.Equal(t, dcr.OutcomeNotOffered, b.lastEvent().Outcome)
}

func TestAnUpdateReplacesWhatIsRegisteredAndKeepsIdentityAndTokens(t *testing.T) {
	b := newOffice(t, nil, nil)
	first := b.enrol(t, nil).Client
	by := b.caller(t, first.ID)
	b.now = b.now.Add(time.Minute)
	updated, err := b.Update(context.Background(), first.ID, b.token(t, func(c *claims.Request) {
		oneRedirect(c)
		c.ClientID = claims.Some(first.ID)
	}), by)
	require.NoError(t, err)
	stored, err := b.records.Get(context.Background(), first.ID)
	require.NoError(t, err)
	require.Equal(t, stored, updated.Client)
	require.Equal(t, first.ID, stored.ID)
	require.Equal(t, first.IssuedAt, stored.IssuedAt)
	require.Equal(t, int64(2), stored.Version)
	require.Equal(t, b.software.RedirectURIs[:1], redirects(t, stored))
	require.NotEqual(t, first.SoftwareStatement, stored.SoftwareStatement)
	require.Empty(t, updated.Secret)
	require.True(t, b.alive(by.Token), "an update never touches tokens")
	require.Equal(t, []string{"redirect_uris", "software_statement"}, updated.Change.Members())
	require.Equal(t, dcr.OpUpdate, updated.Change.Operation)
	require.Equal(t, first, *updated.Change.Before)
	require.Equal(t, stored, *updated.Change.After)
	_, err = b.Get(context.Background(), first.ID, by)
	require.NoError(t, err)
}

func TestAnUpdateTellsWhichRolesAreGainedAndLost(t *testing.T) {
	b := newOffice(t, nil, nil)
	created := b.enrol(t, nil)
	require.Equal(t, []claims.Role{claims.AISP, claims.PISP}, created.Change.RolesGained)
	id := created.Client.ID
	with := func(roles ...claims.Role) func(*claims.Request) {
		statement, err := b.software.SSA(map[string]any{"software_roles": roles,
			"organisation_competent_authority_claims": map[string]any{"authority_id": "OBGBR", "registration_id": "x", "status": "Active",
				"authorisations": []any{map[string]any{"member_state": "GB", "roles": []claims.Role{claims.AISP, claims.PISP, claims.CBPII}}}}})
		require.NoError(t, err)
		return func(c *claims.Request) {
			c.SoftwareStatement = claims.Some(statement)
			c.Scope = claims.Some(claims.Scope{Words: []string{"openid", "accounts"}})
		}
	}
	updated, err := b.Update(context.Background(), id, b.token(t, with(claims.AISP, claims.CBPII)), b.caller(t, id))
	require.NoError(t, err)
	require.Equal(t, []claims.Role{claims.CBPII}, updated.Change.RolesGained)
	require.Equal(t, []claims.Role{claims.PISP}, updated.Change.RolesLost)
	require.Contains(t, updated.Change.Members(), "scope")

	before := everything(t, b.records)
	_, err = b.Update(context.Background(), id, b.token(t, func(c *claims.Request) {
		with(claims.AISP)(c)
		c.Scope = claims.Some(claims.Scope{Words: []string{"openid", "accounts", "payments"}})
	}), b.caller(t, id))
	refusal := refusalOf(t, err)
	require.Equal(t, []string{"scope.within_roles"}, ruleIDs(refusal.Report), "every rule of POST runs on PUT")
	require.Equal(t, before, everything(t, b.records))
}

func TestAnUpdateNeverMovesAClient(t *testing.T) {
	b := newOffice(t, nil, nil)
	client := b.enrol(t, nil).Client
	other := b.other(t, ssatest.SoftwareOptions{})
	elsewhere := b.other(t, ssatest.SoftwareOptions{SoftwareID: b.software.SoftwareID, OrgID: "0015800000TestOrgB"})
	of := func(s *ssatest.EnrolledSoftware, change func(*claims.Request)) string {
		request := s.Request(ssatest.DefaultAudience)
		if change != nil {
			change(&request)
		}
		token, err := s.Sign(&request)
		require.NoError(t, err)
		return token
	}
	before := everything(t, b.records)
	for name, c := range map[string]struct {
		token string
		rules []string
	}{
		"to another software":     {of(other, nil), []string{"software_id.unchanged"}},
		"to another organisation": {of(elsewhere, nil), []string{"ssa.org_id.unchanged"}},
		"to another client_id":    {of(b.software, func(c *claims.Request) { c.ClientID = claims.Some("another") }), []string{"client_id.matches"}},
		"with all at once and a fault of its own": {of(other, func(c *claims.Request) {
			c.ClientID, c.ApplicationType = claims.Some("another"), claims.Some(claims.ApplicationType("desktop"))
		}), []string{"application_type.web_or_mobile", "client_id.matches", "software_id.unchanged"}},
	} {
		_, err := b.Update(context.Background(), client.ID, c.token, b.caller(t, client.ID))
		refusal := refusalOf(t, err)
		require.Equal(t, 400, refusal.Status, name)
		require.Equal(t, validate.InvalidClientMetadata, refusal.Code, name)
		require.ElementsMatch(t, c.rules, ruleIDs(refusal.Report), name)
		require.Equal(t, before, everything(t, b.records), name)
		require.ElementsMatch(t, c.rules, b.lastEvent().Rules, name)
		_, refusal = b.register(t, b.Registrar, c.token)
		require.True(t, refusal == nil || refusal.Report == nil || !strings.Contains(strings.Join(ruleIDs(refusal.Report), " "), "replayed"),
			"%s: a refused update burns no jti", name)
		require.NoError(t, deleteOthers(b, client.ID))
	}
}

// deleteOthers deletes all clients but one.
func deleteOthers(b *office, keep string) error {
	all, err := b.records.List(context.Background(), "", 100)
	for _, c := range all {
		if c.ID != keep {
			err = errors.Join(err, b.records.Delete(context.Background(), c.ID, c.Version, store.Change{}))
		}
	}
	return err
}

func TestAnUpdateNeverMovesAClientToAnotherEnvironment(t *testing.T) {
	b := newOffice(t, nil, nil)
	client := b.enrol(t, nil).Client
	production, err := ssatest.New(ssatest.Options{Clock: b.config.Clock, Environment: claims.Production, Algorithm: claims.ES256})
	require.NoError(t, err)
	t.Cleanup(production.Close)
	same, err := production.NewSoftware(ssatest.SoftwareOptions{SoftwareID: b.software.SoftwareID, OrgID: b.software.OrgID})
	require.NoError(t, err)
	both := openOffice(t, b.world, b.records, func(c *dcr.Config) {
		c.Statements, err = ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{b.directory.Anchor(), production.Anchor()}, Clock: c.Clock, Skew: time.Minute})
		require.NoError(t, err)
		c.SoftwareKeys = either{b.directory.Resolver(), production.Resolver()}
	})
	request := same.Request(ssatest.DefaultAudience)
	token, err := same.Sign(&request)
	require.NoError(t, err)
	before := everything(t, b.records)
	_, err = both.Update(context.Background(), client.ID, token, both.caller(t, client.ID))
	refusal := refusalOf(t, err)
	require.Equal(t, validate.InvalidClientMetadata, refusal.Code)
	require.Equal(t, []string{"ssa.environment.unchanged"}, ruleIDs(refusal.Report))
	require.Equal(t, before, everything(t, b.records))
}

// either is a resolver of two directories.
type either struct{ a, b ssa.SoftwareKeyResolver }

func (e either) ResolveKeys(ctx context.Context, ref ssa.KeyRef) ([]ssa.Key, error) {
	if keys, err := e.a.ResolveKeys(ctx, ref); err == nil {
		return keys, nil
	}
	return e.b.ResolveKeys(ctx, ref)
}

func (e either) ResolveRevokedKeys(ctx context.Context, url string) (ssa.KeySet, error) {
	if set, err := e.a.ResolveRevokedKeys(ctx, url); err == nil {
		return set, nil
	}
	return e.b.ResolveRevokedKeys(ctx, url)
}

func TestASecretLivesAsLongAsTheMethodCanUseIt(t *testing.T) {
	b := newOffice(t, func(p *validate.Policy) {
		p.AuthMethods = append(p.AuthMethods, claims.ClientSecretBasic, claims.ClientSecretPost, claims.ClientSecretJWT)
		p.Widenings = []validate.Widening{validate.WidenClientSecretBasic, validate.WidenClientSecretPost, validate.WidenClientSecretJWT}
	}, nil)
	ask := func(method claims.AuthMethod) func(*claims.Request) {
		return func(c *claims.Request) { c.TokenEndpointAuthMethod = claims.Some(method) }
	}
	created := b.enrol(t, ask(claims.PrivateKeyJWT))
	id, previous := created.Client.ID, created.Client
	require.Empty(t, created.Secret)
	for _, step := range []struct {
		method      claims.AuthMethod
		issued      bool
		hash, value bool
	}{
		{claims.ClientSecretBasic, true, true, false},
		{claims.ClientSecretPost, false, true, false},
		{claims.ClientSecretJWT, true, true, true}, // the hash alone is of no use there
		{claims.ClientSecretJWT, false, true, true},
		{claims.ClientSecretBasic, false, true, false},
		{claims.PrivateKeyJWT, false, false, false},
		{claims.ClientSecretJWT, true, true, true},
	} {
		updated, err := b.Update(context.Background(), id, b.token(t, ask(step.method)), b.caller(t, id))
		require.NoError(t, err)
		now := updated.Client
		require.Equal(t, step.issued, !updated.Secret.IsZero(), step.method)
		require.Equal(t, step.hash, now.SecretHash != nil, step.method)
		require.Equal(t, step.value, now.SealedSecret != nil, step.method)
		if step.hash && !step.issued {
			require.Equal(t, previous.SecretHash, now.SecretHash, step.method)
		}
		if step.value && step.issued {
			secret, err := b.OpenSecret(now)
			require.NoError(t, err)
			require.Equal(t, updated.Secret, secret)
		}
		previous = now
	}
	stolen := previous
	stolen.ID = "another"
	_, err := b.OpenSecret(stolen)
	require.Error(t, err, "a sealed secret opens for its own client alone")
	stolen.SealedSecret = []byte("short")
	_, err = b.OpenSecret(stolen)
	require.Error(t, err)
	stolen.SealedSecret = nil
	_, err = b.OpenSecret(stolen)
	require.Error(t, err)
}

func TestAReplayedUpdateIsRefused(t *testing.T) {
	b := newOffice(t, nil, nil)
	id := b.enrol(t, nil).Client.ID
	token := b.token(t, oneRedirect)
	_, err := b.Update(context.Background(), id, token, b.caller(t, id))
	require.NoError(t, err)
	before := everything(t, b.records)
	_, err = b.Update(context.Background(), id, token, b.caller(t, id))
	require.Equal(t, []string{"request.jti.replayed"}, ruleIDs(refusalOf(t, err).Report))
	require.Contains(t, refusalOf(t, err).Description, "get the client")
	_, refusal := b.register(t, b.Registrar, token)
	require.Equal(t, []string{"request.jti.replayed"}, ruleIDs(refusal.Report), "nor is it taken for a registration")
	require.Contains(t, refusal.Description, "ask this bank for the client_id", "a GET would need the client_id that was lost")
	require.Equal(t, before, everything(t, b.records))
}

func TestADeletedClientIsGoneWithItsTokens(t *testing.T) {
	for _, provisioned := range []bool{false, true} {
		server := newAuthorizationServer()
		b := newOffice(t, nil, func(c *dcr.Config) {
			if provisioned {
				c.Provisioner = server
			}
		})
		id := b.enrol(t, nil).Client.ID
		by, second := b.caller(t, id), b.caller(t, id)
		require.NoError(t, b.Delete(context.Background(), id, by))
		require.Equal(t, dcr.Event{Operation: dcr.OpDelete, Outcome: dcr.OutcomeDone, Environment: claims.Sandbox, Actor: dcr.ActorTPP}, b.lastEvent())
		require.Equal(t, "null", everything(t, b.records))
		require.Empty(t, server.holds())
		require.False(t, b.alive(by.Token))
		require.False(t, b.alive(second.Token))
		for verb, call := range b.verbs(t) {
			require.Equal(t, 401, refusalOf(t, call(id, by)).Status, verb)
			late := b.caller(t, id)
			require.Equal(t, 401, refusalOf(t, call(id, late)).Status, "%s: a token that was issued late is dead too", verb)
			require.False(t, b.alive(late.Token), verb)
		}
		require.NotEqual(t, id, b.enrol(t, nil).Client.ID, "a client that registers again is another one")
	}
}

// plainStore is a store with the four verbs alone.
type plainStore struct{ store.Store }

func TestAStoreOfFourVerbsWillDoWithoutAProvisioner(t *testing.T) {
	b := newOffice(t, nil, func(c *dcr.Config) { c.Store = plainStore{c.Store} })
	id := b.enrol(t, nil).Client.ID
	_, err := b.Update(context.Background(), id, b.token(t, oneRedirect), b.caller(t, id))
	require.NoError(t, err)
	by := b.caller(t, id)
	require.NoError(t, b.Delete(context.Background(), id, by))
	require.Equal(t, "null", everything(t, b.records))
	require.False(t, b.alive(by.Token))
	_, err = b.Reconcile(context.Background(), 0)
	require.ErrorIs(t, err, dcr.ErrNoUnfinished)
	for _, change := range []func(*dcr.Config){
		func(c *dcr.Config) { c.Provisioner = newAuthorizationServer() },
		func(c *dcr.Config) {
			c.Replay = store.NewMemoryReplay(c.Clock)
		},
	} {
		config := b.config
		config.Store = plainStore{b.records}
		change(&config)
		_, err := dcr.NewRegistrar(config)
		require.ErrorIs(t, err, dcr.ErrNoUnfinished)
	}
}

// deafTokens is a token.Tokens that revokes no token.
type deafTokens struct{ token.Tokens }

func (deafTokens) Revoke(context.Context, token.Revocation) (token.Revoked, error) {
	return token.Revoked{}, errOut
}
func (deafTokens) RevokeClient(context.Context, string) error { return errOut }

func TestATokenThatCannotBeRevokedIsRefusedAllTheSame(t *testing.T) {
	b := newOffice(t, nil, nil)
	deaf := openOffice(t, b.world, b.records, func(c *dcr.Config) { c.Tokens = deafTokens{b.tokens} })
	id := b.enrol(t, nil).Client.ID
	by := b.caller(t, id)
	_, err := deaf.Get(context.Background(), "another", by)
	require.Equal(t, 401, refusalOf(t, err).Status)
	require.NoError(t, deaf.Delete(context.Background(), id, by), "the client is gone for its owner")
	require.Equal(t, dcr.OutcomeUnfinished, deaf.lastEvent().Outcome)
	require.True(t, b.alive(by.Token))
	_, err = b.Get(context.Background(), id, by)
	require.Equal(t, 401, refusalOf(t, err).Status)

	report, err := b.Reconcile(context.Background(), 0)
	require.NoError(t, err)
	require.Equal(t, dcr.ReconcileReport{Finished: 1}, report)
	require.Equal(t, "null", everything(t, b.records))

	plain := openOffice(t, b.world, b.records, func(c *dcr.Config) { c.Store, c.Tokens = plainStore{c.Store}, deafTokens{b.tokens} })
	id = b.enrol(t, nil).Client.ID
	require.NoError(t, plain.Delete(context.Background(), id, b.caller(t, id)))
	require.Equal(t, dcr.OutcomeUnfinished, plain.lastEvent().Outcome)
}

// racing is a store that changes the record itself before the registrar's first writes.
type racing struct {
	records
	times int
	write func()
}

func (r *racing) Update(ctx context.Context, c store.Client, with store.Change) error {
	if r.times > 0 {
		r.times--
		r.write()
	}
	return r.records.Update(ctx, c, with)
}

func TestALostUpdateIsJudgedOnceMoreAndThenRefused(t *testing.T) {
	b := newOffice(t, nil, nil)
	ctx := context.Background()
	id := b.enrol(t, nil).Client.ID
	touch := func() {
		record, err := b.records.Get(ctx, id)
		require.NoError(t, err)
		record.UniqueKey = "touched"
		require.NoError(t, b.records.Update(ctx, record, store.Change{}))
	}
	r := &racing{records: b.records, write: touch}
	asked := 0
	late := openOffice(t, b.world, r, func(c *dcr.Config) {
		c.Hooks.Approve = func(context.Context, dcr.Change) error { asked++; return nil }
	})
	r.times = 1
	token := b.token(t, oneRedirect)
	updated, err := late.Update(ctx, id, token, late.caller(t, id))
	require.NoError(t, err)
	require.Equal(t, int64(3), updated.Client.Version)
	require.Equal(t, 2, asked)

	r.times = 2
	token = b.token(t, nil)
	_, err = late.Update(ctx, id, token, late.caller(t, id))
	refusal := refusalOf(t, err)
	require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
	require.Positive(t, refusal.RetryAfter)
	require.Equal(t, dcr.OutcomeUnavailable, late.lastEvent().Outcome)
	_, err = late.Update(ctx, id, token, late.caller(t, id))
	require.NoError(t, err, "no jti was burnt")

	r.times = 2
	err = late.Delete(ctx, id, late.caller(t, id))
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
	r.times = 1
	require.NoError(t, late.Delete(ctx, id, late.caller(t, id)))
}

func TestAnUpdateThatLosesAgainstADeletionFindsNoClient(t *testing.T) {
	b := newOffice(t, nil, nil)
	ctx := context.Background()
	id := b.enrol(t, nil).Client.ID
	r := &racing{records: b.records, times: 1}
	r.write = func() { require.NoError(t, b.Delete(ctx, id, b.caller(t, id))) }
	late := openOffice(t, b.world, r, nil)
	by := late.caller(t, id)
	_, err := late.Update(ctx, id, b.token(t, nil), by)
	require.Equal(t, 401, refusalOf(t, err).Status)
	require.False(t, late.alive(by.Token))
	require.Equal(t, "null", everything(t, b.records), "nothing rises again")
}

// blind is a store that cannot be read.
type blind struct{ records }

func (blind) Get(context.Context, string) (store.Client, error) { return store.Client{}, errOut }

func TestAStoreThatIsOutIsNobodysFault(t *testing.T) {
	b := newOffice(t, func(p *validate.Policy) { p.ForeignToken = validate.ForeignTokenForbidden }, nil)
	id := b.enrol(t, nil).Client.ID
	by := b.caller(t, id)
	out := openOffice(t, b.world, blind{b.records}, func(c *dcr.Config) { c.Tokens = b.tokens })
	for verb, call := range out.verbs(t) {
		require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, call(id, by)).Status, verb)
	}
	require.True(t, b.alive(by.Token), "an outage revokes nothing")
	out = openOffice(t, b.world, blindTo{b.records, "another"}, func(c *dcr.Config) { c.Tokens = b.tokens })
	_, err := out.Get(context.Background(), "another", b.caller(t, id))
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
	r := &racing{records: failingWrites{b.records}}
	out = openOffice(t, b.world, r, func(c *dcr.Config) { c.Tokens = b.tokens })
	_, err = out.Update(context.Background(), id, b.token(t, nil), by)
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, out.Delete(context.Background(), id, by)).Status)
	_, err = b.Get(context.Background(), id, by)
	require.NoError(t, err)
}

// blindTo is a store that cannot read one record.
type blindTo struct {
	records
	id string
}

func (b blindTo) Get(ctx context.Context, id string) (store.Client, error) {
	if id == b.id {
		return store.Client{}, errOut
	}
	return b.records.Get(ctx, id)
}

type failingWrites struct{ records }

func (failingWrites) Update(context.Context, store.Client, store.Change) error { return errOut }

func TestKeysThatTheBankNoLongerKnowsOpenNothing(t *testing.T) {
	b := newOffice(t, nil, nil)
	client := b.enrol(t, nil).Client
	b.directory.Publish(strings.TrimPrefix(b.software.JWKSURL(), b.directory.URL()), []byte(`{"keys":[]}`))
	_, err := b.Get(context.Background(), client.ID, b.caller(t, client.ID))
	require.NotEqual(t, 200, refusalOf(t, err).Status)

	stranger, err := ssatest.New(ssatest.Options{Clock: b.config.Clock, Issuer: "Another Ltd", Algorithm: claims.ES256})
	require.NoError(t, err)
	t.Cleanup(stranger.Close)
	moved := openOffice(t, b.world, b.records, func(c *dcr.Config) {
		c.Statements, err = ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{stranger.Anchor()}, Clock: c.Clock, Skew: time.Minute})
		require.NoError(t, err)
	})
	_, err = moved.Get(context.Background(), client.ID, moved.caller(t, client.ID))
	refusal := refusalOf(t, err)
	require.Equal(t, 401, refusal.Status, "a directory that is trusted no more vouches for nobody")
	require.Equal(t, invalidCode, refusal.BearerError)

	moved = openOffice(t, b.world, b.records, func(c *dcr.Config) {
		anchor := b.directory.Anchor()
		anchor.JWKSHosts = []string{"elsewhere.example"}
		c.Statements, err = ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{anchor}, Clock: c.Clock, Skew: time.Minute})
		require.NoError(t, err)
	})
	_, err = moved.Get(context.Background(), client.ID, moved.caller(t, client.ID))
	refusal = refusalOf(t, err)
	require.Equal(t, 401, refusal.Status, "the keys are on a host that the anchor no longer lists")
	require.Equal(t, invalidCode, refusal.BearerError)
	require.ErrorIs(t, refusal, ssa.ErrJWKSHost)
}

func TestTheCertificateMustBelongToTheSoftwareAsTheNewStatementHasIt(t *testing.T) {
	b := newOffice(t, nil, nil)
	id := b.enrol(t, nil).Client.ID
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	require.NoError(t, json.Unmarshal(b.software.JWKS(), &set))
	path := "/" + b.software.OrgID + "/signing-alone.jwks"
	b.directory.Publish(path, append(append([]byte(`{"keys":[`), set.Keys[0]...), `]}`...))
	before := everything(t, b.records)
	_, err := b.Update(context.Background(), id, b.stating(t, b.statement(t, map[string]any{
		"software_jwks_endpoint": b.directory.URL() + path})), b.caller(t, id))
	refusal := refusalOf(t, err)
	require.Equal(t, http.StatusUnauthorized, refusal.Status)
	require.Equal(t, invalidCode, refusal.BearerError, "the token came with a certificate that opens nothing any more")
	require.Equal(t, before, everything(t, b.records))
}
