package dcr_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/jose"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// bad is a request that a suite sends, or that a peer's defect let through.
type bad struct {
	name  string
	token string
	code  validate.Code
	rule  string
}

// forge signs the world's usual request with a difference.
func (w *world) forge(t *testing.T, f ssatest.Forgery) string {
	t.Helper()
	request := w.software.Request(ssatest.DefaultAudience)
	token, err := w.software.SignWith(&request, f)
	require.NoError(t, err)
	return token
}

// stating makes a request with another statement.
func (w *world) stating(t *testing.T, statement string) string {
	t.Helper()
	return w.token(t, func(c *claims.Request) { c.SoftwareStatement = claims.Some(statement) })
}

// forgedStatement makes a request whose statement is signed with a difference.
func (w *world) forgedStatement(t *testing.T, changes map[string]any, f ssatest.Forgery) string {
	t.Helper()
	statement, err := w.software.SSAWith(changes, f)
	require.NoError(t, err)
	return w.stating(t, statement)
}

// suiteCases are the bad requests of the conformance tool, of a vendor's extension of it,
// and of other suites.
func suiteCases(t *testing.T, w *world) []bad {
	t.Helper()
	foreign := w.directory.ForgedKey()
	set := func(change func(*claims.Request)) string { return w.token(t, change) }
	issuer := func(text string) string { return set(func(c *claims.Request) { c.Issuer = claims.Some(text) }) }
	respond := func(types ...claims.ResponseType) string {
		return set(func(c *claims.Request) { c.ResponseTypes = claims.Some(types) })
	}
	unsigned, err := w.software.SSAWith(nil, ssatest.Forgery{Algorithm: "none", Unsigned: true})
	require.NoError(t, err)
	meta, statement := validate.InvalidClientMetadata, validate.InvalidSoftwareStatement
	return []bad{
		{"a request signed by an unrelated key under the right kid", w.forge(t, ssatest.Forgery{Key: foreign}), meta, "request.signature"},
		{"a statement signed by an unrelated key", w.forgedStatement(t, nil, ssatest.Forgery{Key: foreign}), statement, "ssa.signature"},
		{"an unsigned statement in three parts", w.stating(t, unsigned), statement, "ssa.header.alg"},
		{"an unsigned statement in two parts", w.stating(t, strings.TrimSuffix(unsigned, ".")), statement, "ssa.jws"},
		{"a redirect URI outside the statement", set(func(c *claims.Request) {
			c.RedirectURIs = claims.Some([]string{"https://elsewhere.example.com/callback"})
		}), validate.InvalidRedirectURI, "redirect_uris.subset_of_ssa"},
		{"an expired request", set(func(c *claims.Request) {
			c.IssuedAt, c.Expiry = claims.Some(w.now.Unix()-7200), claims.Some(w.now.Unix()-3600)
		}), meta, "exp.past"},
		{"an issuer that is not base62", issuer("not_base62!"), meta, "iss.format"},
		{"an empty issuer", issuer(""), meta, "iss.length"},
		{"an issuer of 30 characters", issuer(strings.Repeat("a", 30)), meta, "iss.length"},
		{"RS256", w.forge(t, ssatest.Forgery{Algorithm: "RS256"}), meta, "header.alg"},
		{"the response type id_token", respond("id_token"), meta, "response_types.known"},
		{"the response type token", respond("token"), meta, "response_types.known"},
		{"a statement that is revoked", w.stating(t, w.statement(t, map[string]any{"org_status": "Revoked"})), validate.UnapprovedSoftwareStatement, "ssa.org_status.active"},
	}
}

