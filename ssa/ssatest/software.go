package ssatest

import (
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jose"
	"github.com/obdcr/obdcr/ssa"
)

// SoftwareOptions describe a software. The zero value is right for most tests.
type SoftwareOptions struct {
	OrgID        string           // 18 characters; one and the same organisation when empty
	SoftwareID   string           // 22 characters of base62; the next one when empty
	ClientName   string           // software_client_name; "Test TPP" when empty
	Roles        []claims.Role    // software_roles; AISP and PISP when nil
	RedirectURIs []string         // software_redirect_uris; two addresses when nil
	Algorithm    claims.Algorithm // of its signatures: PS256 (when empty) or ES256
}

// EnrolledSoftware is a TPP's software that is enrolled at a Directory. It is safe for
// concurrent use; its fields must not be changed.
type EnrolledSoftware struct {
	OrgID        string
	SoftwareID   string
	ClientName   string
	Roles        []claims.Role
	RedirectURIs []string
	Algorithm    claims.Algorithm

	SigningKey           crypto.Signer   // of its requests
	SigningKeyID         string          // kid of SigningKey
	SigningCertificate   tls.Certificate // for SigningKey
	TransportKeyID       string          // kid of the transport key
	TransportCertificate tls.Certificate // for mutual TLS: C=GB, O=OpenBanking, OU=org, CN=software

	directory *Directory
	jwks      []byte
	keys      ssa.KeySet
}

// NewSoftware enrols a software with keys and certificates of its own and serves
// its key set. The same software twice is an error.
func (d *Directory) NewSoftware(opts SoftwareOptions) (*EnrolledSoftware, error) {
	d.mu.Lock()
	number := d.enrolment
	d.enrolment++
	d.mu.Unlock()
	if d.opts.Deterministic && number >= maxEmbeddedSoftware {
		return nil, fmt.Errorf("ssatest: a deterministic directory has keys for %d software only", maxEmbeddedSoftware)
	}
	s := &EnrolledSoftware{
		OrgID: opts.OrgID, SoftwareID: opts.SoftwareID, ClientName: opts.ClientName, Roles: slices.Clone(opts.Roles),
		RedirectURIs: slices.Clone(opts.RedirectURIs), Algorithm: opts.Algorithm, directory: d,
	}
	s.setDefaults(number)
	if err := s.makeKeys(firstSoftwareKey + 2*number); err != nil {
		return nil, err
	}
	if err := s.checkSize(); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, taken := d.software[s.path()]; taken {
		return nil, errors.New("ssatest: the organisation has enrolled this software already")
	}
	d.software[s.path()] = s
	d.published[s.path()] = newDocument(s.jwks)
	for _, id := range []string{s.SoftwareID, s.OrgID} {
		if revoked := "/" + s.OrgID + "/revoked/" + id + ".jwks"; d.published[revoked] == nil {
			d.published[revoked] = newDocument([]byte(`{"keys":[]}`))
		}
	}
	return s, nil
}

func (s *EnrolledSoftware) setDefaults(number int) {
	if s.OrgID == "" {
		s.OrgID = "0015800000TestOrgA"
	}
	if s.SoftwareID == "" {
		s.SoftwareID = base62(fmt.Appendf(nil, "software %d", number), 22)
	}
	if s.ClientName == "" {
		s.ClientName = "Test TPP"
	}
	if s.Roles == nil {
		s.Roles = []claims.Role{claims.AISP, claims.PISP}
	}
	if s.RedirectURIs == nil {
		s.RedirectURIs = []string{"https://tpp.example/callback", "https://tpp.example/app/callback"}
	}
	if s.Algorithm == "" {
		s.Algorithm = claims.PS256
	}
}

