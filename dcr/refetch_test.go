package dcr_test

import (
	"crypto/x509"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// rekeyed publishes other keys at the software's address, and returns a request with them.
func (w *world) rekeyed(t *testing.T) dcr.RegisterInput {
	t.Helper()
	next := w.other(t, ssatest.SoftwareOptions{})
	w.directory.Publish(strings.TrimPrefix(w.software.JWKSURL(), w.directory.URL()), next.JWKS())
	token, err := w.software.SignWith(w.software.Request(ssatest.DefaultAudience), ssatest.Forgery{Key: next.SigningKey, KeyID: next.SigningKeyID})
	require.NoError(t, err)
	return dcr.RegisterInput{Token: claims.NewSecret(token), Certificate: w.certificate(t, next)}
}

// Strangers have somebody's statement and certificates of the CA. They name kids that the
// set lacks, and the set does not have their certificates: it is read again on their
// account, and not on the software's.
func TestStrangersDoNotUseUpTheRefetchOfASoftware(t *testing.T) {
	w, r, _ := remoteWorld(t)
	_, refusal := w.register(t, r, w.token(t, nil))
	require.Nil(t, refusal, "the cache is warm")
	w.now = w.now.Add(time.Second)
	send := func(leaf *x509.Certificate, kid string) {
		token, err := w.software.SignWith(w.software.Request(ssatest.DefaultAudience), ssatest.Forgery{KeyID: kid})
		require.NoError(t, err)
		_, err = r.Register(t.Context(), dcr.RegisterInput{Token: claims.NewSecret(token), Certificate: leaf})
		require.Equal(t, http.StatusUnauthorized, refusalOf(t, err).Status)
	}
	before := w.directory.Fetches(w.software.JWKSURL())
	for range 3 {
		stranger := w.certificate(t, w.other(t, ssatest.SoftwareOptions{}))
		for range 5 {
			send(stranger, "kid-of-nobody")
		}
	}
	require.Equal(t, before+3, w.directory.Fetches(w.software.JWKSURL()), "once for each certificate")

	_, err := r.Register(t.Context(), w.rekeyed(t))
	require.NoError(t, err, "its own certificate and kid have the set read at once")
	require.Equal(t, before+4, w.directory.Fetches(w.software.JWKSURL()))
}

// All strangers together have the set read so many times: the directory is not flooded. A
// software whose key is new waits then, and learns for how long.
func TestManyStrangersDoNotFloodTheDirectory(t *testing.T) {
	w, r, _ := remoteWorld(t)
	_, refusal := w.register(t, r, w.token(t, nil))
	require.Nil(t, refusal)
	before := w.directory.Fetches(w.software.JWKSURL())
	for range 12 {
		stranger := w.certificate(t, w.other(t, ssatest.SoftwareOptions{}))
		_, err := r.Register(t.Context(), dcr.RegisterInput{Token: claims.NewSecret(w.token(t, nil)), Certificate: stranger})
		require.Equal(t, http.StatusUnauthorized, refusalOf(t, err).Status)
	}
	require.Equal(t, before+8, w.directory.Fetches(w.software.JWKSURL()))
	_, refusal = w.register(t, r, w.token(t, nil))
	require.Nil(t, refusal, "who needs no reading is not touched")

	renewed := w.rekeyed(t)
	_, err := r.Register(t.Context(), renewed)
	refusal = refusalOf(t, err)
	require.Equal(t, http.StatusUnauthorized, refusal.Status)
	require.Contains(t, refusal.Description, "can be read again from")
	w.now = w.now.Add(30 * time.Second)
	_, err = r.Register(t.Context(), renewed)
	require.NoError(t, err)
}