// peerCases are requests that peers' code accepted by a defect.
func peerCases(t *testing.T, w *world) []bad {
	t.Helper()
	uris := w.software.RedirectURIs
	redirect := func(list ...string) string {
		return w.token(t, func(c *claims.Request) { c.RedirectURIs = claims.Some(list) })
	}
	scope := func(words ...string) string {
		return w.token(t, func(c *claims.Request) { c.Scope = claims.Some(claims.Scope{Words: words}) })
	}
	public, err := jose.MarshalJWKS([]jose.Key{{ID: "x", Use: "sig", Public: w.software.SigningKey.Public()}})
	require.NoError(t, err)
	whole := w.statement(t, nil)
	uri, meta, statement := validate.InvalidRedirectURI, validate.InvalidClientMetadata, validate.InvalidSoftwareStatement
	return []bad{
		{"one good URI, then a bad one", redirect(uris[0], "https://evil.example/cb"), uri, "redirect_uris.subset_of_ssa"},
		{"a bad URI, then a good one", redirect("https://evil.example/cb", uris[0]), uri, "redirect_uris.subset_of_ssa"},
		{"a URI that begins as a good one does", redirect(uris[0] + "/more"), uri, "redirect_uris.subset_of_ssa"},
		{"a claim whose name holds that of another", w.stating(t, w.statement(t, map[string]any{
			"software_redirect_uris": nil, "old_software_redirect_uris": uris})), uri, "ssa.software_redirect_uris.required"},
		{"an empty list in the statement", w.stating(t, w.statement(t, map[string]any{"software_redirect_uris": []string{}})), uri, "ssa.software_redirect_uris.required"},
		{"an anchor that the statement chooses", w.forgedStatement(t, nil, ssatest.Forgery{Key: w.software.SigningKey, KeyID: w.software.SigningKeyID}), statement, "ssa.key.found"},
		{"the key's public half as an HMAC secret", w.forge(t, ssatest.Forgery{Algorithm: "HS256", Secret: public}), meta, "header.alg"},
		{"the statement's likewise", w.forgedStatement(t, nil, ssatest.Forgery{Algorithm: "HS256", Secret: w.directory.JWKS()}), statement, "ssa.header.alg"},
		{"a misspelt scope", scope("openid", "acounts"), meta, "scope.supported"},
		{"a scope of no role", scope("openid", "fundsconfirmations"), meta, "scope.within_roles"},
		{"unknown roles", w.stating(t, w.statement(t, map[string]any{"software_roles": []string{"EVERYTHING"}})), validate.UnapprovedSoftwareStatement, "ssa.software_roles.served"},
		{"a line break inside the statement", w.stating(t, whole[:100]+"\n"+whole[100:]), statement, "ssa.jws"},
		{"a line break behind the statement", w.stating(t, whole+"\r\n"), statement, "ssa.jws"},
	}
}

func TestWhatSuitesAndPeersTeachIsRefusedAndChangesNothing(t *testing.T) {
	b := newOffice(t, nil, nil)
	id := b.enrol(t, nil).Client.ID
	before := everything(t, b.records)
	for _, c := range append(suiteCases(t, b.world), peerCases(t, b.world)...) {
		t.Run(c.name, func(t *testing.T) {
			_, post := b.register(t, b.Registrar, c.token)
			by := b.caller(t, id)
			_, err := b.Update(context.Background(), id, c.token, by)
			for verb, refusal := range map[string]*dcr.Error{"POST": post, "PUT": refusalOf(t, err)} {
				require.NotNil(t, refusal, verb)
				require.Equal(t, http.StatusBadRequest, refusal.Status, verb)
				require.Equal(t, c.code, refusal.Code, "%s: %s", verb, refusal.Description)
				require.Contains(t, ruleIDs(refusal.Report), c.rule, verb)
				require.NotEmpty(t, refusal.Description, verb)
				require.LessOrEqual(t, len(refusal.Description), 500, verb)
				require.NotContains(t, refusal.Description, "\n", verb)
			}
			require.Equal(t, before, everything(t, b.records))
			require.True(t, b.alive(by.Token))
		})
	}
}

func TestOrderAndTheStatementsAgeInUseDoNotMatter(t *testing.T) {
	b := newOffice(t, nil, nil)
	statement := b.statement(t, map[string]any{"jti": "7d9d1a33-6b7c-4d4b-9a5c-6f2b0e8d1c11"})
	ask := func(grants []claims.GrantType, words ...string) string {
		return b.token(t, func(c *claims.Request) {
			c.SoftwareStatement = claims.Some(statement)
			c.GrantTypes, c.Scope = claims.Some(grants), claims.Some(claims.Scope{Words: words})
			c.JWTID = claims.Some(strings.ToUpper(c.JWTID.Or("")))
		})
	}
	grants := []claims.GrantType{claims.AuthorizationCode, claims.ClientCredentials}
	first, refusal := b.register(t, b.Registrar, ask(grants, "openid", "accounts"))
	require.Nil(t, refusal)
	_, refusal = b.register(t, b.Registrar, ask([]claims.GrantType{grants[1], grants[0]}, "accounts", "openid"))
	require.Nil(t, refusal, "one statement serves many requests")
	_, err := b.Update(context.Background(), first.Client.ID, ask([]claims.GrantType{grants[1], grants[0]}, "accounts", "openid"), b.caller(t, first.Client.ID))
	require.NoError(t, err)
	_, refusal = b.register(t, b.Registrar, b.token(t, func(c *claims.Request) {
		c.SoftwareStatement, c.JWTID = claims.Some(statement), claims.Some("7d9d1a33-6b7c-4d4b-9a5c-6f2b0e8d1c11")
	}))
	require.Nil(t, refusal, "the jti of requests and of statements are not of one kind")
}

