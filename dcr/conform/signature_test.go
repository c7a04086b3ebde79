package conform_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/conform"
)

// signedRuns are the runs in a text that may be a part of a signature or of what holds one.
func signedRuns(text string) []string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+/-"
	runs := strings.FieldsFunc(text, func(r rune) bool { return !strings.ContainsRune(alphabet, r) })
	return slices.DeleteFunc(runs, func(run string) bool { return len(run) < 48 })
}

// signatures are what a bank has heard that is signed.
type signatures struct {
	mutex sync.Mutex
	all   map[string]bool
}

// hear keeps the signatures of a request and of its statement, in whatever serialization, and the payload that holds the statement.
func (s *signatures) hear(body string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, run := range regexp.MustCompile(`[A-Za-z0-9_-]{80,}`).FindAllString(body, -1) {
		data, err := base64.RawURLEncoding.DecodeString(run)
		if err != nil {
			continue
		}
		at := bytes.Index(data, []byte(`"software_statement"`))
		if at < 0 && json.Valid(data) {
			continue // the claims of a statement, which a report may hold
		}
		for _, form := range []string{run, base64.StdEncoding.EncodeToString(data), hex.EncodeToString(data)} {
			s.all[form] = true
		}
		if at >= 0 {
			if parts := strings.Split(strings.Trim(strings.SplitN(string(data[at:]), `"`, 5)[3], `"`), "."); len(parts) == 3 {
				s.all[parts[2]] = true
			}
		}
	}
}

// echoOf is a bank that repeats each request, in its answer and in a header.
func (s *signatures) echoOf(bank http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if len(body) > 10000 || !strings.HasPrefix(r.URL.Path, "/register") {
			bank.ServeHTTP(w, r)
			return
		}
		s.hear(string(body))
		answer := httptest.NewRecorder()
		bank.ServeHTTP(answer, r)
		var document map[string]any
		if json.Unmarshal(answer.Body.Bytes(), &document) != nil {
			document = map[string]any{}
		}
		signature := body[bytes.LastIndexByte(body, '.')+1:]
		data, _ := base64.RawURLEncoding.DecodeString(string(signature))
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Echo", strings.Join(strings.Fields(string(body)), " "))
		w.Header().Set("X-Signature", string(signature))
		document["error_description"] = "you sent " + string(body)
		document["request"] = map[string]any{"parts": strings.Split(string(body), "."), "plain": data, "hex": hex.EncodeToString(data)}
		w.WriteHeader(answer.Code)
		_ = json.NewEncoder(w).Encode(document)
	})
}

// TestNoReportHoldsASignature: the bank repeats what it is sent, and the cases send it in all serializations and media types.
func TestNoReportHoldsASignature(t *testing.T) {
	t.Parallel()
	s := &signatures{all: map[string]bool{}}
	_, c := withHandler(t, s.echoOf)
	c.Parallel, c.Filter = 4, []string{"jose", "http", "register.valid", "statement", "update.same"}
	report := run(t, c)
	require.Greater(t, len(s.all), 100)
	heard := strings.Join(slices.Collect(maps.Keys(s.all)), " ")
	written := map[string]string{}  // each run once, since the forms of a report write the same
	for i := range report.Results { // so that each exchange is written
		report.Results[i].Verdict = conform.Failed
	}
	for name, write := range map[string]func(io.Writer) error{"json": report.WriteJSON, "junit": report.WriteJUnit, "html": report.WriteHTML,
		"text": func(w io.Writer) error { return report.WriteText(w, conform.TextOptions{Width: 1 << 16}) },
		"full": func(w io.Writer) error { return report.WriteText(w, conform.TextOptions{Width: 1 << 16, Full: true}) }} {
		var b bytes.Buffer
		require.NoError(t, write(&b))
		for _, run := range signedRuns(b.String()) {
			written[run] = name
			data, _ := base64.RawURLEncoding.DecodeString(run)
			for _, inner := range signedRuns(string(data)) {
				written[inner] = name
			}
		}
	}
	require.NotEmpty(t, written)
	for run, name := range written {
		require.False(t, strings.Contains(heard, run), "%s has %s", name, run)
	}
}
