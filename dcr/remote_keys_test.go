package dcr_test

import (
	"crypto/x509"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// presents is a source of one certificate.
func presents(leaf *x509.Certificate) cert.Source {
	return func(*http.Request) (*x509.Certificate, error) { return leaf, nil }
}

// remoteWorld is a world whose bank reads all key sets over https. The other parts of the bank
// are in the TPP's Bank, and not in the world.
func remoteWorld(t *testing.T) (*world, *dcr.Registrar, *dcrtest.TPP) {
	t.Helper()
	w := &world{now: time.Unix(1_790_000_000, 0)}
	bank := dcrtest.NewBank(t, dcrtest.WithClock(func() time.Time { return w.now }))
	tpp := bank.NewTPP(t)
	w.directory, w.software = bank.Directory(), tpp.Software()
	return w, bank.Server().Registrar(), tpp
}

// cut ends the connections of banks to the directory, or lets them through again.
func (w *world) cut(is bool) {
	w.directory.Misbehave(ssatest.EveryPath, ssatest.KeySetFault{Reset: is})
}

func TestAColdOutageOfTheDirectoryIsNotTheSendersFault(t *testing.T) {
	w, r, _ := remoteWorld(t)
	token := w.token(t, nil)
	w.cut(true)
	_, refusal := w.register(t, r, token)
	require.NotNil(t, refusal)
	require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
	require.Equal(t, 10*time.Second, refusal.RetryAfter)
	require.ErrorIs(t, refusal, ssa.ErrKeySourceUnavailable)

	w.cut(false)
	w.now = w.now.Add(4 * time.Second)
	_, refusal = w.register(t, r, token)
	require.Equal(t, 6*time.Second, refusal.RetryAfter, "the failure is remembered")

	w.now = w.now.Add(6 * time.Second)
	_, refusal = w.register(t, r, token)
	require.Nil(t, refusal, "no jti was burnt")
}

func TestAnOutageOfTheRevokedSetsRefusesToo(t *testing.T) {
	w, r, _ := remoteWorld(t)
	w.directory.Publish(w.revokedPaths()["organisation"], []byte("<html>"))
	token := w.token(t, nil)
	_, refusal := w.register(t, r, token)
	require.NotNil(t, refusal)
	require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
	require.Positive(t, refusal.RetryAfter)
}

func TestAnUnknownKidIsToldWhenTheSetWasReadAndWhenToTryAgain(t *testing.T) {
	w, r, _ := remoteWorld(t)
	_, refusal := w.register(t, r, w.token(t, nil))
	require.Nil(t, refusal)
	forged := func(kid string) string {
		token, err := w.software.SignWith(w.software.Request(ssatest.DefaultAudience), ssatest.Forgery{KeyID: kid})
		require.NoError(t, err)
		return token
	}
	w.now = w.now.Add(5 * time.Second)
	asked := w.now
	for i := range 3 {
		_, refusal = w.register(t, r, forged("stranger-"+string(rune('a'+i))))
		require.Equal(t, http.StatusBadRequest, refusal.Status)
		require.Equal(t, validate.InvalidClientMetadata, refusal.Code)
		require.Equal(t, []string{"request.key.found"}, ruleIDs(refusal.Report))
		require.Contains(t, refusal.Description, "as read at "+asked.UTC().Format(time.RFC3339))
		require.Contains(t, refusal.Description, "try again from "+asked.Add(30*time.Second).UTC().Format(time.RFC3339))
		w.now = w.now.Add(time.Second)
	}
	require.Equal(t, 2, w.directory.Fetches(w.software.JWKSURL()), "one ordinary fetch, one for an unknown kid")
}

func TestTheHandlerSaysWhenToTryAgain(t *testing.T) {
	w, _, tpp := remoteWorld(t)
	w.cut(true)
	_, err := tpp.Register()
	refusal := dcrtest.RequireRefused(t, err)
	require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
	require.Equal(t, "10", refusal.Exchange.Answer().Header.Get("Retry-After"))
}

func TestATransportKeyThatWasJustPublishedLetsIn(t *testing.T) {
	w, r, _ := remoteWorld(t)
	path := strings.TrimPrefix(w.software.JWKSURL(), w.directory.URL())
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	require.NoError(t, json.Unmarshal(w.software.JWKS(), &set))
	w.directory.Publish(path, append(append([]byte(`{"keys":[`), set.Keys[0]...), `]}`...))
	_, refusal := w.register(t, r, w.token(t, nil))
	require.Equal(t, http.StatusUnauthorized, refusal.Status)
	require.Contains(t, refusal.Description, "can be read again from")

	w.directory.Publish(path, w.software.JWKS())
	w.now = w.now.Add(31 * time.Second)
	_, refusal = w.register(t, r, w.token(t, nil))
	require.Nil(t, refusal, "the set is fresh still, and is read again for a key that is not in it")
}
