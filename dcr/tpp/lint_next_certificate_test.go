package tpp_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// The subject of an update may be that of another transport certificate in the key set. Lint
// judges it as the bank does where it has the key set, and warns where it has none.
func TestLintKnowsTheNextCertificateOfAnUpdate(t *testing.T) {
	w := newWorld(t)
	set, err := ssa.ParseJWKS(w.software.JWKS())
	require.NoError(t, err)
	transport := &set.Keys[len(set.Keys)-1]
	require.Equal(t, w.software.TransportKeyID, transport.ID)
	published := *transport
	name := func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "next"} }
	published.Certificate = foreign(t, transport.Public, name).Raw
	dn := "CN=next"
	request := w.request(t, func(r *claims.Request) {
		r.TokenEndpointAuthMethod, r.TokenEndpointAuthSigningAlg = claims.Some(claims.TLSClientAuth), claims.Optional[claims.Algorithm]{}
		r.TLSClientAuthSubjectDN = claims.Some(dn)
	})
	broken := []string{validate.RuleTLSClientAuthSubjectDNMatchesCertificate}
	for name, c := range map[string]struct {
		change func(*tpp.LintInput)
		want   []string
		warns  bool
	}{
		"published":                   {func(in *tpp.LintInput) { in.Authorities = nil }, nil, false},
		"of a CA that does not count": {func(*tpp.LintInput) {}, broken, false},
		"at a registration":           {func(in *tpp.LintInput) { in.Authorities, in.Update = nil, false }, broken, false},
		"not published":               {func(in *tpp.LintInput) { in.SoftwareKeys = w.directory.Resolver() }, broken, false},
		"without the key set":         {func(in *tpp.LintInput) { in.SoftwareKeys = nil }, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			in := w.known(tpp.LintInput{Request: request, Update: true})
			in.Certificate = w.software.TransportCertificate.Leaf
			in.SoftwareKeys = also{in.SoftwareKeys, published}
			c.change(&in)
			report := w.lint(t, in).Report
			assert.Equal(t, c.want, errorIDs(report))
			assert.Equal(t, c.warns, report.Outcome(validate.RuleTLSClientAuthSubjectDNMatchesCertificate) == validate.OutcomeFailed && c.want == nil)
		})
	}
}

// also has one key more than a resolver.
type also struct {
	ssa.SoftwareKeyResolver
	key ssa.Key
}

func (r also) ResolveKeys(ctx context.Context, ref ssa.KeyRef) ([]ssa.Key, error) {
	keys, err := r.SoftwareKeyResolver.ResolveKeys(ctx, ref)
	if err == nil && ref.KeyID == "" {
		keys = append(slices.Clone(keys), r.key)
	}
	return keys, err
}
