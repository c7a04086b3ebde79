package cert

import (
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
	i := &identities{known: map[[sha256.Size]byte]Identity{}}
	for n := range 2*maxIdentities + 1 {
		software := strconv.Itoa(n)
		leaf, thumbprint := named(t, software)
		want := Identity{Profile: ProfileOBTransport, SoftwareID: software, OrgID: "org"}
		require.Equal(t, want, i.of(leaf, thumbprint))
		require.Equal(t, want, i.of(nil, thumbprint), "it is not read again")
		require.LessOrEqual(t, len(i.known), maxIdentities)
	}
	assert.Len(t, i.known, 1)
}

func TestASubjectThatCannotBeReadNamesNobody(t *testing.T) {
	i := &identities{known: map[[sha256.Size]byte]Identity{}}
	unreadable := &x509.Certificate{RawSubject: []byte{1}}
	for range 2 {
		assert.Equal(t, Identity{Profile: ProfileUnknown}, i.of(unreadable, [sha256.Size]byte{1}))
	}
}
