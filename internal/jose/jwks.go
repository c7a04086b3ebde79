package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/internal/jsonscan"
)

// Skipped is an entry of a key set that is not usable, and why.
type Skipped struct {
	Index  int    // place in the set's keys
	ID     string // kid where it could be read, at most 128 bytes of it
	Reason string // in ASCII, without any input
}

// ParseJWKS reads a JWK set (RFC 7517 section 5) key by key. RSA keys of 2048 to
// 8192 bits and ECDSA keys on P-256 come back as keys, whatever their alg and use;
// a kid may be absent or occur twice. Everything else (another key type, symmetric,
// private, too small, badly written) is skipped with its reason and harms no other
// key. An x5c that is broken, or whose first certificate is for another key, is dropped,
// and so is a broken x5t#S256; the key stays. ParseJWKS allocates at most 64 KiB and ten
// times the input. When the document is not strict JSON with a member keys that is an
// array of at most MaxJWKSKeys, err is an *Error of kind ErrMalformed and the other
// results are nil.
func ParseJWKS(data []byte) (keys []Key, skipped []Skipped, err error) {
	if len(data) > MaxJWKSSize {
		return nil, nil, fail(ErrMalformed, "the key set is larger than "+strconv.Itoa(MaxJWKSSize)+" bytes")
	}
	set, err := jsonscan.Parse(string(data))
	if err != nil {
		return nil, nil, &Error{Kind: ErrMalformed, detail: "the key set is not strict JSON: " + jsonscan.ReasonIn(string(data), err), cause: err}
	}
	entries, ok := set.Member("keys")
	if !ok || entries.Kind() != jsonscan.Array {
		return nil, nil, fail(ErrMalformed, `the key set must be an object whose member "keys" is an array (RFC 7517 section 5)`)
	}
	count := entries.Len()
	if count > MaxJWKSKeys {
		return nil, nil, fail(ErrMalformed, "the key set has "+strconv.Itoa(count)+" keys; at most "+strconv.Itoa(MaxJWKSKeys)+" are read")
	}
	keys = make([]Key, 0, count)
	for i, value := range entries.Elements() {
		entry := readEntry(value)
		key, err := parseKey(&entry)
		if err != nil {
			if skipped == nil {
				skipped = make([]Skipped, 0, count-i)
			}
			skipped = append(skipped, Skipped{Index: i, ID: boundedID(&entry), Reason: err.Error()})
			continue
		}
		keys = append(keys, key)
	}
	return keys, skipped, nil
}

// privateMembers are the members that only private keys have (RFC 7518 sections
// 6.2.2, 6.3.2 and 6.4).
var privateMembers = [...]string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

// readMembers are the other members of an entry that are read.
var readMembers = [...]string{"kty", "kid", "alg", "use", "key_ops", "n", "e", "crv", "x", "y", "x5c", "x5t#S256"}

// entry is an entry of a key set. readEntry reads it in one pass, since each look at a
// name with escapes allocates.
type entry struct {
	object  bool
	private bool
	found   [len(readMembers)]bool
	values  [len(readMembers)]jsonscan.Value
}

func readEntry(value jsonscan.Value) (e entry) {
	e.object = value.Kind() == jsonscan.Object
	for name, member := range value.Members() {
		if i := slices.Index(readMembers[:], name); i >= 0 {
			e.found[i], e.values[i] = true, member
		}
		e.private = e.private || slices.Contains(privateMembers[:], name)
	}
	return e
}

// member finds one of readMembers.
func (e *entry) member(name string) (jsonscan.Value, bool) {
	i := slices.Index(readMembers[:], name)
	return e.values[i], e.found[i]
}

func boundedID(e *entry) string {
	kid, _ := e.member("kid")
	text, _ := kid.Text()
	return strings.ToValidUTF8(text[:min(len(text), MaxKeyIDSize)], "")
}

// Why entries are skipped. The texts are constant, so that a set of many bad
// entries costs little.
var (
	errNoObject   = errors.New("not a JSON object")
	errKeyType    = errors.New("key type (kty) is absent or not used here; use RSA or EC")
	errOct        = errors.New(`key type "oct" is not used here; use RSA or EC`)
	errOKP        = errors.New(`key type "OKP" is not used here; use RSA or EC`)
	errPrivate    = errors.New("holds private key material; take the key out of use and publish a new one")
	errLongID     = errors.New("kid is longer than " + strconv.Itoa(MaxKeyIDSize) + " bytes")
	errOpsType    = errors.New("key_ops is not an array of strings")
	errOpsCount   = errors.New("key_ops has more than " + strconv.Itoa(maxOps) + " entries")
	errCurve      = errors.New("curve (crv) is absent or not used here; use P-256")
	errNoPoint    = errors.New("the ECDSA key is not a point on P-256")
	errCoordinate = errors.New("x or y is not " + strconv.Itoa(p256Size) + " octets long (RFC 7518 section 6.2.1)")
	errExponent   = errors.New("the RSA exponent is out of range; use 65537")
	errModulus    = errors.New("the RSA key is larger than " + strconv.Itoa(MaxRSAKeyBits) + " bits")
)

// maxOps bounds key_ops; RFC 7517 section 4.3 knows eight.
const maxOps = 16

func parseKey(e *entry) (Key, error) {
	if !e.object {
		return Key{}, errNoObject
	}
	kty, err := stringMember(e, "kty")
	if err != nil {
		return Key{}, err
	}
	switch {
	case kty == "oct":
		return Key{}, errOct
	case kty == "OKP":
		return Key{}, errOKP
	case kty != "RSA" && kty != "EC":
		return Key{}, errKeyType
	case e.private:
		return Key{}, errPrivate
	}
	key, err := keyParameters(e)
	if err != nil {
		return Key{}, err
	}
	if key.Public, err = publicKey(e, kty); err != nil {
		return Key{}, err
	}
	key.Certificates = certificates(e, key.Public)
	if digest, err := octets(e, "x5t#S256"); err == nil && len(digest) == sha256.Size {
		key.X5TS256 = digest
	}
	return key, nil
}

