package tpp_test

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// TestAnAnswerThatIsDislikedIsKept: a bank shows a client_id and a secret once.
func TestAnAnswerThatIsDislikedIsKept(t *testing.T) {
	const named = `"client_id": "x", "client_secret": "s3cret-value"`
	for name, c := range map[string]struct {
		status int
		body   string
		broken bool // the answer is announced longer than it is
		names  bool // a client_id
	}{
		"within data":    {201, `{"data": {` + named + `}}`, false, true},
		"a list":         {201, `[{` + named + `}]`, false, true},
		"JSON that ends": {201, `{` + named + `,`, false, true},
		"broken off":     {201, `{` + named, true, true},
		"a bad id":       {201, `{"client_id": "..", "client_secret": "s3cret-value"}`, false, true},
		"a bad secret":   {201, `{"client_id": "x", "client_secret": ["s3cret-value"]}`, false, true},
		"HTML":           {201, `<html>s3cret-value</html>`, false, false},
		"another 2xx":    {202, `{` + named + `}`, false, true},
		"too long":       {201, `{` + named + strings.Repeat(" ", 600<<10) + `}`, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t, func(w http.ResponseWriter, _ *http.Request) {
				if c.broken {
					w.Header().Set("Content-Length", "1000")
				}
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			})
			for _, verb := range []string{"register", "update"} {
				var lost *tpp.NoAnswerError
				err := each(t.Context(), s.client)[verb]()
				require.ErrorAs(t, err, &lost, verb)
				assert.Equal(t, c.body[:min(len(c.body), 512<<10)], lost.Document.Reveal())
				assert.Equal(t, c.names, lost.NamesClient())
				assert.True(t, tpp.MayHaveHappened(err))
				assert.NotContains(t, fmt.Sprintf("%v %+v %#v %s", err, lost, *lost, lost.Next()), "s3cret")
				assert.NotContains(t, lost.Next(), "lost")
				if verb == "register" {
					assert.Equal(t, tpp.RetryLook, lost.Retry())
				}
			}
		})
	}
}

func TestAClientIDIsTakenInManyForms(t *testing.T) {
	for written, id := range map[string]string{
		`12345`: "12345", `-7`: "-7", `12345678901234567890`: "12345678901234567890", `"a b"`: "a b", `"caf\u00e9"`: "caf\u00e9",
		`"https://a.example/b"`: "https://a.example/b", `"` + strings.Repeat("x", 1024) + `"`: strings.Repeat("x", 1024),
	} {
		for _, mark := range []string{"", "\ufeff"} {
			i, err := tpp.ParseClientInformation([]byte(mark + `{"client_id": ` + written + `}`))
			require.NoError(t, err, written)
			assert.Equal(t, id, i.ClientID)
			assert.True(t, tpp.UsableClientID(id))
		}
	}
	for _, written := range []string{`""`, `"."`, `".."`, `"a\u0000"`, `"a\u009f"`, `1.5`, `1e3`, `null`, `true`, `["x"]`, `"` + strings.Repeat("x", 1025) + `"`} {
		_, err := tpp.ParseClientInformation([]byte(`{"client_id": ` + written + `}`))
		require.Error(t, err, written)
	}
}

func TestARefusalThatIsNotWholeIsARefusal(t *testing.T) {
	for name, body := range map[string]string{"broken off": `{"error": "x"`, "too long": `{"error": "x"` + strings.Repeat(" ", 600<<10) + "}"} {
		s := newStub(t, func(w http.ResponseWriter, _ *http.Request) {
			if len(body) < 100 {
				w.Header().Set("Content-Length", "1000")
			}
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, body)
		})
		for verb, call := range each(t.Context(), s.client) {
			var refused *tpp.ResponseError
			require.ErrorAs(t, call(), &refused, "%s, %s", name, verb)
			assert.Equal(t, http.StatusBadRequest, refused.Status)
			assert.Contains(t, refused.Description, `"x"`)
			assert.Contains(t, refused.Description, "broke off")
			assert.Equal(t, tpp.RetryNew, refused.Retry())
		}
	}
}

