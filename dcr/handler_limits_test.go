package dcr_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/dcr"
)

func TestOnlyTheTwoMediaTypesAreRead(t *testing.T) {
	s := newSite(t, nil)
	server := s.start(t, nil, nil)
	id := s.client(t)
	for _, c := range []struct {
		values []string
		read   bool
	}{
		{[]string{"application/jwt"}, true},
		{[]string{"application/jose"}, true},
		{[]string{"Application/JWT"}, true},
		{[]string{"application/jose; charset=utf-8"}, true},
		{[]string{"application/jwt ;x=y"}, true},
		{[]string{"application/jwt;"}, true},
		{nil, false},
		{[]string{""}, false},
		{[]string{"application/json"}, false},
		{[]string{"application/jose+json"}, false},
		{[]string{"application/jwt+json"}, false},
		{[]string{"application/jwtx"}, false},
		{[]string{"application/jw"}, false},
		{[]string{"application"}, false},
		{[]string{"application/*"}, false},
		{[]string{"*/*"}, false},
		{[]string{"text/plain"}, false},
		{[]string{"application/x-www-form-urlencoded"}, false},
		{[]string{"application/jwt, application/jose"}, false},
		{[]string{"application/jwt; charset"}, false},
		{[]string{"application/jwt; a=b; a=c"}, false},
		{[]string{"application/jwt", "application/jwt"}, false},
		{[]string{"application /jwt"}, false},
		{[]string{"application/jwt\t/x"}, false},
	} {
		for _, target := range [][2]string{{"POST", "/register"}, {"PUT", "/register/" + id}} {
			r := s.request(t, target[0], target[1], strings.NewReader(s.token(t, nil)))
			delete(r.Header, "Content-Type")
			if c.values != nil {
				r.Header["Content-Type"] = c.values
			}
			a := server.send(t, r)
			if c.read {
				require.Less(t, a.status, 300, "%q: %s", c.values, a.body)
			} else {
				require.Equal(t, 415, a.status, "%q", c.values)
			}
		}
	}
	for _, coding := range []string{"gzip", "identity", "br", ""} {
		r := s.request(t, "POST", "/register", strings.NewReader(s.token(t, nil)))
		r.Header["Content-Encoding"] = []string{coding}
		require.Equal(t, 415, server.send(t, r).status, coding)
	}
}

func TestABodyIsReadUpToItsLimit(t *testing.T) {
	s := newSite(t, nil)
	server := s.start(t, nil, nil)
	for n, status := range map[int]int{0: 400, 1: 400, dcr.MaxRequestBody - 1: 400, dcr.MaxRequestBody: 400,
		dcr.MaxRequestBody + 1: 413, 10 << 20: 413} {
		for name, body := range map[string]io.Reader{
			"with its length": strings.NewReader(strings.Repeat("x", n)),
			"in chunks":       io.MultiReader(strings.NewReader(strings.Repeat("x", n))),
		} {
			a := server.send(t, s.request(t, "POST", "/register", body))
			require.Equal(t, status, a.status, "%d bytes %s: %s", n, name, a.body)
		}
	}
	require.Equal(t, 400, server.send(t, s.request(t, "POST", "/register", strings.NewReader(s.token(t, nil)+"\n"))).status)
	require.Equal(t, 201, server.send(t, s.request(t, "POST", "/register", io.MultiReader(strings.NewReader(s.token(t, nil))))).status)
}

// TestASlowBodyIsNotWaitedFor sends the beginning of a body and then nothing.
func TestASlowBodyIsNotWaitedFor(t *testing.T) {
	s := newSite(t, nil)
	server := s.start(t, nil, func(c *dcr.HandlerConfig) { c.BodyTimeout = 20 * time.Millisecond })
	for name, change := range map[string]func(*http.Request){
		"announced": func(r *http.Request) { r.ContentLength = 1000 }, "in chunks": func(*http.Request) {},
	} {
		reader, writer := io.Pipe()
		go func() { _, _ = io.WriteString(writer, "eyJ") }()
		r := s.request(t, "POST", "/register", reader)
		change(r)
		a := server.send(t, r)
		require.Equal(t, 408, a.status, "%s: %s", name, a.body)
		require.NoError(t, writer.Close())
	}
	reader, writer := io.Pipe()
	r := s.request(t, "POST", "/register", reader)
	r.Header.Set("Content-Type", "text/plain")
	require.Equal(t, 415, server.send(t, r).status, "what is refused unread is not waited for either")
	require.NoError(t, writer.Close())
}

