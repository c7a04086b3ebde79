package dcr_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// world is a directory, a software and a bank that trusts the directory.
type world struct {
	directory *ssatest.Directory
	software  *ssatest.EnrolledSoftware
	store     *store.Memory
	config    dcr.Config
	now       time.Time
}

func newWorld(t testing.TB, change func(*validate.Policy)) (*world, *dcr.Registrar) {
	t.Helper()
	w := &world{now: time.Unix(1_790_000_000, 0)}
	clock := func() time.Time { return w.now }
	var err error
	w.directory, err = ssatest.New(ssatest.Options{Clock: clock, Algorithm: claims.ES256}) // quick to sign
	require.NoError(t, err)
	t.Cleanup(w.directory.Close)
	w.software, err = w.directory.NewSoftware(ssatest.SoftwareOptions{Algorithm: claims.ES256})
	require.NoError(t, err)
	policy := validate.DefaultPolicy(validate.OBIE33)
	policy.Audiences = []string{ssatest.DefaultAudience}
	if change != nil {
		change(&policy)
	}
	validator, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: policy})
	require.NoError(t, err)
	verifier, err := ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{w.directory.Anchor()}, Clock: clock, Skew: time.Minute})
	require.NoError(t, err)
	w.store = store.NewMemory(clock)
	w.config = dcr.Config{Statements: verifier, SoftwareKeys: w.directory.Resolver(), Validator: validator,
		Store: w.store, Clock: clock, SealingKey: claims.NewSecret(string(make([]byte, 32)))}
	r, err := dcr.NewRegistrar(w.config)
	require.NoError(t, err)
	return w, r
}

func (w *world) certificate(t testing.TB, s *ssatest.EnrolledSoftware) *x509.Certificate {
	t.Helper()
	cert, err := x509.ParseCertificate(s.TransportCertificate.Certificate[0])
	require.NoError(t, err)
	return cert
}

func (w *world) token(t testing.TB, change func(*claims.Request)) string {
	t.Helper()
	request := w.software.Request(ssatest.DefaultAudience)
	if change != nil {
		change(&request)
	}
	token, err := w.software.Sign(&request)
	require.NoError(t, err)
	return token
}

func (w *world) register(t testing.TB, r *dcr.Registrar, token string) (*dcr.Registration, *dcr.Error) {
	t.Helper()
	registration, err := r.Register(context.Background(), dcr.RegisterInput{Token: claims.NewSecret(token), Certificate: w.certificate(t, w.software)})
	if err == nil {
		return registration, nil
	}
	require.Nil(t, registration, "a refusal returns nothing")
	var refusal *dcr.Error
	require.ErrorAs(t, err, &refusal)
	return nil, refusal
}

func ruleIDs(report *validate.Report) []string {
	var ids []string
	for _, v := range report.Violations {
		if v.Severity == validate.SeverityError {
			ids = append(ids, v.Rule)
		}
	}
	return ids
}

func TestAValidRequestIsRegisteredAsItWasSent(t *testing.T) {
	w, r := newWorld(t, nil)
	request := w.software.Request(ssatest.DefaultAudience)
	token, err := tpp.BuildRequest(request, w.software.SigningKey, w.software.SigningKeyID, claims.ES256)
	require.NoError(t, err)
	registration, refusal := w.register(t, r, token)
	require.Nil(t, refusal)
	stored, err := w.store.Get(context.Background(), registration.Client.ID)
	require.NoError(t, err)
	require.Equal(t, registration.Client, stored)
	require.Regexp(t, `^[A-Za-z][A-Za-z0-9_-]{22}$`, stored.ID)
	require.Equal(t, w.now.UTC(), stored.IssuedAt)
	require.Equal(t, claims.Sandbox, stored.Environment)
	require.Equal(t, request.SoftwareStatement.Or(""), stored.SoftwareStatement)
	require.Empty(t, registration.Secret)

	body, err := dcr.Response(stored, claims.Secret{}, w.config.Validator.Policy())
	require.NoError(t, err)
	var members map[string]any
	require.NoError(t, json.Unmarshal(body, &members))
	require.Equal(t, stored.ID, members["client_id"])
	require.Equal(t, request.Scope.Or(claims.Scope{}).String(), members["scope"])
	require.Equal(t, w.software.OrgID, members["org_id"])
	for _, internal := range []string{"iss", "iat", "exp", "aud", "jti", "client_secret", "org_contacts"} {
		require.NotContains(t, members, internal)
	}
}

