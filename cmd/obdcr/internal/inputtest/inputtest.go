// Package inputtest makes a file of every kind that package input knows, for tests. Call
// [New].
package inputtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// Password opens the PKCS#12 stores of the files.
const Password = "correct horse"

// KeyID is the kid of the JWKs.
const KeyID = "kid-of-the-file"

// Files are the samples by name.
type Files map[string]string

// Samples are files of all kinds, and what they were made from.
type Samples struct {
	Files    Files
	RSA      *rsa.PrivateKey // of the files whose names begin with rsa
	EC       *ecdsa.PrivateKey
	Software *ssatest.EnrolledSoftware // whose transport certificate and RSA keys these are
}

// maker collects the first error, so that each file need not be checked.
type maker struct {
	Samples
	err error
}

func (m *maker) add(name string, data []byte, err error) {
	m.Files[name], m.err = string(data), errors.Join(m.err, err)
}

func (m *maker) json(name string, v any) {
	data, err := json.Marshal(v)
	m.add(name, data, err)
}

func (m *maker) pem(name, kind string, der []byte, err error) {
	m.add(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), err)
}

// New makes the samples from the keys of a software.
func New(d *ssatest.Directory, s *ssatest.EnrolledSoftware) (*Samples, error) {
	m := &maker{Samples: Samples{Files: Files{}, Software: s}}
	_, key, err := ssatest.PEM(s.TransportCertificate)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(key)
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	var isRSA bool
	if m.RSA, isRSA = private.(*rsa.PrivateKey); !isRSA {
		return nil, errors.New("the transport key is not RSA")
	}
	if m.EC, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	m.texts()
	m.tokens()
	m.objects(d)
	m.keys()
	m.others()
	m.certificates(d)
	m.stores(d)
	return &m.Samples, m.err
}

func (m *maker) texts() {
	var binary16 strings.Builder // begins as UTF-16 does
	for i := range 768 {
		binary16.WriteByte(byte(i))
	}
	for name, data := range map[string]string{
		"empty": "", "blank": " \r\n\t", "text": "this is no token\n", "html": "<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>\n",
		"xml": "<?xml version=\"1.0\"?><EntityDescriptor/>\n", "gzip": "\x1f\x8b\x08\x00\x00\x00\x00\x00", "zip": "PK\x03\x04\x14\x00",
		"binary": "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00", "latin": "caf\xe9\n", "utf32": "\xff\xfe\x00\x00{\x00\x00\x00}\x00\x00\x00",
		"jks": "\xfe\xed\xfe\xed\x00\x00\x00\x02\x00\x00\x00\x01", "jceks": "\xce\xce\xce\xce\x00\x00\x00\x02\x00\x00\x00\x01",
		"damaged-pem":   "-----BEGIN PRIVATE KEY-----\nMIIE\n",
		"binary-16":     binary16.String(),
		"deep":          strings.Repeat("[", 17) + strings.Repeat("]", 17),
		"broken-comma":  "{\n  \"iss\": \"a\",\n}\n",
		"broken-twice":  "{\n  \"iat\": 1,\n  \"iat\": 2\n}\n",
		"broken-note":   "{\n  // an issuer\n  \"iss\": \"a\"\n}\n",
		"broken-head":   "// made by a tool\n/* and\nedited */\n{\n  \"iss\": \"a\"\n}\n",
		"broken-end":    "{\n  \"iss\": \"a\"",
		"broken-quotes": "{\n  \u201ciss\u201d: \"a\"\n}\n",
		"broken-utf8":   "{\n  \"iss\": \"caf\xe9\"\n}\n",
	} {
		m.add(name, []byte(data), nil)
	}
}

