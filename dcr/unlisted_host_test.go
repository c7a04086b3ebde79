package dcr_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa"
)

// missingHost is a resolver that lists none of the directory's hosts.
func missingHost(t *testing.T, w *world) *ssa.RemoteKeys {
	t.Helper()
	keys, err := ssa.NewRemoteKeys(ssa.RemoteConfig{
		Sources: []ssa.RemoteSource{{Hosts: []string{"elsewhere.example"}}}, Clock: w.config.Clock,
	})
	require.NoError(t, err)
	t.Cleanup(keys.Close)
	return keys
}

// TestAHostThatTheBankForgotToListIsAnInternalError: the sender cannot help it, and
// trying again does not either.
func TestAHostThatTheBankForgotToListIsAnInternalError(t *testing.T) {
	for name, change := range map[string]func(*testing.T, *world, *dcr.Config){
		"of the software's keys": func(t *testing.T, w *world, c *dcr.Config) {
			c.SoftwareKeys = missingHost(t, w)
		},
		"of the directory's own": func(t *testing.T, w *world, c *dcr.Config) {
			anchor := w.directory.Anchor()
			anchor.Keys, anchor.JWKSURL = missingHost(t, w), w.directory.URL()+"/keys.jwks"
			var err error
			c.Statements, err = ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{anchor}, Clock: c.Clock, Skew: time.Minute})
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := newWorld(t, nil)
			config := w.config
			var log bytes.Buffer
			config.Logger = slog.New(slog.NewTextHandler(&log, nil))
			change(t, w, &config)
			r, err := dcr.NewRegistrar(config)
			require.NoError(t, err)
			h, err := dcr.NewHandler(dcr.HandlerConfig{Registrar: r, Path: "/register", Certificate: presents(w.certificate(t, w.software))})
			require.NoError(t, err)
			request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/register", strings.NewReader(w.token(t, nil)))
			request.Header.Set("Content-Type", "application/jwt")
			answer := httptest.NewRecorder()
			h.ServeHTTP(answer, request)
			require.Equal(t, http.StatusInternalServerError, answer.Code)
			require.Empty(t, answer.Header().Get("Retry-After"))
			require.NotContains(t, answer.Body.String(), "Sources", "the sender learns nothing of the bank's settings")
			require.Contains(t, log.String(), "RemoteConfig.Sources")
			require.Contains(t, log.String(), strings.TrimPrefix(w.directory.URL(), "https://"))

			_, refusal := w.register(t, r, w.token(t, nil))
			require.ErrorIs(t, refusal, ssa.ErrJWKSHost)
			require.NotErrorIs(t, refusal, ssa.ErrKeySourceUnavailable)
		})
	}
}
