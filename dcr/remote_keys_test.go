package dcr_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// presents is a source of one certificate.
func presents(leaf *x509.Certificate) cert.Source {
	return func(*http.Request) (*x509.Certificate, error) { return leaf, nil }
}

// way is a bank's connection to the directory, which a test can cut.
type way struct {
	inner http.RoundTripper
	cut   bool
	asked map[string]int
}

func (w *way) RoundTrip(r *http.Request) (*http.Response, error) {
	w.asked[r.URL.Path]++
	if w.cut {
		return nil, errors.New("cut")
	}
	return w.inner.RoundTrip(r)
}

// remoteWorld is a world whose bank reads all key sets over https.
func remoteWorld(t *testing.T) (*world, *dcr.Registrar, *way) {
	t.Helper()
	w, _ := newWorld(t, nil)
	out := &way{inner: w.directory.Client().Transport, asked: map[string]int{}}
	keys, err := ssa.NewRemoteKeys(ssa.RemoteConfig{
		Sources: []ssa.RemoteSource{{Hosts: w.directory.RemoteSource().Hosts}}, Clock: w.config.Clock, Transport: out,
	})
	require.NoError(t, err)
	t.Cleanup(keys.Close)
	anchor := w.directory.Anchor()
	anchor.Keys, anchor.JWKSURL = keys, w.directory.URL()+"/keys.jwks"
	config := w.config
	config.SoftwareKeys = keys
	config.Statements, err = ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{anchor}, Clock: config.Clock, Skew: time.Minute})
	require.NoError(t, err)
	r, err := dcr.NewRegistrar(config)
	require.NoError(t, err)
	return w, r, out
}

func TestAColdOutageOfTheDirectoryIsNotTheSendersFault(t *testing.T) {
	w, r, out := remoteWorld(t)
	token := w.token(t, nil)
	out.cut = true
	_, refusal := w.register(t, r, token)
	require.NotNil(t, refusal)
	require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
	require.Equal(t, 10*time.Second, refusal.RetryAfter)
	require.ErrorIs(t, refusal, ssa.ErrKeySourceUnavailable)

	out.cut = false
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
	w, r, out := remoteWorld(t)
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
	require.Equal(t, 2, out.asked[strings.TrimPrefix(w.software.JWKSURL(), w.directory.URL())], "one ordinary fetch, one for an unknown kid")
}

func TestTheHandlerSaysWhenToTryAgain(t *testing.T) {
	w, r, out := remoteWorld(t)
	out.cut = true
	h, err := dcr.NewHandler(dcr.HandlerConfig{Registrar: r, Path: "/register", Certificate: presents(w.certificate(t, w.software))})
	require.NoError(t, err)
	request := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/register", strings.NewReader(w.token(t, nil)))
	request.Header.Set("Content-Type", "application/jwt")
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, request)
	require.Equal(t, http.StatusServiceUnavailable, answer.Code)
	require.Equal(t, "10", answer.Header().Get("Retry-After"))
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
