// Package signin signs people in through a directory: the code flow of OpenID Connect, for the
// portal of package dcr/portal.
package signin

import (
	"crypto"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/obdcr/obdcr/claims"
)

// Config describes the directory as an OpenID provider, and the bank as its client.
type Config struct {
	Issuer   string // iss of the directory's ID tokens: an https address; its discovery document is below it
	ClientID string // what the directory calls the bank
	// ClientSecret authenticates the bank by client_secret_basic, and Key by private_key_jwt.
	// One of the two is required. KeyID is the kid of Key at the directory, and Algorithm that
	// of its signatures: PS256 if empty, or ES256.
	ClientSecret claims.Secret
	Key          crypto.Signer
	KeyID        string
	Algorithm    claims.Algorithm
	// RedirectURI is where the directory sends the browser back to; AfterSignOut where it does
	// after a sign-out. Both are https addresses of the bank, and registered at the directory.
	RedirectURI  string
	AfterSignOut string
	Scopes       []string // beside openid, email and profile
	// Algorithms are those that ID tokens and userinfo answers may be signed by. Required.
	Algorithms []claims.Algorithm
	Claims     ClaimNames
	// ACR and AMR say how a person must have signed in: acr of the ID token is one of ACR, and
	// amr has one of AMR. Empty: it is not looked at. The bank asks for the ACR by acr_values.
	ACR, AMR []string
	MaxAge   time.Duration // of the sign-in at the directory (auth_time); 0: not looked at

	CAs       *x509.CertPool   // of the directory's servers; nil: those of the system
	NotPublic bool             // whether the directory may have an address that is not public, such as loopback
	Clock     func() time.Time // nil: time.Now
	Random    io.Reader        // nil: crypto/rand.Reader
}

// ClaimNames name the directory's claims about a person; empty fields stand for their
// defaults. A name is that of a member, or a JSON pointer (RFC 6901).
type ClaimNames struct {
	Email         string // email
	Name          string // name
	Associated    string // tpp_associated
	Organisations string // org_id; a text, a list of texts, or an object whose member names are the org_ids
	Operator      string // none; a text or a list of texts, see portal.Operators
}

// Identity is a person as the directory vouches for.
type Identity struct {
	Issuer, Subject string
	Email           string // as the directory tells it
	EmailVerified   bool   // email_verified is true
	Name            string
	Associated      bool // tpp_associated is true
	Organisations   []string
	Operator        []string      // the texts of the claim ClaimNames.Operator
	IDToken         claims.Secret // for the sign-out
	Back            string        // where the person wanted to go: a path of the bank
}

// The causes of a sign-in that failed, for errors.Is.
var (
	ErrState        = errors.New("signin: the answer belongs to no sign-in that was begun in this browser")
	ErrDeclined     = errors.New("signin: the directory signed nobody in")
	ErrUnavailable  = errors.New("signin: the directory cannot be reached")
	ErrToken        = errors.New("signin: what the directory says of the person cannot be trusted")
	ErrSecondFactor = errors.New("signin: the person signed in without the second factor")
)

// SignIn signs people in. It is safe for concurrent use.
type SignIn struct{ config Config }

// New makes a SignIn. It reads nothing from the directory: that is done at the first sign-in,
// so that a bank starts while the directory is down.
func New(c Config) (*SignIn, error) { return &SignIn{config: c}, nil }

// Begin sends the browser to the directory. back is the path of the bank to return to. On an
// error, which is ErrUnavailable, nothing was written.
func (s *SignIn) Begin(w http.ResponseWriter, r *http.Request, back string) error {
	return errors.New("signin: not built yet")
}

// Finish takes the directory's answer, which the browser brings. It writes no more than
// cookies.
func (s *SignIn) Finish(w http.ResponseWriter, r *http.Request) (Identity, error) {
	return Identity{}, errors.New("signin: not built yet")
}

// EndAddress is where the browser signs out at the directory. ok is false where the directory
// has no such endpoint, or cannot be reached.
func (s *SignIn) EndAddress(r *http.Request, idToken claims.Secret) (address string, ok bool) {
	return "", false
}