// keyParameters reads what a JWK says about its key (RFC 7517 section 4).
func keyParameters(e *entry) (key Key, err error) {
	if key.ID, err = stringMember(e, "kid"); err != nil {
		return Key{}, err
	}
	if len(key.ID) > MaxKeyIDSize {
		return Key{}, errLongID
	}
	if key.Algorithm, err = stringMember(e, "alg"); err != nil {
		return Key{}, err
	}
	if key.Use, err = stringMember(e, "use"); err != nil {
		return Key{}, err
	}
	key.Ops, err = operations(e)
	return key, err
}

// operations reads key_ops, nil where it is absent.
func operations(e *entry) ([]string, error) {
	list, found := e.member("key_ops")
	switch {
	case !found:
		return nil, nil
	case list.Kind() != jsonscan.Array:
		return nil, errOpsType
	case list.Len() > maxOps:
		return nil, errOpsCount
	}
	ops := make([]string, 0, list.Len())
	for _, op := range list.Elements() {
		text, clean := op.Text()
		if !clean {
			return nil, errOpsType
		}
		ops = append(ops, text)
	}
	return ops, nil
}

// stringMember is the text of a member, "" when it is absent.
func stringMember(e *entry, name string) (string, error) {
	value, found := e.member(name)
	if !found {
		return "", nil
	}
	text, clean := value.Text()
	if !clean {
		return "", errors.New(name + " is not a plain string")
	}
	return text, nil
}

// publicKey makes the key from its own parameters alone and checks it. No other member
// of the entry can spoil it.
func publicKey(e *entry, kty string) (crypto.PublicKey, error) {
	if kty == "EC" {
		return curveKey(e)
	}
	n, err := octets(e, "n")
	if err != nil {
		return nil, err
	}
	exponent, err := octets(e, "e")
	switch {
	case err != nil:
		return nil, err
	case len(n) > MaxRSAKeyBits/8+1:
		return nil, errModulus
	case len(exponent) > 4:
		return nil, errExponent
	}
	value := new(big.Int).SetBytes(exponent).Int64()
	if value > maxExponent {
		return nil, errExponent
	}
	public := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(value)}
	var refused *Error
	if err := checkPublic(public); errors.As(err, &refused) {
		return nil, errors.New(refused.detail)
	}
	return public, nil
}

func curveKey(e *entry) (crypto.PublicKey, error) {
	crv, err := stringMember(e, "crv")
	if err != nil {
		return nil, err
	}
	if crv != "P-256" {
		return nil, errCurve
	}
	point := append(make([]byte, 0, 1+2*p256Size), 4) // uncompressed (SEC 1 section 2.3.3)
	for _, name := range [...]string{"x", "y"} {
		coordinate, err := octets(e, name)
		if err != nil {
			return nil, err
		}
		if len(coordinate) != p256Size {
			return nil, errCoordinate
		}
		point = append(point, coordinate...)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, errNoPoint
	}
	return public, nil
}

// octets decodes a member of RFC 7518 sections 6.2.1 and 6.3.1.
func octets(e *entry, name string) ([]byte, error) {
	text, err := stringMember(e, name)
	if err != nil {
		return nil, err
	}
	decoded, err := encoding.DecodeString(text)
	if err != nil || text == "" || strings.ContainsAny(text, "\r\n") {
		return nil, errors.New(name + " is absent or not canonical base64url")
	}
	return decoded, nil
}

// maxCertificates bounds the certificates read from one key.
const maxCertificates = 10

// certificates reads x5c (RFC 7517 section 4.7): nil unless all of it is well
// formed and the first certificate is for the key itself.
func certificates(e *entry, public crypto.PublicKey) [][]byte {
	list, _ := e.member("x5c")
	count := list.Len()
	if list.Kind() != jsonscan.Array || count == 0 || count > maxCertificates {
		return nil
	}
	chain := make([][]byte, 0, count)
	for i, element := range list.Elements() {
		text, _ := element.Text()
		der, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil {
			return nil
		}
		certified, err := certifiedKey(der)
		if err != nil || i == 0 && !SamePublicKey(certified, public) {
			return nil
		}
		chain = append(chain, der)
	}
	return chain
}

// certifiedKey reads the key of a certificate (RFC 5280 section 4.1) and nothing
// behind it: an extension can cost many times its length to parse.
func certifiedKey(der []byte) (crypto.PublicKey, error) {
	var cert struct {
		Signed struct {
			Version                                    int `asn1:"optional,explicit,default:0,tag:0"`
			Serial, Algorithm, Issuer, Period, Subject asn1.RawValue
			Key                                        asn1.RawValue
		}
		Algorithm, Signature asn1.RawValue
	}
	rest, err := asn1.Unmarshal(der, &cert)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, errors.New("data behind the certificate")
	}
	return x509.ParsePKIXPublicKey(cert.Signed.Key.FullBytes)
}

// SamePublicKey reports whether two public keys are the same. It compares RSA keys
// itself: rsa.PublicKey.Equal takes constant time and is slow, and public keys need
// no such care.
func SamePublicKey(a, b crypto.PublicKey) bool {
	if key, ok := a.(*rsa.PublicKey); ok {
		other, ok := b.(*rsa.PublicKey)
		return ok && key.E == other.E && key.N.Cmp(other.N) == 0
	}
	key, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && key.Equal(b)
}
