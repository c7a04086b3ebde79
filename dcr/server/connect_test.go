package server_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// A proxy that got 2xx for CONNECT would send the client's bytes to the bank as they are.
func TestABankIsNoTunnel(t *testing.T) {
	w := newWorld(t)
	w.config.Rest = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	bank := w.bank(t)
	for _, target := range []string{"/accounts", "/register", "/healthz", "/"} {
		for name, handler := range map[string]http.Handler{"Handler": bank.Handler(), "Before": bank.Before(w.config.Rest)} {
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, httptest.NewRequest(http.MethodConnect, target, http.NoBody))
			require.Equal(t, http.StatusMethodNotAllowed, answer.Code, "%s of %s", target, name)
		}
	}
}
