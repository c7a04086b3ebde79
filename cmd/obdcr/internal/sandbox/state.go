package sandbox

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
)

// Names of files that no one but the sandbox reads.
const (
	stateFile    = "state/sandbox.json"
	sealingFile  = "state/sealing.key"
	serverName   = "state/server"
	publishedDir = "state/published"
	lockFile     = "state/lock"
)

// state has the values that must be the same at the next start.
type state struct {
	OrgID      string `json:"org_id"` // of the TPP in tpp/
	SoftwareID string `json:"software_id"`
	// Expose has the names of Config.Expose; nil for none.
	Expose []string `json:"expose,omitempty"`
	// Listen, Directory and Portal are the host:port that each listened at, and
	// Published is that of the directory in addresses. A state of an older version has no
	// Published: it was Directory.
	Listen    string `json:"listen,omitempty"`
	Directory string `json:"directory,omitempty"`
	Portal    string `json:"portal,omitempty"`
	Published string `json:"published,omitempty"`
}

// openState reads the state. If it is missing, openState makes a new one, with the ids in
// the subject of tpp/transport.pem if there is one: that certificate then stays valid.
func openState(f folder) (*state, error) {
	s := &state{}
	if _, err := f.readJSON(stateFile, s); err != nil {
		return nil, err
	}
	if s.OrgID == "" || s.SoftwareID == "" {
		found, err := f.certificate("tpp/transport.pem")
		if err != nil {
			return nil, err
		}
		s.adopt(found)
	}
	return s, s.save(f)
}

// adopt takes the ids from a certificate, or makes new ones in the form of the OBIE
// directory's.
func (s *state) adopt(c *x509.Certificate) {
	if c != nil && c.Subject.CommonName != "" && len(c.Subject.OrganizationalUnit) == 1 {
		s.SoftwareID, s.OrgID = c.Subject.CommonName, c.Subject.OrganizationalUnit[0]
		return
	}
	s.SoftwareID, s.OrgID = base62(22), "0015800000"+base62(8)
}

func (s *state) save(f folder) error { return f.writeJSON(stateFile, s, public) }

const base62Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// base62 returns n random letters and digits.
func base62(n int) string {
	text := make([]byte, 0, n)
	for b := make([]byte, 1); len(text) < n; {
		_, _ = rand.Read(b) // never fails
		if i := int(b[0]) & 63; i < len(base62Digits) {
			text = append(text, base62Digits[i])
		}
	}
	return string(text)
}

// keyID returns the kid of a TPP's key: 27 opaque characters, like the OBIE directory's.
func keyID(key *x509.Certificate) string {
	sum := sha256.Sum256(key.RawSubjectPublicKeyInfo)
	return base64.RawURLEncoding.EncodeToString(sum[:20])
}
