package cert_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
)

// askers is a source that has one key, and remembers who asked.
type askers struct {
	key  ssa.Key
	mu   sync.Mutex
	seen map[string]bool
}

func (a *askers) ResolveKeys(ctx context.Context, ref ssa.KeyRef) ([]ssa.Key, error) {
	a.mu.Lock()
	a.seen[ref.Asker] = true
	a.mu.Unlock()
	return ssa.KeySet{Keys: []ssa.Key{a.key}}.ResolveKeys(ctx, ref)
}

func (a *askers) ResolveRevokedKeys(context.Context, string) (ssa.KeySet, error) {
	return ssa.KeySet{}, nil
}

// of returns who asked since the last call.
func (a *askers) of() map[string]bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	seen := a.seen
	a.seen = map[string]bool{}
	return seen
}

// An unknown client has the keys of the last known one looked up. That counts against the
// certificate that is presented, never against the known client.
func TestAnInventedClientAsksOnItsOwnAccount(t *testing.T) {
	p := newPKI(t)
	own, stranger := p.issuing.transport(t), p.issuing.transport(t)
	account := func(leaf *x509.Certificate) string {
		thumbprint := sha256.Sum256(leaf.Raw)
		return softwareID + " " + string(thumbprint[:])
	}
	for name, given := range map[string]string{"an asker of the middleware": "", "one that Client gave": "another"} {
		keys := &askers{key: keyOf("a", p.issuing.transport(t))}
		_ = keys.of()
		ask := askAt(t, p, cert.Software{Environment: claims.Sandbox, SoftwareID: softwareID, Keys: ssa.SoftwareKeys{Source: keys, Asker: given}})
		ask(own, "known")
		if given == "" {
			given = account(own)
		}
		require.Equal(t, map[string]bool{given: true}, keys.of(), name)
		ask(stranger, "invented")
		require.Equal(t, map[string]bool{account(stranger): true}, keys.of(), name)
		ask(own, "known")
		require.Equal(t, map[string]bool{given: true}, keys.of(), name)

		// All together: the race detector finds whatever one request writes and another reads.
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 25 {
					ask(own, "known")
				}
			})
			all.Go(func() {
				for range 25 {
					ask(stranger, "invented")
				}
			})
		}
		all.Wait()
		require.Equal(t, map[string]bool{given: true, account(stranger): true}, keys.of(), name)
	}
}

// askAt asks a middleware in front of one client, whose name is known.
func askAt(t *testing.T, p *pki, software cert.Software) func(leaf *x509.Certificate, client string) {
	t.Helper()
	type presented struct{}
	wrap, err := cert.Middleware(cert.MiddlewareConfig{
		Source: func(r *http.Request) (*x509.Certificate, error) {
			leaf, _ := r.Context().Value(presented{}).(*x509.Certificate)
			return leaf, nil
		},
		Checker: p.checker(t, &keySource{}),
		Client: func(r *http.Request) (cert.Software, error) {
			if r.Header.Get("Client") == "known" {
				return software, nil
			}
			return cert.Software{}, cert.ErrUnknownClient
		},
	})
	require.NoError(t, err)
	return func(leaf *x509.Certificate, client string) {
		r := httptest.NewRequest(http.MethodPost, "/token", nil)
		r.Header.Set("Client", client)
		wrap(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithValue(r.Context(), presented{}, leaf)))
	}
}
