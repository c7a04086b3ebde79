package server_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
)

// raving is a part of a bank whose every method panics.
type raving struct {
	store.Store
	ssa.SoftwareKeyResolver
}

const fault = "index out of range at a secret place"

func (raving) Get(context.Context, string) (store.Client, error)          { panic(fault) }
func (raving) Create(context.Context, store.Client, store.Change) error   { panic(fault) }
func (raving) ResolveKeys(context.Context, ssa.KeyRef) ([]ssa.Key, error) { panic(fault) }
func (raving) Allow(string) (time.Duration, bool)                         { panic(fault) }
func (raving) Read([]byte) (int, error)                                   { panic(fault) }
func (raving) present(*http.Request) (*x509.Certificate, error)           { panic(fault) }

// brokenReplay is a Replay whose every method panics.
type brokenReplay struct{ store.Replay }

func (brokenReplay) Reserve(context.Context, store.Reservation, time.Duration) error { panic(fault) }

// Code of a bank that panics is a fault of the bank's: 500, a stack in the log, nothing of it
// in the answer, and the connection goes on.
func TestAPartThatPanicsIsAnsweredBy500(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*server.Config)
		path   string
	}{
		"the store, at POST":          {func(c *server.Config) { c.Store = raving{} }, "/register"},
		"the store, at POST /token":   {func(c *server.Config) { c.Store = raving{} }, "/token"},
		"the store, at /readyz":       {func(c *server.Config) { c.Store = raving{} }, "/readyz"},
		"the Replay":                  {func(c *server.Config) { c.Replay = brokenReplay{} }, "/register"},
		"the resolver of keys":        {func(c *server.Config) { c.Keys.Resolver = raving{} }, "/register"},
		"the limiter":                 {func(c *server.Config) { c.Limiter = raving{} }, "/register"},
		"the limiter, at POST /token": {func(c *server.Config) { c.Limiter = raving{} }, "/token"},
		"the random numbers":          {func(c *server.Config) { c.Random = raving{} }, "/register"},
		"the source behind a proxy":   {func(c *server.Config) { c.Clients.Proxy = raving{}.present }, "/register"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			request := w.request(t, w.client(t, http.DefaultClient, "https://bank.example"))
			log := &bytes.Buffer{}
			w.config.Logger = slog.New(slog.NewTextHandler(log, nil))
			c.change(&w.config)
			b, err := server.New(w.config)
			require.NoError(t, err)
			defer b.Close()
			at := httptest.NewUnstartedServer(b.Handler())
			at.TLS = b.HTTPServer().TLSConfig
			if at.TLS != nil && w.config.Clients.Proxy == nil {
				at.StartTLS()
			} else {
				at.TLS = nil
				at.Start()
			}
			client := w.transport(t, w.software.TransportCertificate)
			status, body := askFor(t, client, at.URL+c.path, request)
			at.Close() // waits for what logs
			if c.path == "/readyz" {
				require.Equal(t, http.StatusServiceUnavailable, status, body)
			} else {
				require.Equal(t, http.StatusInternalServerError, status, body)
			}
			assert.NotContains(t, body, "secret place")
			assert.NotContains(t, body, "goroutine")
			assert.Contains(t, log.String(), "secret place")
			assert.Contains(t, log.String(), `stack="goroutine`)
			assert.Equal(t, 1, strings.Count(log.String(), "panicked"))
		})
	}
}

// askFor sends what the path takes, and returns status and body.
func askFor(t *testing.T, client *http.Client, address, request string) (int, string) {
	t.Helper()
	var response *http.Response
	var err error
	switch {
	case strings.HasSuffix(address, "/token"):
		response, err = client.PostForm(address, url.Values{"grant_type": {"client_credentials"}, "client_id": {"a-client-of-somebody-else"}})
	case strings.HasSuffix(address, "/register"):
		response, err = client.Post(address, "application/jwt", strings.NewReader(request))
	default:
		response, err = client.Get(address)
	}
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}
