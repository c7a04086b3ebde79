package dcr_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// night is a bank that rechecks its clients. What the bank trusts and admits may have
// changed since they registered.
type night struct {
	*office
	client store.Client
	config dcr.Config
	policy validate.Policy
	// patience is the Timeout of a recheck; 0 is the default.
	patience time.Duration
}

// newNight registers one client by tls_client_auth at a bank that knows the directory's CA.
func newNight(t testing.TB, change func(*claims.Request)) *night {
	t.Helper()
	b := newOffice(t, nil, nil)
	n := &night{office: b, config: b.world.config, policy: b.world.config.Validator.Policy()}
	n.client = b.enrol(t, func(c *claims.Request) {
		b.byCertificate(c)
		if change != nil {
			change(c)
		}
	}).Client
	n.config.Certificates = n.checker(t, nil, n.authorities(t))
	return n
}

func (n *night) authorities(t testing.TB) *cert.Authorities {
	t.Helper()
	authorities, err := cert.NewAuthorities(map[claims.Environment][]*x509.Certificate{claims.Sandbox: {n.directory.CA}}, n.now)
	require.NoError(t, err)
	return authorities
}

func (n *night) checker(t testing.TB, revocation cert.RevocationChecker, authorities *cert.Authorities) *cert.Checker {
	t.Helper()
	checker, err := cert.NewChecker(cert.CheckerConfig{Bindings: []cert.Binding{cert.ByPublicKey}, Clock: n.config.Clock,
		Authorities: authorities, Revocation: revocation})
	require.NoError(t, err)
	return checker
}

// registrar is the bank of that night.
func (n *night) registrar(t testing.TB) *dcr.Registrar {
	t.Helper()
	var err error
	n.config.Validator, err = validate.New(validate.Config{Profile: validate.OBIE33, Policy: n.policy})
	require.NoError(t, err)
	n.config.Store = n.records
	r, err := dcr.NewRegistrar(n.config)
	require.NoError(t, err)
	return r
}

// recheck judges the one client.
func (n *night) recheck(t testing.TB) dcr.Rechecked {
	t.Helper()
	k, err := n.registrar(t).NewRechecker(dcr.RecheckConfig{Rate: 1e6, Timeout: n.patience})
	require.NoError(t, err)
	found, err := k.Client(context.Background(), n.client)
	require.NoError(t, err)
	return found
}

// byCertificate makes a request of a client that authenticates by its certificate.
func (b *office) byCertificate(c *claims.Request) {
	c.TokenEndpointAuthMethod, c.TokenEndpointAuthSigningAlg = claims.Some(claims.TLSClientAuth), claims.Optional[claims.Algorithm]{}
	c.TLSClientAuthSubjectDN = claims.Some(cert.SubjectDN(b.software.TransportCertificate.Leaf.RawSubject))
}

func warnings(report *validate.Report) []string {
	var ids []string
	for _, v := range report.Violations {
		if v.Severity == validate.SeverityWarning {
			ids = append(ids, v.Rule)
		}
	}
	return ids
}

// rechecked tells which rules a client breaks whose bank takes statements of a year.
func (b *exampleBank) rechecked(after time.Duration) []string {
	registered := b.enrol(b.t, nil).Client
	policy := b.config.Validator.Policy()
	policy.RecheckStatementMaxAge = 365 * 24 * time.Hour
	n := &night{office: b.office, client: registered, config: b.world.config, policy: policy}
	n.config.Certificates = n.checker(b.t, nil, nil) // whose certificates may end meanwhile
	n.now = n.now.Add(after)
	return slices.DeleteFunc(ruleIDs(n.recheck(b.t).Report), func(id string) bool { return id == validate.RuleCertificateValidity })
}

func TestAClientThatIsAsItWasIsAdmittedForYears(t *testing.T) {
	n := newNight(t, nil)
	n.policy.RequiredMembers = []string{"iss", "jti", "aud", "exp", "iat"}
	n.policy.AllowedValues = map[string][]string{"iss": {"nobody"}, "jti": {"none"}, "aud": {"0015800000jfwxXAAQ"}}
	for _, later := range []time.Duration{0, 24 * time.Hour, 300 * 24 * time.Hour} {
		n.now = n.now.Add(later)
		found := n.recheck(t)
		require.Equal(t, dcr.Admitted, found.Admission, "%v %v", found.Report.Violations, found.Unknown)
		require.Empty(t, found.Differs)
		for _, id := range []string{"exp.past", "iat.future", "nbf.future", "jti.required", "aud.is_bank", "ssa.age", "ssa.exp.past", "header.alg", "request.signature"} {
			require.Contains(t, quick(t, n.registrar(t)).NotJudged(), id)
		}
		for _, id := range []string{"scope.within_roles", "ssa.signature", "certificate.validity", "request.key.found", "ssa.issuer.trusted"} {
			require.NotContains(t, quick(t, n.registrar(t)).NotJudged(), id)
		}
		require.Empty(t, found.NotJudged)
	}
}