func TestASlowBodyIsNotWaitedForOverHTTP2Either(t *testing.T) {
	s := newSite(t, nil)
	server := httptest.NewUnstartedServer(s.handler(t, func(c *dcr.HandlerConfig) { c.BodyTimeout = 20 * time.Millisecond }))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	reader, writer := io.Pipe()
	response, err := server.Client().Do(s.request(t, "POST", server.URL+"/register", reader))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.NoError(t, writer.Close())
	require.Equal(t, 2, response.ProtoMajor)
	require.Equal(t, 408, response.StatusCode)
}

// TestABodyThatBreaksOffRegistersNothing announces more than it sends.
func TestABodyThatBreaksOffRegistersNothing(t *testing.T) {
	s := newSite(t, nil)
	h := s.handler(t, nil)
	r := s.request(t, "POST", "/register", io.MultiReader(strings.NewReader(s.token(t, nil)), broken{}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(t, 400, w.Code)
	require.Equal(t, "invalid_client_metadata", decodeJSON(t, w.Body.Bytes())["error"])
	records, err := s.store.List(context.Background(), "", 10)
	require.NoError(t, err)
	require.Empty(t, records)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestTheTimeoutOfTheBodyEndsWithIt: the bank may take longer for a request that it has
// read than a client may take to send it. A body that no verb reads keeps its timeout,
// because the server reads it.
func TestTheTimeoutOfTheBodyEndsWithIt(t *testing.T) {
	s := newSite(t, nil)
	h := s.handler(t, func(c *dcr.HandlerConfig) { c.BodyTimeout = time.Minute })
	for media, ended := range map[string]bool{"application/jwt": true, "text/plain": false} {
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		r := s.request(t, "POST", "/register", strings.NewReader(s.token(t, nil)))
		r.Header.Set("Content-Type", media)
		before := time.Now()
		h.ServeHTTP(w, r)
		require.WithinRange(t, w.set[0], before.Add(time.Minute), time.Now().Add(time.Minute))
		require.Equal(t, ended, w.set[len(w.set)-1].IsZero(), media)
	}
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	h.ServeHTTP(w, s.request(t, "GET", "/register/"+s.client(t), nil))
	require.Equal(t, 200, w.Code)
	require.Empty(t, w.set, "nothing is read, and the server may go on to see whether the client leaves")
}

// deadlines records the deadlines that are set.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}

// handler serves the site's registrar to callers that have the software's
// certificate.
func (s *site) handler(t *testing.T, change func(*dcr.HandlerConfig)) http.Handler {
	t.Helper()
	leaf := s.certificate(t, s.software)
	config := dcr.HandlerConfig{Registrar: s.registrar, Path: "/register",
		Certificate: func(*http.Request) (*x509.Certificate, error) { return leaf, nil }}
	if change != nil {
		change(&config)
	}
	h, err := dcr.NewHandler(config)
	require.NoError(t, err)
	return h
}

func TestEachCertificateIsLimitedForItself(t *testing.T) {
	s := newSite(t, nil)
	limits := &limiter{left: 2, wait: 1500 * time.Millisecond}
	server := s.start(t, nil, func(c *dcr.HandlerConfig) { c.Limiter = limits })
	for range 2 {
		require.Equal(t, 415, func() int {
			r := s.request(t, "POST", "/register", strings.NewReader("x"))
			r.Header.Set("Content-Type", "text/plain")
			return server.send(t, r).status
		}(), "a request that is refused counts, too")
	}
	a := server.send(t, s.request(t, "POST", "/register", strings.NewReader(s.token(t, nil))))
	require.Equal(t, 429, a.status)
	require.Equal(t, "2", a.header.Get("Retry-After"), "rounded up")
	sum := sha256.Sum256(s.certificate(t, s.software).Raw)
	require.Equal(t, []string{hex.EncodeToString(sum[:]), hex.EncodeToString(sum[:]), hex.EncodeToString(sum[:])}, limits.keys)

	limits.keys = nil
	require.Equal(t, 401, server.sendBy(t, server.plain, s.request(t, "POST", "/register", strings.NewReader("x"))).status)
	require.Equal(t, 405, server.send(t, s.request(t, "PATCH", "/register", nil)).status)
	require.Equal(t, 404, server.send(t, s.request(t, "POST", "/registers", nil)).status)
	require.Empty(t, limits.keys, "who has no certificate has no key, and what needs no work is not counted")
}

func TestRetryAfterIsASecondOrMore(t *testing.T) {
	s := newSite(t, nil)
	for wait, want := range map[time.Duration]string{
		-time.Second: "1", 0: "1", 1: "1", time.Second: "1", time.Second + 1: "2", time.Hour: "3600",
	} {
		w := httptest.NewRecorder()
		s.handler(t, func(c *dcr.HandlerConfig) { c.Limiter = &limiter{wait: wait} }).ServeHTTP(w, s.request(t, "POST", "/register", nil))
		require.Equal(t, 429, w.Code)
		require.Equal(t, want, w.Header().Get("Retry-After"), wait)
	}
}

func TestACertificateSourceThatCannotTellIsNoCertificate(t *testing.T) {
	s := newSite(t, nil)
	server := s.start(t, nil, func(c *dcr.HandlerConfig) {
		c.Certificate = func(*http.Request) (*x509.Certificate, error) {
			return nil, fmt.Errorf("%w: 192.0.2.1", cert.ErrPeer)
		}
	})
	a := server.send(t, s.request(t, "POST", "/register", strings.NewReader(s.token(t, nil))))
	require.Equal(t, 401, a.status)
	require.NotContains(t, a.body, "192.0.2.1")
	require.Contains(t, s.log.String(), "192.0.2.1", "the bank wants to know")
}

func TestAHandlerRefusesAConfigurationThatContradictsItself(t *testing.T) {
	s := newSite(t, nil)
	config := s.config
	config.Tokens = nil
	without, err := dcr.NewRegistrar(config)
	require.NoError(t, err)
	for name, change := range map[string]func(*dcr.HandlerConfig){
		"no registrar":         func(c *dcr.HandlerConfig) { c.Registrar = nil },
		"no certificates":      func(c *dcr.HandlerConfig) { c.Certificate = nil },
		"no path":              func(c *dcr.HandlerConfig) { c.Path = "" },
		"the root":             func(c *dcr.HandlerConfig) { c.Path = "/" },
		"a path without slash": func(c *dcr.HandlerConfig) { c.Path = "register" },
		"a slash at the end":   func(c *dcr.HandlerConfig) { c.Path = "/register/" },
		"two slashes":          func(c *dcr.HandlerConfig) { c.Path = "//register" },
		"a dot segment":        func(c *dcr.HandlerConfig) { c.Path = "/a/../register" },
		"a wildcard":           func(c *dcr.HandlerConfig) { c.Path = "/{x}" },
		"a method":             func(c *dcr.HandlerConfig) { c.Path = "POST /register" },
		"an encoded path":      func(c *dcr.HandlerConfig) { c.Path = "/%72egister" },
		"a query":              func(c *dcr.HandlerConfig) { c.Path = "/register?x" },
		"another method":       func(c *dcr.HandlerConfig) { c.Methods = []string{"POST", "PATCH"} },
		"a method twice":       func(c *dcr.HandlerConfig) { c.Methods = []string{"POST", "POST"} },
		"GET without tokens":   func(c *dcr.HandlerConfig) { c.Registrar, c.Methods = without, []string{"POST", "GET"} },
		"a negative timeout":   func(c *dcr.HandlerConfig) { c.BodyTimeout = -1 },
	} {
		c := dcr.HandlerConfig{Registrar: s.registrar, Path: "/register", Certificate: cert.FromTLS}
		change(&c)
		_, err := dcr.NewHandler(c)
		require.Error(t, err, name)
	}
}

// TestAnErrorThatNobodyExpectsIsAFaultOfTheBanks: its text stays in the log.
func TestAnErrorThatNobodyExpectsIsAFaultOfTheBanks(t *testing.T) {
	s := newSite(t, nil)
	server := s.start(t, func(c *dcr.Config) { c.Random = failingReader{} }, nil)
	r := s.request(t, "POST", "/register", strings.NewReader(s.token(t, nil)))
	a := server.send(t, r)
	require.Equal(t, 500, a.status)
	require.NotContains(t, a.body, "entropy")
	require.Contains(t, s.log.String(), "entropy")
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("out of entropy") }