// tokens makes JWTs, and their claims.
func (m *maker) tokens() {
	statement, err := m.Software.SSA(nil)
	m.add("statement", []byte(statement), err)
	payload := m.Software.Request()
	payload.SoftwareStatement = claims.Some(statement)
	request, err := m.Software.Sign(&payload)
	m.add("request", []byte(request), err)
	m.json("request-claims", &payload)
	m.json("statement-claims", m.Software.Claims())
	other, err := m.Software.Sign(map[string]any{"iss": "a", "sub": "a", "aud": "b", "jti": "c", "exp": 1})
	m.add("other-token", []byte(other), err)
	m.add("damaged-token", []byte(request[:max(0, len(request)-1)]), nil)
	encode := base64.RawURLEncoding.EncodeToString
	m.add("broken-payload", []byte(encode([]byte(`{"alg":"PS256","kid":"k"}`))+"."+encode([]byte("{\"iat\": 1,\n\"iat\": 2}"))+"."+encode([]byte("s"))), nil)
	m.add("broken-header", []byte(encode([]byte("{\"alg\": \"PS256\",\n\"alg\": \"PS256\"}"))+"."+encode([]byte(`{"iss":"a"}`))+"."+encode([]byte("s"))), nil)
	m.add("jwe", []byte(base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RSA-OAEP","enc":"A256GCM"}`))+".a.b.c.d"), nil)
	parts := strings.Split(request, ".")
	if len(parts) != 3 {
		return // with m.err
	}
	signature := map[string]string{"protected": parts[0], "signature": parts[2]}
	m.json("jws-general", map[string]any{"payload": parts[1], "signatures": []any{signature}})
	m.json("jws-flattened", map[string]string{"payload": parts[1], "protected": parts[0], "signature": parts[2]})
	m.json("quoted-request", request)
	m.json("quoted-statement", statement)
}

// objects makes JSON documents that are no tokens.
func (m *maker) objects(d *ssatest.Directory) {
	m.add("jwks", m.Software.JWKS(), nil)
	for name, document := range map[string]string{
		"policy": `{"audiences": ["a"]}`, "array": `[1]`, "number": `7`, "object": `{"colour": "red"}`,
		"discovery": `{"issuer": "https://bank.example", "registration_endpoint": "https://bank.example/r", "token_endpoint": "https://bank.example/t"}`,
		"config":    `{"spec_version": "3.3", "wellknown_endpoint": "https://bank.example/d", "ssa": "a.b.c", "private_key": "x"}`,
		"directory": `{"issuer": "OpenBanking Ltd", "environment": "sandbox", "jwks_hosts": ["keys.example"]}`,
		"dialect":   `{"version": 1, "name": "example", "title": "Example", "sources": [], "policy": {"audience_kinds": ["url"]}}`,
		"ready": `{"bank": "https://127.0.0.1:1", "discovery": "https://127.0.0.1:1/d", "directory": "https://127.0.0.1:2",
			"registration_endpoint": "https://127.0.0.1:1/r", "token_endpoint": "https://127.0.0.1:1/t"}`,
		"state":         `{"org_id": "a", "software_id": "b", "listen": "127.0.0.1:1", "directory": "127.0.0.1:2"}`,
		"discovery-old": `{"issuer": "https://bank.example", "registration_endpoint": "https://bank.example/r", "scopes_supported": ["openid"]}`,
		"client":        `{"client_id": "some-id", "client_id_issued_at": 1, "token_endpoint_auth_method": "tls_client_auth"}`,
		"error":         `{"error": "invalid_client_metadata", "error_description": "no"}`,
		"sarif":         `{"version": "2.1.0", "runs": []}`, "report": `{"profile": "obie-3.3", "violations": []}`,
		"oct": `{"kty": "oct", "k": "c2VjcmV0"}`, "ed25519-jwk": `{"kty": "OKP", "crv": "Ed25519", "x": "AA", "d": "AA"}`,
	} {
		m.add(name, []byte(document), nil)
	}
}

func number(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// keys makes the keys in every form that is read, and JWKs.
func (m *maker) keys() {
	for name, key := range map[string]crypto.Signer{"rsa": m.RSA, "ec": m.EC} {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		m.pem(name+"-pkcs8", "PRIVATE KEY", der, err)
		m.add(name+"-pkcs8-der", der, err)
		m.json(name+"-pkcs8-json", m.Files[name+"-pkcs8"])
		m.add(name+"-pkcs8-bom", []byte("\ufeff"+m.Files[name+"-pkcs8"]), nil)
		public, err := x509.MarshalPKIXPublicKey(key.Public())
		m.pem(name+"-public", "PUBLIC KEY", public, err)
		m.add(name+"-public-der", public, err)
	}
	m.pem("rsa-pkcs1", "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(m.RSA), nil)
	m.add("rsa-pkcs1-der", x509.MarshalPKCS1PrivateKey(m.RSA), nil)
	m.pem("rsa-public-pkcs1", "RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&m.RSA.PublicKey), nil)
	sec1, err := x509.MarshalECPrivateKey(m.EC)
	m.pem("ec-sec1", "EC PRIVATE KEY", sec1, err)
	m.add("ec-sec1-der", sec1, err)
	r := map[string]string{"kty": "RSA", "kid": KeyID, "n": number(m.RSA.N.Bytes()), "e": number(big.NewInt(int64(m.RSA.E)).Bytes())}
	m.json("rsa-public-jwk", r)
	r["d"], r["p"], r["q"] = number(m.RSA.D.Bytes()), number(m.RSA.Primes[0].Bytes()), number(m.RSA.Primes[1].Bytes())
	m.json("rsa-jwk", r)
	m.json("rsa-jwk-short", map[string]string{"kty": "RSA", "kid": KeyID, "n": r["n"], "e": r["e"], "d": r["d"]})
	m.json("damaged-jwk", map[string]string{"kty": "RSA", "n": r["n"], "e": r["e"], "d": r["p"]})
	m.json("private-jwks", map[string]any{"keys": []any{r}})
	m.json("private-jwks-two", map[string]any{"keys": []any{r, map[string]string{"kty": "EC", "kid": "other", "d": "AA"}}})
	point, err := m.EC.PublicKey.Bytes()
	m.err = errors.Join(m.err, err)
	d, err := m.EC.Bytes()
	if m.err = errors.Join(m.err, err); m.err != nil {
		return
	}
	e := map[string]string{"kty": "EC", "crv": "P-256", "kid": KeyID, "x": number(point[1:33]), "y": number(point[33:]), "d": number(d)}
	m.json("ec-jwk", e)
	delete(e, "d")
	m.json("ec-public-jwk", e)
}

// others makes keys that are named and not read.
func (m *maker) others() {
	m.foreign()
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	m.err = errors.Join(m.err, err)
	der, err := x509.MarshalPKCS8PrivateKey(edwards)
	m.pem("ed25519", "PRIVATE KEY", der, err)
	wide, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	m.err = errors.Join(m.err, err)
	der, err = x509.MarshalPKCS8PrivateKey(wide)
	m.pem("ec-p384", "PRIVATE KEY", der, err)
	type algorithm struct{ ID asn1.ObjectIdentifier }
	der, err = asn1.Marshal(struct {
		Algorithm algorithm
		Data      []byte
	}{algorithm{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}}, []byte(strings.Repeat("x", 64))})
	m.pem("encrypted-pkcs8", "ENCRYPTED PRIVATE KEY", der, err)
	m.add("encrypted-pkcs8-der", der, err)
	m.add("encrypted-pkcs1", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: []byte("x"),
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}}), nil)
	m.pem("openssh", "OPENSSH PRIVATE KEY", []byte("openssh-key-v1\x00"), nil)
	m.pem("no-key", "PRIVATE KEY", []byte("\x30\x00"), nil)
	m.pem("other-pem", "ATTRIBUTE CERTIFICATE", []byte("x"), nil)
	m.add("two-keys", []byte(m.Files["rsa-pkcs8"]+m.Files["ec-pkcs8"]), nil)
}

// foreign makes keys of types that banks and package x509 do not take.
func (m *maker) foreign() {
	small, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // one that is refused
	m.err = errors.Join(m.err, err)
	der, err := x509.MarshalPKCS8PrivateKey(small)
	m.pem("small-rsa", "PRIVATE KEY", der, err)
	type general struct {
		Version   int
		Algorithm struct {
			ID         asn1.ObjectIdentifier
			Parameters asn1.RawValue `asn1:"optional"`
		}
		Key []byte
	}
	var key general
	key.Algorithm.ID, key.Key = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}, x509.MarshalPKCS1PrivateKey(m.RSA)
	der, err = asn1.Marshal(key)
	m.pem("pss", "PRIVATE KEY", der, err)
	curve := asn1.ObjectIdentifier{1, 3, 132, 0, 10}
	type elliptic struct {
		Version int
		Key     []byte
		Curve   asn1.ObjectIdentifier `asn1:"explicit,optional,tag:0"`
	}
	der, err = asn1.Marshal(elliptic{1, make([]byte, 32), curve})
	m.pem("secp256k1-sec1", "EC PRIVATE KEY", der, err)
	key.Algorithm.ID = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	key.Key, key.Algorithm.Parameters.FullBytes = der, append([]byte{6, 5}, 0x2b, 0x81, 4, 0, 10)
	der, err = asn1.Marshal(key)
	m.pem("secp256k1", "PRIVATE KEY", der, err)
}

