package judge_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/vectors/signed"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// ecosystem has what the banks of the test share: the directory whose keys the vectors are
// signed with, and the software.
type ecosystem struct {
	directory *ssatest.Directory
	tpp       *dcrtest.TPP
	// privateKeys are those of the client certificates.
	privateKeys []crypto.Signer
}

// registeredAt is when clients register that a vector updates, ten minutes before the clock of
// nearly all vectors.
var registeredAt = time.Date(2023, time.November, 14, 22, 3, 20, 0, time.UTC)

// softwareOptions are those of the software that sends the vectors.
func softwareOptions(o *ssatest.SoftwareOptions) {
	o.OrgID, o.SoftwareID = "0015800001041RHAAY", "9b5usDpbNtmxDcTzs7GzKp"
}

func newEcosystem(t *testing.T) *ecosystem {
	t.Helper()
	d, err := ssatest.New(ssatest.Options{Deterministic: true, Clock: func() time.Time { return registeredAt }})
	require.NoError(t, err)
	t.Cleanup(d.Close)
	home := dcrtest.NewBank(t, dcrtest.WithDirectory(d), dcrtest.WithClock(func() time.Time { return registeredAt }))
	tpp := home.NewTPP(t, dcrtest.WithSoftware(softwareOptions))
	other, err := d.NewSoftware(ssatest.SoftwareOptions{OrgID: "0015800001041RHAAX", SoftwareID: "9b5usDpbNtmxDcTzs7GzKq"})
	require.NoError(t, err)
	e := &ecosystem{directory: d, tpp: tpp}
	for _, s := range []*ssatest.EnrolledSoftware{tpp.Software(), other} {
		for _, c := range []tls.Certificate{s.TransportCertificate, s.SigningCertificate} {
			e.privateKeys = append(e.privateKeys, c.PrivateKey.(crypto.Signer)) //nolint:errcheck,forcetypeassert // NewSoftware has put one there
		}
	}
	return e
}

// certificate is the client certificate of a vector, with the software's transport key.
func (e *ecosystem) certificate(t *testing.T, v *signed.Vector) *tls.Certificate {
	t.Helper()
	if v.Keys.Certificate == "" {
		return nil
	}
	text, err := fs.ReadFile(signed.Files(), v.Keys.Certificate)
	require.NoError(t, err)
	block, _ := pem.Decode(text)
	leaf, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	for _, key := range e.privateKeys {
		if key.Public().(interface{ Equal(x crypto.PublicKey) bool }).Equal(leaf.PublicKey) { //nolint:errcheck,forcetypeassert // an RSA key has it
			return &tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: key}
		}
	}
	require.Fail(t, "nobody has the key of the certificate", v.Name)
	return nil
}

// memory is a store that is emptied for each vector, so that none is a replay of another.
type memory struct{ *store.Memory }

// bank is a bank for vectors of one profile, policy and directory. It judges one at a time,
// by the clock and the keys of that vector.
type bank struct {
	*dcrtest.Bank
	records *memory

	mu      sync.Mutex
	now     time.Time
	keys    ssa.KeySet // of the directory
	client  ssa.SoftwareKeyResolver
	refused *dcr.Error
}

func (b *bank) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bank) turnTo(now time.Time, keys ssa.KeySet, client ssa.SoftwareKeyResolver) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now, b.keys, b.client, b.refused = now, keys, client, nil
}

// current resolves the keys of the vector that is judged.
type current struct{ *bank }

func (c current) ResolveKeys(ctx context.Context, ref ssa.KeyRef) ([]ssa.Key, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.client.ResolveKeys(ctx, ref)
}

func (c current) ResolveRevokedKeys(ctx context.Context, url string) (ssa.KeySet, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.client.ResolveRevokedKeys(ctx, url)
}

// issuerKeys resolves the keys of the directory of the vector that is judged.
type issuerKeys struct{ *bank }

func (k issuerKeys) ResolveKeys(ctx context.Context, ref ssa.KeyRef) ([]ssa.Key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.keys.ResolveKeys(ctx, ref)
}

// newBank starts the bank of a vector.
func (e *ecosystem) newBank(t *testing.T, v *signed.Vector) *bank {
	t.Helper()
	policy, err := v.BankPolicy()
	require.NoError(t, err, v.Name)
	b := &bank{now: v.Now}
	b.records = &memory{store.NewMemory(b.clock)}
	b.Bank = dcrtest.NewBank(t, dcrtest.WithProfile(v.Profile),
		dcrtest.WithDirectory(e.directory), dcrtest.WithClock(b.clock), dcrtest.WithStore(b.records),
		dcrtest.WithServerConfig(func(c *server.Config) {
			c.Policy = &policy
			c.Directories = nil
			c.Anchors = []ssa.Anchor{{Issuer: v.Directory.Issuer, Environment: v.Directory.Environment, Keys: issuerKeys{b},
				JWKSHosts: append(e.directory.Anchor().JWKSHosts, v.Directory.JWKSHosts...)}}
			c.Keys = server.KeyConfig{Resolver: current{b}}
			c.Clients.Trust.Authorities = map[claims.Environment][]*x509.Certificate{v.Directory.Environment: {e.directory.CA}}
			c.Logger = slog.New(slog.DiscardHandler)
			c.Observer.Refused = func(_ context.Context, e *dcr.Error) {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.refused = e
			}
		}))
	return b
}

