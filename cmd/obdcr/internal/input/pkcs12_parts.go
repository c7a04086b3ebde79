package input

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"unicode/utf16"

	"software.sslmate.com/src/go-pkcs12"
)

// pfx is a PKCS#12 store (RFC 7292 section 4).
type pfx struct {
	Version int
	Safe    contentInfo
	MAC     macData `asn1:"optional"`
}

// contentInfo is a part of a store: data, or encrypted data.
type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"tag:0,explicit,optional"`
}

type macData struct {
	MAC struct {
		Algorithm pkix.AlgorithmIdentifier
		Digest    []byte
	}
	Salt       []byte
	Iterations int `asn1:"optional,default:1"`
}

// safeBag holds one key or certificate of a part (RFC 7292 section 4.2).
type safeBag struct {
	ID         asn1.ObjectIdentifier
	Value      asn1.RawValue `asn1:"tag:0,explicit"`
	Attributes []struct {
		ID    asn1.ObjectIdentifier
		Value asn1.RawValue `asn1:"set"`
	} `asn1:"set,optional"`
}

var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidEncryptedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 6}
	oidKeyBag        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 1}
	oidShroudedBag   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 2}
	oidFriendlyName  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 20}
	oidSHA256        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
)

// severalKeys means that a store has more than one private key.
type severalKeys struct {
	count   int
	aliases []string // as far as they have names
}

// Error tells how many there are.
func (e *severalKeys) Error() string { return fmt.Sprintf("it has %d private keys", e.count) }

// fix is how one of the keys is taken out of the store.
func (e *severalKeys) fix(f *File) (string, Command) {
	if len(e.aliases) == 0 {
		return "convert it into a file that you alone can read, and leave one key in that",
			Command{"openssl", "pkcs12", "-in " + f.word(""), "-nodes", "-out " + f.word("-plain.pem")}
	}
	return "take the key that you want out of it by its name: this takes the first",
		Command{"keytool", "-importkeystore", "-srckeystore " + f.word(""), "-srcalias " + shellWord(e.aliases[0]),
			"-destkeystore " + f.word("-key.p12"), "-deststoretype PKCS12"}
}

// decodeParts reads a store that is not a key with its certificate, the one form that
// package pkcs12 reads: it may have certificates alone, a key alone, or other parts. Each
// part is put behind a key and a certificate that are made for this, in a store that the
// package takes.
func decodeParts(data []byte, password string) (*keyStore, error) {
	parts, checked, ok := partsOf(data)
	if !ok {
		return nil, errStoreForm
	}
	keys := &severalKeys{}
	for _, part := range parts {
		keys.add(part)
	}
	if keys.count > 1 {
		return nil, keys
	}
	spareCertificate, sparePair, err := spares()
	if err != nil {
		return nil, err
	}
	found := &keyStore{}
	for _, part := range parts {
		_, certs, err := decodeBehind(sparePair, part, password) // fails on a key: it has one
		if err == nil {
			found.certificates = append(found.certificates, certs...)
			continue
		}
		key, certs, err := decodeBehind(spareCertificate, part, password)
		switch {
		case err != nil && !checked && part.readsAsNonsense(err):
			return nil, ErrPassword
		case err != nil || found.key != nil:
			return nil, errStoreForm
		}
		found.key, found.certificates = key, append(found.certificates, certs...)
	}
	if found.key == nil && len(found.certificates) == 0 {
		return nil, errStoreEmpty
	}
	return sorted(found.key, found.certificates), nil
}

// partsOf returns the parts of a store, and whether it has a code by which its password is
// checked.
func partsOf(data []byte) (parts []contentInfo, checked, ok bool) {
	var store pfx
	var content []byte
	if unmarshalAll(data, &store) && store.Safe.Type.Equal(oidData) && unmarshalAll(store.Safe.Content.Bytes, &content) {
		ok = unmarshalAll(content, &parts)
	}
	return parts, len(store.MAC.MAC.Algorithm.Algorithm) > 0, ok
}

func unmarshalAll(der []byte, v any) bool {
	rest, err := asn1.Unmarshal(der, v)
	return err == nil && len(rest) == 0
}

// encryptedData is the content of an encrypted part (RFC 7292 section 5.1 step 3b).
type encryptedData struct {
	Version int
	Info    struct {
		Type      asn1.ObjectIdentifier
		Algorithm pkix.AlgorithmIdentifier
		Content   []byte `asn1:"tag:0,optional"`
	}
}

// readsAsNonsense tells by an error of package pkcs12 whether the decrypted bytes of a part
// are none of a store. Most wrong passwords show in the padding; one of 256 leaves a padding
// that is right.
func (c *contentInfo) readsAsNonsense(err error) bool {
	text := err.Error()
	for _, of := range []string{pkcs12.ErrDecryption.Error(), "error unmarshaling decrypted private key", "error parsing PKCS#8 private key: asn1: "} {
		if strings.Contains(text, of) { // the last one: a value of ASN.1 that is no key; a key of another type has "x509: "
			return true
		}
	}
	_, structural := errors.AsType[asn1.StructuralError](err)
	_, syntax := errors.AsType[asn1.SyntaxError](err)
	noBags := structural || syntax || strings.Contains(text, "trailing data found")
	return noBags && c.Type.Equal(oidEncryptedData) && unmarshalAll(c.Content.Bytes, &encryptedData{})
}

// bags returns what a part holds; none if it is encrypted.
func (c *contentInfo) bags() []safeBag {
	var content []byte
	var bags []safeBag
	if !c.Type.Equal(oidData) || !unmarshalAll(c.Content.Bytes, &content) || !unmarshalAll(content, &bags) {
		return nil
	}
	return bags
}

// add counts the keys of a part, and notes their names.
func (e *severalKeys) add(part contentInfo) {
	for _, bag := range part.bags() {
		if !bag.ID.Equal(oidKeyBag) && !bag.ID.Equal(oidShroudedBag) {
			continue
		}
		e.count++
		for _, attribute := range bag.Attributes {
			var name asn1.RawValue
			if attribute.ID.Equal(oidFriendlyName) && unmarshalAll(attribute.Value.Bytes, &name) && len(name.Bytes)%2 == 0 {
				units := make([]uint16, 0, len(name.Bytes)/2)
				for pair := range slices.Chunk(name.Bytes, 2) {
					units = append(units, binary.BigEndian.Uint16(pair))
				}
				e.aliases = append(e.aliases, string(utf16.Decode(units)))
			}
		}
	}
}

// spares makes the part of a store with a certificate, and one with a certificate and a key.
func spares() (certificate, pair contentInfo, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return certificate, pair, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return certificate, pair, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return certificate, pair, err
	}
	store, err := pkcs12.Passwordless.Encode(key, leaf, nil, "")
	if err != nil {
		return certificate, pair, err
	}
	parts, _, ok := partsOf(store)
	if !ok || len(parts) != 2 {
		return certificate, pair, errStoreForm
	}
	both, err := asn1.Marshal(append(parts[0].bags(), parts[1].bags()...))
	if err != nil {
		return certificate, pair, err
	}
	pair, err = dataPart(both)
	return parts[0], pair, err
}

// dataPart makes a part that is not encrypted.
func dataPart(content []byte) (contentInfo, error) {
	octets, err := asn1.Marshal(content)
	return contentInfo{oidData, asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: octets}}, err
}

// decodeBehind returns the key of a store of a spare part and another, and the certificates
// of the other.
func decodeBehind(spare, part contentInfo, password string) (any, []*x509.Certificate, error) {
	content, err := asn1.Marshal([]contentInfo{spare, part})
	if err != nil {
		return nil, nil, err
	}
	store := pfx{Version: 3, MAC: codeOf(content, password)}
	if store.Safe, err = dataPart(content); err != nil {
		return nil, nil, err
	}
	data, err := asn1.Marshal(store)
	if err != nil {
		return nil, nil, err
	}
	key, _, certs, err := pkcs12.DecodeChain(data, password)
	return key, certs, err
}

// codeOf computes the code by which the password of a store is checked, with one round of
// SHA-256 (RFC 7292 appendix B.2): this store is read at once and kept nowhere.
func codeOf(content []byte, password string) macData {
	salt := make([]byte, sha256.BlockSize)
	secret := make([]byte, 0, 2*len(password)+2)
	for _, unit := range append(utf16.Encode([]rune(password)), 0) {
		secret = binary.BigEndian.AppendUint16(secret, unit)
	}
	const forMAC = "\x03"
	filled := []byte(strings.Repeat(forMAC, sha256.BlockSize))
	filled = append(filled, salt...)
	for i := 0; i < len(secret) || i%sha256.BlockSize != 0; i++ {
		filled = append(filled, secret[i%len(secret)])
	}
	key := sha256.Sum256(filled)
	code := hmac.New(sha256.New, key[:])
	code.Write(content)
	var m macData
	m.MAC.Algorithm.Algorithm, m.MAC.Digest = oidSHA256, code.Sum(nil)
	m.Salt, m.Iterations = salt, 1
	return m
}
