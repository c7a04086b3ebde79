package upstream_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/dcr/upstream"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
)

// setup is what a bank is made from. It can be written down for a bank in another process.
type setup struct {
	Directory ssa.KnownDirectory
	CA        []byte // PEM, of everything
	Database  string

	Keycloak             bool   // the mapping
	RegistrationEndpoint string // of the authorization server
	InitialAccessToken   string
	IntrospectionURL     string
	RevocationURL        string // RFC 7009; the bank does not use it
	MetadataURL          string
	TokenURL             string
	BankID, BankSecret   string
	// Subjects are asked for the sub of a client's own tokens; "" for none.
	Subjects string

	Request  string // for another process
	Leaf     []byte // the TPP's certificate
	ClientID string // of an update; "" registers
	Access   string // the TPP's token for the update
}

// bank is one process of a bank. Any number of them can be open over one database.
type bank struct {
	*server.Bank
	store *sqlite.Store
	log   *logBuffer
}

// open makes a bank. wrap changes its Provisioner; nil leaves it.
func (s *setup) open(ctx context.Context, wrap func(dcr.Provisioner) dcr.Provisioner) (*bank, error) {
	block, _ := pem.Decode(s.CA)
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	// A new connection for each call: none outlives a server that was stopped.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	log := &logBuffer{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	config := upstream.Config{RegistrationEndpoint: s.RegistrationEndpoint, HTTPClient: client, Logger: logger, Timeout: 25 * time.Second, Mapping: upstream.OIDCProvider(),
		InitialAccessToken: func(context.Context) (claims.Secret, error) { return claims.NewSecret(s.InitialAccessToken), nil }}
	if s.Keycloak {
		config.Mapping = upstream.Keycloak()
		config.Subject = func(ctx context.Context, id string) (string, error) { return subjectAt(ctx, s.Subjects, id) }
	}
	endpoint, err := upstream.New(config)
	if err != nil {
		return nil, err
	}
	var provisioner dcr.Provisioner = endpoint
	if wrap != nil {
		provisioner = wrap(endpoint)
	}
	tokens, err := token.NewIntrospection(token.IntrospectionConfig{IntrospectionURL: s.IntrospectionURL, MetadataURL: s.MetadataURL,
		ClientID: s.BankID, ClientSecret: claims.NewSecret(s.BankSecret), HTTPClient: client, Revocation: token.NoRevocation()})
	if err != nil {
		return nil, err
	}
	if err := tokens.Check(ctx); err != nil {
		return nil, err
	}
	records, err := sqlite.Open(ctx, sqlite.Config{Path: s.Database})
	if err != nil {
		return nil, err
	}
	b, err := server.New(server.Config{
		Issuer: "https://bank.example", Audiences: []string{ssatest.DefaultAudience}, Directories: []ssa.KnownDirectory{s.Directory},
		Keys:  server.KeyConfig{Sources: []ssa.RemoteSource{{Hosts: s.Directory.Hosts, Roots: roots}}},
		Store: records, SealingKey: claims.NewSecret(string(make([]byte, 32))), Tokens: tokens, Provisioner: provisioner, Logger: logger,
		Discovery: dcr.Discovery{TokenEndpoint: s.TokenURL},
		Clients:   server.CertificateConfig{Trust: cert.TrustPolicy{Authorities: map[claims.Environment][]*x509.Certificate{claims.Sandbox: {ca}}}},
	})
	return &bank{Bank: b, store: records, log: log}, err
}

// subjectAt asks for the subject at an address that the tests serve.
func subjectAt(ctx context.Context, address, clientID string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/"+clientID, http.NoBody)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	line, err := bufio.NewReader(answer.Body).ReadString('\n')
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the subject cannot be had: %d", answer.StatusCode)
	}
	return line[:max(len(line)-1, 0)], err
}

// logBuffer keeps a log.
type logBuffer struct {
	mu   sync.Mutex
	text []byte
}

func (l *logBuffer) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, line...)
	return len(line), nil
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// childSetup is the environment variable that makes this binary a bank of its own, which
// registers or updates a client and stops before that is stored. It names the file with the
// setup.
const childSetup = "OBDCR_UPSTREAM_CHILD"