// outage is a resolver whose sets cannot be had: those of the software, or what is withdrawn.
type outage struct {
	ssa.SoftwareKeyResolver
	keys, withdrawn error
}

func (o outage) ResolveKeys(ctx context.Context, ref ssa.KeyRef) ([]ssa.Key, error) {
	if o.keys != nil {
		return nil, o.keys
	}
	return o.SoftwareKeyResolver.ResolveKeys(ctx, ref)
}

func (o outage) ResolveRevokedKeys(ctx context.Context, url string) (ssa.KeySet, error) {
	if o.withdrawn != nil {
		return ssa.KeySet{}, o.withdrawn
	}
	return o.SoftwareKeyResolver.ResolveRevokedKeys(ctx, url)
}

// revocations answers for each chain.
type revocations struct{ err error }

func (r revocations) CheckRevocation(context.Context, []*x509.Certificate, time.Time) error {
	return r.err
}

// anchored makes the bank trust the directory of an anchor that was changed.
func (n *night) anchored(t *testing.T, change func(*ssa.Anchor)) {
	t.Helper()
	anchor := n.directory.Anchor()
	change(&anchor)
	var err error
	n.config.Statements, err = ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{anchor}, Clock: n.config.Clock, Skew: time.Minute})
	require.NoError(t, err)
}

func noAnswer() error {
	return &ssa.KeySourceError{Host: "keys.example", RetryAfter: time.Second, Cause: errors.New("connection refused")}
}

// keysPath is where the directory publishes the key set of the software.
func (w *world) keysPath() string {
	return "/" + w.software.OrgID + "/" + w.software.SoftwareID + ".jwks"
}

// part is the key set of the software with one of its keys alone.
func (w *world) part(t *testing.T, kid string) []byte {
	t.Helper()
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	require.NoError(t, json.Unmarshal(w.software.JWKS(), &set))
	set.Keys = slices.DeleteFunc(set.Keys, func(k map[string]any) bool { return k["kid"] != kid })
	require.Len(t, set.Keys, 1)
	text, err := json.Marshal(set)
	require.NoError(t, err)
	return text
}

// metadata changes the registered members of the record as another program would.
func (n *night) metadata(t *testing.T, change map[string]any) {
	t.Helper()
	var members map[string]any
	require.NoError(t, json.Unmarshal(n.client.Metadata, &members))
	for name, value := range change {
		members[name] = value
	}
	text, err := json.Marshal(members)
	require.NoError(t, err)
	n.client.Metadata = text
}

