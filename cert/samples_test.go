package cert_test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/realtest"
)

// certificateSample is an entry of the index of public certificates. It was written
// by other software than this, so that it can be the judge.
type certificateSample struct {
	File     string `json:"file"`
	Subject  string `json:"subject"`
	KeyUsage string `json:"key_usage"`

	certificate *x509.Certificate
	attributes  map[string]string // of the subject
}

// certificateSamples reads all public certificates; false when there is no folder.
func certificateSamples(t *testing.T) ([]certificateSample, bool) {
	t.Helper()
	dir, ok := realtest.Samples(t)
	if !ok {
		return nil, false
	}
	index, err := os.ReadFile(filepath.Join(dir, "certs", "index.json"))
	require.NoError(t, err)
	var samples []certificateSample
	require.NoError(t, json.Unmarshal(index, &samples))
	for i := range samples {
		s := &samples[i]
		data, err := os.ReadFile(filepath.Join(dir, s.File))
		require.NoError(t, err)
		block, _ := pem.Decode(data)
		require.NotNil(t, block, s.File)
		s.certificate, err = x509.ParseCertificate(block.Bytes)
		require.NoError(t, err, s.File)
		s.attributes = map[string]string{}
		for _, part := range strings.Split(s.Subject, ",") {
			name, value, _ := strings.Cut(part, "=")
			s.attributes[name] = value
		}
	}
	return samples, true
}

// identity is what the table of profiles makes of a sample's index entry.
func (s *certificateSample) identity() cert.Identity {
	const digital, both = "digital_signature", "digital_signature,content_commitment"
	cn, unit, org := s.attributes["CN"], s.attributes["OU"], s.attributes["2.5.4.97"]
	switch {
	case s.KeyUsage == digital && org == "":
		return cert.Identity{Profile: cert.ProfileOBTransport, SoftwareID: cn, OrgID: unit}
	case s.KeyUsage == both && org == "":
		return cert.Identity{Profile: cert.ProfileOBSigning, SoftwareID: cn, OrgID: unit}
	case s.KeyUsage == digital:
		return cert.Identity{Profile: cert.ProfileOBWAC, OrgID: cn, OrganizationIdentifier: org}
	case s.KeyUsage == both:
		return cert.Identity{Profile: cert.ProfileOBSeal, OrgID: cn, OrganizationIdentifier: org}
	}
	return cert.Identity{Profile: cert.ProfileUnknown}
}

// TestPublicSamplesCertificatesAreClassified: each of the public certificates has
// the profile and the names of the table, in every way a proxy may hand it on.
func TestPublicSamplesCertificatesAreClassified(t *testing.T) {
	samples, found := certificateSamples(t)
	if !found {
		return
	}
	number := map[cert.SubjectProfile]int{}
	for _, s := range samples {
		t.Run(filepath.Base(s.File), func(t *testing.T) {
			id, err := cert.Identify(s.certificate)
			require.NoError(t, err)
			assert.Equal(t, s.identity(), id)
			number[id.Profile]++
			for _, form := range cert.Forms() {
				got, err := headerSource(t, form)(requestWith(proxyAddress, rendering(form, s.certificate)))
				require.NoError(t, err, form)
				assert.Equal(t, s.certificate.Raw, got.Raw, form)
			}
		})
	}
	assert.Equal(t, map[cert.SubjectProfile]int{
		cert.ProfileOBTransport: 8, cert.ProfileOBSigning: 1, cert.ProfileOBWAC: 4, cert.ProfileOBSeal: 2, cert.ProfileUnknown: 5,
	}, number)
}

