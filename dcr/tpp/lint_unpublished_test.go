package tpp_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// status answers each request so.
type status int

func (s status) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: int(s), Body: http.NoBody, Header: http.Header{}, Request: r}, nil
}

// A TPP that has published no key learns it before it sends a request, with the certificate
// and without, from a file and from an address.
func TestLintSaysThatNoKeyIsPublished(t *testing.T) {
	w := newWorld(t)
	at := func(transport http.RoundTripper) ssa.SoftwareKeyResolver {
		keys, err := tpp.SoftwareKeySet("https://keys.example/software.jwks", &http.Client{Transport: transport})
		require.NoError(t, err)
		return keys
	}
	for name, c := range map[string]struct {
		keys ssa.SoftwareKeyResolver
		none bool
	}{
		"an empty file": {ssa.WithoutRevocationUnsafe(ssa.KeySet{}), true},
		"404":           {at(status(404)), true},
		"410":           {at(status(410)), true},
		"500":           {at(status(500)), false},
	} {
		for _, certificate := range []bool{false, true} {
			in := tpp.LintInput{Request: w.request(t, func(*claims.Request) {}), SoftwareKeys: c.keys}
			if certificate {
				in.Certificate, in.Bindings = w.software.TransportCertificate.Leaf, []cert.Binding{cert.ByPublicKey}
			}
			result := w.lint(t, in)
			if !c.none {
				require.Error(t, result.Unavailable, name)
				require.Empty(t, errorIDs(result.Report), name)
				continue
			}
			require.NoError(t, result.Unavailable, name)
			require.Equal(t, []string{validate.RuleRequestKeyFound}, errorIDs(result.Report), "%s, certificate %t", name, certificate)
			for _, v := range result.Report.Violations {
				require.NotRegexp(t, "read at|again from", v.Message, "these times would be of lint's own read: %s", name)
			}
			require.Equal(t, validate.CheckKeyNotFound, result.Checks.RequestSignature.State)
			require.Equal(t, validate.InvalidClientMetadata, result.Report.Wire().Error)
			require.NotEqual(t, validate.CheckBad, result.Checks.Certificate.State, "nobody can tell whose it is")
		}
	}
}
