// Package signin signs people in through a directory: the code flow of OpenID Connect, for the
// portal of package dcr/portal.
//
// [New] takes the directory and the bank's credentials there. [SignIn.Begin] sends the browser to
// the directory, [SignIn.Finish] takes the answer at Config.RedirectURI and says who it is, and
// [SignIn.EndAddress] is where the person signs out there. The package keeps no session and
// writes no page: an [EndUser] is whom the directory vouches for, and what that person may do is
// the caller's to say, who looks at Associated and Organisations first.
//
// The addresses that begin and finish a sign-in are opened by GET, over https: the cookies of
// this package are for a secure host alone, and a page whose form-action is 'self' cannot send
// a form on to the directory.
package signin

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
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
	// AfterSignOut may be empty: the directory's own page is then the last one.
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

	CAs *x509.CertPool // of the directory's servers; nil: those of the system
	// NotPublic tells whether names of the directory's servers may lead to addresses that are
	// not public, such as loopback.
	NotPublic bool
	// Transport replaces the guarded transport, for a bank whose way out is a proxy. The
	// transport then decides where to connect and whom to trust, so CAs and NotPublic must be
	// unset. It must heed the request's context.
	Transport http.RoundTripper
	Clock     func() time.Time // nil: time.Now
	Random    io.Reader        // nil: crypto/rand.Reader
}

// ClaimNames name the directory's claims about a person; empty fields stand for their
// defaults. A name is that of a member, or a JSON pointer (RFC 6901) if it begins with a
// slash. In the pointers of Organisations and Operator a step * stands for each element of a
// list and for each member of an object: /organisations/*/id reads id of each object of a
// list.
type ClaimNames struct {
	Email string // email
	Name  string // name
	// Associated is tpp_associated by default. JSON true says that the person acts for a TPP;
	// false, null and a claim that is absent say no. Anything else, such as the text "true",
	// is ErrToken: the directory does not say what it means.
	Associated string
	// Organisations is org_id by default: a text, a list of texts, or an object whose member
	// names are the org_ids. At most 100, each of 1 to 100 characters of visible ASCII.
	Organisations string
	Operator      string // none by default; a text or a list of at most 1,000 texts, see portal.Operators
}

// EndUser is a person whom the directory vouches for (OIDC Core section 1.2).
type EndUser struct {
	Issuer, Subject string
	Email           string // as the directory tells it
	EmailVerified   bool   // email_verified is true
	EmailUnverified bool   // email_verified is false: nobody has shown that the address is the person's
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

// fault makes an error of one of the causes. The detail holds nothing of what the directory or
// the browser sent, but for the names of claims and the codes of OAuth.
func fault(cause error, detail string) error { return fmt.Errorf("%w: %s", cause, detail) }

// SignIn signs people in. It is safe for concurrent use. Only New makes one that is of use.
type SignIn struct {
	config    Config // with its defaults
	directory *directory
}

// New makes a SignIn. It reads nothing from the directory: that is done at the first sign-in,
// so that a bank starts while the directory is down. The error names every fault of the
// configuration, each with its fix.
func New(c Config) (*SignIn, error) {
	c = c.withDefaults()
	if faults := c.faults(); len(faults) > 0 {
		return nil, errors.New("signin: " + strings.Join(faults, "; "))
	}
	d, err := newDirectory(&c)
	if err != nil {
		return nil, fmt.Errorf("signin: Issuer: %w", err)
	}
	return &SignIn{config: c, directory: d}, nil
}

// Check reads the directory's discovery document, for a bank that wants to know at its start
// whether people will be able to sign in. The error is ErrUnavailable, with what does not fit.
func (s *SignIn) Check(ctx context.Context) error {
	_, err := s.directory.provider(ctx)
	return err
}

// Begin sends the browser to the directory. back is the path of the bank to return to; one that
// is not a path of the bank counts as "/". On an error, which is ErrUnavailable, nothing was
// written.
//
// The directory is asked for the code flow (OIDC Core section 3.1) with state, nonce, PKCE by
// S256 (RFC 7636) and prompt=login: somebody else may sit at the browser.
func (s *SignIn) Begin(w http.ResponseWriter, r *http.Request, back string) error {
	p, err := s.directory.provider(r.Context())
	if err != nil {
		return err
	}
	begun, err := s.begin(back)
	if err != nil {
		return err
	}
	options := []oauth2.AuthCodeOption{
		oidc.Nonce(begun.nonce),
		oauth2.S256ChallengeOption(begun.verifier),
		oauth2.SetAuthURLParam("prompt", "login"),
	}
	if len(s.config.ACR) > 0 {
		options = append(options, oauth2.SetAuthURLParam("acr_values", strings.Join(s.config.ACR, " ")))
	}
	if s.config.MaxAge > 0 {
		seconds := int64(s.config.MaxAge / time.Second)
		options = append(options, oauth2.SetAuthURLParam("max_age", strconv.FormatInt(seconds, 10)))
	}
	s.makeRoom(w, r)
	http.SetCookie(w, begun.cookie())
	text.NoStore(w.Header())
	http.Redirect(w, r, s.client(p).AuthCodeURL(begun.state, options...), http.StatusSeeOther)
	return nil
}

// client is the bank as a client of the directory.
func (s *SignIn) client(p *provider) *oauth2.Config {
	style := oauth2.AuthStyleInHeader
	if s.config.Key != nil {
		style = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID:     s.config.ClientID,
		ClientSecret: s.config.ClientSecret.Reveal(),
		Endpoint:     oauth2.Endpoint{AuthURL: p.authorization, TokenURL: p.token, AuthStyle: style},
		RedirectURL:  s.config.RedirectURI,
		Scopes:       s.config.Scopes,
	}
}

// maxHint is the longest ID token that an address of EndAddress carries. Servers refuse
// addresses that are longer than some 8 KiB.
const maxHint = 6 << 10

// EndAddress is where the browser signs out at the directory (OIDC RP-Initiated Logout
// section 2). ok is false where the directory has no such endpoint, or cannot be reached.
// idToken is that of the EndUser; without it the directory may ask the person before it signs
// out.
func (s *SignIn) EndAddress(r *http.Request, idToken claims.Secret) (address string, ok bool) {
	p, err := s.directory.provider(r.Context())
	if err != nil || p.endSession == "" {
		return "", false
	}
	u, err := url.Parse(p.endSession)
	if err != nil {
		return "", false // discover has parsed it
	}
	query := u.Query()
	query.Set("client_id", s.config.ClientID)
	if s.config.AfterSignOut != "" {
		query.Set("post_logout_redirect_uri", s.config.AfterSignOut)
	}
	if hint := idToken.Reveal(); hint != "" && len(hint) <= maxHint {
		query.Set("id_token_hint", hint)
	}
	u.RawQuery = query.Encode()
	return u.String(), true
}
