package dcr_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// linted does what an example says of the bytes of a request, or of a certificate: a bank
// answers those without a report, and a lint has one.
func linted(b *exampleBank, e validate.Example) []string {
	own := b.software.TransportCertificate.Leaf
	request := func(change func(string) string) func() []string {
		return func() []string { return b.lint(own, func(in *tpp.LintInput) { in.Request = change(in.Request) }) }
	}
	certificate := func(leaf func() *x509.Certificate) func() []string {
		return func() []string { return b.lint(leaf(), nil) }
	}
	without := func(leaf func() *x509.Certificate) func() []string {
		return func() []string {
			return b.lint(leaf(), func(in *tpp.LintInput) { in.SoftwareKeys, in.Anchor = nil, nil })
		}
	}
	mine := func() *x509.Certificate { return own }
	others := func() *x509.Certificate { return b.other(b.t, ssatest.SoftwareOptions{}).TransportCertificate.Leaf }
	same := func(s string) string { return s }
	return b.inWords(e, map[validate.Example]func() []string{
		"a request of 65537 bytes":             request(func(string) string { return strings.Repeat("a", dcr.MaxRequestBody+1) }),
		"a request of a few KiB":               request(same),
		"a token with a line break at its end": request(func(s string) string { return s + "\n" }),
		"a token and nothing else":             request(same),
		"a certificate that has expired": certificate(func() *x509.Certificate {
			return b.foreign(func(c *x509.Certificate) { c.NotAfter = b.now.Add(-time.Hour) })
		}),
		"a certificate that is valid now":               certificate(mine),
		"the signing certificate of the software":       certificate(func() *x509.Certificate { return b.software.SigningCertificate.Leaf }),
		"the transport certificate of the software":     certificate(mine),
		"a certificate of a CA of one's own":            certificate(func() *x509.Certificate { return b.foreign(nil) }),
		"a certificate of a CA of the directory":        certificate(mine),
		"the transport certificate of another software": certificate(others),
		"a certificate whose key is withdrawn": func() []string {
			var set struct{ Keys []json.RawMessage }
			require.NoError(b.t, json.Unmarshal(b.software.JWKS(), &set))
			b.directory.Publish(b.revokedPaths()["software"], []byte(`{"keys":[`+string(set.Keys[1])+`]}`)) // the transport key
			return b.lint(own, nil)
		},
		"a certificate whose key is published":                     certificate(mine),
		"the certificate of another software, without the key set": without(others),
		"the certificate of the software, without the key set":     without(mine),
	})
}

// lint judges a good request with all that is known, and returns the rules that it breaks,
// as errors or warnings.
func (b *exampleBank) lint(leaf *x509.Certificate, change func(*tpp.LintInput)) []string {
	anchor := b.directory.Anchor()
	roots, err := cert.NewAuthorities(map[claims.Environment][]*x509.Certificate{claims.Sandbox: {b.directory.CA}}, b.now)
	require.NoError(b.t, err)
	in := tpp.LintInput{Request: b.token(b.t, nil), Validator: b.config.Validator, Now: b.now, Anchor: &anchor,
		SoftwareKeys: b.config.SoftwareKeys, Certificate: leaf, Authorities: roots}
	if change != nil {
		change(&in)
	}
	result, err := tpp.Lint(context.Background(), in)
	require.NoError(b.t, err)
	var ids []string
	for _, v := range result.Report.Violations {
		if v.Severity != validate.SeverityNotice && !slices.Contains(ids, v.Rule) {
			ids = append(ids, v.Rule)
		}
	}
	return ids
}

// foreign makes a certificate for the software's transport key by a CA that nobody knows.
func (b *exampleBank) foreign(change func(*x509.Certificate)) *x509.Certificate {
	own := b.software.TransportCertificate
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: own.Leaf.Subject, KeyUsage: own.Leaf.KeyUsage, ExtKeyUsage: own.Leaf.ExtKeyUsage,
		NotBefore: b.now.AddDate(-1, 0, 0), NotAfter: b.now.AddDate(1, 0, 0)}
	if change != nil {
		change(template)
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: b.directory.CA.Subject}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, own.Leaf.PublicKey, b.software.SigningKey)
	require.NoError(b.t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(b.t, err)
	return leaf
}
