package conform_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/dcr/token/tokentest"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// mutant is a bank with one rule or behaviour off.
type mutant struct {
	name  string
	fails []string // cases that must fail
	play  []string // the cases that are played: globs; none: those that the groups of fails suggest

	without   string // a rule that is off
	profile   validate.Profile
	method    claims.AuthMethod
	rsa       bool // the software signs by RSA
	policy    func(*validate.Policy)
	server    func(*server.Config)
	registrar func(*dcr.Config)
	wrap      func(*mutantBank, http.Handler) http.Handler
	tls       func(*tls.Config)
	plain     bool // answers without TLS too
	document  func(map[string]any)
}

// mutantWorld is what the banks share: a directory with three software.
type mutantWorld struct {
	directory            *ssatest.Directory
	software, rsa, other *ssatest.EnrolledSoftware
	server               tls.Certificate
}

var theMutantWorld = sync.OnceValues(func() (*mutantWorld, error) {
	w := &mutantWorld{}
	var err error
	if w.directory, err = ssatest.New(ssatest.Options{Algorithm: claims.ES256}); err != nil {
		return nil, err
	}
	for to, alg := range map[**ssatest.EnrolledSoftware]claims.Algorithm{&w.software: claims.ES256, &w.rsa: claims.PS256, &w.other: claims.ES256} {
		if *to, err = w.directory.NewSoftware(ssatest.SoftwareOptions{Algorithm: alg, Roles: []claims.Role{claims.AISP}}); err != nil {
			return nil, err
		}
	}
	w.server, err = w.directory.ServerCertificate("127.0.0.1")
	return w, err
})

// keptStore is a store in memory that keeps tokens too.
type keptStore struct {
	*store.Memory
	token.Keeper
}

// mutantBank is a bank that serves.
type mutantBank struct {
	*mutantWorld
	mutant   *mutant
	subject  *ssatest.EnrolledSoftware
	address  string
	store    *keptStore
	issuer   *token.Kept
	config   server.Config
	registry *dcr.Registrar
}

// newMutantBank makes a bank of a mutant and serves it.
func newMutantBank(t *testing.T, m *mutant) *mutantBank {
	t.Helper()
	w, err := theMutantWorld()
	require.NoError(t, err)
	b := &mutantBank{mutantWorld: w, mutant: m, subject: w.software, store: &keptStore{store.NewMemory(nil), tokentest.NewMemoryKeeper(time.Now)}}
	if m.rsa {
		b.subject = w.rsa
	}
	b.issuer, err = token.NewKept(b.store, time.Now, rand.Reader)
	require.NoError(t, err)
	at := httptest.NewUnstartedServer(nil)
	b.address = "https://" + at.Listener.Addr().String()
	b.setConfig()
	bank, err := server.New(b.config)
	require.NoError(t, err)
	t.Cleanup(bank.Close)
	handler := b.mutate(t, bank)
	if m.wrap != nil {
		handler = m.wrap(b, handler)
	}
	at.Config.Handler, at.Config.ErrorLog = handler, bank.HTTPServer().ErrorLog
	at.TLS = b.tlsConfig()
	if m.plain {
		at.Listener = plainToo(at.Listener, handler)
	}
	at.StartTLS()
	t.Cleanup(at.Close)
	return b
}

func (b *mutantBank) setConfig() {
	profile := b.mutant.profile
	if profile == "" {
		profile = validate.OBIE33
	}
	policy := validate.DefaultPolicy(profile)
	if method := b.mutant.method; method.NeedsSecret() {
		policy.AuthMethods, policy.Widenings = append(policy.AuthMethods, method), append(policy.Widenings, validate.Widening(method))
	}
	if b.mutant.policy != nil {
		b.mutant.policy(&policy)
		policy.Audiences = nil // they are the bank's own
	}
	b.config = server.Config{Issuer: b.address, Profile: profile, Policy: &policy, Audiences: []string{ssatest.DefaultAudience}, Anchors: []ssa.Anchor{b.anchor()},
		Keys: server.KeyConfig{Resolver: b.directory.Resolver()}, Store: b.store, TokenEndpoint: true, SealingKey: claims.NewSecret(strings.Repeat("k", 32)),
		Clients: server.CertificateConfig{Server: []tls.Certificate{b.server}, Trust: cert.TrustPolicy{Authorities: b.authorities()}}}
	if b.mutant.server != nil {
		b.mutant.server(&b.config)
	}
}

func (b *mutantBank) authorities() map[claims.Environment][]*x509.Certificate {
	return map[claims.Environment][]*x509.Certificate{claims.Sandbox: {b.directory.CA}}
}

func (b *mutantBank) anchor() ssa.Anchor {
	a := b.directory.Anchor()
	a.Algorithms, a.MaxAge = nil, 0
	return a
}

func (b *mutantBank) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(b.directory.CA)
	return pool
}

func (b *mutantBank) tlsConfig() *tls.Config {
	c := &tls.Config{Certificates: []tls.Certificate{b.server}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: b.roots(), MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}}
	if b.mutant.tls != nil {
		b.mutant.tls(c)
	}
	return c
}

