package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// In these modes the program of the tests is the bank: as it stands, or one that is killed
// as soon as Keycloak has a client.
const (
	modeVariable = "OBDCR_EXAMPLE_KEYCLOAK"
	modeRun      = "run"
	modeKilled   = "killed"
)

const patience = time.Minute

func TestMain(m *testing.M) {
	mode := os.Getenv(modeVariable)
	if mode == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	do := run
	if mode == modeKilled {
		do = runKilled
	}
	if err := do(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func runKilled(ctx context.Context, args []string) error {
	c, err := readConfig(args[1])
	if err != nil {
		return err
	}
	b, err := openBank(ctx, c, slog.Default())
	if err != nil {
		return err
	}
	b.server.Provisioner = killer{b.server.Provisioner}
	return b.serve(ctx, c.Address)
}

// killer ends the process by SIGKILL between Keycloak and the store.
type killer struct{ dcr.Provisioner }

func (k killer) Provision(ctx context.Context, in dcr.Provisioning) (dcr.Provisioned, error) {
	out, err := k.Provisioner.Provision(ctx, in)
	if err == nil {
		self, _ := os.FindProcess(os.Getpid())
		_ = self.Kill()
		select {}
	}
	return out, err
}

// world is a directory with software, a Keycloak that trusts it, and the files of a bank in
// front of that.
type world struct {
	directory *ssatest.Directory
	roots     *x509.CertPool
	keycloak  *realtest.Keycloak
	wac       tls.Certificate // of a CA that Keycloak trusts too, with an organizationIdentifier
	file      string          // the configuration
	config    *config
	bank      *realtest.Process
}

// newWorld starts Keycloak, and sets up its realm by the program itself.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{roots: x509.NewCertPool()}
	var err error
	w.directory, err = ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(w.directory.Close)
	w.roots.AddCert(w.directory.CA)
	own, err := w.directory.ServerCertificate("127.0.0.1")
	require.NoError(t, err)
	certificate, key, err := ssatest.PEM(own)
	require.NoError(t, err)
	var authority []byte
	w.wac, authority = newWAC(t)
	w.keycloak = realtest.StartKeycloak(t, realtest.Identity{Certificate: certificate, Key: key, CA: append(w.directory.CAPEM(), authority...)})
	folder := t.TempDir()
	for name, content := range map[string][]byte{"bank.pem": certificate, "bank.key": key, "ca.pem": w.directory.CAPEM()} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), content, 0o600))
	}
	address := fmt.Sprintf("127.0.0.1:%d", realtest.FreePort(t))
	w.file = filepath.Join(folder, "bank.json")
	w.config = &config{
		Address: address, Issuer: "https://" + address, Organisation: ssatest.DefaultAudience, Environment: claims.Sandbox,
		DirectoryJWKS: w.directory.URL() + "/keys.jwks", Certificate: "bank.pem", Key: "bank.key", ClientCA: "ca.pem", ServerCA: "ca.pem",
		Database: "clients.db", Keycloak: keycloakConfig{Address: w.keycloak.Address, Realm: "bank", ClientID: "obdcr-registration", SecretFile: "secret"},
	}
	w.write(t)
	return w
}

// write writes the configuration into its file, and reads it as the program does.
func (w *world) write(t *testing.T) {
	t.Helper()
	text, err := json.Marshal(w.config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(w.file, text, 0o600))
	w.config, err = readConfig(w.file)
	require.NoError(t, err)
}

// newWAC makes a client certificate with the subject of an OBWAC, and its CA in PEM.
func newWAC(t *testing.T) (leaf tls.Certificate, authority []byte) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	now := time.Now()
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Another CA"}, NotBefore: now.Add(-time.Hour),
		NotAfter: now.Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	client := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, Subject: pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: asn1.ObjectIdentifier{2, 5, 4, 6}, Value: "GB"},
			{Type: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: "TPP, the \u00fcbermorgen Ltd"},
			{Type: asn1.ObjectIdentifier{2, 5, 4, 97}, Value: asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte("PSDGB-FCA-123456")}},
			{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "0015800001HQQrZAAX"},
		}}}
	signed, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	require.NoError(t, err)
	own, err := x509.CreateCertificate(rand.Reader, client, ca, &key.PublicKey, key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{own}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed})
}

// program is the bank's program with its configuration.
func (w *world) program(mode string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], append([]string{"-config", w.file}, args...)...)
	cmd.Env = append(os.Environ(), modeVariable+"="+mode, "KEYCLOAK_ADMIN_PASSWORD=admin")
	return cmd
}