// TestPublicSamplesCertificatesCarryPSD2Statements: OBWAC and OBSeal alone do, for
// the authority of their country, and their identifier holds the organisation's.
func TestPublicSamplesCertificatesCarryPSD2Statements(t *testing.T) {
	samples, found := certificateSamples(t)
	if !found {
		return
	}
	for _, s := range samples {
		t.Run(filepath.Base(s.File), func(t *testing.T) {
			want := s.identity()
			psd2, found, err := cert.PSD2Of(s.certificate)
			require.NoError(t, err)
			if want.OrganizationIdentifier == "" {
				assert.False(t, found)
				assert.Zero(t, psd2)
				return
			}
			require.True(t, found)
			roles := []claims.Role{claims.PISP, claims.AISP, claims.CBPII}
			if strings.HasPrefix(want.OrgID, "0015800001041") { // the other organisation
				roles = []claims.Role{claims.AISP, claims.PISP}
			}
			assert.Equal(t, cert.PSD2{Roles: roles, AuthorityName: "Financial Conduct Authority", AuthorityID: "GB-FCA"}, psd2)
			assert.Equal(t, []claims.Role{claims.ASPSP}, psd2.Lacks([]claims.Role{claims.ASPSP, "CD_AISP", claims.PISP}))
			id, err := cert.ParseOrganizationIdentifier(want.OrganizationIdentifier)
			require.NoError(t, err)
			assert.Equal(t, cert.OrganizationID{Scheme: "PSD", Country: "GB", Authority: "OB", ID: "Unknown" + want.OrgID}, id)
		})
	}
}

// TestPublicSamplesCertificatesChain: every leaf leads to the pre-production root in
// its time; one for TLS clients is what Authorities.Chain takes, one for signing
// and that of a CA are not, nor is any under the CAs of another directory.
func TestPublicSamplesCertificatesChain(t *testing.T) {
	samples, found := certificateSamples(t)
	if !found {
		return
	}
	var ours, others []*x509.Certificate
	for _, s := range samples {
		switch name := s.attributes["CN"]; {
		case !s.certificate.IsCA:
		case strings.Contains(name, "Pre-Production"):
			ours = append(ours, s.certificate)
		default:
			others = append(others, s.certificate)
		}
	}
	require.Len(t, ours, 2, "root and issuing CA")
	require.Len(t, others, 3, "production root, test root and issuing CA")
	for _, s := range samples {
		t.Run(filepath.Base(s.File), func(t *testing.T) {
			within := s.certificate.NotBefore.Add(24 * time.Hour)
			authorities, err := cert.NewAuthorities(map[claims.Environment][]*x509.Certificate{
				claims.Sandbox: ours, claims.Production: others,
			}, latest(within, ours, others))
			require.NoError(t, err)
			chain, err := authorities.Chain(claims.Sandbox, s.certificate, within)
			if !s.identity().Profile.Transport() {
				require.ErrorIs(t, err, cert.ErrUsage)
				if !s.certificate.IsCA {
					assert.Len(t, verifiedChain(t, s.certificate, ours, within), 3)
				}
				return
			}
			require.NoError(t, err)
			require.Len(t, chain, 3)
			assert.Equal(t, s.certificate.Raw, chain[0].Raw)
			_, err = authorities.Chain(claims.Production, s.certificate, within)
			require.ErrorIs(t, err, cert.ErrUntrusted)
			for _, out := range []time.Time{s.certificate.NotBefore.Add(-time.Second), s.certificate.NotAfter.Add(time.Second)} {
				_, err = authorities.Chain(claims.Sandbox, s.certificate, out)
				require.ErrorIs(t, err, cert.ErrExpired)
			}
		})
	}
}

// latest is the time, or the first at which all CAs are valid.
func latest(at time.Time, lists ...[]*x509.Certificate) time.Time {
	for _, list := range lists {
		for _, c := range list {
			if c.NotBefore.After(at) {
				at = c.NotBefore
			}
		}
	}
	return at
}

func verifiedChain(t *testing.T, leaf *x509.Certificate, cas []*x509.Certificate, now time.Time) []*x509.Certificate {
	t.Helper()
	roots, issuing := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range cas {
		if c.Subject.String() == c.Issuer.String() {
			roots.AddCert(c)
		} else {
			issuing.AddCert(c)
		}
	}
	chains, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: issuing, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	require.NoError(t, err)
	return chains[0]
}
