package cert_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

func TestACertificateBelongsToAnApplication(t *testing.T) {
	p, ctx := newPKI(t), context.Background()
	leaf, other := p.issuing.transport(t), p.issuing.transport(t)
	source := &keySource{sets: map[string][]ssa.Key{keysAt: {keyOf("a", leaf)}}}
	checker := p.checker(t, source)
	app := application("software_id_sandbox", softwareID, "software_jwks_endpoint_sandbox", keysAt)
	report, err := checker.CheckApplication(ctx, leaf, registered(app))
	require.NoError(t, err)
	require.Equal(t, cert.ByPublicKey, report.Binding)
	require.Len(t, report.Checks, 6)

	report, err = checker.CheckApplication(ctx, other, registered(app))
	refused(t, err, cert.ErrNotOwned)
	require.Nil(t, report)
}

func TestApplicationsWithoutAKeySetAreRefused(t *testing.T) {
	p := newPKI(t)
	leaf := p.issuing.transport(t)
	twice := application("software_jwks_endpoint_sandbox", keysAt, "software_jwks_endpoint_sandbox", keysAt)
	many := application("software_jwks_endpoint_sandbox", keysAt)
	many.Attributes[0].Values = []string{keysAt, "https://evil.example/k"}
	for name, app := range map[string]claims.Application{
		"no attribute":                  application("software_id_sandbox", softwareID, "org_id_sandbox", orgID),
		"that of the other environment": application("software_jwks_endpoint_production", keysAt),
		"one without an environment":    application("software_jwks_endpoint", keysAt),
		"an empty one":                  application("software_jwks_endpoint_sandbox", ""),
		"two of the name":               twice,
		"two addresses":                 many,
	} {
		source := &keySource{sets: map[string][]ssa.Key{keysAt: {keyOf("a", leaf)}, "": {keyOf("a", leaf)}}}
		checker := p.checker(t, source, func(c *cert.CheckerConfig) { c.Bindings = append(c.Bindings, cert.BySubject) })
		_, err := checker.CheckApplication(context.Background(), leaf, registered(app))
		refused(t, err, cert.ErrNoKeySet)
		require.Empty(t, source.asked, name)
	}
}

func TestKeysThatCannotBeReadAreNobodysFault(t *testing.T) {
	p, ctx := newPKI(t), context.Background()
	leaf := p.issuing.transport(t)
	app := application("software_jwks_endpoint_sandbox", keysAt, "software_jwks_revoked_endpoint_sandbox", revokedAt)
	outage := &ssa.KeySourceError{Host: "keystore.example", RetryAfter: 7 * time.Second, Cause: errors.New("timeout")}
	for _, c := range []struct {
		name   string
		source keySource
		retry  time.Duration
	}{
		{"the key set", keySource{err: outage}, 7 * time.Second},
		{"the revoked keys", keySource{revokedErr: outage}, 7 * time.Second},
		{"a source that names no time", keySource{err: fmt.Errorf("x: %w", ssa.ErrKeySourceUnavailable)}, 10 * time.Second},
		{"an error that nobody knows", keySource{err: errors.New("disk full")}, 10 * time.Second},
		{"an outage when the set is read again", keySource{unknown: func(ssa.KeyRef) error { return outage }}, 7 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.source.sets = map[string][]ssa.Key{keysAt: {keyOf("a", p.issuing.cert)}}
			_, err := p.checker(t, &c.source).CheckApplication(ctx, leaf, registered(app))
			require.Equal(t, c.retry, refused(t, err, ssa.ErrKeySourceUnavailable).RetryAfter)
		})
	}
	// No set of withdrawn keys is named, whose outage would say the same.
	down := &keySource{err: outage}
	_, err := p.checker(t, down).Check(ctx, leaf, cert.Software{Environment: claims.Sandbox, Keys: ssa.SoftwareKeys{Source: down, Address: keysAt}})
	require.Equal(t, 7*time.Second, refused(t, err, ssa.ErrKeySourceUnavailable).RetryAfter)
	require.Len(t, down.asked, 1, "an outage is no set without keys, which would be read again")
	down = &keySource{sets: map[string][]ssa.Key{keysAt: {keyOf("a", p.issuing.cert)}}}
	down.unknown = func(ssa.KeyRef) error {
		down.err = outage
		return &ssa.UnknownKeyError{}
	}
	_, err = p.checker(t, down).Check(ctx, leaf, cert.Software{Environment: claims.Sandbox, Keys: ssa.SoftwareKeys{Source: down, Address: keysAt}})
	refused(t, err, ssa.ErrKeySourceUnavailable)
	require.Len(t, down.asked, 3)
	_, err = p.checker(t, &keySource{err: fmt.Errorf("x: %w", ssa.ErrJWKSHost)}).CheckApplication(ctx, leaf, registered(app))
	require.ErrorIs(t, refused(t, err, cert.ErrNoKeySet), ssa.ErrJWKSHost)
}