// mutate puts a registration endpoint with the rule off before that of the bank.
func (b *mutantBank) mutate(t *testing.T, bank *server.Bank) http.Handler {
	t.Helper()
	m := b.mutant
	if m.without == "" && m.registrar == nil {
		return bank.Handler()
	}
	policy := bank.Policy()
	rules := slices.DeleteFunc(validate.Rules(), func(r validate.Rule) bool { return r.ID == m.without })
	validator, err := validate.New(validate.Config{Profile: b.config.Profile, Policy: policy, Rules: rules})
	require.NoError(t, err)
	anchor := b.directory.Anchor()
	anchor.Algorithms, anchor.MaxAge, anchor.MaxAgeWithExp = policy.SigningAlgorithms, policy.SSAMaxAge, policy.SSAMaxAgeWithExp
	if m.without != "" { // the verifier would refuse for the rule
		anchor.MaxAge, anchor.MaxAgeWithExp = 20*365*24*time.Hour, 20*365*24*time.Hour
	}
	statements, err := ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{anchor}, Skew: policy.ClockSkew})
	require.NoError(t, err)
	authorities, err := cert.NewAuthorities(b.authorities(), time.Now())
	require.NoError(t, err)
	checker, err := cert.NewChecker(cert.CheckerConfig{Bindings: []cert.Binding{cert.ByPublicKey}, Authorities: authorities, Keys: b.directory.Resolver()})
	require.NoError(t, err)
	c := dcr.Config{Statements: statements, SoftwareKeys: b.directory.Resolver(), Validator: validator, Store: b.store, Certificates: checker,
		SealingKey: b.config.SealingKey, Tokens: b.issuer}
	if m.registrar != nil {
		m.registrar(&c)
	}
	b.registry, err = dcr.NewRegistrar(c)
	require.NoError(t, err)
	registration, err := dcr.NewHandler(dcr.HandlerConfig{Registrar: b.registry, Path: "/register", Certificate: cert.FromTLS})
	require.NoError(t, err)
	return registration.Before(bank.Handler())
}

// issue makes an access token for a client, bound to the software's certificate.
func (b *mutantBank) issue(ctx context.Context, clientID string) string {
	access := token.AccessToken{ClientID: clientID, CertificateSHA256: sha256.Sum256(b.subject.TransportCertificate.Leaf.Raw), Scope: []string{"openid", "accounts"}}
	issued, err := b.issuer.IssueToken(ctx, access, time.Hour)
	if err != nil {
		panic(err)
	}
	return issued.Reveal()
}

// run plays the cases of the mutant against the bank and returns what failed, with what was wrong.
func (b *mutantBank) run(t *testing.T) map[string]string {
	t.Helper()
	metadata := b.metadata(t)
	second := registrant(t, b.other)
	c := conform.Config{Metadata: metadata, Software: registrant(t, b.subject), Second: &second, Profile: b.config.Profile, Policy: b.config.Policy, Stricter: true,
		Certificates: specialCertificates(t, b.directory, b.subject), Roots: b.roots(), Timeout: 10 * time.Second, Filter: b.mutant.play,
		Request: tpp.RequestOptions{Audience: ssatest.DefaultAudience, AuthMethod: b.mutant.method}}
	policy := *b.config.Policy
	policy.Audiences = []string{ssatest.DefaultAudience}
	c.Policy = &policy
	report, err := conform.Run(t.Context(), c)
	require.NoError(t, err)
	failed := map[string]string{}
	for _, r := range report.Results {
		if r.Verdict == conform.Failed || r.Verdict == conform.Errored {
			failed[r.ID] = string(r.Verdict) + ": " + r.Expected + r.Reason
		}
	}
	return failed
}

// specialCertificates are those that only the directory can issue.
func specialCertificates(t *testing.T, d *ssatest.Directory, software *ssatest.EnrolledSoftware) map[string]tls.Certificate {
	t.Helper()
	stranger, err := software.CertificateWith(ssatest.CertificateForgery{Key: d.ForgedKey()})
	require.NoError(t, err)
	now := time.Now()
	all := map[string]tls.Certificate{"unpublished": stranger}
	for kind, forgery := range map[string]ssatest.CertificateForgery{
		"expired":     {NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(-24 * time.Hour)},
		"not-yet":     {NotBefore: now.Add(24 * time.Hour), NotAfter: now.Add(48 * time.Hour)},
		"server-only": {Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}},
	} {
		all[kind], err = software.CertificateWith(forgery)
		require.NoError(t, err)
	}
	return all
}

// metadata reads the discovery document, which a mutant may have changed.
func (b *mutantBank) metadata(t *testing.T) *tpp.Metadata {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: b.roots(), MinVersion: tls.VersionTLS12,
		Certificates: []tls.Certificate{b.subject.TransportCertificate}}}}
	t.Cleanup(client.CloseIdleConnections)
	metadata, err := tpp.Discover(t.Context(), b.address+"/.well-known/openid-configuration", client)
	require.NoError(t, err)
	if b.mutant.document != nil {
		metadata.Document = edited(metadata.Document, b.mutant.document)
	}
	return metadata
}

// answer is what a handler has answered, before it is sent.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) Write(p []byte) (int, error) { a.WriteHeader(http.StatusOK); return a.body.Write(p) }
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// send writes an answer.
func (a *answer) send(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.Header().Del("Content-Length")
	w.WriteHeader(max(a.status, http.StatusOK))
	_, _ = w.Write(a.body.Bytes())
}

// answerOf has a handler answer a request.
func answerOf(next http.Handler, r *http.Request) *answer {
	a := &answer{header: http.Header{}}
	next.ServeHTTP(a, r)
	return a
}