func TestWhatIsLeftOutGetsTheSpecificationsDefaults(t *testing.T) {
	w, r := newWorld(t, nil)
	registration, refusal := w.register(t, r, w.token(t, func(c *claims.Request) {
		c.RedirectURIs, c.ResponseTypes = claims.Optional[[]string]{}, claims.Optional[[]claims.ResponseType]{}
	}))
	require.Nil(t, refusal)
	registered, err := claims.ParseRequest(registration.Client.Metadata)
	require.NoError(t, err)
	require.Equal(t, w.software.RedirectURIs, registered.RedirectURIs.Or(nil))
	require.Equal(t, []claims.ResponseType{claims.CodeIDToken}, registered.ResponseTypes.Or(nil))
}

func TestAReplayIsRefusedAndAFailedRequestBurnsNoJTI(t *testing.T) {
	w, r := newWorld(t, nil)
	jti := "7D9D1A33-6B7C-4D4B-9A5C-6F2B0E8D1C11"
	use := func(valid bool) string {
		return w.token(t, func(c *claims.Request) {
			c.JWTID = claims.Some(jti)
			if !valid {
				c.GrantTypes = claims.Some([]claims.GrantType{"password"})
			}
		})
	}
	_, refusal := w.register(t, r, use(false))
	require.NotNil(t, refusal)
	_, refusal = w.register(t, r, use(true))
	require.Nil(t, refusal, "a refused request must not burn its jti")
	_, refusal = w.register(t, r, use(true))
	require.NotNil(t, refusal)
	require.Equal(t, 400, refusal.Status)
	require.Equal(t, validate.InvalidClientMetadata, refusal.Code)
	require.Equal(t, []string{"request.jti.replayed"}, ruleIDs(refusal.Report))
}

