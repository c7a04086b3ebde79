package cert_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
)

type revocation func() error

func (f revocation) CheckRevocation(context.Context, []*x509.Certificate, time.Time) error {
	return f()
}

func TestCheckersThatCouldFailOpenAreNotMade(t *testing.T) {
	p, source := newPKI(t), &keySource{}
	for name, change := range map[string]func(*cert.CheckerConfig){
		"no binding":                     func(c *cert.CheckerConfig) { c.Bindings = nil },
		"an unknown binding":             func(c *cert.CheckerConfig) { c.Bindings = []cert.Binding{"name"} },
		"a binding twice":                func(c *cert.CheckerConfig) { c.Bindings = append(c.Bindings, c.Bindings[0]) },
		"a subject that nobody vouches":  func(c *cert.CheckerConfig) { c.Bindings, c.Authorities = []cert.Binding{cert.BySubject}, nil },
		"revocation without authorities": func(c *cert.CheckerConfig) { c.Revocation, c.Authorities = revocation(nil), nil },
	} {
		config := cert.CheckerConfig{Bindings: []cert.Binding{cert.ByPublicKey}, Authorities: p.authorities, Clock: clock, Keys: source}
		change(&config)
		_, err := cert.NewChecker(config)
		misconfigured(t, err, name)
	}
}

func TestACertificateBelongsToASoftwareByItsKey(t *testing.T) {
	p, ctx := newPKI(t), context.Background()
	leaf, other := p.issuing.transport(t), p.issuing.transport(t)
	foreignKey := newKey(t).Public()
	encryption := keyOf("enc", leaf)
	encryption.Use = "enc"
	for _, c := range []struct {
		name    string
		keys    []ssa.Key
		binding cert.Binding // "" for a refusal
	}{
		{"its public key", []ssa.Key{keyOf("a", other), keyOf("b", leaf)}, cert.ByPublicKey},
		{"its thumbprint", []ssa.Key{keyOf("a", other), namedBy("b", leaf, foreignKey)}, cert.ByThumbprint},
		{"a key without a use", []ssa.Key{{Public: leaf.PublicKey}}, cert.ByPublicKey},
		{"another software of the same CA", []ssa.Key{keyOf("a", other), namedBy("b", other, foreignKey)}, ""},
		{"a key for encryption", []ssa.Key{encryption}, ""},
		{"a key that is none", []ssa.Key{{ID: "a"}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			report, err := p.checker(t, &keySource{}).Check(ctx, leaf, cert.Software{Environment: claims.Sandbox, Keys: published(c.keys...)})
			if c.binding == "" {
				refused(t, err, cert.ErrNotOwned)
				require.Nil(t, report)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.binding, report.Binding)
			require.Equal(t, cert.ProfileOBTransport, report.Identity.Profile)
		})
	}
}

func TestOnlyTheBindingsOfThePolicyCount(t *testing.T) {
	p, ctx := newPKI(t), context.Background()
	leaf := p.issuing.transport(t)
	only := func(b cert.Binding) *cert.Checker {
		return p.checker(t, &keySource{}, func(c *cert.CheckerConfig) { c.Bindings = []cert.Binding{b} })
	}
	s := cert.Software{Environment: claims.Sandbox, SoftwareID: softwareID, OrgID: orgID}
	_, err := only(cert.ByPublicKey).Check(ctx, leaf, s)
	misconfigured(t, err, "no Source")
	_, err = only(cert.BySubject).Check(ctx, leaf, s)
	require.NoError(t, err)
	s.Keys = published(keyOf("a", leaf))
	_, err = only(cert.ByThumbprint).Check(ctx, leaf, s)
	refused(t, err, cert.ErrNotOwned)
}

