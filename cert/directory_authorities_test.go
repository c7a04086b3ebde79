package cert_test

import (
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
)

func TestListedCAsAreComparedWithThoseOfAKnownDirectory(t *testing.T) {
	p := newPKI(t)
	known := ssa.KnownDirectory{
		RootSubjects:    []string{"C=GB + O=x", "cn=sandbox  root, O=OPENBANKING, C=gb"},
		IssuingSubjects: []string{"2.5.4.3=Sandbox Issuing,O=OpenBanking,C=GB"},
	}
	for _, c := range []struct {
		name             string
		list             []*ca
		missing, foreign []string
	}{
		{"all but one", []*ca{p.root, p.issuing}, []string{"C=GB + O=x"}, nil},
		{"none", nil, []string{known.IssuingSubjects[0], known.RootSubjects[0], known.RootSubjects[1]}, nil},
		{"others", []*ca{p.otherIssuing, p.root}, []string{known.IssuingSubjects[0], known.RootSubjects[0]}, []string{"CN=Production Issuing,O=OpenBanking,C=GB"}},
		{"a root that has the name of an issuing CA", []*ca{newRoot(t, "Sandbox Issuing"), p.root},
			[]string{known.IssuingSubjects[0], known.RootSubjects[0]}, []string{"CN=Sandbox Issuing,O=OpenBanking,C=GB"}},
	} {
		var list []*x509.Certificate
		for _, by := range c.list {
			list = append(list, by.cert)
		}
		missing, foreign := cert.CompareKnown(known, list)
		assert.Equal(t, c.missing, missing, c.name)
		assert.Equal(t, c.foreign, foreign, c.name)
	}
	missing, foreign := cert.CompareKnown(ssa.KnownDirectory{RootSubjects: []string{"no name"}}, []*x509.Certificate{{}})
	assert.Equal(t, []string{"no name"}, missing)
	assert.Len(t, foreign, 1)
}

// publicCAs are the CAs among the public certificates: those of the sandbox, and those
// of production, of which the root alone is public.
func publicCAs(samples []certificateSample) (sandbox, production []*x509.Certificate) {
	for _, s := range samples {
		switch {
		case !s.certificate.IsCA:
		case s.attributes["CN"] == "OpenBanking Root CA":
			production = append(production, s.certificate)
		default:
			sandbox = append(sandbox, s.certificate)
		}
	}
	return sandbox, production
}

// TestPublicSamplesCAsAreThoseOfTheKnownDirectories: the presets name them as they are.
func TestPublicSamplesCAsAreThoseOfTheKnownDirectories(t *testing.T) {
	samples, found := certificateSamples(t)
	if !found {
		return
	}
	sandbox, production := publicCAs(samples)
	require.Len(t, sandbox, 4)
	require.Len(t, production, 1)
	for _, known := range ssa.KnownDirectories() {
		ours, others, absent := sandbox, production, []string(nil)
		if known.Environment == claims.Production {
			ours, others, absent = production, sandbox, known.IssuingSubjects
		}
		missing, foreign := cert.CompareKnown(known, ours)
		assert.Equal(t, absent, missing, known.Name)
		assert.Empty(t, foreign, known.Name)
		_, foreign = cert.CompareKnown(known, slices.Concat(ours, others))
		assert.Len(t, foreign, len(others), known.Name)
	}
}

// TestPublicSamplesTransportCertificatesAreOwned: under the CAs of the sandbox, each
// belongs to the software or organisation that it names and whose key it has.
func TestPublicSamplesTransportCertificatesAreOwned(t *testing.T) {
	samples, found := certificateSamples(t)
	if !found {
		return
	}
	cas, _ := publicCAs(samples)
	number := map[cert.SubjectProfile]int{}
	for _, s := range samples {
		identity := s.identity()
		if !identity.Profile.Transport() {
			continue
		}
		now := latest(s.certificate.NotBefore.Add(24*time.Hour), cas)
		trusted, err := cert.NewAuthorities(map[claims.Environment][]*x509.Certificate{claims.Sandbox: cas}, now)
		require.NoError(t, err, s.File)
		for _, binding := range []cert.Binding{cert.BySubject, cert.ByPublicKey} {
			checker, err := cert.NewChecker(cert.CheckerConfig{Bindings: []cert.Binding{binding}, Authorities: trusted,
				Clock: func() time.Time { return now }})
			require.NoError(t, err)
			software := cert.Software{Environment: claims.Sandbox, SoftwareID: identity.SoftwareID, OrgID: identity.OrgID,
				Authority: claims.Authority{Claims: []claims.AuthorityClaims{
					{AuthorityID: claims.Some("OBGBR"), RegistrationID: claims.Some("Unknown" + identity.OrgID)}}},
				Keys: published(keyOf("a", s.certificate))}
			report, err := checker.Check(t.Context(), s.certificate, software)
			require.NoError(t, err, s.File)
			assert.Equal(t, binding, report.Binding)
			assert.Equal(t, identity, report.Identity)
			assert.Equal(t, cert.Passed, report.Checks[2].Outcome, "the chain")

			software.OrgID, software.Keys = "0015800000TestOrgB", published(keyOf("b", cas[0]))
			_, err = checker.Check(t.Context(), s.certificate, software)
			require.ErrorIs(t, err, cert.ErrNotOwned, s.File)
		}
		number[identity.Profile]++
	}
	assert.Equal(t, map[cert.SubjectProfile]int{cert.ProfileOBTransport: 8, cert.ProfileOBWAC: 4}, number)
}