func TestUntrustedTokensAreRefusedBeforeAnythingInThemIsUsed(t *testing.T) {
	w, r := newWorld(t, nil)
	sign := func(f ssatest.Forgery) string {
		request := w.software.Request(ssatest.DefaultAudience)
		token, err := w.software.SignWith(&request, f)
		require.NoError(t, err)
		return token
	}
	withStatement := func(f ssatest.Forgery) string {
		statement, err := w.software.SSAWith(nil, f)
		require.NoError(t, err)
		return w.token(t, func(c *claims.Request) { c.SoftwareStatement = claims.Some(statement) })
	}
	changed := func(changes map[string]any) string {
		statement, err := w.software.SSA(changes)
		require.NoError(t, err)
		return w.token(t, func(c *claims.Request) { c.SoftwareStatement = claims.Some(statement) })
	}
	foreign := w.directory.ForgedKey()
	cases := map[string]struct {
		token string
		rule  string
		code  validate.Code
	}{
		"no JWS at all":             {"hello", "request.jws", validate.InvalidClientMetadata},
		"newline behind":            {sign(ssatest.Forgery{}) + "\n", "request.jws", validate.InvalidClientMetadata},
		"unsigned request":          {sign(ssatest.Forgery{Algorithm: "none", Unsigned: true}), "header.alg", validate.InvalidClientMetadata},
		"unsigned, not even claims": {"eyJhbGciOiJub25lIn0.W10.", "header.alg", validate.InvalidClientMetadata}, // {"alg":"none"} over []
		"HMAC-signed request":       {sign(ssatest.Forgery{Algorithm: "HS256", Secret: []byte("s")}), "header.alg", validate.InvalidClientMetadata},
		"RS256 request":             {sign(ssatest.Forgery{Algorithm: "RS256"}), "header.alg", validate.InvalidClientMetadata},
		"request by a foreign key":  {sign(ssatest.Forgery{Key: foreign}), "request.signature", validate.InvalidClientMetadata},
		"request with unknown kid":  {sign(ssatest.Forgery{KeyID: "nobody"}), "request.key.found", validate.InvalidClientMetadata},
		"request by transport key":  {sign(ssatest.Forgery{KeyID: w.software.TransportKeyID}), "request.signature", validate.InvalidClientMetadata},
		"request without a kid":     {sign(ssatest.Forgery{Members: map[string]any{"kid": nil}}), "header.kid.required", validate.InvalidClientMetadata},
		"no statement":              {w.token(t, func(c *claims.Request) { c.SoftwareStatement = claims.Optional[string]{} }), "software_statement.required", validate.InvalidSoftwareStatement},
		"statement with a newline":  {w.token(t, func(c *claims.Request) { c.SoftwareStatement = claims.Some("a\nb.c.d") }), "ssa.jws", validate.InvalidSoftwareStatement},
		"statement in two parts":    {w.token(t, func(c *claims.Request) { c.SoftwareStatement = claims.Some("e30.e30") }), "ssa.jws", validate.InvalidSoftwareStatement},
		"unsigned statement":        {withStatement(ssatest.Forgery{Algorithm: "none", Unsigned: true}), "ssa.header.alg", validate.InvalidSoftwareStatement},
		"HMAC-signed statement":     {withStatement(ssatest.Forgery{Algorithm: "HS256", Secret: []byte("s")}), "ssa.header.alg", validate.InvalidSoftwareStatement},
		"statement by foreign key":  {withStatement(ssatest.Forgery{Key: foreign}), "ssa.signature", validate.InvalidSoftwareStatement},
		"statement of a stranger":   {changed(map[string]any{"iss": "Nobody Ltd"}), "ssa.issuer.trusted", validate.InvalidSoftwareStatement},
		"statement from long ago":   {changed(map[string]any{"iat": 1_000_000_000}), "ssa.age", validate.InvalidSoftwareStatement},
		"other environment":         {changed(map[string]any{"software_environment": "production"}), "ssa.environment", validate.UnapprovedSoftwareStatement},
		"key set at another host":   {changed(map[string]any{"software_jwks_endpoint": "https://elsewhere.example.com/k"}), "ssa.jwks_endpoint.host", validate.InvalidSoftwareStatement},
		"statement of a wrong type": {changed(map[string]any{"software_roles": 1}), "ssa.member.type", validate.InvalidSoftwareStatement},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, refusal := w.register(t, r, c.token)
			require.NotNil(t, refusal)
			require.Equal(t, 400, refusal.Status)
			require.Equal(t, c.code, refusal.Code)
			require.Contains(t, ruleIDs(refusal.Report), c.rule)
			require.LessOrEqual(t, len(refusal.Description), 500)
		})
	}
}

func TestEveryViolationIsReportedAtOnce(t *testing.T) {
	w, r := newWorld(t, nil)
	_, refusal := w.register(t, r, w.token(t, func(c *claims.Request) {
		c.RedirectURIs = claims.Some([]string{"https://elsewhere.example.com/cb"})
		c.GrantTypes = claims.Some([]claims.GrantType{claims.AuthorizationCode, "password"})
		c.ApplicationType = claims.Some(claims.ApplicationType("desktop"))
	}))
	require.Equal(t, validate.InvalidRedirectURI, refusal.Code)
	require.Len(t, ruleIDs(refusal.Report), 3)
}

func TestTheCertificateMustBelongToTheSoftware(t *testing.T) {
	w, r := newWorld(t, nil)
	other, err := w.directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	for name, cert := range map[string]*x509.Certificate{"none": nil, "of another software": w.certificate(t, other)} {
		_, err := r.Register(context.Background(), dcr.RegisterInput{Token: claims.NewSecret(w.token(t, nil)), Certificate: cert})
		var refusal *dcr.Error
		require.ErrorAs(t, err, &refusal, name)
		require.Equal(t, 401, refusal.Status, name)
	}
}

type failing struct{ store.Store }