func TestACertificateIsRefusedBeforeAnyKeyIsFetched(t *testing.T) {
	p := newPKI(t)
	source := &keySource{err: ssa.ErrKeySourceUnavailable}
	_, err := p.checker(t, source).CheckApplication(context.Background(), p.otherIssuing.transport(t),
		registered(application("software_jwks_endpoint_sandbox", keysAt)))
	refused(t, err, cert.ErrUntrusted)
	require.Empty(t, source.asked)
}

// keptStatement is a software statement that a bank keeps; its signature was checked long ago.
func keptStatement(t testing.TB, claims string) string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	token := encode([]byte(`{"alg":"PS256","kid":"d"}`)) + "." + encode([]byte(claims)) + "." + encode([]byte("signature"))
	_, err := ssa.Parse(token)
	require.NoError(t, err)
	return token
}

// registered is an application of the sandbox whose statement says that no keys are
// withdrawn anywhere.
func registered(app claims.Application) cert.Registered {
	const token = "eyJhbGciOiJQUzI1NiIsImtpZCI6ImQifQ.eyJzb2Z0d2FyZV9qd2tzX2VuZHBvaW50Ijoia2V5cyJ9.c2lnbmF0dXJl"
	return cert.Registered{Application: app, Environment: claims.Sandbox, Statement: token}
}

func TestWithdrawnKeysOfAnApplicationAreRefused(t *testing.T) {
	p, ctx := newPKI(t), context.Background()
	leaf := p.issuing.transport(t)
	const none = "https://keystore.example/none"
	const keys, of, ofOrg = `"software_jwks_endpoint":"` + keysAt + `"`, `"software_jwks_revoked_endpoint":"` + revokedAt + `"`,
		`"org_jwks_revoked_endpoint":"` + orgRevoked + `"`
	for _, c := range []struct {
		name, statement string
		attributes      []string
		kind            error // nil: passes
		unsafe          error // the same where the checker is WithoutRevokedKeysUnsafe
	}{
		{"nothing says where they are", "", nil, cert.ErrNoKeySet, nil},
		{"an attribute for the software", "", []string{"software_jwks_revoked_endpoint_sandbox", revokedAt}, cert.ErrRevoked, cert.ErrRevoked},
		{"an attribute for the organisation", "", []string{"org_jwks_revoked_endpoint_sandbox", orgRevoked}, cert.ErrRevoked, cert.ErrRevoked},
		{"both attributes", "", []string{"software_jwks_revoked_endpoint_sandbox", none, "org_jwks_revoked_endpoint_sandbox", orgRevoked}, cert.ErrRevoked, cert.ErrRevoked},
		{"an attribute whose set lists nothing", "", []string{"software_jwks_revoked_endpoint_sandbox", none}, nil, nil},
		{"an attribute that is empty", "", []string{"software_jwks_revoked_endpoint_sandbox", ""}, cert.ErrNoKeySet, nil},
		{"an attribute of the other environment", "", []string{"software_jwks_revoked_endpoint_production", none}, cert.ErrNoKeySet, nil},
		{"an attribute that is there twice", "", []string{"org_jwks_revoked_endpoint_sandbox", "", "org_jwks_revoked_endpoint_sandbox", orgRevoked}, cert.ErrNoKeySet, cert.ErrNoKeySet},
		{"a statement for the software", "{" + keys + "," + of + "}", nil, cert.ErrRevoked, cert.ErrRevoked},
		{"a statement for the organisation", "{" + keys + "," + ofOrg + "}", nil, cert.ErrRevoked, cert.ErrRevoked},
		{"a statement that says none", "{" + keys + "}", nil, nil, nil},
		{"a statement that says none, and an attribute", "{" + keys + "}", []string{"org_jwks_revoked_endpoint_sandbox", orgRevoked}, cert.ErrRevoked, cert.ErrRevoked},
		{"a statement with a claim of another type", "{" + keys + `,"org_jwks_revoked_endpoint":["x"]}`, nil, cert.ErrNoKeySet, cert.ErrNoKeySet},
		{"a statement with other names of claims", `{"jwks":"x","revoked":"y"}`, nil, cert.ErrNoKeySet, nil},
		{"a statement that is none", "broken", nil, cert.ErrNoKeySet, cert.ErrNoKeySet},
	} {
		t.Run(c.name, func(t *testing.T) {
			source := &keySource{sets: map[string][]ssa.Key{keysAt: {keyOf("a", leaf)}}, revoked: map[string]ssa.KeySet{
				revokedAt: {Keys: []ssa.Key{keyOf("a", leaf)}}, orgRevoked: {Skipped: []ssa.SkippedKey{{ID: "a"}}}}}
			client := registered(application(append([]string{"software_jwks_endpoint_sandbox", keysAt}, c.attributes...)...))
			client.Statement = c.statement
			if c.statement != "" && c.statement != "broken" {
				client.Statement = keptStatement(t, c.statement)
			}
			for unsafe, want := range map[bool]error{false: c.kind, true: c.unsafe} {
				checker := p.checker(t, source, func(config *cert.CheckerConfig) { config.WithoutRevokedKeysUnsafe = unsafe })
				_, err := checker.CheckApplication(ctx, leaf, client)
				if want == nil {
					require.NoError(t, err, "unsafe: %v", unsafe)
				} else {
					refused(t, err, want)
				}
			}
		})
	}
}

