package cert_test

import (
	"crypto/x509"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

func TestExamineFindsWhatCheckFindsAndGoesOn(t *testing.T) {
	d, err := ssatest.New(ssatest.Options{Clock: clock})
	require.NoError(t, err)
	t.Cleanup(d.Close)
	one, err := d.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	two, err := d.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	roots, err := cert.NewAuthorities(map[claims.Environment][]*x509.Certificate{claims.Sandbox: {d.CA}}, noon)
	require.NoError(t, err)
	byKey, err := cert.NewChecker(cert.CheckerConfig{Bindings: []cert.Binding{cert.ByPublicKey}, Authorities: roots, Clock: clock})
	require.NoError(t, err)
	bySubject, err := cert.NewChecker(cert.CheckerConfig{Bindings: []cert.Binding{cert.BySubject}, Authorities: roots, Clock: clock})
	require.NoError(t, err)
	s := cert.Software{SoftwareID: one.SoftwareID, OrgID: one.OrgID,
		Keys: ssa.SoftwareKeys{Source: ssa.WithoutRevocationUnsafe(one.Keys()), Address: one.JWKSURL()}}
	known, foreign, keyless := s, s, s
	known.Environment, foreign.Environment, keyless.Keys = claims.Sandbox, claims.Production, ssa.SoftwareKeys{}
	kinds := func(faults []*cert.Error) (all []error) {
		for _, f := range faults {
			all = append(all, f.Kind)
		}
		return all
	}
	for name, c := range map[string]struct {
		by    *cert.Checker
		leaf  *x509.Certificate
		of    cert.Software
		want  []error
		bound bool
	}{
		"good":                        {byKey, one.TransportCertificate.Leaf, s, nil, true},
		"good in its environment":     {byKey, one.TransportCertificate.Leaf, known, nil, true},
		"of another environment":      {byKey, one.TransportCertificate.Leaf, foreign, []error{cert.ErrUntrusted}, true},
		"of another software":         {byKey, two.TransportCertificate.Leaf, s, []error{cert.ErrNotOwned}, false},
		"for signing, of another":     {byKey, two.SigningCertificate.Leaf, s, []error{cert.ErrUsage, cert.ErrNotOwned}, false},
		"without keys":                {byKey, two.TransportCertificate.Leaf, keyless, nil, false},
		"by the subject, good":        {bySubject, one.TransportCertificate.Leaf, keyless, nil, true},
		"by the subject, another one": {bySubject, two.TransportCertificate.Leaf, keyless, []error{cert.ErrNotOwned}, false},
		"none":                        {byKey, nil, s, []error{cert.ErrNoCertificate}, false},
	} {
		t.Run(name, func(t *testing.T) {
			faults, bound := c.by.Examine(t.Context(), c.leaf, c.of)
			assert.Equal(t, c.want, kinds(faults))
			assert.Equal(t, c.bound, bound)
		})
	}
	require.Empty(t, cert.SubjectContradicts(one.TransportCertificate.Leaf, s))
	require.NotEmpty(t, cert.SubjectContradicts(two.TransportCertificate.Leaf, s))
	require.Empty(t, cert.SubjectContradicts(two.TransportCertificate.Leaf, cert.Software{}), "nothing is known of the software")
	require.Empty(t, cert.SubjectContradicts(d.CA, s), "that is no subject of a TPP")
	require.Empty(t, cert.SubjectContradicts(nil, s))
}