func TestASubjectBindsInTheWayOfItsProfile(t *testing.T) {
	p, ctx := newPKI(t), context.Background()
	checker := p.checker(t, &keySource{}, func(c *cert.CheckerConfig) { c.Bindings = []cert.Binding{cert.BySubject} })
	legacy := func(*x509.Certificate) {}
	obwac := subjectOf("PSDGB-OB-Unknown"+orgID, orgID)
	qwac := subjectOf("PSDGB-FCA-123456", "tpp.example")
	register := func(authority, registration string) claims.Authority {
		return claims.Authority{Claims: []claims.AuthorityClaims{{},
			{AuthorityID: claims.Some(authority), RegistrationID: claims.Some(registration)}}}
	}
	for _, c := range []struct {
		name     string
		subject  func(*x509.Certificate)
		software cert.Software
		holds    bool
	}{
		{"legacy", legacy, cert.Software{SoftwareID: softwareID, OrgID: orgID}, true},
		{"legacy, another software of the organisation", legacy, cert.Software{SoftwareID: "another", OrgID: orgID}, false},
		{"legacy, the software under another organisation", legacy, cert.Software{SoftwareID: softwareID, OrgID: "another"}, false},
		{"legacy, nothing known", legacy, cert.Software{}, false},
		{"OBWAC", obwac, cert.Software{OrgID: orgID}, true},
		{"OBWAC, another organisation", obwac, cert.Software{OrgID: "0015800000TestOrgB", SoftwareID: orgID}, false},
		{"OBWAC, nothing known", obwac, cert.Software{}, false},
		{"OBWAC, the directory's own registration", obwac, cert.Software{OrgID: orgID, Authority: register("OBGBR", "Unknown"+orgID)}, true},
		{"OBWAC, a registration of another", obwac, cert.Software{OrgID: orgID, Authority: register("OBGBR", "Unknown0015800000TestOrgB")}, false},
		{"OBWAC, a registration elsewhere", obwac, cert.Software{OrgID: orgID, Authority: register("FCAGBR", "Unknown"+orgID)}, false},
		{"OBWAC, a registration without a number", obwac, cert.Software{OrgID: orgID, Authority: register("FCAGBR", "")}, true},
		{"OBWAC of production", subjectOf("PSDGB-FCA-123456", orgID), cert.Software{OrgID: orgID, Authority: register("FCAGBR", "123456")}, true},
		{"OBWAC of production, another number", subjectOf("PSDGB-FCA-123456", orgID), cert.Software{OrgID: orgID, Authority: register("FCAGBR", "654321")}, false},
		{"OBWAC of an authority elsewhere", subjectOf("PSDIE-CBI-C12345", orgID), cert.Software{OrgID: orgID, Authority: register("CBIIRL", "C12345")}, true},
		{"OBWAC of an authority elsewhere, another number", subjectOf("PSDIE-CBI-C12345", orgID), cert.Software{OrgID: orgID, Authority: register("CBIIRL", "C54321")}, false},
		{"QWAC, authority and number", qwac, cert.Software{Authority: register("FCAGBR", "123456")}, true},
		{"QWAC, in whole", qwac, cert.Software{Authority: register("any", "PSDGB-FCA-123456")}, true},
		{"QWAC, the number at another authority", qwac, cert.Software{Authority: register("OBGBR", "123456")}, false},
		{"QWAC, another number", qwac, cert.Software{Authority: register("FCAGBR", "123457")}, false},
		{"QWAC, by CN never", qwac, cert.Software{SoftwareID: "tpp.example", OrgID: "tpp.example"}, false},
		{"QWAC, nothing known", qwac, cert.Software{}, false},
		{"QWAC of another scheme, the number alone", subjectOf("NTRGB-123456", "tpp.example"),
			cert.Software{Authority: register("GBR", "123456")}, false},
		{"legacy without C", func(c *x509.Certificate) { c.Subject.Country = nil }, cert.Software{SoftwareID: softwareID, OrgID: orgID}, true},
		{"no profile", func(c *x509.Certificate) { c.Subject.OrganizationalUnit = nil }, cert.Software{SoftwareID: softwareID, OrgID: orgID}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.software.Environment = claims.Sandbox
			report, err := checker.Check(ctx, p.issuing.transport(t, c.subject), c.software)
			if !c.holds {
				refused(t, err, cert.ErrNotOwned)
				return
			}
			require.NoError(t, err)
			require.Equal(t, cert.BySubject, report.Binding)
		})
	}
}

func TestAnAcceptanceSaysWhatWasNotConsulted(t *testing.T) {
	p, ctx := newPKI(t), context.Background()
	leaf := p.issuing.transport(t)
	s := cert.Software{Environment: claims.Sandbox, Keys: published(keyOf("a", leaf))}
	bare := p.checker(t, &keySource{}, func(c *cert.CheckerConfig) { c.Authorities = nil })
	report, err := bare.Check(ctx, leaf, s)
	require.NoError(t, err)
	require.Equal(t, "validity=passed usage=passed chain=not_consulted revocation=not_consulted revoked_keys=not_consulted binding=passed ", outcomes(report))
	require.Equal(t, "left to the TLS layer: no Authorities are configured", report.Checks[2].Note)

	report, err = p.checker(t, &keySource{}).Check(ctx, leaf, s)
	require.NoError(t, err)
	require.Equal(t, "validity=passed usage=passed chain=passed revocation=not_consulted revoked_keys=not_consulted binding=passed ", outcomes(report))

	s.Keys.Revoked = []string{"none"}
	full := p.checker(t, &keySource{}, func(c *cert.CheckerConfig) { c.Revocation = p.lists(t) })
	report, err = full.Check(ctx, leaf, s)
	require.NoError(t, err)
	require.Equal(t, "validity=passed usage=passed chain=passed revocation=passed revoked_keys=passed binding=passed ", outcomes(report))
}

