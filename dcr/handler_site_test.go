package dcr_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// site is a bank that offers all verbs, and its document.
type site struct {
	*world
	profile   validate.Profile
	registrar *dcr.Registrar
	tokens    *token.Memory
	api       *document // of the registrar's validator
	log       *syncedBuffer
	change    func(*validate.Policy)
	// documented and seen are the answers of all its servers: those of their documents, and
	// those that were given.
	documented, seen map[string]bool
	read             map[string]*document // by text
}

// newSite makes a bank of version 3.3 that takes every authentication method.
func newSite(t *testing.T, change func(*validate.Policy)) *site {
	t.Helper()
	return newSiteOf(t, validate.OBIE33, change)
}

// newSiteOf makes such a bank of any profile.
func newSiteOf(t *testing.T, profile validate.Profile, change func(*validate.Policy)) *site {
	t.Helper()
	s := &site{profile: profile, log: &syncedBuffer{}, change: change, documented: map[string]bool{}, seen: map[string]bool{}, read: map[string]*document{}}
	s.world, _ = newWorld(t, nil)
	var err error
	s.tokens = token.NewMemory(func() time.Time { return s.now }, rand.Reader)
	s.config.Tokens, s.config.Validator = s.tokens, s.validator(t, nil)
	s.registrar, err = dcr.NewRegistrar(s.config)
	require.NoError(t, err)
	text, err := dcr.OpenAPI(s.config.Validator)
	s.api = readDocument(t, text, err).strict()
	return s
}

func (s *site) validator(t *testing.T, change func(*validate.Policy)) *validate.Validator {
	t.Helper()
	policy := validate.DefaultPolicy(s.profile)
	policy.Audiences = s.config.Validator.Policy().Audiences
	policy.AuthMethods = []claims.AuthMethod{claims.PrivateKeyJWT, claims.TLSClientAuth, claims.ClientSecretJWT, claims.ClientSecretBasic, claims.ClientSecretPost}
	policy.Widenings = []validate.Widening{validate.WidenClientSecretJWT, validate.WidenClientSecretBasic, validate.WidenClientSecretPost}
	policy.SubjectDNMatch = validate.DNMatchAnyOrder
	for _, c := range []func(*validate.Policy){s.change, change} {
		if c != nil {
			c(&policy)
		}
	}
	v, err := validate.New(validate.Config{Profile: s.profile, Policy: policy})
	require.NoError(t, err)
	return v
}

// client registers a client and returns its identifier.
func (s *site) client(t *testing.T) string {
	t.Helper()
	registration, refusal := s.register(t, s.registrar, s.token(t, nil))
	require.Nil(t, refusal)
	return registration.Client.ID
}

// accessToken issues an access token for a client of the world's software.
func (s *site) accessToken(t *testing.T, clientID string) string {
	t.Helper()
	token, err := s.tokens.Issue(context.Background(), clientID, sha256.Sum256(s.certificate(t, s.software).Raw), nil, time.Minute)
	require.NoError(t, err)
	return token.Reveal()
}

func (s *site) valid(token string) bool {
	_, err := s.tokens.Introspect(context.Background(), claims.NewSecret(token))
	return err == nil
}

// request makes a complete request: with the right type, and a token for the client of
// the path.
func (s *site) request(t *testing.T, method, path string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, path, body)
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/jwt")
	if id, managed := strings.CutPrefix(path, "/register/"); managed && id != "" {
		r.Header.Set("Authorization", "Bearer "+s.accessToken(t, id))
	}
	return r
}

// server is a bank's server, with the HTTP client of a TPP that has a certificate and of
// one that has none.
type server struct {
	*httptest.Server
	api        *document
	tpp, plain *http.Client
}

// start serves the site's registrar, or one with changes, by a handler with changes.
func (s *site) start(t *testing.T, registry func(*dcr.Config), adapter func(*dcr.HandlerConfig)) *server {
	t.Helper()
	registrar := s.registrar
	if registry != nil {
		config := s.config
		registry(&config)
		var err error
		registrar, err = dcr.NewRegistrar(config)
		require.NoError(t, err)
	}
	config := dcr.HandlerConfig{Registrar: registrar, Path: "/register", Certificate: cert.FromTLS,
		Logger: slog.New(slog.NewTextHandler(s.log, nil))}
	if adapter != nil {
		adapter(&config)
	}
	h, err := dcr.NewHandler(config)
	require.NoError(t, err)
	text, err := h.OpenAPI()
	require.NoError(t, err)
	if s.read[string(text)] == nil {
		s.read[string(text)] = readDocument(t, text, nil).strict()
		s.read[string(text)].seen = s.seen
		s.read[string(text)].addAnswers(s.documented)
	}
	out := &server{api: s.read[string(text)]}
	out.Server, out.tpp = serveTLS(t, s.world, h)
	out.plain = out.Client()
	return out
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (s *server) send(t *testing.T, r *http.Request) answer {
	t.Helper()
	return s.sendBy(t, s.tpp, r)
}

// sendBy sends a request to the server, and checks the answer by the document and for
// the headers that every answer has.
func (s *server) sendBy(t *testing.T, client *http.Client, r *http.Request) answer {
	t.Helper()
	base, err := http.NewRequest(r.Method, s.URL+r.URL.String(), nil)
	require.NoError(t, err)
	r.URL, r.Host = base.URL, ""
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(r)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, []string{"no-store"}, response.Header["Cache-Control"])
	require.Equal(t, []string{"no-cache"}, response.Header["Pragma"])
	require.Equal(t, []string{"nosniff"}, response.Header["X-Content-Type-Options"])
	s.api.check(t, r, response.StatusCode, response.Header, body)
	response.Header.Del("Date")
	return answer{response.StatusCode, response.Header, string(body)}
}

func noCertificate(*http.Request) (*x509.Certificate, error) { return nil, nil }

// limiter allows some requests, and remembers the keys that it was asked for.
type limiter struct {
	left int
	wait time.Duration
	keys []string
}

func (l *limiter) Allow(key string) (time.Duration, bool) {
	l.keys = append(l.keys, key)
	l.left--
	return l.wait, l.left >= 0
}

type syncedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// stored returns a client's record from the store.
func (s *site) stored(t *testing.T, id string) store.Client {
	t.Helper()
	c, err := s.store.Get(context.Background(), id)
	require.NoError(t, err)
	return c
}
