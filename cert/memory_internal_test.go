package cert

import (
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// named is a transport certificate of a software, as far as Identify reads one.
func named(t *testing.T, software string) (leaf *x509.Certificate, thumbprint [sha256.Size]byte) {
	t.Helper()
	subject, err := asn1.Marshal(pkix.Name{Organization: []string{"OpenBanking"}, OrganizationalUnit: []string{"org"}, CommonName: software}.ToRDNSequence())
	require.NoError(t, err)
	leaf = &x509.Certificate{Raw: []byte(software), RawSubject: subject, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	return leaf, sha256.Sum256(leaf.Raw)
}

func TestASubjectIsReadOnceAndOnlySoManyAreRemembered(t *testing.T) {
	c := &Checker{identities: newMemory[[sha256.Size]byte, Identity]()}
	for n := range 2*maxRemembered + 1 {
		software := strconv.Itoa(n)
		leaf, thumbprint := named(t, software)
		want := Identity{Profile: ProfileOBTransport, SoftwareID: software, OrgID: "org"}
		require.Equal(t, want, c.identity(leaf, thumbprint))
		require.Equal(t, want, c.identity(nil, thumbprint), "it is not read again")
		require.LessOrEqual(t, len(c.identities.held), maxRemembered)
	}
	assert.Len(t, c.identities.held, 1)
}

func TestASubjectThatCannotBeReadNamesNobody(t *testing.T) {
	c := &Checker{identities: newMemory[[sha256.Size]byte, Identity]()}
	unreadable := &x509.Certificate{RawSubject: []byte{1}}
	for range 2 {
		assert.Equal(t, Identity{Profile: ProfileUnknown}, c.identity(unreadable, [sha256.Size]byte{1}))
	}
}

func TestOnlyAGoodChainIsRememberedAndItsLeafIsNotHeld(t *testing.T) {
	directory, err := ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	defer directory.Close()
	software, err := directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(software.TransportCertificate.Certificate[0])
	require.NoError(t, err)
	now := leaf.NotBefore
	authorities, err := NewAuthorities(map[claims.Environment][]*x509.Certificate{claims.Sandbox: {directory.CA}}, now)
	require.NoError(t, err)
	c, err := NewChecker(CheckerConfig{Bindings: []Binding{ByPublicKey}, Authorities: authorities, Clock: func() time.Time { return now }})
	require.NoError(t, err)

	_, err = c.certificate(t.Context(), leaf, claims.Production)
	require.ErrorIs(t, err, ErrUntrusted)
	require.Empty(t, c.believed.Load().found.held)
	first, err := c.certificate(t.Context(), leaf, claims.Sandbox)
	require.NoError(t, err)
	require.Equal(t, map[judged]foundChains{{sha256.Sum256(leaf.Raw), claims.Sandbox}: {
		above: [][]*x509.Certificate{{directory.CA}}, from: leaf.NotBefore, until: leaf.NotAfter}}, c.believed.Load().found.held)

	authorities.stores[claims.Sandbox].roots = x509.NewCertPool() // nothing is found there any more
	again, err := c.certificate(t.Context(), leaf, claims.Sandbox)
	require.NoError(t, err, "it is not judged again")
	require.Equal(t, first, again)
	c.believed.Load().found = newMemory[judged, foundChains]()
	_, err = c.certificate(t.Context(), leaf, claims.Sandbox)
	require.ErrorIs(t, err, ErrUntrusted)
}