func TestWhatTheTLSLayerVerifiedIsStillLookedAt(t *testing.T) {
	p, ctx := newPKI(t), context.Background()
	for kind, change := range map[error]func(*x509.Certificate){
		cert.ErrUsage:   func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[:1] },
		cert.ErrExpired: func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Minute) },
	} {
		leaf := p.issuing.transport(t, change)
		bare := p.checker(t, &keySource{}, func(c *cert.CheckerConfig) { c.Authorities = nil })
		_, err := bare.Check(ctx, leaf, cert.Software{Environment: claims.Sandbox, Keys: published(keyOf("a", leaf))})
		refused(t, err, kind)
	}
	_, err := p.checker(t, &keySource{}).Check(ctx, nil, cert.Software{Environment: claims.Sandbox})
	refused(t, err, cert.ErrNoCertificate)
	_, err = p.checker(t, &keySource{}).Check(ctx, p.issuing.transport(t), cert.Software{Environment: "prdtst"})
	misconfigured(t, err, "an environment that is none")
}

func TestCertificatesOfAnotherEnvironmentAreRefusedThoughTheKeyMatches(t *testing.T) {
	p := newPKI(t)
	leaf := p.otherIssuing.transport(t)
	_, err := p.checker(t, &keySource{}).Check(context.Background(), leaf, cert.Software{Environment: claims.Sandbox, Keys: published(keyOf("a", leaf))})
	refused(t, err, cert.ErrUntrusted)
}

func TestOnlyGoodNewsOfRevocationPasses(t *testing.T) {
	p, ctx := newPKI(t), context.Background()
	leaf := p.issuing.transport(t)
	s := cert.Software{Environment: claims.Sandbox, Keys: published(keyOf("a", leaf))}
	check := func(r cert.RevocationChecker) error {
		_, err := p.checker(t, &keySource{}, func(c *cert.CheckerConfig) { c.Revocation = r }).Check(ctx, leaf, s)
		return err
	}
	require.NoError(t, check(p.lists(t)))
	refused(t, check(p.lists(t, leaf)), cert.ErrRevoked)
	refused(t, check(new(cert.CRLs)), cert.ErrRevocationUnknown)
	refused(t, check(revocation(func() error { return fmt.Errorf("responder: %w", cert.ErrRevoked) })), cert.ErrRevoked)
	refused(t, check(revocation(func() error { return errors.New("responder: timeout") })), cert.ErrRevocationUnknown)
	refused(t, check(revocation(func() error { return &cert.Error{Kind: cert.ErrUntrusted} })), cert.ErrRevocationUnknown)
}

// crossSigned is an issuing CA that two roots have signed, and a client of it.
func crossSigned(t *testing.T) (p *pki, roots [2]*ca, below [2]*x509.Certificate, issuing *ca, leaf *x509.Certificate) {
	t.Helper()
	roots = [2]*ca{newRoot(t, "Root A"), newRoot(t, "Root B")}
	issuing = roots[0].issuing(t, "Issuing")
	below = [2]*x509.Certificate{issuing.cert, roots[1].sign(t, caTemplate("Issuing", nil), issuing.key.Public())}
	p = &pki{authorities: authorities(t, []*x509.Certificate{roots[0].cert, roots[1].cert, below[0], below[1]})}
	return p, roots, below, issuing, issuing.transport(t)
}

func TestOneChainWithoutARevokedCertificateSuffices(t *testing.T) {
	p, roots, below, issuing, leaf := crossSigned(t)
	cas := p.authorities.Certificates()
	good := func(c *ca) []byte { return c.list(t, nil) }
	bad := func(i int) []byte { return roots[i].list(t, nil, below[i]) }
	for _, c := range []struct {
		name  string
		lists [][]byte
		kind  error
		root  string // of the chain that counted
	}{
		{"both are good", [][]byte{good(roots[0]), good(roots[1]), good(issuing)}, nil, "Root"},
		{"the first has revoked it", [][]byte{bad(0), good(roots[1]), good(issuing)}, nil, "Root B"},
		{"the second has revoked it", [][]byte{good(roots[0]), bad(1), good(issuing)}, nil, "Root A"},
		{"the first says nothing", [][]byte{good(roots[1]), good(issuing)}, nil, "Root B"},
		{"both have revoked it", [][]byte{bad(0), bad(1), good(issuing)}, cert.ErrRevoked, ""},
		{"one has revoked it, one says nothing", [][]byte{bad(0), good(issuing)}, cert.ErrRevocationUnknown, ""},
		{"one says nothing, one has revoked it", [][]byte{bad(1), good(issuing)}, cert.ErrRevocationUnknown, ""},
		{"the client itself is revoked", [][]byte{good(roots[0]), good(roots[1]), issuing.list(t, nil, leaf)}, cert.ErrRevoked, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			lists, err := cert.NewCRLs(cas, c.lists...)
			require.NoError(t, err)
			checker := p.checker(t, &keySource{}, func(config *cert.CheckerConfig) { config.Revocation = lists })
			report, err := checker.Check(context.Background(), leaf, cert.Software{Environment: claims.Sandbox, Keys: published(keyOf("a", leaf))})
			if c.kind != nil {
				refused(t, err, c.kind)
				return
			}
			require.NoError(t, err)
			require.Contains(t, report.Checks[2].Note, c.root)
		})
	}
}