func TestARefusalForWantOfWithdrawnKeysNamesTheFix(t *testing.T) {
	p := newPKI(t)
	_, err := p.checker(t, &keySource{}).CheckApplication(context.Background(), p.issuing.transport(t), cert.Registered{
		Application: application("software_jwks_endpoint_sandbox", keysAt), Environment: claims.Sandbox})
	detail := refused(t, err, cert.ErrNoKeySet).Detail
	for _, fix := range []string{"store.Client.SoftwareStatement", "software_jwks_revoked_endpoint", "org_jwks_revoked_endpoint"} {
		require.Contains(t, detail, fix)
	}
}

func TestAStatementGivesWhatTheSubjectIsComparedWith(t *testing.T) {
	p, ctx := newPKI(t), context.Background()
	source := &keySource{sets: map[string][]ssa.Key{keysAt: {{ID: "another", Public: newKey(t).Public()}}}}
	checker := p.checker(t, source, func(c *cert.CheckerConfig) { c.Bindings = []cert.Binding{cert.BySubject} })
	legacy, qwac := p.issuing.transport(t), p.issuing.transport(t, subjectOf("PSDGB-FCA-123456", "tpp.example"))
	of := func(organisation string, attributes ...string) cert.Registered {
		client := registered(application(append([]string{"software_jwks_endpoint_sandbox", keysAt}, attributes...)...))
		client.Statement = keptStatement(t, `{"software_jwks_endpoint":"k","software_id":"`+softwareID+`","org_id":"`+organisation+`",
			"organisation_competent_authority_claims":{"authority_id":"FCAGBR","registration_id":"123456"}}`)
		return client
	}
	for _, leaf := range []*x509.Certificate{legacy, qwac} {
		_, err := checker.CheckApplication(ctx, leaf, of(orgID))
		require.NoError(t, err)
	}
	_, err := checker.CheckApplication(ctx, legacy, of("another", "org_id_sandbox", orgID))
	refused(t, err, cert.ErrNotOwned)
}

func TestAKeyThatWasPublishedAMomentAgoIsFound(t *testing.T) {
	p, ctx := newPKI(t), context.Background()
	leaf, old := p.issuing.transport(t), p.issuing.transport(t)
	app := application("software_jwks_endpoint_sandbox", keysAt)
	source := &keySource{sets: map[string][]ssa.Key{keysAt: {keyOf("old", old)}}}
	source.unknown = func(ref ssa.KeyRef) error {
		source.sets[ref.URL] = append(source.sets[ref.URL], keyOf("new", leaf))
		return &ssa.UnknownKeyError{ReadAt: noon, RetryAt: noon.Add(30 * time.Second)}
	}
	_, err := p.checker(t, source).CheckApplication(ctx, leaf, registered(app))
	require.NoError(t, err)
	require.Len(t, source.asked, 3)

	source.unknown = func(ssa.KeyRef) error {
		return &ssa.UnknownKeyError{ReadAt: noon, RetryAt: noon.Add(30 * time.Second)}
	}
	_, err = p.checker(t, source).CheckApplication(ctx, p.issuing.transport(t), registered(app))
	require.Contains(t, refused(t, err, cert.ErrNotOwned).Detail, "can be read again from 2026-11-21T12:00:30Z on")
}

