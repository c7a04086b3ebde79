package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"github.com/lestrrat-go/jwx/v2/jwk"

	"github.com/obdcr/obdcr/internal/jsonscan"
)

// Skipped is an entry of a key set that is not usable, and why.
type Skipped struct {
	Index  int    // place in the set's keys
	ID     string // kid where it could be read, at most 128 bytes of it
	Reason string // in ASCII, with at most 64 characters of input
}

// ParseJWKS reads a JWK set (RFC 7517 section 5) key by key. RSA keys of 2048 to
// 8192 bits and ECDSA keys on P-256 come back as keys, whatever their alg and use;
// a kid may be absent or occur twice. Everything else (another key type, symmetric,
// private, too small, badly written) is skipped with its reason and harms no other
// key. A broken x5c, or one whose first certificate is for another key, costs the
// certificates only. When the document is not strict JSON with a member keys that
// is an array, err is an *Error of kind ErrMalformed and the other results are nil.
func ParseJWKS(data []byte) (keys []Key, skipped []Skipped, err error) {
	if len(data) > MaxJWKSSize {
		return nil, nil, fail(ErrMalformed, "the key set is larger than "+strconv.Itoa(MaxJWKSSize)+" bytes")
	}
	set, err := jsonscan.Parse(string(data))
	if err != nil {
		return nil, nil, fail(ErrMalformed, "the key set is not strict JSON: "+err.Error())
	}
	entries, ok := set.Member("keys")
	if !ok || entries.Kind() != jsonscan.Array {
		return nil, nil, fail(ErrMalformed, `the key set must be an object whose member "keys" is an array (RFC 7517 section 5)`)
	}
	for i, entry := range entries.Elements() {
		if i == MaxJWKSKeys {
			return nil, nil, fail(ErrMalformed, "the key set has more than "+strconv.Itoa(MaxJWKSKeys)+" keys")
		}
		key, err := parseKey(entry)
		if err != nil {
			skipped = append(skipped, Skipped{Index: i, ID: boundedID(entry), Reason: err.Error()})
			continue
		}
		keys = append(keys, key)
	}
	return keys, skipped, nil
}

func boundedID(entry jsonscan.Value) string {
	kid, _ := entry.Member("kid")
	text, _ := kid.Text()
	return strings.ToValidUTF8(text[:min(len(text), MaxKeyIDSize)], "")
}

// privateMembers are the members that only private keys have (RFC 7518 sections
// 6.2.2, 6.3.2 and 6.4).
var privateMembers = [...]string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

func parseKey(entry jsonscan.Value) (Key, error) {
	if entry.Kind() != jsonscan.Object {
		return Key{}, errors.New("not a JSON object")
	}
	kty, err := stringMember(entry, "kty")
	if err != nil {
		return Key{}, err
	}
	if kty != "RSA" && kty != "EC" {
		return Key{}, errors.New("key type " + show(kty) + " is not used here; use RSA or EC")
	}
	for _, name := range privateMembers {
		if _, found := entry.Member(name); found {
			return Key{}, errors.New("holds private key material (member " + name + "); take the key out of use and publish a new one")
		}
	}
	key, err := keyParameters(entry)
	if err != nil {
		return Key{}, err
	}
	if key.Public, err = publicKey(entry, kty); err != nil {
		return Key{}, err
	}
	key.Certificates = certificates(entry, key.Public)
	return key, nil
}

// keyParameters reads what a JWK says about its key (RFC 7517 section 4).
func keyParameters(entry jsonscan.Value) (key Key, err error) {
	if key.ID, err = stringMember(entry, "kid"); err != nil {
		return Key{}, err
	}
	if len(key.ID) > MaxKeyIDSize {
		return Key{}, errors.New("kid is longer than " + strconv.Itoa(MaxKeyIDSize) + " bytes")
	}
	if key.Algorithm, err = stringMember(entry, "alg"); err != nil {
		return Key{}, err
	}
	if key.Use, err = stringMember(entry, "use"); err != nil {
		return Key{}, err
	}
	ops, found := entry.Member("key_ops")
	if !found {
		return key, nil
	}
	if ops.Kind() != jsonscan.Array {
		return Key{}, errors.New("key_ops is not an array")
	}
	key.Ops = []string{}
	for _, op := range ops.Elements() {
		text, clean := op.Text()
		if !clean {
			return Key{}, errors.New("key_ops holds something that is not a string")
		}
		key.Ops = append(key.Ops, text)
	}
	return key, nil
}