func TestKeysThatAreTooWeakAreRefused(t *testing.T) {
	p, ctx := newPKI(t), context.Background()
	rsaKey := func(bits int) crypto.PublicKey {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		require.NoError(t, err)
		return key.Public()
	}
	onCurve := func(curve elliptic.Curve) crypto.PublicKey {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		require.NoError(t, err)
		return key.Public()
	}
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	for _, c := range []struct {
		name   string
		public crypto.PublicKey
		strong bool
	}{
		{"RSA of 2048 bits", rsaKey(2048), true},
		{"RSA of 2040 bits", rsaKey(2040), false},
		{"RSA of 1024 bits", rsaKey(1024), false},
		{"P-224", onCurve(elliptic.P224()), false},
		{"P-256", onCurve(elliptic.P256()), true},
		{"P-384", onCurve(elliptic.P384()), true},
		{"Ed25519", edwards, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			leaf := p.issuing.sign(t, &x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature}, c.public)
			_, err := p.checker(t, &keySource{}).Check(ctx, leaf, cert.Software{Environment: claims.Sandbox, Keys: published(keyOf("a", leaf))})
			_, chain := p.authorities.Chain(claims.Sandbox, leaf, noon)
			if c.strong {
				require.NoError(t, err)
				require.NoError(t, chain)
				return
			}
			refused(t, err, cert.ErrUsage)
			refused(t, chain, cert.ErrUsage)
		})
	}
}

func TestKeysThatTheDirectoryHasWithdrawnAreRefusedThoughTheyAreInTheSet(t *testing.T) {
	p, ctx := newPKI(t), context.Background()
	leaf, other := p.issuing.transport(t), p.issuing.transport(t)
	foreignKey := newKey(t).Public()
	for _, c := range []struct {
		name    string
		keys    []ssa.Key
		revoked ssa.KeySet
		refused bool
	}{
		{"nothing is withdrawn", []ssa.Key{keyOf("a", leaf)}, ssa.KeySet{}, false},
		{"another key", []ssa.Key{keyOf("a", leaf)}, ssa.KeySet{Keys: []ssa.Key{keyOf("b", other)}}, false},
		{"another key of the set", []ssa.Key{keyOf("a", leaf), keyOf("b", other)}, ssa.KeySet{Skipped: []ssa.SkippedKey{{ID: "b"}}}, false},
		{"the key", []ssa.Key{keyOf("a", leaf)}, ssa.KeySet{Keys: []ssa.Key{keyOf("z", leaf)}}, true},
		{"the certificate", []ssa.Key{keyOf("a", leaf)}, ssa.KeySet{Keys: []ssa.Key{namedBy("z", leaf, foreignKey)}}, true},
		{"the kid", []ssa.Key{keyOf("a", leaf)}, ssa.KeySet{Keys: []ssa.Key{keyOf("a", other)}}, true},
		{"the kid of a key that cannot be used", []ssa.Key{keyOf("a", leaf)}, ssa.KeySet{Skipped: []ssa.SkippedKey{{ID: "a"}}}, true},
		{"keys without a kid", []ssa.Key{keyOf("", leaf)}, ssa.KeySet{Skipped: []ssa.SkippedKey{{}}}, false},
		{"the key, bound by its subject alone", []ssa.Key{keyOf("b", other)}, ssa.KeySet{Keys: []ssa.Key{keyOf("z", leaf)}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			checker := p.checker(t, &keySource{}, func(c *cert.CheckerConfig) { c.Bindings = append(c.Bindings, cert.BySubject) })
			_, err := checker.Check(ctx, leaf, cert.Software{Environment: claims.Sandbox, SoftwareID: softwareID, OrgID: orgID,
				Keys: withdrawn(c.revoked, c.keys...)})
			if c.refused {
				refused(t, err, cert.ErrRevoked)
			} else {
				require.NoError(t, err)
			}
		})
	}
}