func TestEachReasonNotToAdmitAClientIsFoundAndNoOther(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, n *night)
		rules []string
	}{
		"the directory dropped the key of the statement": {func(t *testing.T, n *night) {
			n.anchored(t, func(a *ssa.Anchor) { a.Keys = n.software.Keys() })
		}, []string{"ssa.key.found"}},
		"the trust anchor is gone": {func(t *testing.T, n *night) {
			n.anchored(t, func(a *ssa.Anchor) { a.Issuer = "Another Ltd" })
		}, []string{"ssa.issuer.trusted"}},
		"the trust anchor is of the other environment": {func(t *testing.T, n *night) {
			n.anchored(t, func(a *ssa.Anchor) { a.Environment = claims.Production })
		}, []string{"ssa.issuer.trusted"}},
		"the anchor admits the host no more": {func(t *testing.T, n *night) {
			n.anchored(t, func(a *ssa.Anchor) { a.JWKSHosts = []string{"elsewhere.example"} })
		}, []string{"ssa.jwks_endpoint.host"}},
		"the key set is empty": {func(_ *testing.T, n *night) { n.directory.Publish(n.keysPath(), []byte(`{"keys":[]}`)) }, []string{"request.key.found"}},
		"the software withdrew all keys": {func(_ *testing.T, n *night) {
			n.directory.Publish(n.revokedPaths()["software"], n.software.JWKS())
		}, []string{"request.key.revoked"}},
		"no signing key is left": {func(t *testing.T, n *night) { n.directory.Publish(n.keysPath(), n.part(t, n.software.TransportKeyID)) }, []string{"request.key.found"}},
		"the signing key is withdrawn": {func(t *testing.T, n *night) {
			n.directory.Publish(n.revokedPaths()["organisation"], n.part(t, n.software.SigningKeyID))
		}, []string{"request.key.revoked"}},
		"the transport key is withdrawn": {func(t *testing.T, n *night) {
			n.directory.Publish(n.revokedPaths()["software"], n.part(t, n.software.TransportKeyID))
		}, []string{"certificate.key.revoked"}},
		"the certificate has ended": {func(_ *testing.T, n *night) { n.now = n.software.TransportCertificate.Leaf.NotAfter.Add(time.Second) }, []string{"certificate.validity"}},
		"the certificate is revoked": {func(t *testing.T, n *night) {
			n.config.Certificates = n.checker(t, revocations{cert.ErrRevoked}, n.authorities(t))
		}, []string{"certificate.key.revoked"}},
		"the bank believes the CA no more in this environment": {func(t *testing.T, n *night) {
			authorities, err := cert.NewAuthorities(map[claims.Environment][]*x509.Certificate{claims.Production: {n.directory.CA}}, n.now)
			require.NoError(t, err)
			n.config.Certificates = n.checker(t, nil, authorities)
		}, []string{"certificate.chain"}},
		"no certificate of the registered name is published": {func(t *testing.T, n *night) {
			n.metadata(t, map[string]any{"tls_client_auth_subject_dn": "CN=another,OU=one,O=OpenBanking,C=GB"})
		}, []string{"tls_client_auth_subject_dn.matches_certificate"}},
		"a scope is no longer offered": {func(_ *testing.T, n *night) {
			n.policy.Scopes, n.policy.DefaultScopes = []string{"openid", "payments"}, []string{"openid"}
		}, []string{"scope.supported"}},
		"a role opens less": {func(_ *testing.T, n *night) {
			n.policy.RoleScopes = map[claims.Role][]string{"AISP": {}, "ASPSP": {}, "PISP": {"payments"}, "CBPII": {"fundsconfirmations", "accounts"}}
		}, []string{"scope.within_roles"}},
		"the organisation is denied": {func(_ *testing.T, n *night) { n.policy.DeniedOrganisations = []string{n.software.OrgID} }, []string{"ssa.denied.organisation"}},
		"the statement is too old": {func(_ *testing.T, n *night) {
			n.policy.RecheckStatementMaxAge = time.Hour
			n.now = n.now.Add(2 * time.Hour)
		}, []string{"ssa.recheck.age"}},
		"an attribute is required": {func(_ *testing.T, n *night) {
			n.policy.Attributes = []claims.AttributeDeclaration{{Name: "tax", Claim: "tax_id", Required: true}}
		}, []string{"ssa.attributes.required"}},
		"a member is required": {func(_ *testing.T, n *night) {
			n.policy.RequiredMembers = []string{"iss", "backchannel_token_delivery_mode"}
		}, []string{"request.required_by_policy"}},
		"the metadata is no object":    {func(_ *testing.T, n *night) { n.client.Metadata = []byte(`[1`) }, []string{"request.jws"}},
		"the metadata has wrong types": {func(t *testing.T, n *night) { n.metadata(t, map[string]any{"application_type": 7}) }, []string{"request.member.type"}},
		"the statement is no token":    {func(_ *testing.T, n *night) { n.client.SoftwareStatement = "hello" }, []string{"ssa.jws"}},
		"the statement was altered": {func(_ *testing.T, n *night) {
			n.client.SoftwareStatement = n.client.SoftwareStatement[:len(n.client.SoftwareStatement)-8] + "AAAAAAAA"
		}, []string{"ssa.signature"}},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNight(t, nil)
			c.spoil(t, n)
			found := n.recheck(t)
			require.Equal(t, c.rules, ruleIDs(found.Report), "%+v", found.Report.Violations)
			require.Equal(t, dcr.NotAdmitted, found.Admission)
			require.Empty(t, found.Unknown)
			for _, v := range found.Report.Violations {
				require.NotEmpty(t, v.Fix)
				require.NotEmpty(t, v.Citation.Spec)
			}
		})
	}
}

// silent is a resolver that never answers, and does not heed its context either.
type silent struct{ ssa.SoftwareKeyResolver }

func (silent) ResolveKeys(context.Context, ssa.KeyRef) ([]ssa.Key, error) { select {} }

// faultyKeys is a resolver that panics.
type faultyKeys struct{ ssa.SoftwareKeyResolver }

func (faultyKeys) ResolveKeys(context.Context, ssa.KeyRef) ([]ssa.Key, error) { panic("a fault") }