// run runs the program to its end, which is a good one, and returns what it says.
func (w *world) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := w.program(modeRun, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// serve starts the bank, and waits until it serves Keycloak's discovery document.
func (w *world) serve(t *testing.T, mode string) {
	t.Helper()
	w.bank = realtest.Start(t, w.program(mode))
	w.awaitBank(t)
}

func (w *world) awaitBank(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w.bank.Await(ctx, w.keycloak.HTTP, w.config.Issuer+metadataPath, http.StatusOK)
}

// reconcile ends the changes that stopped half-way, as the bank does in its second minute.
func (w *world) reconcile(t *testing.T) dcr.ReconcileReport {
	t.Helper()
	b, err := openBank(t.Context(), w.config, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { require.NoError(t, b.store.Close()) }()
	made, err := server.New(b.server)
	require.NoError(t, err)
	defer made.Close()
	report, err := made.Registrar().Reconcile(t.Context(), 0)
	require.NoError(t, err)
	return report
}

// clients returns the client_ids of the registered clients that Keycloak has.
func (w *world) clients() []string {
	var all []struct {
		ID         string            `json:"id"`
		Attributes map[string]string `json:"attributes"`
	}
	w.keycloak.MustAdmin(http.MethodGet, "/bank/clients?max=1000", nil, &all)
	ids := []string{}
	for _, c := range all {
		if c.Attributes[attributeOurs] != "" {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// scopes returns the scopes that Keycloak lets a client ask for.
func (w *world) scopes(id string) []string {
	var all []named
	w.keycloak.MustAdmin(http.MethodGet, "/bank/clients/"+id+"/optional-client-scopes", nil, &all)
	return names(all)
}

// scope is a client scope at Keycloak.
type scope struct {
	named
	Attributes map[string]string `json:"attributes"`
}

// clientScope returns the realm's client scope of a name.
func (w *world) clientScope(name string) scope {
	var all []scope
	w.keycloak.MustAdmin(http.MethodGet, "/bank/client-scopes", nil, &all)
	for _, s := range all {
		if s.Name == name {
			return s
		}
	}
	return scope{}
}

func names(all []named) []string {
	list := []string{}
	for _, one := range all {
		list = append(list, one.Name)
	}
	return list
}

// software is a TPP's software, with its client of the bank.
type software struct {
	*ssatest.EnrolledSoftware
	*tpp.Client
	transport *http.Client
}

func (w *world) software(t *testing.T) *software {
	t.Helper()
	enrolled, err := w.directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	s := &software{EnrolledSoftware: enrolled, transport: tpp.MutualTLS(enrolled.TransportCertificate, w.roots)}
	t.Cleanup(s.transport.CloseIdleConnections)
	metadata, err := tpp.Discover(t.Context(), w.config.Issuer+metadataPath, w.keycloak.HTTP)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(enrolled.TransportCertificate.Certificate[0])
	require.NoError(t, err)
	s.Client, err = tpp.NewClient(tpp.Config{HTTP: s.transport, Metadata: metadata, Signer: enrolled.SigningKey, KeyID: enrolled.SigningKeyID, Certificate: leaf})
	require.NoError(t, err)
	return s
}

// request is a signed request to register, or with an id to change.
func (s *software) request(t *testing.T, id string, o tpp.RequestOptions) string {
	t.Helper()
	statement, err := s.SSA(nil)
	require.NoError(t, err)
	o.Audience, o.ClientID = ssatest.DefaultAudience, id
	request, err := s.Build(statement, o)
	require.NoError(t, err)
	return request
}

// register registers a client that authenticates by a method.
func (s *software) register(t *testing.T, method claims.AuthMethod) *tpp.ClientInformation {
	t.Helper()
	registered, err := s.Register(t.Context(), s.request(t, "", tpp.RequestOptions{AuthMethod: method}))
	require.NoError(t, err)
	return registered
}

// token gets an access token from Keycloak.
func (s *software) token(t *testing.T, c *tpp.ClientInformation, scopes ...string) tpp.BearerToken {
	t.Helper()
	token, err := s.AccessToken(t.Context(), c.Credentials(), scopes...)
	require.NoError(t, err)
	return token
}

// grant sends a form to the realm's token endpoint over mutual TLS, and returns the access
// token in the answer.
func (w *world) grant(t *testing.T, transport *http.Client, form url.Values) tpp.BearerToken {
	t.Helper()
	answer, err := transport.PostForm(w.config.at("bank", tokenPath), form)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode, "%s", body)
	var granted struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(t, json.Unmarshal(body, &granted))
	return tpp.BearerToken{Value: claims.NewSecret(granted.AccessToken)}
}

// requireStatus says with which status the bank or Keycloak refused.
func requireStatus(t *testing.T, err error, status int) {
	t.Helper()
	var refused *tpp.ResponseError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, status, refused.Status, refused)
}

// requireNoAnswer says that the bank died.
func requireNoAnswer(t *testing.T, err error) {
	t.Helper()
	require.True(t, errors.As(err, new(*tpp.NoAnswerError)), "%v", err)
}

// words are the scopes of a client without openid, for which Keycloak has no client scope.
func words(c *tpp.ClientInformation) []string {
	return optionalScopes(c.Metadata)
}
