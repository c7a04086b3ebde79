package ssatest

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jose"
	"github.com/obdcr/obdcr/ssa"
)

// Options say what kind of directory it is. The zero value is right for most tests.
type Options struct {
	Issuer      string             // iss of its statements; "OpenBanking Ltd" when empty
	Environment claims.Environment // Sandbox when empty; the two environments share no key
	Clock       func() time.Time   // for iat and exp; time.Now when nil
	Algorithm   claims.Algorithm   // of its signatures: PS256 (when empty) or ES256
	// Deterministic: equal calls with an equal clock give equal bytes, in every
	// run. Identifiers count instead of being random, signatures are repeatable,
	// and URL has a fixed host name, which only Client knows how to reach. At most
	// six software can be enrolled.
	Deterministic bool
}

// maxEmbeddedSoftware is how many software the embedded keys are enough for.
const maxEmbeddedSoftware = (keysOfASet - firstSoftwareKey) / 2

// Directory is a fake OBIE directory. It is safe for concurrent use.
type Directory struct {
	CA *x509.Certificate // issuer of all certificates

	opts     Options
	set      keySet
	ca       *authority
	key      crypto.Signer
	kid      string
	jwks     []byte
	keys     ssa.KeySet
	server   *server
	api      *API
	provider *Provider
	closed   chan struct{}
	close    sync.Once

	mu        sync.Mutex
	software  map[string]*EnrolledSoftware // by path of the key set
	published map[string]*document         // key sets by path
	faults    map[string]*KeySetFault      // by path
	fetches   map[string]int               // by path
	count     uint64                       // of identifiers handed out
	enrolment int
}

// New starts a directory. Close it when done.
func New(opts Options) (*Directory, error) {
	if opts.Issuer == "" {
		opts.Issuer = "OpenBanking Ltd"
	}
	if opts.Environment == "" {
		opts.Environment = claims.Sandbox
	}
	if opts.Clock == nil {
		opts.Clock = time.Now
	}
	if opts.Algorithm == "" {
		opts.Algorithm = claims.PS256
	}
	d := &Directory{opts: opts, software: map[string]*EnrolledSoftware{}, published: map[string]*document{},
		faults: map[string]*KeySetFault{}, fetches: map[string]int{}, closed: make(chan struct{})}
	switch opts.Environment {
	case claims.Sandbox:
		d.set = sandboxSet
	case claims.Production:
		d.set = productionSet
	default:
		return nil, fmt.Errorf("ssatest: environment %.20q; use sandbox or production", string(opts.Environment))
	}
	if err := d.makeKeys(); err != nil {
		return nil, err
	}
	if err := d.serve(); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *Directory) makeKeys() (err error) {
	if d.ca, err = newAuthority(d.set, string(d.opts.Environment)); err != nil {
		return err
	}
	d.CA = d.ca.cert
	if d.key, err = d.signer(d.opts.Algorithm, directoryKey); err != nil {
		return err
	}
	// The directory's own kids are 44 characters of base64 with padding.
	sum := sha256.Sum256([]byte("directory key of " + string(d.opts.Environment) + string(d.opts.Algorithm)))
	d.kid = base64.StdEncoding.EncodeToString(sum[:])
	// Its key sets name no alg.
	if d.jwks, err = jose.MarshalJWKS([]jose.Key{{ID: d.kid, Use: "sig", Public: d.key.Public()}}); err != nil {
		return err
	}
	d.published["/keys.jwks"] = newDocument(d.jwks)
	d.keys, err = ssa.ParseJWKS(d.jwks)
	return err
}

// signer is the key at a place, wrapped so that its signatures repeat if they must.
func (d *Directory) signer(alg claims.Algorithm, place int) (crypto.Signer, error) {
	key, err := d.set.signer(alg, place)
	if err != nil {
		return nil, err
	}
	if d.opts.Deterministic {
		return repeatable{key}, nil
	}
	return key, nil
}

// Close stops serving. What the directory has issued stays usable.
func (d *Directory) Close() {
	d.close.Do(func() { close(d.closed) })
	d.server.close()
}

// URL is the address that all addresses in statements begin with, without a slash
// at the end.
func (d *Directory) URL() string { return d.server.url }

// Client trusts the CA and reaches the directory. The caller may change it.
func (d *Directory) Client() *http.Client { return d.server.client(d.CA) }

// CAPEM is the CA's certificate in PEM.
func (d *Directory) CAPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: d.CA.Raw})
}

// JWKS is the directory's own key set, as served at /keys.jwks.
func (d *Directory) JWKS() []byte { return append([]byte(nil), d.jwks...) }

// KeyID is the kid of the directory's signing key.
func (d *Directory) KeyID() string { return d.kid }

// Anchor is a trust anchor for the directory: its keys, fixed; statements up to 24
// hours old; key sets of software on the directory's own host only.
func (d *Directory) Anchor() ssa.Anchor {
	return ssa.Anchor{
		Name:        d.opts.Issuer + " (" + string(d.opts.Environment) + ")",
		Issuer:      d.opts.Issuer,
		Environment: d.opts.Environment,
		Keys:        ssa.StaticKeys(d.keys.Keys...),
		Algorithms:  []claims.Algorithm{d.opts.Algorithm},
		MaxAge:      24 * time.Hour,
		JWKSHosts:   []string{d.server.host},
	}
}

// Known is what a bank knows of the directory, as ssa.KnownDirectories has it of real
// ones: with a RemoteSource the bank reads key sets over TLS, with a Resolver from
// memory.
func (d *Directory) Known() ssa.KnownDirectory {
	anchor := d.Anchor()
	return ssa.KnownDirectory{Name: anchor.Name, Issuer: anchor.Issuer, Environment: anchor.Environment,
		JWKSURL: d.URL() + "/keys.jwks", Hosts: anchor.JWKSHosts, RootSubjects: []string{d.CA.Subject.String()}}
}

// ForgedKey is a key of the directory's kind that no key set holds, for signatures
// that must not be believed.
func (d *Directory) ForgedKey() crypto.Signer {
	key, err := d.signer(d.opts.Algorithm, foreignKey)
	if err != nil { // New has made the others of the set
		return nil
	}
	return key
}

// ServerCertificate is a TLS certificate of the CA for a host, a name or an IP
// address, such as that of a bank under test.
func (d *Directory) ServerCertificate(host string) (tls.Certificate, error) {
	if host == "" {
		return tls.Certificate{}, errors.New("ssatest: a server certificate needs a host")
	}
	key, err := d.set.rsaKey(serverKey)
	if err != nil {
		return tls.Certificate{}, err
	}
	return d.ca.server(key, host)
}

// identifier gives n bytes that no other call gets.
func (d *Directory) identifier(n int) []byte {
	id := make([]byte, n)
	if !d.opts.Deterministic {
		_, _ = rand.Read(id) // never fails
		return id
	}
	d.mu.Lock()
	d.count++
	sum := sha256.Sum256(fmt.Appendf(nil, "identifier %d of %s", d.count, d.opts.Environment))
	d.mu.Unlock()
	copy(id, sum[:])
	return id
}