// answer is what a bank says to a vector.
type answer struct {
	status int
	code   validate.Code
	rules  []string // that the bank itself found broken, sorted
}

// send sends the bytes of a vector.
func (b *bank) send(t *testing.T, client *http.Client, method, path string, v *signed.Vector, token string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.URL()+path, bytes.NewReader(v.JWS))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/jwt")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	got, err := client.Do(r)
	require.NoError(t, err, v.Name)
	defer got.Body.Close() //nolint:errcheck // it is only read
	text, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	a := answer{status: got.StatusCode}
	var refusal struct{ Error validate.Code }
	if a.status == http.StatusBadRequest && json.Unmarshal(text, &refusal) == nil {
		a.code = refusal.Error
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refused != nil && b.refused.Report != nil {
		for _, violation := range b.refused.Report.Violations {
			if violation.Severity == validate.SeverityError {
				a.rules = append(a.rules, violation.Rule)
			}
		}
		slices.Sort(a.rules)
		a.rules = slices.Compact(a.rules)
	}
	return a
}

// differ compares an answer with what a vector expects. A bank stops at the first step that
// fails: of the rules of that step and of those before it, it finds the same.
func differ(v *signed.Vector, a answer) string {
	e := &v.Expect
	if a.status != e.Status || a.code != e.Wire {
		return fmt.Sprintf("the bank answers %d %s %v, expected are %d %s %v", a.status, a.code, a.rules, e.Status, e.Wire, e.Rules)
	}
	step := func(id string) validate.Step {
		row, _ := validate.RuleByID(id)
		return cmp.Or(row.Step, validate.StepValidate)
	}
	last := validate.StepReplay
	for _, id := range e.Rules {
		last = min(last, step(id))
	}
	until := func(ids []string) []string {
		return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return step(id) > last })
	}
	if want, got := until(e.Rules), until(a.rules); a.rules != nil && !e.Valid && !slices.Equal(want, got) {
		return fmt.Sprintf("the bank finds %v, expected are %v", got, want)
	}
	return ""
}

func TestABankOverHTTPAnswersEachVectorAsItExpects(t *testing.T) {
	t.Parallel()
	e := newEcosystem(t)
	groups := byBank(t, func(v *signed.Vector) bool { return v.Kind == signed.Request && v.NotOverHTTP == "" })
	for _, group := range groups {
		t.Run(group[0].Name, func(t *testing.T) {
			t.Parallel()
			e.play(t, group)
		})
	}
}

// play has one bank judge vectors.
func (e *ecosystem) play(t *testing.T, group []*signed.Vector) {
	t.Helper()
	j := embeddedKeys()
	b := e.newBank(t, group[0])
	clients := map[string]*http.Client{}
	for _, v := range group {
		in, err := j.Input(v)
		require.NoError(t, err, v.Name)
		keys, isSet := in.Anchor.Keys.(ssa.KeySet)
		require.True(t, isSet)
		b.turnTo(v.Now, keys, in.SoftwareKeys)
		b.records.Memory = store.NewMemory(b.clock)
		client := clients[v.Keys.Certificate]
		if client == nil {
			client = e.client(t, b, v)
			clients[v.Keys.Certificate] = client
		}
		if v.Update {
			assert.Empty(t, differ(v, e.update(t, b, client, v, keys, in.SoftwareKeys)), "%s: %s", v.Name, v.Comment)
			continue
		}
		assert.Empty(t, differ(v, b.send(t, client, http.MethodPost, "/register", v, "")), "%s: %s", v.Name, v.Comment)
	}
}

// update registers a client and plays the vector as an update of it.
func (e *ecosystem) update(t *testing.T, b *bank, client *http.Client, v *signed.Vector, keys ssa.KeySet, of ssa.SoftwareKeyResolver) answer {
	t.Helper()
	own, err := ssa.ParseJWKS(e.directory.JWKS())
	require.NoError(t, err)
	b.turnTo(registeredAt, own, e.directory.Resolver())
	registered, err := e.tpp.At(b.Bank).Register()
	require.NoError(t, err, v.Name)
	token, err := registered.Token(dcrtest.Certificate(*e.certificate(t, v))) // the token is bound to it (RFC 8705)
	require.NoError(t, err, v.Name)
	b.turnTo(v.Now, keys, of)
	return b.send(t, client, http.MethodPut, "/register/"+registered.ClientID, v, token.Value.Reveal())
}

// client speaks mutual TLS with the certificate of a vector.
func (e *ecosystem) client(t *testing.T, b *bank, v *signed.Vector) *http.Client {
	t.Helper()
	config := &tls.Config{RootCAs: b.Roots(), MinVersion: tls.VersionTLS12}
	if c := e.certificate(t, v); c != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c, nil }
	}
	transport := &http.Transport{TLSClientConfig: config}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}