// TestMain runs the child if the parent asked for it.
func TestMain(m *testing.M) {
	if file := os.Getenv(childSetup); file != "" {
		fmt.Fprintln(os.Stderr, changeAndStop(file))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// stopping never returns once the authorization server has the client.
type stopping struct{ dcr.Provisioner }

func (s stopping) Provision(ctx context.Context, p dcr.Provisioning) (dcr.Provisioned, error) {
	done, err := s.Provisioner.Provision(ctx, p)
	if err != nil {
		return done, err
	}
	fmt.Println(done.ClientID)
	select {} // until the parent kills
}

func changeAndStop(file string) error {
	var s setup
	text, err := os.ReadFile(file)
	if err := errors.Join(err, json.Unmarshal(text, &s)); err != nil {
		return err
	}
	b, err := s.open(context.Background(), func(p dcr.Provisioner) dcr.Provisioner { return stopping{p} })
	if err != nil {
		return err
	}
	leaf, err := x509.ParseCertificate(s.Leaf)
	if err != nil {
		return err
	}
	if s.ClientID == "" {
		_, err = b.Registrar().Register(context.Background(), dcr.RegisterInput{Token: claims.NewSecret(s.Request), Certificate: leaf})
	} else {
		_, err = b.Registrar().Update(context.Background(), s.ClientID, s.Request, dcr.Caller{Token: claims.NewSecret(s.Access), Certificate: leaf})
	}
	return fmt.Errorf("the authorization server was never asked: %w", err)
}

// kill lets another process register or update a client, and kills it before that is stored.
// It returns the client_id.
func (s setup) kill(t *testing.T, request string, leaf *x509.Certificate) string {
	t.Helper()
	s.Request, s.Leaf = request, leaf.Raw
	text, err := json.Marshal(s)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "setup.json")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	child := exec.Command(os.Args[0])
	child.Env, child.Stderr = append(os.Environ(), childSetup+"="+file), os.Stderr
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, child.Process.Kill())
	require.Error(t, child.Wait())
	require.NoError(t, err, "the child made no client")
	return line[:len(line)-1]
}

// person is a TPP at a bank and at its authorization server.
type person struct {
	*tpp.Client
	software *ssatest.EnrolledSoftware
	http     *http.Client
	method   claims.AuthMethod
}

// request makes a signed registration request with these scopes.
func (p *person) request(t *testing.T, clientID string, scopes ...string) string {
	t.Helper()
	statement, err := p.software.SSA(nil)
	require.NoError(t, err)
	o := tpp.RequestOptions{Audience: ssatest.DefaultAudience, AuthMethod: p.method, Scopes: scopes, Certificate: p.leaf(t),
		ResponseTypes: []claims.ResponseType{claims.CodeIDToken}, GrantTypes: []claims.GrantType{claims.ClientCredentials, claims.AuthorizationCode}}
	var request string
	if clientID == "" {
		request, err = p.Build(statement, o)
	} else {
		request, err = p.BuildUpdate(clientID, statement, o)
	}
	require.NoError(t, err)
	return request
}

func (p *person) leaf(t *testing.T) *x509.Certificate {
	t.Helper()
	leaf, err := x509.ParseCertificate(p.software.TransportCertificate.Certificate[0])
	require.NoError(t, err)
	return leaf
}

// access asks the authorization server for a token by client_credentials.
func (p *person) access(ctx context.Context, clientID string, scopes ...string) (tpp.BearerToken, error) {
	return p.AccessToken(ctx, tpp.Credentials{ClientID: clientID, Method: p.method}, scopes...)
}

// world is a directory, and the banks in front of one authorization server.
type world struct {
	directory *ssatest.Directory
	setup     setup
}

func newWorld(t *testing.T) *world {
	t.Helper()
	directory, err := ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(directory.Close)
	return &world{directory: directory, setup: setup{Directory: directory.Known(), CA: directory.CAPEM()}}
}

func (w *world) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(w.directory.CA)
	return pool
}

// bank opens a bank over a database, "" for a new one, and serves it.
func (w *world) bank(t *testing.T, database string) (*bank, string) {
	t.Helper()
	s := w.setup
	if s.Database = database; database == "" {
		s.Database = filepath.Join(t.TempDir(), "clients.db")
	}
	b, err := s.open(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { b.Close(); require.NoError(t, b.store.Close()) })
	at := httptest.NewUnstartedServer(b.Handler())
	own, err := w.directory.ServerCertificate("127.0.0.1")
	require.NoError(t, err)
	at.TLS = &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: w.roots(), MinVersion: tls.VersionTLS12}
	at.StartTLS()
	t.Cleanup(at.Close)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the bank's log:\n%s", b.log)
		}
	})
	return b, at.URL
}

// person enrols a software and makes its client of a bank.
func (w *world) person(t *testing.T, bankURL string, method claims.AuthMethod) *person {
	t.Helper()
	software, err := w.directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	return w.equip(t, bankURL, &person{software: software, method: method})
}

// equip gives a person the client of a bank.
func (w *world) equip(t *testing.T, bankURL string, p *person) *person {
	t.Helper()
	p.http = tpp.MutualTLS(p.software.TransportCertificate, w.roots())
	p.http.Transport.(*http.Transport).DisableKeepAlives = true
	var err error
	p.Client, err = tpp.NewClient(tpp.Config{HTTP: p.http, Signer: p.software.SigningKey, KeyID: p.software.SigningKeyID, Certificate: p.leaf(t),
		Metadata: &tpp.Metadata{Issuer: "https://bank.example", RegistrationEndpoint: bankURL + "/register", TokenEndpoint: w.setup.TokenURL, TokenAudience: w.setup.TokenURL}})
	require.NoError(t, err)
	return p
}

// records returns all records of a bank.
func (b *bank) records(t *testing.T) []store.Client {
	t.Helper()
	all, err := b.store.List(t.Context(), "", 1000)
	require.NoError(t, err)
	return all
}

// refusedWith requires a status.
func refusedWith(t *testing.T, err error, status int) {
	t.Helper()
	var refusal *tpp.ResponseError
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, status, refusal.Status, "%v", refusal)
}

// soon is the context of a few calls.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
