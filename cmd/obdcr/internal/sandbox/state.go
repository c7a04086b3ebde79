package sandbox

import (
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
	// Seed is that of Config. Starts, Rotations and Software count what a seed gives another
	// value each time: starts, keys of the directory, and further software.
	Seed      string `json:"seed,omitempty"`
	Starts    int    `json:"starts,omitempty"`
	Rotations int    `json:"rotations,omitempty"`
	Software  int    `json:"software,omitempty"`
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
func openState(f folder, c *Config) (*state, error) {
	s := &state{}
	if _, err := f.readJSON(stateFile, s); err != nil {
		return nil, err
	}
	if err := fixSeed(c, f, s); err != nil {
		return nil, err
	}
	s.Starts++
	if s.OrgID == "" || s.SoftwareID == "" {
		found, err := f.certificate("tpp/transport.pem")
		if err != nil {
			return nil, err
		}
		s.adopt(found, maker{c.Seed})
	}
	return s, s.save(f)
}

// adopt takes the ids from a certificate, or makes new ones in the form of the OBIE
// directory's.
func (s *state) adopt(c *x509.Certificate, m maker) {
	if c != nil && c.Subject.CommonName != "" && len(c.Subject.OrganizationalUnit) == 1 {
		s.SoftwareID, s.OrgID = c.Subject.CommonName, c.Subject.OrganizationalUnit[0]
		return
	}
	s.SoftwareID, s.OrgID = m.software("tpp"), m.organisation("tpp")
}

func (s *state) save(f folder) error { return f.writeJSON(stateFile, s, public) }

// keyID returns the kid of a TPP's key: 27 opaque characters, like the OBIE directory's.
func keyID(key *x509.Certificate) string {
	sum := sha256.Sum256(key.RawSubjectPublicKeyInfo)
	return base64.RawURLEncoding.EncodeToString(sum[:20])
}
