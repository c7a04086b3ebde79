package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// Who signs the vectors, as dcr/vectors/data/base.json names them.
const (
	orgID        = "0015800001041RHAAY"
	softwareID   = "9b5usDpbNtmxDcTzs7GzKp"
	softwareKid  = "hcgex1mTXPpA8QBZkqLRMv7WFY0"
	directoryKid = "Hza9v5bgDJcOnhcUZ7BMwbSL_4NV0gSFvIjaSXdC-1c="
	keyHost      = "keystore.example.org.uk"
	issuer       = "OpenBanking Ltd"
	audience     = "0015800001041REAAY"
)

// world has the keys, which are the public test keys of package ssatest. Equal tokens get
// equal signatures.
type world struct {
	directory, directoryEC *ssatest.Directory
	software, softwareEC   *ssatest.EnrolledSoftware
	other                  *ssatest.EnrolledSoftware // of another organisation
	signed                 map[string]string         // tokens that several vectors have: statements
	files                  map[string][]byte         // below the folder keys
}

func newWorld() (*world, error) {
	w := &world{files: map[string][]byte{}, signed: map[string]string{}}
	var err error
	if w.directory, w.software, err = enrol(claims.PS256); err != nil {
		return nil, err
	}
	if w.directoryEC, w.softwareEC, err = enrol(claims.ES256); err != nil {
		return nil, err
	}
	if w.other, err = w.directory.NewSoftware(ssatest.SoftwareOptions{OrgID: "0015800001041RHAAX", SoftwareID: "9b5usDpbNtmxDcTzs7GzKq"}); err != nil {
		return nil, err
	}
	w.files["transport.pem"] = certificate(w.software.TransportCertificate.Leaf)
	w.files["authorities.pem"] = w.directory.CAPEM()
	w.files["revoked-none.jwks.json"] = []byte("{\"keys\":[]}\n")
	return w, nil
}

// enrol starts a directory and enrols the software in it.
func enrol(alg claims.Algorithm) (*ssatest.Directory, *ssatest.EnrolledSoftware, error) {
	d, err := ssatest.New(ssatest.Options{Deterministic: true, Algorithm: alg, Clock: func() time.Time { return time.Unix(1_700_000_000, 0) }})
	if err != nil {
		return nil, nil, err
	}
	s, err := d.NewSoftware(ssatest.SoftwareOptions{OrgID: orgID, SoftwareID: softwareID, Algorithm: alg})
	return d, s, err
}

func (w *world) close() {
	w.directory.Close()
	w.directoryEC.Close()
}

func certificate(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// keySet adds a key set to the files, whose first key has a kid of the caller's, and returns
// the file's name as vectors have it.
func (w *world) keySet(name string, jwks []byte, kid string) (string, error) {
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(jwks, &set); err != nil {
		return "", err
	}
	set.Keys[0]["kid"] = kid
	data, err := json.MarshalIndent(set, "", "  ")
	if err != nil {
		return "", err
	}
	return w.file(name+".jwks.json", append(data, '\n'))
}

// keysAt adds a key set with some of the software's keys: 0 signs, 1 is of transport.
func (w *world) keysAt(name string, places ...int) (string, error) {
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(w.software.JWKS(), &set); err != nil {
		return "", err
	}
	set.Keys[0]["kid"] = softwareKid
	some := []map[string]any{}
	for _, at := range places {
		some = append(some, set.Keys[at])
	}
	data, err := json.MarshalIndent(map[string]any{"keys": some}, "", "  ")
	if err != nil {
		return "", err
	}
	return w.file(name+".jwks.json", append(data, '\n'))
}

// file adds a file of keys and returns its name as vectors have it.
func (w *world) file(name string, data []byte) (string, error) {
	if old, there := w.files[name]; there && string(old) != string(data) {
		return "", fmt.Errorf("%s: two files of this name", name)
	}
	w.files[name] = data
	return "../../keys/" + name, nil
}

// signer is one of the two that sign.
type signer struct {
	w            *world
	name         string // of its key set
	kid          string
	rsa, ec      signing
	jwks, jwksEC []byte
}

// maxKid is the longest kid of a key that a bank reads.
const maxKid = 128

// signing signs a payload, differing as the forgery says.
type signing func(payload any, f ssatest.Forgery) (string, error)

func (w *world) requestSigner() *signer {
	return &signer{w, "software", softwareKid, w.software.SignWith, w.softwareEC.SignWith, w.software.JWKS(), w.softwareEC.JWKS()}
}

func (w *world) statementSigner() *signer {
	return &signer{w, "directory", directoryKid, w.directory.SignWith, w.directoryEC.SignWith, w.directory.JWKS(), w.directoryEC.JWKS()}
}

// sign signs a payload under a header as the header says, and returns the token and the key
// set that has the key. A header that names no algorithm of ours is signed by the RSA key.
func (s *signer) sign(header, payload string, by *forgery) (token, keys string, err error) {
	var h struct{ Alg, Kid any }
	_ = json.Unmarshal([]byte(header), &h) // what cannot be read is signed all the same
	name, kid := s.name, s.kid
	if k, is := h.Kid.(string); is && k != "" && k != s.kid && len(k) <= maxKid && by == nil {
		name, kid = name+"-kid-"+short(k), k
	}
	f := ssatest.Forgery{Header: []byte(header)}
	sign, jwks := s.rsa, s.jwks
	switch alg, _ := h.Alg.(string); alg {
	case "ES256":
		sign, jwks, name = s.ec, s.jwksEC, name+"-es256"
	case "RS256":
		f.Algorithm = alg
	case "HS256":
		f.Secret = s.jwks
	case "none":
		f.Unsigned = by == nil
	}
	known := s.name + header + "\n" + payload
	if token = s.w.signed[known]; token == "" || by != nil {
		by.amend(s.w, &f)
		if token, err = sign(payload, f); err != nil {
			return "", "", err
		}
	}
	if by == nil {
		s.w.signed[known] = token
	}
	keys, err = s.w.keySet(name, jwks, kid)
	return token, keys, err
}
