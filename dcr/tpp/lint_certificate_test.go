package tpp_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// foreign makes a certificate for a public key by a CA of its own.
func foreign(t *testing.T, public any, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	at := time.Unix(1_790_000_000, 0)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "A CA of my own"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: at.AddDate(-1, 0, 0), NotAfter: at.AddDate(1, 0, 0)}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "somebody"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter}
	if change != nil {
		change(leaf)
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, public, key)
	require.NoError(t, err)
	made, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return made
}

// A certificate is judged by the bank's own checks, and each fault of it is a violation
// with the bank's answer: 401, and no code.
func TestATransportCertificateIsJudgedByTheBanksChecks(t *testing.T) {
	w := newWorld(t)
	other, err := w.directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	own := w.software.TransportCertificate.Leaf
	weak := foreign(t, other.TransportCertificate.Leaf.PublicKey, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment })
	for name, c := range map[string]struct {
		leaf *x509.Certificate
		want []string
	}{
		"the software's":        {own, nil},
		"another software's":    {other.TransportCertificate.Leaf, []string{validate.RuleCertificateBinding}},
		"for signing":           {w.software.SigningCertificate.Leaf, []string{validate.RuleCertificatePurpose}},
		"the CA's":              {w.directory.CA, []string{validate.RuleCertificatePurpose, validate.RuleCertificateBinding}},
		"of a CA of one's own":  {foreign(t, own.PublicKey, nil), []string{validate.RuleCertificateChain}},
		"for no signatures":     {weak, []string{validate.RuleCertificatePurpose, validate.RuleCertificateBinding}},
		"expired":               {foreign(t, own.PublicKey, func(c *x509.Certificate) { c.NotAfter = w.now.Add(-time.Hour) }), []string{validate.RuleCertificateValidity}},
		"still to come":         {foreign(t, own.PublicKey, func(c *x509.Certificate) { c.NotBefore = w.now.Add(time.Hour) }), []string{validate.RuleCertificateValidity}},
		"without a certificate": {&x509.Certificate{}, []string{validate.RuleCertificateBinding}},
	} {
		t.Run(name, func(t *testing.T) {
			in := w.known(tpp.LintInput{Request: w.request(t, func(*claims.Request) {})})
			in.Certificate = c.leaf
			result := w.lint(t, in)
			assert.Equal(t, c.want, errorIDs(result.Report))
			if c.want == nil {
				assert.Equal(t, validate.CheckGood, result.Checks.Certificate.State)
				assert.Nil(t, result.Report.Wire())
				return
			}
			assert.Equal(t, validate.CheckBad, result.Checks.Certificate.State)
			assert.Equal(t, http.StatusUnauthorized, result.Report.Wire().Status)
			assert.Empty(t, result.Report.Wire().Error)
		})
	}
}

func TestACertificateWithAWithdrawnKeyIsRefused(t *testing.T) {
	w := newWorld(t)
	keys, err := ssa.ParseJWKS(w.software.JWKS())
	require.NoError(t, err)
	in := w.known(tpp.LintInput{Request: w.request(t, func(*claims.Request) {})})
	in.SoftwareKeys = withdrawing{in.SoftwareKeys, keys.Keys[1:]}
	result := w.lint(t, in)
	require.Equal(t, []string{validate.RuleCertificateKeyRevoked}, errorIDs(result.Report))
	in.SoftwareKeys = withdrawing{w.directory.Resolver(), keys.Keys[:1]}
	result = w.lint(t, in)
	require.Equal(t, []string{validate.RuleRequestKeyRevoked}, errorIDs(result.Report))
	require.Equal(t, validate.CheckBad, result.Checks.RequestSignature.State)
}

// withdrawing lists keys at each revoked address.
type withdrawing struct {
	ssa.SoftwareKeyResolver
	keys []ssa.Key
}

func (r withdrawing) ResolveRevokedKeys(context.Context, string) (ssa.KeySet, error) {
	return ssa.KeySet{Keys: r.keys}, nil
}