func TestASecondRegistrationIsRefusedByPolicyAloneAndTheFirstStays(t *testing.T) {
	b := newOffice(t, func(p *validate.Policy) { p.Registrations = validate.RegistrationsOnePerSoftware }, nil)
	first := b.enrol(t, nil).Client
	before := everything(t, b.records)
	_, refusal := b.register(t, b.Registrar, b.token(t, nil))
	require.Equal(t, [2]any{400, validate.InvalidClientMetadata}, [2]any{refusal.Status, refusal.Code})
	require.Equal(t, before, everything(t, b.records))
	_, err := b.Update(context.Background(), first.ID, b.token(t, oneRedirect), b.caller(t, first.ID))
	require.NoError(t, err, "the one may be updated")
	require.NoError(t, b.Delete(context.Background(), first.ID, b.caller(t, first.ID)))
	_, refusal = b.register(t, b.Registrar, b.token(t, nil))
	require.Nil(t, refusal, "and deleted, and made again")
}

func TestAClientOlderThanThePolicyOfOneIsUpdatedAllTheSame(t *testing.T) {
	b := newOffice(t, nil, nil)
	first, second := b.enrol(t, nil).Client, b.enrol(t, nil).Client
	policy := b.config.Validator.Policy()
	policy.Registrations = validate.RegistrationsOnePerSoftware
	validator, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: policy})
	require.NoError(t, err)
	strict := openOffice(t, b.world, b.records, func(c *dcr.Config) { c.Validator = validator })
	for _, c := range []string{first.ID, second.ID} {
		_, err := strict.Update(context.Background(), c, b.token(t, nil), strict.caller(t, c))
		require.NoError(t, err)
	}
}

func TestAClientNameThatIsTakenIsTakenForUpdatesToo(t *testing.T) {
	b := newOffice(t, func(p *validate.Policy) { p.Registrations = validate.RegistrationsOnePerClientName }, nil)
	named := func(name string) func(*claims.Request) {
		statement := b.statement(t, map[string]any{"software_client_name": name})
		return func(c *claims.Request) { c.SoftwareStatement = claims.Some(statement) }
	}
	b.enrol(t, named("one"))
	second := b.enrol(t, named("two")).Client
	before := everything(t, b.records)
	_, err := b.Update(context.Background(), second.ID, b.token(t, named("one")), b.caller(t, second.ID))
	require.Equal(t, validate.InvalidClientMetadata, refusalOf(t, err).Code)
	require.Equal(t, before, everything(t, b.records))
	_, err = b.Update(context.Background(), second.ID, b.token(t, named("three")), b.caller(t, second.ID))
	require.NoError(t, err)
}

// TestALongClientNameIsTakenToo: a store need not take a unique key of more than 1,000 bytes.
func TestALongClientNameIsTakenToo(t *testing.T) {
	b := newOffice(t, func(p *validate.Policy) { p.Registrations = validate.RegistrationsOnePerClientName }, nil)
	named := func(name string) func(*claims.Request) {
		statement := b.statement(t, map[string]any{"software_client_name": name})
		return func(c *claims.Request) { c.SoftwareStatement = claims.Some(statement) }
	}
	long := strings.Repeat("\U0001f512", 1000)
	require.LessOrEqual(t, len(b.enrol(t, named(long)).Client.UniqueKey), 1000)
	_, refusal := b.register(t, b.Registrar, b.token(t, named(long)))
	require.Equal(t, validate.InvalidClientMetadata, refusal.Code)
	b.enrol(t, named(long+"!"))
}