func (failing) Create(context.Context, store.Client, store.Change) error {
	return errors.New("disk")
}

type noKeys struct{}

func (noKeys) ResolveKeys(context.Context, ssa.KeyRef) ([]ssa.Key, error) {
	return nil, errors.New("connection refused")
}

func TestAnOutageIsNeverTheSendersFault(t *testing.T) {
	w, _ := newWorld(t, nil)
	for name, change := range map[string]func(*dcr.Config){
		"store":         func(c *dcr.Config) { c.Store = failing{c.Store} },
		"software keys": func(c *dcr.Config) { c.SoftwareKeys = ssa.WithoutRevocationUnsafe(noKeys{}) },
	} {
		config := w.config
		change(&config)
		r, err := dcr.NewRegistrar(config)
		require.NoError(t, err)
		_, refusal := w.register(t, r, w.token(t, nil))
		require.Equal(t, 503, refusal.Status, name)
		require.Positive(t, refusal.RetryAfter, name)
		require.Empty(t, refusal.Code, name)
	}
}

func TestOneRegistrationPerSoftwareIsAPolicy(t *testing.T) {
	w, r := newWorld(t, func(p *validate.Policy) { p.Registrations = validate.RegistrationsOnePerSoftware })
	_, refusal := w.register(t, r, w.token(t, nil))
	require.Nil(t, refusal)
	_, refusal = w.register(t, r, w.token(t, nil))
	require.Equal(t, validate.InvalidClientMetadata, refusal.Code)
	require.Contains(t, refusal.Description, "ask this bank", "who lost the client_id learns whom to ask")
}

func TestAClientSecretIsShownOnceAndStoredAsAHash(t *testing.T) {
	w, r := newWorld(t, func(p *validate.Policy) {
		p.AuthMethods = append(p.AuthMethods, claims.ClientSecretBasic, claims.ClientSecretJWT)
		p.Widenings = []validate.Widening{validate.WidenClientSecretBasic, validate.WidenClientSecretJWT}
	})
	for _, method := range []claims.AuthMethod{claims.ClientSecretBasic, claims.ClientSecretJWT} {
		registration, refusal := w.register(t, r, w.token(t, func(c *claims.Request) { c.TokenEndpointAuthMethod = claims.Some(method) }))
		require.Nil(t, refusal)
		require.Len(t, registration.Secret.Reveal(), 32)
		require.Len(t, registration.Client.SecretHash, 32)
		require.Equal(t, method == claims.ClientSecretJWT, registration.Client.SealedSecret != nil)
		require.NotContains(t, string(registration.Client.SealedSecret), registration.Secret.Reveal())
	}
}

func TestARequiredAttributeThatTheStatementLacksIsNamed(t *testing.T) {
	w, r := newWorld(t, func(p *validate.Policy) {
		p.Attributes = append(p.Attributes, claims.AttributeDeclaration{Name: "brand", Claim: "software_brand", Required: true})
	})
	_, refusal := w.register(t, r, w.token(t, nil))
	require.Equal(t, validate.InvalidSoftwareStatement, refusal.Code)
	require.Equal(t, []string{"ssa.attributes.required"}, ruleIDs(refusal.Report))
	require.Contains(t, refusal.Description, "software_brand")
}

func TestARegistrarRefusesWhatIsMissing(t *testing.T) {
	w, _ := newWorld(t, nil)
	for name, change := range map[string]func(*dcr.Config){
		"statements": func(c *dcr.Config) { c.Statements = nil },
		"keys":       func(c *dcr.Config) { c.SoftwareKeys = nil },
		"validator":  func(c *dcr.Config) { c.Validator = nil },
		"store":      func(c *dcr.Config) { c.Store = nil },
		"short key":  func(c *dcr.Config) { c.SealingKey = claims.NewSecret("short") },
		"audience": func(c *dcr.Config) {
			v, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: validate.DefaultPolicy(validate.OBIE33)})
			require.NoError(t, err)
			c.Validator = v
		},
	} {
		config := w.config
		change(&config)
		_, err := dcr.NewRegistrar(config)
		require.Error(t, err, name)
	}
}
