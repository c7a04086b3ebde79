package conform

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"

	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/validate"
)

// StatementSource mints a software statement of one software: changes are claims to set, or
// to remove where the value is nil, on top of a valid statement.
type StatementSource func(ctx context.Context, changes map[string]any) (string, error)

// Registrant is a TPP's software in whose name the cases register.
type Registrant struct {
	Statement   string          // required: a valid software statement, a compact JWS
	Signer      crypto.Signer   // required: signs requests and client assertions
	KeyID       string          // required: kid of Signer at the directory
	Certificate tls.Certificate // required: the transport certificate with its key
	Mint        StatementSource // nil: cases with other statements are not run
}

// Config says which bank is judged, in whose name, and by what.
type Config struct {
	Metadata *tpp.Metadata // required: the bank's endpoints and what it announces
	Software Registrant    // required
	Second   *Registrant   // another software, of other keys; nil: its cases are not run

	Profile validate.Profile // "": obie-3.3
	// Policy is what the bank says that it takes. Nil: what it announces, over the default policy
	// of the profile; what such a policy decides is then allowed either way.
	Policy *validate.Policy
	// Stricter holds the bank to the rules of basis stricter too, which the text does not demand.
	Stricter bool

	// Request has what a good request of this bank needs beyond the software statement: the audience, the
	// authentication method, members. Its Now, Random, Certificate and ClientID are the run's.
	Request     tpp.RequestOptions
	ContentType tpp.ContentType // of requests; "": application/jwt
	TokenScopes []string        // of the token for GET, PUT and DELETE

	// Certificates are client certificates of the software's name that a bank must refuse, by their kind:
	// expired, not-yet, server-only and unpublished. Cases of a kind that is not there are not run.
	Certificates map[string]tls.Certificate

	Roots *x509.CertPool // CAs of the bank's servers; nil: the system's
	// Without are the verbs that the bank does not offer, of NeedGet, NeedPut, NeedDelete. What it
	// does offer is tried: 404, 405 or 501 means that it does not.
	Without []Need

	Filter   []string      // globs of case IDs and groups; none: all
	Parallel int           // cases beside each other; 0: one
	Timeout  time.Duration // of one exchange; 0: 30 s
	Limit    time.Duration // of all cases; 0: 10 min
	CleanUp  time.Duration // of all deletions at the end; 0: 1 min
	Journal  io.Writer     // gets a line for each client made and deleted, with its secrets; nil: none
	// JournalNote is what the caller needs to clean up after a run that was killed, such as the keys of a software
	// that was made for the run. The first line of Journal has it.
	JournalNote json.RawMessage
	Progress    func(Progress)
	// Watch puts something in front of the transport of each HTTP client, such as one that shows what passes, with
	// all secrets; nil: nothing.
	Watch func(*http.Client) *http.Client

	Clock func() time.Time // nil: time.Now
	Bank  string           // the bank's name in the report; "": its issuer
	About About            // what the report tells about the run
}

// About is what a report tells about the run beyond its result.
type About struct {
	Tool    string // name and version of the program
	Policy  string // the name of the policy; "": none was given
	Dialect string // the name of the bank's dialect; "": none was given
}

// Progress is how far a run is.
type Progress struct {
	Done, Cases int
	Case        string // the ID of the case that has ended; "" while the run cleans up
	Verdict     Verdict
	CleaningUp  int // at the end of the run, how many clients and registrations are still to be dealt with
}

// complete checks a software, and reads its certificate.
func (s *Registrant) complete(name string) error {
	switch {
	case s.Statement == "" || s.Signer == nil || s.KeyID == "":
		return fmt.Errorf("conform: %s needs a Statement, a Signer and its KeyID", name)
	case len(s.Certificate.Certificate) == 0 || s.Certificate.PrivateKey == nil:
		return fmt.Errorf("conform: %s needs a transport certificate with its key", name)
	}
	return readLeaf(&s.Certificate, name)
}

// readLeaf fills in the first certificate of a chain.
func readLeaf(c *tls.Certificate, of string) error {
	switch {
	case c.Leaf != nil:
		return nil
	case len(c.Certificate) == 0:
		return fmt.Errorf("conform: certificate of %s: there is none", of)
	}
	var err error
	if c.Leaf, err = x509.ParseCertificate(c.Certificate[0]); err != nil {
		return fmt.Errorf("conform: certificate of %s: %w", of, err)
	}
	return nil
}

// ErrSecond means that Config.Second is no other software than Config.Software.
var ErrSecond = errors.New("the second software is the first one")

// differs checks that two software are two: the cases have one act in the name of the other.
func (s *Registrant) differs(from *Registrant) error {
	same := func(a, b crypto.PublicKey) bool {
		key, ok := a.(interface{ Equal(crypto.PublicKey) bool })
		return ok && key.Equal(b)
	}
	switch id := s.softwareID(); {
	case s.Statement == from.Statement || id != "" && id == from.softwareID():
		return failure(ErrSecond, "both have the software_id %.64q", id)
	case same(s.Signer.Public(), from.Signer.Public()):
		return failure(ErrSecond, "both sign with the same key")
	case bytes.Equal(s.Certificate.Certificate[0], from.Certificate.Certificate[0]):
		return failure(ErrSecond, "both have the same transport certificate")
	}
	return nil
}

// softwareID is the software_id of the statement; "" if there is none.
func (s *Registrant) softwareID() string {
	_, payload := decoded(s.Statement)
	all, _ := objectOf([]byte(payload))
	id, _ := all["software_id"].(string)
	return id
}

// complete checks a configuration and fills in what is left out.
func (c *Config) complete() error {
	switch {
	case c.Metadata == nil:
		return errors.New("conform: Metadata is required")
	case c.Parallel < 0 || c.Timeout < 0 || c.Limit < 0 || c.CleanUp < 0:
		return errors.New("conform: Parallel and times cannot be negative")
	}
	if err := c.Software.complete("Software"); err != nil {
		return err
	}
	if c.Second != nil {
		second := *c.Second // the caller's own stays as it is
		c.Second = &second
		if err := second.complete("Second"); err != nil {
			return err
		}
		if err := second.differs(&c.Software); err != nil {
			return err
		}
	}
	c.Certificates = maps.Clone(c.Certificates)
	for kind, bad := range c.Certificates {
		if err := readLeaf(&bad, "kind "+kind); err != nil {
			return err
		}
		c.Certificates[kind] = bad
	}
	if c.Profile == "" {
		c.Profile = validate.OBIE33
	}
	if c.Request.AuthMethod == "" {
		c.Request.AuthMethod = c.Metadata.AuthMethod()
	}
	if c.ContentType == "" {
		c.ContentType = tpp.ContentTypeJWT
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	c.Parallel = max(c.Parallel, 1)
	c.Timeout, c.Limit, c.CleanUp = cmp.Or(c.Timeout, 30*time.Second), cmp.Or(c.Limit, 10*time.Minute), cmp.Or(c.CleanUp, time.Minute)
	return nil
}