// Without the software's keys nobody knows whose a certificate is. Its faults are found
// all the same, and a subject of another software is warned of.
func TestWithoutTheSoftwaresKeysACertificateIsNotChecked(t *testing.T) {
	w := newWorld(t)
	other, err := w.directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	request := w.request(t, func(*claims.Request) {})
	for leaf, want := range map[*x509.Certificate]validate.Outcome{
		w.software.TransportCertificate.Leaf: validate.OutcomeNotApplicable, other.TransportCertificate.Leaf: validate.OutcomeFailed,
	} {
		result := w.lint(t, tpp.LintInput{Request: request, Certificate: leaf})
		require.True(t, result.Report.Valid(), errorIDs(result.Report))
		require.Equal(t, validate.CheckNotChecked, result.Checks.Certificate.State)
		require.Equal(t, want, result.Report.Outcome(validate.RuleCertificateSubject))
	}
	result := w.lint(t, tpp.LintInput{Request: request, Certificate: w.software.SigningCertificate.Leaf})
	require.Equal(t, validate.CheckBad, result.Checks.Certificate.State)
	require.Equal(t, []string{validate.RuleCertificatePurpose}, errorIDs(result.Report))

	bound := w.lint(t, tpp.LintInput{Request: request, Certificate: w.software.TransportCertificate.Leaf,
		Authorities: w.authorities, Bindings: []cert.Binding{cert.BySubject}})
	require.Equal(t, validate.CheckGood, bound.Checks.Certificate.State, "the subject is all that this bank looks at")
}

// A signing certificate whose usage does not say so passes at a bank, and is called what
// it is.
func TestASigningCertificateThatPassesIsWarnedOf(t *testing.T) {
	w := newWorld(t)
	leaf := foreign(t, w.software.TransportCertificate.Leaf.PublicKey, func(c *x509.Certificate) {
		c.Subject = w.software.TransportCertificate.Leaf.Subject
		c.ExtKeyUsage, c.KeyUsage = nil, x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment
	})
	in := w.known(tpp.LintInput{Request: w.request(t, func(*claims.Request) {})})
	in.Certificate, in.Authorities = leaf, nil
	result := w.lint(t, in)
	require.True(t, result.Report.Valid(), errorIDs(result.Report))
	require.Equal(t, validate.OutcomeFailed, result.Report.Outcome(validate.RuleCertificatePurpose))
	require.Equal(t, validate.CheckGood, result.Checks.Certificate.State)
}

// The bank looks at the certificate once the statement is verified, before the signature of
// the request and before it judges claims.
func TestTheCertificateIsAnsweredInItsTurn(t *testing.T) {
	w := newWorld(t)
	other, err := w.directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	in := w.known(tpp.LintInput{})
	in.Certificate = other.TransportCertificate.Leaf
	foreign := tpp.MutualTLS(other.TransportCertificate, w.roots())
	t.Cleanup(foreign.CloseIdleConnections)
	forged, err := w.software.SignWith(w.software.Request(), ssatest.Forgery{Key: other.SigningKey})
	require.NoError(t, err)
	with := func(changes map[string]any) string {
		return w.request(t, func(c *claims.Request) { c.SoftwareStatement = claims.Some(w.statement(t, changes)) })
	}
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"a good request":          {w.request(t, func(*claims.Request) {}), 401},
		"a bad claim":             {w.request(t, func(c *claims.Request) { c.JWTID = claims.Some("x") }), 401},
		"an unapproved statement": {with(map[string]any{"org_status": "Revoked"}), 401},
		"an old statement":        {with(map[string]any{"iat": 1_700_000_000}), 400},
		"a statement of tomorrow": {with(map[string]any{"iat": w.now.Unix() + 100_000}), 400},
		"an expired statement":    {with(map[string]any{"exp": w.now.Unix() - 100}), 400},
		"one not yet in force":    {with(map[string]any{"nbf": w.now.Unix() + 100}), 400},
		"one without any time":    {with(map[string]any{"iat": nil}), 400},
		"one with exp alone":      {with(map[string]any{"iat": nil, "exp": w.now.Unix() + 100}), 400},
		"exp, and too old":        {with(map[string]any{"iat": w.now.Unix() - 31*24*3600, "exp": w.now.Unix() + 100}), 400},
		"exp, and days old":       {with(map[string]any{"iat": w.now.Unix() - 29*24*3600, "exp": w.now.Unix() + 100}), 401},
		"another environment":     {with(map[string]any{"software_environment": "production"}), 400},
		"a claim of a wrong type": {with(map[string]any{"org_id": 7}), 400},
		"URIs of a wrong type":    {with(map[string]any{"software_redirect_uris": 7}), 400},
		"another directory":       {with(map[string]any{"iss": "Another"}), 400},
		"keys elsewhere":          {with(map[string]any{"software_jwks_endpoint": "https://elsewhere.example/keys.jwks"}), 400},
		"a bad signature":         {forged, 401},
	} {
		in.Request = c.request
		wire := w.lint(t, in).Report.Wire()
		assert.Equal(t, c.status, wire.Status, name)
		answer, err := send(t.Context(), foreign, w.address, c.request)
		require.NoError(t, err)
		assert.Equal(t, c.status, answer.status, name)
		assert.Equal(t, answer.code, string(wire.Error), name)
	}
}
