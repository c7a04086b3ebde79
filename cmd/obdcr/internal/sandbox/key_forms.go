package sandbox

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math/big"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/obdcr/obdcr/internal/jose"
)

// StorePassword is the password of the PKCS#12 stores in tpp/. Java takes none that is
// shorter than six characters.
const StorePassword = "sandbox"

// passwordFile has StorePassword, for --password-file of obdcr and others.
const passwordFile = "tpp/p12.password"

// keyForms are a key with its certificate in the forms that programs read.
type keyForms struct {
	KeyID       string          `json:"kid"`
	Certificate string          `json:"certificate"` // PEM
	Key         string          `json:"key"`         // PEM, PKCS#8
	JWK         json.RawMessage `json:"jwk"`
	PKCS12      []byte          `json:"pkcs12"` // base64 in JSON; with the CA
}

// privateJWK is a private RSA key (RFC 7517, RFC 7518 section 6.3).
type privateJWK struct {
	Type         string   `json:"kty"`
	KeyID        string   `json:"kid"`
	Use          string   `json:"use"`
	Algorithm    string   `json:"alg,omitempty"`
	N            string   `json:"n"`
	E            string   `json:"e"`
	D            string   `json:"d"`
	P            string   `json:"p"`
	Q            string   `json:"q"`
	DP           string   `json:"dp"`
	DQ           string   `json:"dq"`
	QI           string   `json:"qi"`
	Certificates []string `json:"x5c"`
}

// uses of a key in a key set.
const (
	useSigning   = "sig"
	useTransport = "tls"
)

// forms writes the key in each form.
func (p pair) forms(m maker, use, password string, ca *x509.Certificate) (keyForms, error) {
	key, err := marshalKey(p.key)
	if err != nil {
		return keyForms{}, err
	}
	jwk, err := json.MarshalIndent(p.privateJWK(use), "", "  ")
	if err != nil {
		return keyForms{}, failure("%w", err)
	}
	store, err := pkcs12.Modern.WithRand(m.reader("pkcs12 "+keyID(p.cert))).Encode(p.key, p.cert, []*x509.Certificate{ca}, password)
	if err != nil {
		return keyForms{}, failure("PKCS#12: %w", err)
	}
	return keyForms{KeyID: keyID(p.cert), Certificate: string(marshalCertificate(p.cert)), Key: string(key), JWK: jwk, PKCS12: store}, nil
}

func (p pair) privateJWK(use string) privateJWK {
	p.key.Precompute()
	numbers := p.key.Precomputed
	k := privateJWK{
		Type: "RSA", KeyID: keyID(p.cert), Use: use,
		N: base64Number(p.key.N), E: base64Number(big.NewInt(int64(p.key.E))), D: base64Number(p.key.D),
		P: base64Number(p.key.Primes[0]), Q: base64Number(p.key.Primes[1]),
		DP: base64Number(numbers.Dp), DQ: base64Number(numbers.Dq), QI: base64Number(numbers.Qinv),
		Certificates: []string{base64.StdEncoding.EncodeToString(p.cert.Raw)},
	}
	if use == useSigning {
		k.Algorithm = jose.PS256
	}
	return k
}

// base64Number writes a number as RFC 7518 section 2 has Base64urlUInt.
func base64Number(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }

// softwareKeys is the key set of a software: its signing key and its transport key.
func softwareKeys(signing, transport pair) ([]byte, error) {
	jwks, err := jose.MarshalJWKS([]jose.Key{
		{ID: keyID(signing.cert), Use: useSigning, Public: signing.cert.PublicKey, Certificates: [][]byte{signing.cert.Raw}},
		{ID: keyID(transport.cert), Use: useTransport, Public: transport.cert.PublicKey, Certificates: [][]byte{transport.cert.Raw}},
	})
	if err != nil {
		return nil, failure("%w", err)
	}
	return jwks, nil
}

// writeForms writes the keys of the TPP as PKCS#12 and as JWK.
func (p *party) writeForms(f folder, ca *x509.Certificate) error {
	if err := f.write(passwordFile, []byte(StorePassword+"\n"), private); err != nil {
		return err
	}
	for _, k := range []struct {
		name, use string
		pair      pair
	}{{"tpp/transport", useTransport, p.transport}, {"tpp/signing", useSigning, p.signing}} {
		forms, err := k.pair.forms(p.make, k.use, StorePassword, ca)
		if err != nil {
			return err
		}
		if err := f.write(k.name+".p12", forms.PKCS12, private); err != nil {
			return err
		}
		if err := f.write(k.name+".jwk.json", append(bytes.Clone(forms.JWK), '\n'), private); err != nil {
			return err
		}
	}
	return nil
}
