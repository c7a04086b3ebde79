package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/conform"
)

// TestAFirstCauseIsSaidWhateverTheFormOfTheReportIs: by the text itself, else on standard error; the exit code is 1 although
// no chosen case could fail.
func TestAFirstCauseIsSaidWhateverTheFormOfTheReportIs(t *testing.T) {
	t.Parallel()
	b := newTinyBank(t)
	b.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || r.URL.Path == "/token" {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"invalid_client_metadata","error_description":"aud is another bank"}`)
		return true
	})
	code, out, said := call(b.args("--filter", "register.iss-*")...)
	require.Equal(t, 1, code, said)
	require.Contains(t, out, "FIRST CAUSE")
	require.Contains(t, out, "--aud")
	code, out, said = call(b.args("--filter", "register.iss-*", "-o", "json")...)
	require.Equal(t, 1, code)
	require.Contains(t, said, "aud is another bank")
	report, err := conform.ReadReport(strings.NewReader(out))
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, report.FirstCause.Status)
	require.Zero(t, report.Counts[conform.Passed])
}