func TestASubjectIsComparedWithTheAttributes(t *testing.T) {
	p, ctx := newPKI(t), context.Background()
	source := &keySource{sets: map[string][]ssa.Key{keysAt: {{ID: "another", Public: newKey(t).Public()}}}}
	checker := p.checker(t, source, func(c *cert.CheckerConfig) { c.Bindings = []cert.Binding{cert.BySubject} })
	legacy, qwac := p.issuing.transport(t), p.issuing.transport(t, subjectOf("PSDGB-FCA-123456", "tpp.example"))
	const authority = "organisation_competent_authority_claims_sandbox"
	base := []string{"software_jwks_endpoint_sandbox", keysAt, "software_id_sandbox", softwareID}

	_, err := checker.CheckApplication(ctx, legacy, registered(application(append(base, "org_id_sandbox", orgID)...)))
	require.NoError(t, err)
	_, err = checker.CheckApplication(ctx, legacy, registered(application(base...)))
	refused(t, err, cert.ErrNotOwned)
	_, err = checker.CheckApplication(ctx, legacy, registered(application(append(base, "org_id_production", orgID)...)))
	refused(t, err, cert.ErrNotOwned)

	object := `{"authority_id":"FCAGBR","registration_id":"123456","status":"Active"}`
	_, err = checker.CheckApplication(ctx, qwac, registered(application(append(base, authority, object)...)))
	require.NoError(t, err)
	_, err = checker.CheckApplication(ctx, qwac, registered(application(append(base, authority, `{"authority_id":1}`)...)))
	refused(t, err, cert.ErrNotOwned)
	_, err = checker.CheckApplication(ctx, qwac, registered(application(append(base, authority, `}`)...)))
	refused(t, err, cert.ErrNotOwned)
}

// From a statement to its attributes to the certificate, with the keys as a
// directory publishes them.
func TestSoftwareOfADirectory(t *testing.T) {
	d, err := ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(d.Close)
	enrol := func() (*ssatest.EnrolledSoftware, cert.Registered) {
		s, err := d.NewSoftware(ssatest.SoftwareOptions{})
		require.NoError(t, err)
		mapper, err := claims.NewAttributeMapper(claims.AttributeConfig{Declarations: claims.DefaultAttributes()})
		require.NoError(t, err)
		token, err := s.SSA(nil)
		require.NoError(t, err)
		statement, err := ssa.Parse(token)
		require.NoError(t, err)
		app, err := mapper.Map(statement.UnverifiedClaims(), claims.Sandbox)
		require.NoError(t, err)
		return s, cert.Registered{Application: app, Environment: claims.Sandbox, Statement: token}
	}
	software, app := enrol()
	stranger, _ := enrol()
	cas, err := cert.ParseAuthorities(d.CAPEM())
	require.NoError(t, err)
	for _, binding := range []cert.Binding{cert.ByPublicKey, cert.ByThumbprint} {
		p := &pki{authorities: authorities(t, cas)}
		checker := p.checker(t, nil, func(c *cert.CheckerConfig) {
			c.Bindings, c.Keys = []cert.Binding{binding}, d.Resolver()
		})
		ctx := context.Background()
		report, err := checker.CheckApplication(ctx, software.TransportCertificate.Leaf, app)
		require.NoError(t, err)
		require.Equal(t, cert.Identity{Profile: cert.ProfileOBTransport, SoftwareID: software.SoftwareID, OrgID: software.OrgID}, report.Identity)
		_, err = checker.CheckApplication(ctx, stranger.TransportCertificate.Leaf, app)
		refused(t, err, cert.ErrNotOwned)
		_, err = checker.CheckApplication(ctx, software.SigningCertificate.Leaf, app)
		refused(t, err, cert.ErrUsage)
	}
}

func TestCheckersWithoutKeysJudgeNoApplication(t *testing.T) {
	p := newPKI(t)
	checker := p.checker(t, nil, func(c *cert.CheckerConfig) { c.Keys = nil })
	_, err := checker.CheckApplication(context.Background(), p.issuing.transport(t), registered(application()))
	misconfigured(t, err, "no Keys")
}
