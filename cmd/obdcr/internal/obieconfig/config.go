// Package obieconfig reads and writes the configuration of the OBIE DCR conformance
// tool (v1.3.1): the bank's address, and the statement, keys and certificates of a TPP.
// Call [Parse] to read one. The sandbox writes such a file for the tool; the TPP's verbs
// of the command read it instead of a dozen flags.
//
// The file holds private keys. No error of this package repeats any part of it.
package obieconfig

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/obdcr/obdcr/internal/text"
)

// Config has the members of the file. All certificates and keys are PEM; the keys are
// PKCS #8, PKCS #1 or SEC 1. Parse does not look into them, and ignores all other members,
// like the tool.
type Config struct {
	SpecVersion            string   `json:"spec_version"`                        // 3.2 or 3.3
	WellknownEndpoint      string   `json:"wellknown_endpoint"`                  // the bank's discovery document
	SSA                    string   `json:"ssa"`                                 // the software statement
	SSAs                   []string `json:"ssas,omitempty"`                      // several statements, instead of SSA
	Kid                    string   `json:"kid"`                                 // kid of PrivateKey at the directory
	Aud                    string   `json:"aud"`                                 // the bank's identifier
	RedirectURIs           []string `json:"redirect_uris"`                       // some of the statement's
	Issuer                 string   `json:"issuer"`                              // iss: the software id
	PrivateKey             string   `json:"private_key"`                         // signs requests and assertions
	TransportRootCAs       []string `json:"transport_root_cas"`                  // CAs of the bank's server
	TransportCert          string   `json:"transport_cert"`                      // client certificate
	TransportKey           string   `json:"transport_key"`                       // its key
	TransportCertSubjectDN string   `json:"transport_cert_subject_dn,omitempty"` // tls_client_auth_subject_dn, instead of the certificate's subject
	GetImplemented         bool     `json:"get_implemented"`
	PutImplemented         bool     `json:"put_implemented"`
	DeleteImplemented      bool     `json:"delete_implemented"`
	Environment            string   `json:"environment"` // named in the tool's report
	Brand                  string   `json:"brand"`       // named in the tool's report

	// The members below are this command's; the tool ignores them.
	Profile                string `json:"profile,omitempty"`                  // where spec_version cannot say it
	DirectoryURL           string `json:"directory_url,omitempty"`            // address of the directory's API
	DirectoryTokenEndpoint string `json:"directory_token_endpoint,omitempty"` // of the directory
}

// Parse reads a configuration. It returns an error if the file is no JSON object, or if a
// member is of the wrong type or too long. A member that is left out is empty: the caller
// checks which ones it needs.
func Parse(data []byte) (*Config, error) {
	c := &Config{}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil || members == nil {
		return nil, failure("not a JSON object with the members of the conformance tool's config.json")
	}
	if err := checkMembers(members); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, c); err != nil {
		return nil, failure("not a JSON object with the members of the conformance tool's config.json")
	}
	if c.SSA == "" && len(c.SSAs) > 0 {
		c.SSA = c.SSAs[0]
	}
	c.SSA = strings.TrimSpace(c.SSA)
	return c, nil
}

// Marshal returns the configuration as the tool reads it, with a newline at the end.
// It holds private keys: write it to a file that only its owner can read.
func (c *Config) Marshal() ([]byte, error) {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return nil, failure("%w", err)
	}
	return append(text, '\n'), nil
}

// errKey names the forms of a key that ParseKey reads. It repeats nothing of the key.
var errKey = errors.New("no unencrypted RSA or ECDSA private key in PEM (PKCS #8, PKCS #1 or SEC 1)")

// ParseKey reads the first private key of a PEM file.
func ParseKey(text []byte) (crypto.Signer, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		var key any
		var err error
		switch block.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		default:
			continue
		}
		if err != nil {
			return nil, errKey
		}
		switch k := key.(type) {
		case *rsa.PrivateKey:
			return k, nil
		case *ecdsa.PrivateKey:
			return k, nil
		}
		return nil, errKey
	}
	return nil, errKey
}

func failure(format string, args ...any) error {
	return text.Named{Package: "obieconfig", Err: fmt.Errorf(format, args...)}
}
