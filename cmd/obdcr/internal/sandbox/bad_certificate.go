package sandbox

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/obdcr/obdcr/internal/text"
)

// badKinds are the kinds of certificate of POST /certificates, each with what it changes of the
// good one. That of the kind unpublished has another key instead.
func badKinds() map[string]func(c *x509.Certificate, now time.Time) {
	const day = 24 * time.Hour
	return map[string]func(*x509.Certificate, time.Time){
		"expired":     func(c *x509.Certificate, now time.Time) { c.NotBefore, c.NotAfter = now.Add(-2*day), now.Add(-day) },
		"not-yet":     func(c *x509.Certificate, now time.Time) { c.NotBefore, c.NotAfter = now.Add(day), now.Add(2*day) },
		"server-only": func(c *x509.Certificate, _ time.Time) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} },
		unpublished: func(c *x509.Certificate, now time.Time) { // not for long: whoever publishes its key can use it
			if hour := now.Add(time.Hour); hour.Before(c.NotAfter) {
				c.NotAfter = hour
			}
		},
	}
}

// unpublished is the kind of a certificate whose key no key set has.
const unpublished = "unpublished"

// badCertificate is the answer of POST /certificates.
type badCertificate struct {
	Certificate string `json:"certificate"`   // PEM
	Key         string `json:"key,omitempty"` // PEM, PKCS#8: of a new key alone
}

// postCertificate issues a certificate that a bank must refuse, in the place of one that this CA
// has issued to a client. It is of the same key, so that it is of use to the owner alone, but for
// the kind unpublished, whose key is in the answer.
func (d *directory) postCertificate(w http.ResponseWriter, r *http.Request, body []byte) {
	kind, err := badKind(r.URL.Query())
	if err != nil {
		complain(w, http.StatusBadRequest, err.Error())
		return
	}
	good, err := d.issuedToClient(body)
	if err != nil {
		complain(w, http.StatusBadRequest, err.Error())
		return
	}
	key, made := good.PublicKey, badCertificate{}
	if kind == unpublished {
		select { // one new key at a time, as for further software
		case d.enrolling <- struct{}{}:
			defer func() { <-d.enrolling }()
		case <-r.Context().Done():
			complain(w, http.StatusServiceUnavailable, "others are being made: try again")
			return
		}
		other, err := rsa.GenerateKey(rand.Reader, keyBits)
		if err != nil {
			d.failed(w, err)
			return
		}
		text, err := marshalKey(other)
		if err != nil {
			d.failed(w, err)
			return
		}
		key, made.Key = &other.PublicKey, string(text)
	}
	issued, err := d.authority.spoil(good, key, kind, d.clock())
	if err != nil {
		d.failed(w, err)
		return
	}
	made.Certificate = string(marshalCertificate(issued))
	writeJSON(w, http.StatusCreated, made)
}

// badKind reads the query of POST /certificates.
func badKind(query url.Values) (string, error) {
	kinds := badKinds()
	if kind := query.Get("kind"); len(query) == 1 && len(query["kind"]) == 1 && kinds[kind] != nil {
		return kind, nil
	}
	return "", errors.New("the query is kind, one of " + text.List(slices.Sorted(maps.Keys(kinds))))
}

// issuedToClient reads a certificate. It has to be one of this CA for a client that is valid now, so
// that nobody gets a name that the directory has not given already, and a bad one has one fault.
func (d *directory) issuedToClient(body []byte) (*x509.Certificate, error) {
	wrong := errors.New("send the good certificate, in PEM, which this sandbox has issued to a client, such as tpp/transport.pem")
	block, rest := pem.Decode(body)
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, wrong
	}
	good, err := x509.ParseCertificate(block.Bytes)
	now := d.clock()
	if err != nil || good.CheckSignatureFrom(d.authority.cert) != nil || !slices.Contains(good.ExtKeyUsage, x509.ExtKeyUsageClientAuth) ||
		now.Before(good.NotBefore) || now.After(good.NotAfter) {
		return nil, wrong
	}
	return good, nil
}

// spoil issues a certificate like a good one, but for what its kind changes.
func (a *authority) spoil(good *x509.Certificate, key any, kind string, now time.Time) (*x509.Certificate, error) {
	serial := make([]byte, 16)
	if _, err := rand.Read(serial); err != nil {
		return nil, failure("certificate: %w", err)
	}
	serial[0] = serial[0]&0x7f | 0x40
	template := &x509.Certificate{RawSubject: good.RawSubject, SerialNumber: new(big.Int).SetBytes(serial), NotBefore: good.NotBefore, NotAfter: good.NotAfter,
		KeyUsage: good.KeyUsage, ExtKeyUsage: good.ExtKeyUsage}
	badKinds()[kind](template, now)
	raw, err := x509.CreateCertificate(rand.Reader, template, a.cert, key, a.key)
	if err != nil {
		return nil, failure("certificate: %w", err)
	}
	return x509.ParseCertificate(raw)
}
