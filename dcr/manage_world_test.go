package dcr_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// records is a store whose records a test can list.
type records interface {
	store.Store
	store.Unfinished
	store.Lister
}

// office is a world whose registrar also manages clients.
type office struct {
	*world
	*dcr.Registrar
	records records
	tokens  *token.Memory
	events  []dcr.Event
	mu      sync.Mutex
}

func newOffice(t testing.TB, policy func(*validate.Policy), change func(*dcr.Config)) *office {
	t.Helper()
	w, _ := newWorld(t, policy)
	return openOffice(t, w, w.store, change)
}

// openOffice makes an office in a world, with a new store.
func openOffice(t testing.TB, w *world, s records, change func(*dcr.Config)) *office {
	t.Helper()
	b := &office{world: w, records: s}
	var err error
	b.tokens = token.NewMemory(w.config.Clock, rand.Reader)
	config := w.config
	config.Store, config.Tokens = s, b.tokens
	config.Observer = func(e dcr.Event) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.events = append(b.events, e)
	}
	if change != nil {
		change(&config)
	}
	b.Registrar, err = dcr.NewRegistrar(config)
	require.NoError(t, err)
	return b
}

// lastEvent returns the last event of the observer.
func (b *office) lastEvent() dcr.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.events[len(b.events)-1]
}

func thumbprint(c *x509.Certificate) [32]byte { return sha256.Sum256(c.Raw) }

// enrol registers a client of the world's software.
func (b *office) enrol(t testing.TB, change func(*claims.Request)) *dcr.Registration {
	t.Helper()
	registration, refusal := b.register(t, b.Registrar, b.token(t, change))
	require.Nil(t, refusal)
	return registration
}

// caller returns the owner of a client, with a new token.
func (b *office) caller(t testing.TB, id string) dcr.Caller {
	t.Helper()
	leaf := b.certificate(t, b.software)
	access, err := b.tokens.Issue(context.Background(), id, thumbprint(leaf), nil, time.Hour)
	require.NoError(t, err)
	return dcr.Caller{Token: access, Certificate: leaf}
}

// alive reports whether a token is still valid.
func (b *office) alive(access claims.Secret) bool {
	_, err := b.tokens.Introspect(context.Background(), access)
	return err == nil
}

// everything returns all records of the store, byte for byte.
func everything(t *testing.T, s store.Lister) string {
	t.Helper()
	all, err := s.List(context.Background(), "", 1000)
	require.NoError(t, err)
	text, err := json.MarshalIndent(all, "", " ")
	require.NoError(t, err)
	return string(text)
}

func refusalOf(t *testing.T, err error) *dcr.Error {
	t.Helper()
	var refusal *dcr.Error
	require.ErrorAs(t, err, &refusal)
	return refusal
}

// wire is the part of a refusal that a sender sees.
func wire(e *dcr.Error) [5]any {
	return [5]any{e.Status, e.Code, e.Description, e.RetryAfter, e.BearerError}
}

// authorizationServer is an authorization server in memory that can fail.
type authorizationServer struct {
	mu      sync.Mutex
	clients map[string]string // by ID: what is registered
	secrets map[string]claims.Secret
	fail    func(verb string) error
}

func newAuthorizationServer() *authorizationServer {
	return &authorizationServer{clients: map[string]string{}, secrets: map[string]claims.Secret{}, fail: func(string) error { return nil }}
}

func (a *authorizationServer) Provision(_ context.Context, p dcr.Provisioning) (dcr.Provisioned, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.fail("provision"); err != nil {
		return dcr.Provisioned{}, err
	}
	id := p.Client.ID
	a.clients[id] = string(p.Client.Metadata)
	switch {
	case !p.Secret.IsZero():
		a.secrets[id] = p.Secret
	case p.Client.SecretHash == nil:
		delete(a.secrets, id)
	}
	return dcr.Provisioned{}, a.fail("provisioned") // an answer that is lost
}

func (a *authorizationServer) Deprovision(_ context.Context, d dcr.Deprovisioning) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.fail("deprovision"); err != nil {
		return err
	}
	delete(a.clients, d.ClientID)
	delete(a.secrets, d.ClientID)
	return nil
}

func (a *authorizationServer) holds() map[string]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.clients)
}

// inForce returns what the store shows to clients by client_id, in the form of holds.
func inForce(t *testing.T, s store.Lister) map[string]string {
	t.Helper()
	all, err := s.List(context.Background(), "", 1000)
	require.NoError(t, err)
	shown := map[string]string{}
	for _, record := range all {
		if c, visible := record.Visible(); visible {
			shown[c.ClientID] = string(c.Metadata)
		}
	}
	return shown
}

var errOut = errors.New("connection refused")

// failOnce makes the first call of a verb fail.
func failOnce(verb string) func(string) error {
	var once sync.Once
	return func(called string) (err error) {
		if called == verb {
			once.Do(func() { err = errOut })
		}
		return err
	}
}

// other enrols another software of the same organisation.
func (w *world) other(t *testing.T, o ssatest.SoftwareOptions) *ssatest.EnrolledSoftware {
	t.Helper()
	s, err := w.directory.NewSoftware(o)
	require.NoError(t, err)
	return s
}

func oneRedirect(c *claims.Request) {
	c.RedirectURIs = claims.Some(c.RedirectURIs.Or(nil)[:1])
}

func redirects(t *testing.T, c store.Client) []string {
	t.Helper()
	registered, err := claims.ParseRequest(c.Metadata)
	require.NoError(t, err)
	return slices.Clone(registered.RedirectURIs.Or(nil))
}
