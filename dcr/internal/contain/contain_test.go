package contain_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/internal/contain"
)

func serve(t *testing.T, next http.HandlerFunc) (*http.Response, string, error, string) {
	t.Helper()
	var log bytes.Buffer
	at := httptest.NewServer(contain.Handler(slog.New(slog.NewTextHandler(&log, nil)), next))
	response, err := http.Get(at.URL)
	var body []byte
	if err == nil {
		body, err = io.ReadAll(response.Body)
		_ = response.Body.Close()
	}
	at.Close()
	return response, string(body), err, log.String()
}

func TestAPanicIsAnsweredAndLoggedWithItsStack(t *testing.T) {
	response, body, err, log := serve(t, func(http.ResponseWriter, *http.Request) { panic("secret place\n\x1b" + strings.Repeat("x", 1000)) })
	require.NoError(t, err)
	require.Equal(t, http.StatusInternalServerError, response.StatusCode)
	require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
	require.NotContains(t, body, "secret place")
	require.Contains(t, log, "secret place")
	require.Contains(t, log, "contain_test.go")
	require.Equal(t, 1, strings.Count(log, "\n"))
	require.NotContains(t, log, strings.Repeat("x", 600))
	require.NotContains(t, log, "\x1b")
}

func TestAnAnswerThatHasBegunIsBrokenOff(t *testing.T) {
	for name, begin := range map[string]func(w http.ResponseWriter){
		"by a body":   func(w http.ResponseWriter) { _, _ = io.WriteString(w, "half an ans") },
		"by a status": func(w http.ResponseWriter) { w.WriteHeader(http.StatusCreated) },
	} {
		_, body, err, log := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			begin(w)
			require.NoError(t, http.NewResponseController(w).Flush(), "what lies beneath is found")
			panic("too late")
		})
		require.Error(t, err, name)
		require.NotContains(t, body, "fault of the bank", name)
		require.Contains(t, log, "too late", name)
	}
}

func TestWhatIsMeantToAbortGoesOn(t *testing.T) {
	_, _, err, log := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	require.Error(t, err)
	require.Empty(t, log)
}

func TestWhatDoesNotPanicIsLetBe(t *testing.T) {
	response, body, err, log := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "whole") })
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "whole", body)
	require.Empty(t, log)
}
