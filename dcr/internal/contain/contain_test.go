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

// served is what a client got, and what the log says.
type served struct {
	status    int
	header    http.Header
	body, log string
}

func serve(t *testing.T, next http.HandlerFunc) (served, error) {
	t.Helper()
	var log bytes.Buffer
	at := httptest.NewServer(contain.Handler(slog.New(slog.NewTextHandler(&log, nil)), next))
	response, err := http.Get(at.URL)
	if err != nil {
		at.Close()
		return served{log: log.String()}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	at.Close() // waits for what logs
	return served{response.StatusCode, response.Header, string(body), log.String()}, err
}

func TestAPanicIsAnsweredAndLoggedWithItsStack(t *testing.T) {
	got, err := serve(t, func(http.ResponseWriter, *http.Request) { panic("secret place\n\x1b" + strings.Repeat("x", 1000)) })
	require.NoError(t, err)
	require.Equal(t, http.StatusInternalServerError, got.status)
	require.Equal(t, "no-store", got.header.Get("Cache-Control"))
	require.NotContains(t, got.body, "secret place")
	require.Contains(t, got.log, "secret place")
	require.Contains(t, got.log, "contain_test.go")
	require.Equal(t, 1, strings.Count(got.log, "\n"))
	require.NotContains(t, got.log, strings.Repeat("x", 600))
	require.NotContains(t, got.log, "\x1b")
}

func TestAnAnswerThatHasBegunIsBrokenOff(t *testing.T) {
	for name, begin := range map[string]func(w http.ResponseWriter){
		"by a body":   func(w http.ResponseWriter) { _, _ = io.WriteString(w, "half an ans") },
		"by a status": func(w http.ResponseWriter) { w.WriteHeader(http.StatusCreated) },
	} {
		got, err := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			begin(w)
			require.NoError(t, http.NewResponseController(w).Flush(), "what lies beneath is found")
			panic("too late")
		})
		require.Error(t, err, name)
		require.NotContains(t, got.body, "fault of the bank", name)
		require.Contains(t, got.log, "too late", name)
	}
}

func TestWhatIsMeantToAbortGoesOn(t *testing.T) {
	got, err := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	require.Error(t, err)
	require.Empty(t, got.log)
}

func TestWhatDoesNotPanicIsLetBe(t *testing.T) {
	got, err := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "whole") })
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, got.status)
	require.Equal(t, "whole", got.body)
	require.Empty(t, got.log)
}
