package cert_test

import (
	"context"
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
	report, err := checker.CheckApplication(ctx, leaf, app, claims.Sandbox)
	require.NoError(t, err)
	require.Equal(t, cert.ByPublicKey, report.Binding)
	require.Len(t, report.Checks, 6)

	report, err = checker.CheckApplication(ctx, other, app, claims.Sandbox)
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
		_, err := checker.CheckApplication(context.Background(), leaf, app, claims.Sandbox)
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
			_, err := p.checker(t, &c.source).CheckApplication(ctx, leaf, app, claims.Sandbox)
			require.Equal(t, c.retry, refused(t, err, ssa.ErrKeySourceUnavailable).RetryAfter)
		})
	}
	_, err := p.checker(t, &keySource{err: fmt.Errorf("x: %w", ssa.ErrJWKSHost)}).CheckApplication(ctx, leaf, app, claims.Sandbox)
	require.ErrorIs(t, refused(t, err, cert.ErrNoKeySet), ssa.ErrJWKSHost)
}

func TestACertificateIsRefusedBeforeAnyKeyIsFetched(t *testing.T) {
	p := newPKI(t)
	source := &keySource{err: ssa.ErrKeySourceUnavailable}
	_, err := p.checker(t, source).CheckApplication(context.Background(), p.otherIssuing.transport(t),
		application("software_jwks_endpoint_sandbox", keysAt), claims.Sandbox)
	refused(t, err, cert.ErrUntrusted)
	require.Empty(t, source.asked)
}

func TestRevokedEndpointsOfAnApplicationAreHonoured(t *testing.T) {
	p, ctx := newPKI(t), context.Background()
	leaf := p.issuing.transport(t)
	for _, c := range []struct {
		name       string
		attributes []string
		kind       error
	}{
		{"none is named", nil, nil},
		{"that of the software", []string{"software_jwks_revoked_endpoint_sandbox", revokedAt}, cert.ErrRevoked},
		{"that of the organisation", []string{"org_jwks_revoked_endpoint_sandbox", orgRevoked}, cert.ErrRevoked},
		{"both", []string{"software_jwks_revoked_endpoint_sandbox", "https://keystore.example/none", "org_jwks_revoked_endpoint_sandbox", orgRevoked}, cert.ErrRevoked},
		{"one that lists nothing", []string{"software_jwks_revoked_endpoint_sandbox", "https://keystore.example/none"}, nil},
		{"one that is empty", []string{"software_jwks_revoked_endpoint_sandbox", ""}, nil},
		{"that of the other environment", []string{"software_jwks_revoked_endpoint_production", revokedAt}, nil},
		{"one that is there twice", []string{"org_jwks_revoked_endpoint_sandbox", "", "org_jwks_revoked_endpoint_sandbox", orgRevoked}, cert.ErrNoKeySet},
	} {
		t.Run(c.name, func(t *testing.T) {
			source := &keySource{sets: map[string][]ssa.Key{keysAt: {keyOf("a", leaf)}}, revoked: map[string]ssa.KeySet{
				revokedAt: {Keys: []ssa.Key{keyOf("a", leaf)}}, orgRevoked: {Skipped: []ssa.SkippedKey{{ID: "a"}}}}}
			_, err := p.checker(t, source).CheckApplication(ctx, leaf,
				application(append([]string{"software_jwks_endpoint_sandbox", keysAt}, c.attributes...)...), claims.Sandbox)
			if c.kind == nil {
				require.NoError(t, err)
			} else {
				refused(t, err, c.kind)
			}
		})
	}
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
	_, err := p.checker(t, source).CheckApplication(ctx, leaf, app, claims.Sandbox)
	require.NoError(t, err)
	require.Len(t, source.asked, 3)

	source.unknown = func(ssa.KeyRef) error {
		return &ssa.UnknownKeyError{ReadAt: noon, RetryAt: noon.Add(30 * time.Second)}
	}
	_, err = p.checker(t, source).CheckApplication(ctx, p.issuing.transport(t), app, claims.Sandbox)
	require.Contains(t, refused(t, err, cert.ErrNotOwned).Detail, "can be read again from 2026-11-21T12:00:30Z on")
}

func TestASubjectIsComparedWithTheAttributes(t *testing.T) {
	p, ctx := newPKI(t), context.Background()
	checker := p.checker(t, &keySource{}, func(c *cert.CheckerConfig) { c.Bindings = []cert.Binding{cert.BySubject} })
	legacy, qwac := p.issuing.transport(t), p.issuing.transport(t, subjectOf("PSDGB-FCA-123456", "tpp.example"))
	const authority = "organisation_competent_authority_claims_sandbox"
	base := []string{"software_jwks_endpoint_sandbox", keysAt, "software_id_sandbox", softwareID}

	_, err := checker.CheckApplication(ctx, legacy, application(append(base, "org_id_sandbox", orgID)...), claims.Sandbox)
	require.NoError(t, err)
	_, err = checker.CheckApplication(ctx, legacy, application(base...), claims.Sandbox)
	refused(t, err, cert.ErrNotOwned)
	_, err = checker.CheckApplication(ctx, legacy, application(append(base, "org_id_production", orgID)...), claims.Sandbox)
	refused(t, err, cert.ErrNotOwned)

	object := `{"authority_id":"FCAGBR","registration_id":"123456","status":"Active"}`
	_, err = checker.CheckApplication(ctx, qwac, application(append(base, authority, object)...), claims.Sandbox)
	require.NoError(t, err)
	_, err = checker.CheckApplication(ctx, qwac, application(append(base, authority, `{"authority_id":1}`)...), claims.Sandbox)
	refused(t, err, cert.ErrNotOwned)
	_, err = checker.CheckApplication(ctx, qwac, application(append(base, authority, `}`)...), claims.Sandbox)
	refused(t, err, cert.ErrNotOwned)
}

// From a statement to its attributes to the certificate, with the keys as a
// directory publishes them.
func TestSoftwareOfADirectory(t *testing.T) {
	d, err := ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(d.Close)
	enrol := func() (*ssatest.Software, claims.Application) {
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
		return s, app
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
		report, err := checker.CheckApplication(ctx, software.TransportCertificate.Leaf, app, claims.Sandbox)
		require.NoError(t, err)
		require.Equal(t, cert.Identity{Profile: cert.ProfileOBTransport, SoftwareID: software.SoftwareID, OrgID: software.OrgID}, report.Identity)
		_, err = checker.CheckApplication(ctx, stranger.TransportCertificate.Leaf, app, claims.Sandbox)
		refused(t, err, cert.ErrNotOwned)
		_, err = checker.CheckApplication(ctx, software.SigningCertificate.Leaf, app, claims.Sandbox)
		refused(t, err, cert.ErrUsage)
	}
}

func TestCheckersWithoutKeysJudgeNoApplication(t *testing.T) {
	p := newPKI(t)
	checker := p.checker(t, nil, func(c *cert.CheckerConfig) { c.Keys = nil })
	_, err := checker.CheckApplication(context.Background(), p.issuing.transport(t), application(), claims.Sandbox)
	require.ErrorContains(t, err, "no Keys")
}