func TestARefusalIsReadWhereItIsNoDocument(t *testing.T) {
	const jwt = "eyJhbGciOiJub25lIn0.eyJlcnJvciI6ImFiYyIsImVycm9yX2Rlc2NyaXB0aW9uIjoibm8ifQ."
	for name, c := range map[string]struct{ media, challenge, body, code, said string }{
		"a challenge":                      {"", `Bearer realm="x", error="invalid_token", error_description="it \"has\" expired"`, "", "invalid_token", `it "has" expired`},
		"the body goes before a challenge": {"text/plain", `Bearer error="invalid_token"`, "no", "", "no"},
		"a scheme alone":                   {"", "MutualTLS", "", "", ""},
		"a token":                          {"application/jwt", "", jwt, "abc", "a token (JWT) in the place of an error: no"},
		"a token of something else":        {"application/jwt", "", "eyJhbGciOiJub25lIn0.eyJhIjoxfQ.", "", "a token (JWT) in the place of an error"},
		"Latin-1":                          {"text/plain; charset=iso-8859-1", "", "Schl\xfcssel", "", "Schl\u00fcssel"},
		"Latin-1 with a NUL":               {"text/plain; charset=ISO-8859-1", "", "Schl\xfcssel\x00", "", "Schl\u00fcssel" + `\u0000`},
		"bytes of no charset":              {"text/plain", "", "Schl\xfcssel", "", `Schl\xfcssel`},
	} {
		t.Run(name, func(t *testing.T) {
			client := answering(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.media)
				w.Header().Set("WWW-Authenticate", c.challenge)
				w.WriteHeader(http.StatusUnauthorized)
				fmt.Fprint(w, c.body)
			})
			var refused *tpp.ResponseError
			require.ErrorAs(t, each(t.Context(), client)["register"](), &refused)
			assert.Equal(t, c.code, refused.Code)
			assert.Equal(t, c.said, refused.Description)
		})
	}
}

func TestADescriptionForAProgramHasNoEscapes(t *testing.T) {
	refused := refusal(t, 400, "application/json", `{"error": "x", "error_description": "a\u001b[31mb"}`)
	assert.Equal(t, `a\u001b[31mb`, refused.Description)
	assert.Equal(t, "a\x1b[31mb", refused.Plain)
}

func TestARedirectSaysWhereItLeads(t *testing.T) {
	client := answering(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "https://login.example/\u009b?t="+strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	for verb, call := range each(t.Context(), client) {
		var refused *tpp.ResponseError
		require.ErrorAs(t, call(), &refused, verb)
		assert.Contains(t, refused.Location, `https://login.example/\u009b?t=`)
		assert.NotContains(t, refused.Location, goodToken.Value.Reveal())
		assert.Contains(t, refused.Next(), "https://login.example/")
	}
}

func TestAUsedJTIMayMeanThatTheClientIsRegistered(t *testing.T) {
	for said, used := range map[string]bool{"jti replayed": true, "the JTI has already been used": true, "duplicate jti": true, "jti is no UUID": false, "used": false} {
		refused := refusal(t, 400, "application/json", `{"error": "invalid_client_metadata", "error_description": "`+said+`"}`)
		assert.Equal(t, used, refused.Retry() == tpp.RetryLook, said)
		assert.Equal(t, used, refused.Next() != "", said)
	}
}

func TestNoAnswerIsToldInWords(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		err  error
		said []string
	}{
		"a header":      {errors.New(`net/http: HTTP/1.x transport connection broken: malformed MIME header line: secret`), []string{"no HTTP answer"}},
		"a status":      {errors.New(`net/http: HTTP/1.x transport connection broken: malformed HTTP response "SSH"`), []string{"no HTTP answer"}},
		"no TLS":        {http.ErrSchemeMismatch, []string{"no TLS"}},
		"the end":       {io.ErrUnexpectedEOF, []string{"ended the connection"}},
		"another host":  {x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"a.example"}}, Host: "b.example"}, []string{"a.example", "b.example"}},
		"a proxy":       {&tpp.ProxyError{Status: 407, Variable: "HTTPS_PROXY"}, []string{"user and password", "HTTPS_PROXY"}},
		"another proxy": {&tpp.ProxyError{Status: 403}, []string{"status 403"}},
	} {
		client := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, c.err })}
		d, err := tpp.NewDirectoryClient(w.directoryConfig(client, "https://directory.example"))
		require.NoError(t, err)
		_, err = d.Statement(t.Context(), "org", "software")
		var lost *tpp.NoAnswerError
		require.ErrorAs(t, err, &lost, name)
		for _, said := range c.said {
			assert.Contains(t, lost.Reason, said, name)
		}
		assert.NotContains(t, lost.Reason, "bank", name)
		assert.NotContains(t, lost.Reason, "secret", name)
	}
}

func TestAStatementIsTakenBetweenQuotationMarks(t *testing.T) {
	w := newWorld(t)
	statement := w.statement(t, nil)
	for body, taken := range map[string]bool{`"` + statement + `"`: true, "\ufeff" + statement + "\n": true,
		w.request(t, func(*claims.Request) {}): false} {
		c := w.directoryConfig(handled(&standIn{status: 200, body: body}), "https://directory.example")
		c.TokenEndpoint = "https://directory.example" + ssatest.TokenPath
		d, err := tpp.NewDirectoryClient(c)
		require.NoError(t, err)
		got, err := d.Statement(t.Context(), "org", w.software.SoftwareID)
		if taken {
			require.NoError(t, err)
			assert.Equal(t, statement, got)
			continue
		}
		var lost *tpp.NoAnswerError
		require.ErrorAs(t, err, &lost)
		assert.Contains(t, lost.Reason, "registration request")
	}
}
