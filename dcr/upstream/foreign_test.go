package upstream_test

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/dcr/upstream"
)

// registrar makes a bank with a store and tokens in memory in front of an Endpoint.
func (w *world) registrar(t *testing.T, e *upstream.Endpoint, log *logBuffer) *dcr.Registrar {
	t.Helper()
	bank := dcrtest.NewBank(t, dcrtest.WithDirectory(w.directory), dcrtest.WithProvisioner(e), dcrtest.WithServerConfig(func(c *server.Config) {
		c.TokenEndpoint, c.Tokens, c.Discovery.TokenEndpoint = false, token.NewMemory(time.Now, rand.Reader), "https://as.example/token"
		c.Logger = slog.New(slog.NewTextHandler(log, nil))
	}))
	return bank.Server().Registrar()
}

// TestAServerThatGivesOneClientTwiceKeepsIt: the second registration is refused, and the
// client of the first record is not removed with it.
func TestAServerThatGivesOneClientTwiceKeepsIt(t *testing.T) {
	subject := func(_ context.Context, _ string) (string, error) { return "", errors.New("down") }
	for name, c := range map[string]struct {
		status  int
		alter   func(map[string]any)
		subject bool // cannot be had for the second one
		by200   bool
	}{
		"with what was asked for":           {status: 201},
		"with another value":                {status: 201, alter: func(m map[string]any) { m["scope"] = "openid" }},
		"and its subject cannot be had":     {status: 201, subject: true},
		"and it cannot be managed":          {status: 201, alter: func(m map[string]any) { delete(m, "registration_client_uri") }},
		"by 200":                            {status: 200},
		"by 200 with another value":         {status: 200, alter: func(m map[string]any) { m["scope"] = "openid" }},
		"by 200 that the mapping takes":     {status: 200, by200: true},
		"by such a 200 and another value":   {status: 200, by200: true, alter: func(m map[string]any) { m["scope"] = "openid" }},
		"by such a 200 without its subject": {status: 200, by200: true, subject: true},
	} {
		t.Run(name, func(t *testing.T) {
			w, f, log := newWorld(t), newFake(t), &logBuffer{}
			w.setup.TokenURL = "https://as.example/token"
			again := false
			e := f.endpoint(t, func(config *upstream.Config) {
				config.Mapping.CreatedBy200 = c.by200
				config.Subject = func(ctx context.Context, id string) (string, error) {
					if again && c.subject {
						return subject(ctx, id)
					}
					return "", nil
				}
			})
			r := w.registrar(t, e, log)
			register := func() (*dcr.Registration, error) {
				p := w.person(t, "https://bank.example", claims.PrivateKeyJWT)
				return r.Register(t.Context(), dcr.RegisterInput{Token: claims.NewSecret(p.request(t, "", "openid", "accounts")), Certificate: p.leaf(t)})
			}
			first, err := register()
			require.NoError(t, err)

			again, f.alter = true, c.alter
			f.answer = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPost {
					f.show(w, c.status, first.Client.ClientID, maps.Clone(f.received[len(f.received)-1]))
				}
				return r.Method == http.MethodPost
			}
			_, err = register()
			var refused *dcr.Error
			require.ErrorAs(t, err, &refused)
			require.Contains(t, f.clients, first.Client.ClientID, "the client of the first record lives")
			require.Equal(t, []string{"POST /register", "POST /register"}, f.calls)
			require.Equal(t, 1, strings.Count(log.String(), `msg="the authorization server may hold a client that nobody knows`), "%s", log)
			require.Contains(t, log.String(), "a client_id a second time")
		})
	}
}

// TestARegistrationIsAnsweredBy201: RFC 7591 section 3.2.1.
func TestARegistrationIsAnsweredBy201(t *testing.T) {
	f := newFake(t)
	f.answer = func(w http.ResponseWriter, r *http.Request) bool {
		f.made++
		f.show(w, http.StatusOK, f.newID(f.made), maps.Clone(f.received[len(f.received)-1]))
		return true
	}
	done, err := f.endpoint(t, nil).Provision(t.Context(), newClient())
	require.Error(t, err)
	require.Equal(t, "as-1", done.ClientID)
	require.True(t, done.State.IsZero(), "the client may be another record's: nothing removes it")
	require.False(t, done.Unchanged)
	done, err = f.endpoint(t, with(upstream.Mapping{CreatedBy200: true})).Provision(t.Context(), newClient())
	require.NoError(t, err)
	require.Equal(t, "as-2", done.ClientID)
}