func TestNothingIsFetchedForAStatementThatNobodyVouchesFor(t *testing.T) {
	w, r, _ := remoteWorld(t)
	_, refusal := w.register(t, r, w.forgedStatement(t, nil, ssatest.Forgery{Key: w.directory.ForgedKey()}))
	require.Equal(t, validate.InvalidSoftwareStatement, refusal.Code)
	require.Zero(t, w.directory.Fetches(w.software.JWKSURL()))
	_, refusal = w.register(t, r, w.token(t, nil))
	require.Nil(t, refusal)
	require.Positive(t, w.directory.Fetches(w.software.JWKSURL()))
}

func TestAnOutageOfTheDirectoryAtAnUpdateIsNotTheSendersFault(t *testing.T) {
	b := newOffice(t, nil, nil)
	id := b.enrol(t, nil).Client.ID
	before := everything(t, b.records)
	out := openOffice(t, b.world, b.records, func(c *dcr.Config) {
		c.SoftwareKeys = ssa.WithoutRevocationUnsafe(noKeys{})
	})
	by := out.caller(t, id)
	token := b.token(t, nil)
	for _, verb := range []string{"get", "update", "delete"} {
		refusal := refusalOf(t, out.verbs(t)[verb](id, by))
		require.Equal(t, http.StatusServiceUnavailable, refusal.Status, verb)
		require.Empty(t, refusal.Code, verb)
		require.Positive(t, refusal.RetryAfter, verb)
	}
	require.True(t, out.alive(by.Token))
	require.Equal(t, before, everything(t, b.records))
	_, err := b.Update(context.Background(), id, token, b.caller(t, id))
	require.NoError(t, err, "no jti was burnt")
}

func TestTheStoreKeepsWhatWasAskedForAndTheAnswerSaysItOnce(t *testing.T) {
	b := newOffice(t, nil, nil)
	client := b.enrol(t, oneRedirect).Client
	require.Equal(t, b.software.RedirectURIs[:1], redirects(t, client), "the requested ones, not the statement's")
	stored, err := b.records.Get(context.Background(), client.ID)
	require.NoError(t, err)
	found := false
	for _, a := range stored.Application.Attributes {
		if a.Name == "software_roles_sandbox" {
			found = true
			require.Equal(t, claims.Attribute{Name: a.Name, Values: []string{"AISP", "PISP"}, List: true}, a, "an array stays one")
		}
	}
	require.True(t, found)
	for _, registration := range []func() (*dcr.Registration, error){
		func() (*dcr.Registration, error) {
			return b.Get(context.Background(), client.ID, b.caller(t, client.ID))
		},
		func() (*dcr.Registration, error) {
			return b.Update(context.Background(), client.ID, b.token(t, nil), b.caller(t, client.ID))
		},
	} {
		got, err := registration()
		require.NoError(t, err)
		body, err := dcr.Response(got.Client, got.Secret, b.config.Validator.Policy())
		require.NoError(t, err)
		require.Equal(t, 1, strings.Count(string(body), `"software_statement":`))
		var members map[string]any
		require.NoError(t, json.Unmarshal(body, &members))
		for _, internal := range []string{"iss", "iat", "exp", "aud", "jti", "client_secret", "org_contacts", "version", "state", "since"} {
			require.NotContains(t, members, internal)
		}
		require.Equal(t, got.Client.SoftwareStatement, members["software_statement"])
	}
}

func TestAnUpdateOfYesterdaysClientNeedsTodaysStatementAlone(t *testing.T) {
	b := newOffice(t, nil, nil)
	id := b.enrol(t, nil).Client.ID
	old := b.statement(t, nil)
	b.now = b.now.Add(48 * time.Hour)
	got, err := b.Get(context.Background(), id, b.caller(t, id))
	require.NoError(t, err, "the statement that a client was registered with may be old")
	require.Equal(t, id, got.Client.ID)
	before := everything(t, b.records)
	_, err = b.Update(context.Background(), id, b.stating(t, old), b.caller(t, id))
	require.Equal(t, validate.InvalidSoftwareStatement, refusalOf(t, err).Code)
	require.Equal(t, before, everything(t, b.records))
	_, err = b.Update(context.Background(), id, b.token(t, nil), b.caller(t, id))
	require.NoError(t, err)
}
