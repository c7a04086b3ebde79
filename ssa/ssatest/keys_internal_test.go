package ssatest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
)

// TestDirectoriesOfAProcessShareTheirKeys: also those beyond the embedded ones. The two
// environments share none.
func TestDirectoriesOfAProcessShareTheirKeys(t *testing.T) {
	last := func(environment claims.Environment) *rsa.PrivateKey {
		d, err := New(Options{Environment: environment})
		require.NoError(t, err)
		t.Cleanup(d.Close)
		var s *EnrolledSoftware
		for range maxEmbeddedSoftware + 1 {
			s, err = d.NewSoftware(SoftwareOptions{})
			require.NoError(t, err)
			require.NoError(t, s.TransportCertificate.Leaf.CheckSignatureFrom(d.CA))
		}
		return s.TransportCertificate.PrivateKey.(*rsa.PrivateKey)
	}
	one := last(claims.Sandbox)
	require.True(t, one.Equal(last(claims.Sandbox)))
	require.False(t, one.Equal(last(claims.Production)))
}

// TestKeysOfTheSamePrimesDiffer: each place of a set has its own key of 2048 bits.
func TestKeysOfTheSamePrimesDiffer(t *testing.T) {
	met := map[string]int{}
	for set := range keySet(2) {
		for place := range keysOfASet * keysOfASet {
			key, err := set.rsaKey(place)
			require.NoError(t, err)
			require.Equal(t, 2048, key.N.BitLen(), place)
			met[key.N.String()]++
		}
	}
	require.Len(t, met, 2*keysOfASet*keysOfASet)
	beyond, err := keySet(sandboxSet).rsaKey(keysOfASet * keysOfASet)
	require.NoError(t, err)
	require.Equal(t, 2048, beyond.N.BitLen())
	require.NotContains(t, met, beyond.N.String())
}

// TestTheCASignsAsCertificatesAreSigned: the same digest with the same signature, and nothing else.
func TestTheCASignsAsCertificatesAreSigned(t *testing.T) {
	key, err := authorityKeys[sandboxSet]()
	require.NoError(t, err)
	digest := sha256.Sum256([]byte("a certificate"))
	first, err := key.Sign(nil, digest[:], crypto.SHA256)
	require.NoError(t, err)
	require.NoError(t, rsa.VerifyPKCS1v15(&key.key.PublicKey, crypto.SHA256, digest[:], first))
	want := append([]byte(nil), first...)
	first[0]++ // the caller's own
	again, err := key.Sign(nil, digest[:], crypto.SHA256)
	require.NoError(t, err)
	require.Equal(t, want, again)
	other := sha512.Sum384([]byte("a certificate"))
	for _, refused := range []struct {
		digest []byte
		opts   crypto.SignerOpts
	}{{digest[:], &rsa.PSSOptions{Hash: crypto.SHA256}}, {other[:], crypto.SHA384}, {digest[:31], crypto.SHA256}} {
		_, err := key.Sign(nil, refused.digest, refused.opts)
		require.Error(t, err)
	}
}