func (s *EnrolledSoftware) makeKeys(place int) error {
	d := s.directory
	bare, err := d.set.signer(s.Algorithm, place)
	if err != nil {
		return err
	}
	s.SigningKey = bare
	if d.opts.Deterministic {
		s.SigningKey = repeatable{bare}
	}
	transportKey, err := d.set.rsaKey(place + 1)
	if err != nil {
		return err
	}
	signing, err := d.ca.signing(s.OrgID, s.SoftwareID, bare.Public())
	if err != nil {
		return err
	}
	transport, err := d.ca.transport(s.OrgID, s.SoftwareID, transportKey.Public())
	if err != nil {
		return err
	}
	s.SigningCertificate = tls.Certificate{Certificate: [][]byte{signing.Raw}, PrivateKey: bare, Leaf: signing}
	s.TransportCertificate = tls.Certificate{Certificate: [][]byte{transport.Raw}, PrivateKey: transportKey, Leaf: transport}
	s.SigningKeyID, s.TransportKeyID = s.newKeyID("sig"), s.newKeyID("tls")
	s.jwks, err = jose.MarshalJWKS([]jose.Key{
		{ID: s.SigningKeyID, Use: "sig", Public: bare.Public(), Certificates: [][]byte{signing.Raw}},
		{ID: s.TransportKeyID, Use: "tls", Public: transportKey.Public(), Certificates: [][]byte{transport.Raw}},
	})
	if err != nil {
		return err
	}
	s.keys, err = ssa.ParseJWKS(s.jwks)
	return err
}

// checkSize refuses a software whose statements would be longer than a token may be.
func (s *EnrolledSoftware) checkSize() error {
	const rest = 1 << 10 // for the header and the signature
	body, err := json.Marshal(s.Claims())
	if err != nil {
		return fmt.Errorf("ssatest: %w", err)
	}
	if base64.RawURLEncoding.EncodedLen(len(body)) > jose.MaxTokenSize-rest {
		return errors.New("ssatest: the statements of this software would be too long; give it a shorter name or fewer redirect URIs")
	}
	return nil
}

// newKeyID is 27 characters, as participants' kids are.
func (s *EnrolledSoftware) newKeyID(use string) string {
	sum := sha256.Sum256([]byte(s.path() + use + string(s.directory.opts.Environment)))
	return base64.RawURLEncoding.EncodeToString(sum[:20])
}

func (s *EnrolledSoftware) path() string { return "/" + s.OrgID + "/" + s.SoftwareID + ".jwks" }

// JWKSURL is the address of the software's key set, its software_jwks_endpoint.
func (s *EnrolledSoftware) JWKSURL() string {
	return s.directory.URL() + "/" + url.PathEscape(s.OrgID) + "/" + url.PathEscape(s.SoftwareID) + ".jwks"
}

// JWKS is the software's key set as served: a signing key and a transport key,
// with certificates and without alg.
func (s *EnrolledSoftware) JWKS() []byte { return slices.Clone(s.jwks) }

// Keys is the software's key set, parsed.
func (s *EnrolledSoftware) Keys() ssa.KeySet { return ssa.KeySet{Keys: slices.Clone(s.keys.Keys)} }

// Sign signs a payload with the software's key. Bytes and strings are signed as
// they are; a map, a *claims.Request and all else is marshalled to JSON.
func (s *EnrolledSoftware) Sign(payload any) (string, error) {
	body, err := marshal(payload)
	if err != nil {
		return "", err
	}
	return jose.Sign(body, s.SigningKey, string(s.Algorithm), s.SigningKeyID, "JWT")
}

// SignWith is Sign for tokens that must be refused.
func (s *EnrolledSoftware) SignWith(payload any, f Forgery) (string, error) {
	return f.orElse(s.Algorithm, s.SigningKeyID, s.SigningKey).token(payload)
}

// base62 derives n characters from a seed.
func base62(seed []byte, n int) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	sum := sha256.Sum256(seed)
	out := make([]byte, n)
	for i := range out {
		out[i] = digits[int(sum[i%len(sum)])%len(digits)]
	}
	return string(out)
}