func (m *maker) certificates(d *ssatest.Directory) {
	der := m.Software.TransportCertificate.Certificate[0]
	m.pem("certificate", "CERTIFICATE", der, nil)
	m.add("certificate-der", der, nil)
	m.add("certificate-base64", []byte(base64.StdEncoding.EncodeToString(der)), nil)
	m.add("ca", d.CAPEM(), nil)
	m.add("certificates", []byte(m.Files["certificate"]+m.Files["ca"]), nil)
	m.add("certificates-der", append(append([]byte{}, der...), d.CA.Raw...), nil)
	m.add("bundle", []byte(m.Files["rsa-pkcs8"]+m.Files["certificate"]), nil)
	m.json("certificate-json", m.Files["certificate"])
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, m.RSA)
	m.pem("csr", "CERTIFICATE REQUEST", request, err)
	m.add("csr-der", request, err)
	list, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Unix(0, 0), NextUpdate: time.Unix(1, 0)},
		&x509.Certificate{KeyUsage: x509.KeyUsageCRLSign, SubjectKeyId: []byte{1}}, m.RSA)
	m.pem("crl", "X509 CRL", list, err)
	type content struct {
		Type asn1.ObjectIdentifier
		Rest asn1.RawValue `asn1:"explicit,tag:0"`
	}
	bag, err := asn1.Marshal(content{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2},
		asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: []byte{0x30, 0}}})
	m.pem("pkcs7", "PKCS7", bag, err)
	m.add("pkcs7-der", bag, err)
}

func (m *maker) stores(d *ssatest.Directory) {
	leaf, err := x509.ParseCertificate(m.Software.TransportCertificate.Certificate[0])
	if m.err = errors.Join(m.err, err); err != nil {
		return
	}
	cheap := pkcs12.Modern.WithIterations(1)
	store, err := cheap.Encode(m.RSA, leaf, []*x509.Certificate{d.CA}, Password)
	m.add("pkcs12", store, err)
	store, err = cheap.Encode(m.RSA, leaf, nil, "")
	m.add("pkcs12-open", store, err)
	store, err = pkcs12.LegacyRC2.Encode(m.RSA, d.CA, []*x509.Certificate{leaf}, Password)
	m.add("pkcs12-legacy", store, err)
	store, err = cheap.EncodeTrustStore([]*x509.Certificate{d.CA}, Password)
	m.add("pkcs12-trust", store, err)
	m.add("pkcs12-ber", []byte("\x30\x80\x02\x01\x03\x30\x80\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x01\xA0\x80"), nil)
}