// stringMember is the text of a member, "" when it is absent.
func stringMember(entry jsonscan.Value, name string) (string, error) {
	value, found := entry.Member(name)
	if !found {
		return "", nil
	}
	text, clean := value.Text()
	if !clean {
		return "", errors.New(name + " is not a plain string")
	}
	return text, nil
}

// publicKey has the library read the key from its own parameters alone, so that
// no other member of the entry can spoil it, and checks what comes out.
func publicKey(entry jsonscan.Value, kty string) (crypto.PublicKey, error) {
	doc := []byte(`{"kty":"` + kty + `"`)
	names := []string{"n", "e"}
	if kty == "EC" {
		names = []string{"crv", "x", "y"}
	}
	for _, name := range names {
		text, err := stringMember(entry, name)
		if err != nil {
			return nil, err
		}
		if err := checkParameter(name, text); err != nil {
			return nil, err
		}
		doc = append(doc, `,"`+name+`":"`+text+`"`...)
	}
	parsed, err := jwk.ParseKey(append(doc, '}'))
	if err != nil {
		return nil, errors.New("the key's parameters cannot be read")
	}
	public, err := rawKey(parsed, kty)
	if err != nil {
		return nil, errors.New("the key's parameters cannot be read")
	}
	var refused *Error
	if err := checkPublic(public); errors.As(err, &refused) {
		return nil, errors.New(refused.Detail)
	}
	return public, nil
}

func rawKey(parsed jwk.Key, kty string) (crypto.PublicKey, error) {
	if kty == "RSA" {
		public := new(rsa.PublicKey)
		return public, parsed.Raw(public)
	}
	public := new(ecdsa.PublicKey)
	return public, parsed.Raw(public)
}

// checkParameter checks one member of RFC 7518 sections 6.2.1 and 6.3.1. What it
// lets through needs no escaping.
func checkParameter(name, text string) error {
	if name == "crv" {
		if text != "P-256" {
			return errors.New("curve " + show(text) + " is not used here; use P-256")
		}
		return nil
	}
	octets, err := encoding.DecodeString(text)
	switch {
	case err != nil || text == "" || strings.ContainsAny(text, "\r\n"):
		return errors.New(name + " is absent or not canonical base64url")
	case (name == "x" || name == "y") && len(octets) != p256Size:
		return errors.New(name + " is not " + strconv.Itoa(p256Size) + " octets long (RFC 7518 section 6.2.1)")
	case name == "e" && len(octets) > 4:
		return errors.New("the RSA exponent is out of range; use 65537")
	case name == "n" && len(octets) > MaxRSAKeyBits/8+1:
		return errors.New("the RSA key is larger than " + strconv.Itoa(MaxRSAKeyBits) + " bits")
	}
	return nil
}

// maxCertificates bounds the certificates read from one key.
const maxCertificates = 10

// certificates reads x5c (RFC 7517 section 4.7): nil unless all of it is well
// formed and the first certificate is for the key itself.
func certificates(entry jsonscan.Value, public crypto.PublicKey) [][]byte {
	var chain [][]byte
	list, _ := entry.Member("x5c")
	for i, element := range list.Elements() {
		text, _ := element.Text()
		der, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || i == maxCertificates {
			return nil
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil || i == 0 && !samePublicKey(cert.PublicKey, public) {
			return nil
		}
		chain = append(chain, der)
	}
	return chain
}

func samePublicKey(a, b crypto.PublicKey) bool {
	switch key := a.(type) {
	case *rsa.PublicKey:
		return key.Equal(b)
	case *ecdsa.PublicKey:
		return key.Equal(b)
	}
	return false
}