func TestAnOutageIsNeverAReasonNotToAdmitAClient(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, n *night)
		said  string
	}{
		"the directory's keys": {func(t *testing.T, n *night) {
			n.anchored(t, func(a *ssa.Anchor) { a.Keys = outage{keys: noAnswer()} })
		}, "the directory's keys: .*connection refused"},
		"the software's keys": {func(_ *testing.T, n *night) { n.config.SoftwareKeys = outage{n.config.SoftwareKeys, noAnswer(), nil} }, "the software's keys: .*connection refused"},
		"withdrawn keys":      {func(_ *testing.T, n *night) { n.config.SoftwareKeys = outage{n.config.SoftwareKeys, nil, noAnswer()} }, "the software's keys: "},
		"a resolver that never answers": {func(_ *testing.T, n *night) {
			n.config.SoftwareKeys, n.patience = silent{n.config.SoftwareKeys}, time.Second
		}, "the software's keys: .*no answer within 1s"},
		"a resolver that panics": {func(_ *testing.T, n *night) { n.config.SoftwareKeys = faultyKeys{n.config.SoftwareKeys} }, "the software's keys: .*panic"},
		"a resolver without a source": {func(_ *testing.T, n *night) {
			n.config.SoftwareKeys = outage{n.config.SoftwareKeys, ssa.ErrJWKSHost, nil}
		}, "the bank's configuration: .*no source for the host"},
		"an anchor without a source": {func(t *testing.T, n *night) {
			n.anchored(t, func(a *ssa.Anchor) { a.Keys = outage{keys: ssa.ErrJWKSHost} })
		}, "the bank's configuration: "},
		"the status of the certificate": {func(t *testing.T, n *night) {
			n.config.Certificates = n.checker(t, revocations{errors.New("the list is old")}, n.authorities(t))
		}, "the software's certificates: .*revocation"},
		"the claim names have changed": {func(_ *testing.T, n *night) { n.client.JWKSAddress = "https://elsewhere.example/keys" }, "the bank's configuration: .*another key set"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNight(t, nil)
			c.spoil(t, n)
			found := n.recheck(t)
			require.Equal(t, dcr.CannotTell, found.Admission, "%+v", found.Report.Violations)
			require.Len(t, found.Unknown, 1)
			require.Regexp(t, c.said, found.Unknown[0])

			n.policy.DeniedSoftware = []string{n.software.SoftwareID}
			if name != "the claim names have changed" { // where nothing of the statement is judged
				require.Equal(t, dcr.NotAdmitted, n.recheck(t).Admission, "a rule that is broken in any case")
			}
		})
	}
}

func TestACertificateThatEndsSoonIsAWarning(t *testing.T) {
	n := newNight(t, nil)
	n.now = n.software.TransportCertificate.Leaf.NotAfter.Add(-29 * 24 * time.Hour)
	found := n.recheck(t)
	require.Equal(t, dcr.Admitted, found.Admission)
	require.Equal(t, []string{validate.RuleCertificateValidity}, warnings(found.Report))
	require.Equal(t, n.software.TransportCertificate.Leaf.NotAfter, found.CertificateEnds)
	n.now = n.now.Add(-2 * 24 * time.Hour)
	require.Empty(t, warnings(n.recheck(t).Report))
}

func TestWhatABankDoesNotConfigureIsNamedAsNotJudged(t *testing.T) {
	n := newNight(t, nil)
	n.config.Certificates = n.checker(t, nil, nil)
	found := n.recheck(t)
	require.Equal(t, dcr.Admitted, found.Admission)
	require.Contains(t, found.NotJudged, validate.RuleCertificateChain)
	require.NotContains(t, found.NotJudged, validate.RuleCertificateValidity)

	n.directory.Publish(n.keysPath(), n.part(t, n.software.SigningKeyID)) // no certificate for TLS is published
	found = n.recheck(t)
	require.Equal(t, dcr.Admitted, found.Admission, "%v", found.Report.Violations)
	require.Contains(t, found.NotJudged, validate.RuleCertificateValidity)
}

func TestAnAdjustablePolicySaysWhatWouldBeRegisteredOtherwise(t *testing.T) {
	n := newNight(t, nil)
	n.policy.Scopes, n.policy.DefaultScopes, n.policy.Adjustable = []string{"openid", "payments"}, []string{"openid"}, []string{"scope"}
	found := n.recheck(t)
	require.Equal(t, dcr.Admitted, found.Admission, "%v", found.Report.Violations)
	require.Equal(t, []string{"scope"}, found.Differs)
	n.policy.Scopes = []string{"openid"}
	n.metadata(t, map[string]any{"scope": "accounts"})
	found = n.recheck(t)
	require.Contains(t, ruleIDs(found.Report), "scope.supported")
}
