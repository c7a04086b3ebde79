package dcr_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/dcr"
)

func TestTheHandlerStandsBeforeAMuxThatWouldRedirect(t *testing.T) {
	_, r := newWorld(t, nil)
	h, err := dcr.NewHandler(dcr.HandlerConfig{Registrar: r, Path: "/register", Certificate: cert.FromTLS})
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	api := h.Before(mux)
	for target, want := range map[string]int{
		"/register": http.StatusUnauthorized, "//register": http.StatusNotFound, "/x/../register": http.StatusNotFound,
		"/register/./a": http.StatusNotFound, "/register/": http.StatusNotFound,
		"/accounts": http.StatusTeapot, "/": http.StatusTeapot, "/registered": http.StatusTeapot,
	} {
		answer := httptest.NewRecorder()
		api.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, target, nil))
		require.Equal(t, want, answer.Code, target)
	}
}
