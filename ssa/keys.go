package ssa

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jose"
	"github.com/obdcr/obdcr/internal/text"
)

// Key is a public key that may verify signatures.
type Key struct {
	ID        string           // kid, an opaque string
	Algorithm claims.Algorithm // alg, "" where the key does not say, as in the directory's sets
	Use       string           // use: "sig", "tls", or "" where the key does not say
	Public    crypto.PublicKey // *rsa.PublicKey of 2048..8192 bits or *ecdsa.PublicKey on P-256
	// CertificateSHA256 are the SHA-256 thumbprints of the certificates that the key
	// names: its x5t#S256, and that of the first certificate of its x5c.
	CertificateSHA256 [][32]byte
	// Certificate is the first certificate of the key's x5c, in DER: one that certifies this
	// very key (RFC 7517 section 4.7). It is nil where the key has none. Nobody has judged it.
	// It must not be changed.
	Certificate []byte
	ops         []string // key_ops
}

// Is reports whether k is the same key as public, such as the public key of a
// certificate.
func (k *Key) Is(public crypto.PublicKey) bool { return jose.SamePublicKey(k.Public, public) }

// Verifies reports whether the key may verify signatures of the algorithm: its use, its
// operations, its alg and its type admit it (RFC 7517 section 4).
func (k *Key) Verifies(alg claims.Algorithm) bool {
	_, isEC := k.Public.(*ecdsa.PublicKey)
	return (k.Use == "" || k.Use == "sig") && (k.Algorithm == "" || k.Algorithm == alg) &&
		(k.ops == nil || slices.Contains(k.ops, "verify")) && isEC == (alg == claims.ES256)
}

// KeyRef names the key that is asked for.
type KeyRef struct {
	URL   string // address of the JWKS; "" where the resolver has but one set
	KeyID string // kid of the token, compared exactly; "" asks for all keys
	// Software says that the set is a software's. A software may withdraw all its keys, so an
	// empty set is believed there; a directory without keys is out of order.
	Software bool
	// Asker is on whose behalf the key is looked up: a software and the certificate that was
	// presented, say, as any text. A resolver that reads a set again for an unknown kid
	// counts that for each Asker, so that one cannot use up the reading of another. "" is an
	// Asker too.
	Asker string
}

// KeyResolver finds the keys that a reference names, in the order of the set. Where there
// is no such key, the error wraps ErrKeyNotFound. Where the source cannot be asked at the
// moment, it wraps ErrKeySourceUnavailable. A KeyResolver must be safe for concurrent
// use.
type KeyResolver interface {
	ResolveKeys(ctx context.Context, ref KeyRef) ([]Key, error)
}

// KeySet is a parsed JWKS. As a KeyResolver it answers with its own keys, whatever
// the address.
type KeySet struct {
	Keys    []Key
	Skipped []SkippedKey
}

// SkippedKey is an entry of a JWKS that cannot be used.
type SkippedKey struct {
	Index  int    // in the set, from 0
	ID     string // its kid, if it has one
	Reason string // why it is of no use
}

// ResolveKeys returns the keys of the set that have the kid.
func (s KeySet) ResolveKeys(_ context.Context, ref KeyRef) ([]Key, error) {
	var found []Key
	for _, k := range s.Keys {
		if ref.KeyID == "" || k.ID == ref.KeyID {
			found = append(found, k)
		}
	}
	switch {
	case len(s.Keys) == 0 && len(s.Skipped) == 0:
		return nil, &Error{Kind: ErrNoKeyPublished, Pointer: "/kid", Header: true, Cause: ErrKeyNotFound, Detail: "the key set is empty"}
	case len(found) == 0:
		return nil, &Error{Kind: ErrKeyNotFound, Pointer: "/kid", Header: true, Detail: "no key of the set has this kid"}
	}
	return found, nil
}

// StaticKeys returns a resolver of fixed keys.
func StaticKeys(keys ...Key) KeyResolver { return KeySet{Keys: append([]Key(nil), keys...)} }

// ParseJWKS reads a JWK Set (RFC 7517 section 5) of at most 1 MiB and 100 keys. Keys
// that are unknown, broken, private, symmetric or too weak are skipped and listed; a
// broken x5c alone does not lose a key. A document that is no set, or that has no
// usable key, is an *Error of kind ErrMalformed.
func ParseJWKS(data []byte) (KeySet, error) {
	set, err := readSet(data)
	if err != nil {
		return KeySet{}, err
	}
	if len(set.Keys) == 0 {
		return KeySet{}, &Error{Kind: ErrMalformed, Detail: unusable(set.Skipped)}
	}
	return set, nil
}

// ParseRevokedJWKS is ParseJWKS for a set of withdrawn keys, which may be empty or have no
// usable key.
func ParseRevokedJWKS(data []byte) (KeySet, error) { return readSet(data) }

// unusable returns the reason why a set has no usable key: it is empty, or what is wrong
// with its first entry.
func unusable(skipped []SkippedKey) string {
	if len(skipped) == 0 {
		return "the key set is empty"
	}
	return fmt.Sprintf("the key set has no usable key among its %d entries; the first: %s", len(skipped), skipped[0].Reason)
}

// readSet is ParseJWKS for sets that may be empty. It clones the strings, so that a cached
// set does not keep the whole answer in memory.
func readSet(data []byte) (KeySet, error) {
	parsed, skipped, err := jose.ParseJWKS(data)
	if err != nil {
		return KeySet{}, &Error{Kind: ErrMalformed, Detail: text.Detail(err), Cause: err}
	}
	set := KeySet{Keys: make([]Key, 0, len(parsed))}
	for i := range parsed {
		set.Keys = append(set.Keys, keyOf(&parsed[i]))
	}
	for _, s := range skipped {
		set.Skipped = append(set.Skipped, SkippedKey{Index: s.Index, ID: strings.Clone(s.ID), Reason: s.Reason})
	}
	return set, nil
}

func keyOf(k *jose.Key) Key {
	key := Key{
		ID: strings.Clone(k.ID), Algorithm: claims.Algorithm(strings.Clone(k.Algorithm)), Use: strings.Clone(k.Use), Public: k.Public,
	}
	if k.Ops != nil {
		key.ops = make([]string, len(k.Ops))
		for i, op := range k.Ops {
			key.ops[i] = strings.Clone(op)
		}
	}
	if len(k.X5TS256) == sha256.Size {
		key.CertificateSHA256 = append(key.CertificateSHA256, [32]byte(k.X5TS256))
	}
	if len(k.Certificates) > 0 {
		key.Certificate = bytes.Clone(k.Certificates[0])
		if sum := sha256.Sum256(k.Certificates[0]); !slices.Contains(key.CertificateSHA256, sum) {
			key.CertificateSHA256 = append(key.CertificateSHA256, sum)
		}
	}
	return key
}
