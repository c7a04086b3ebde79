package signin

import (
	"cmp"
	"crypto/subtle"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What belongs to a sign-in lies in a cookie of the browser that began it, so that any node
// of the bank can finish it and nobody can fill the bank's memory. The cookie needs no MAC:
//
//   - Its prefix __Host- has the browser take it from this very host over https alone (RFC
//     6265bis section 4.1.3.2). Neither another host of the same domain nor somebody on the
//     network can plant one, which is what would sign a person in as somebody else.
//   - Whoever owns the browser can write what they like into it, and gains nothing: state
//     only has to equal that of the answer; the directory holds the hash of verifier and
//     binds the code to it; nonce has to be in a token that the directory signs; back is
//     checked again when it is read; and a time that was made later prolongs one's own
//     sign-in, whose code the directory ends by its own clock.
//
// Each sign-in has a cookie of its own, so that two tabs do not end each other's.
const (
	cookiePrefix = "__Host-obdcr-signin-"
	cookieForm   = "1" // changes with the form of the value
	maxSignIns   = 5   // that one browser may have begun
	maxSignInAge = 10 * time.Minute
	maxBack      = 1024 // bytes of back
	secretSize   = 32   // bytes of state, nonce and verifier
	nameSize     = 16   // characters of state in the name of the cookie
)

// encoded is the encoding of what is in the cookie: it has no dot.
var encoded = base64.RawURLEncoding.Strict()

// begun is a sign-in that was begun.
type begun struct {
	state, nonce, verifier string // secretSize random bytes each
	at                     int64  // seconds
	back                   string
}

// begin makes the sign-in.
func (s *SignIn) begin(back string) (*begun, error) {
	random := make([]byte, 3*secretSize)
	if _, err := io.ReadFull(s.config.Random, random); err != nil {
		return nil, fault(ErrUnavailable, "there is no randomness for a sign-in")
	}
	return &begun{
		state:    encoded.EncodeToString(random[:secretSize]),
		nonce:    encoded.EncodeToString(random[secretSize : 2*secretSize]),
		verifier: encoded.EncodeToString(random[2*secretSize:]),
		at:       s.config.Clock().Unix(),
		back:     localPath(back),
	}, nil
}

// cookie writes the sign-in.
func (b *begun) cookie() *http.Cookie {
	value := strings.Join([]string{cookieForm, b.state, b.nonce, b.verifier, strconv.FormatInt(b.at, 10), encoded.EncodeToString([]byte(b.back))}, ".")
	return newCookie(cookieName(b.state), value, int(maxSignInAge/time.Second))
}

// newCookie makes a cookie of a sign-in; one with a negative age removes it. SameSite is Lax:
// the browser brings it with the redirect that comes from the directory.
func newCookie(name, value string, age int) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: age, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

func cookieName(state string) string { return cookiePrefix + state[:nameSize] }

// parseCookie reads a sign-in. It takes what cookie writes, and nothing else.
func parseCookie(c *http.Cookie) (*begun, bool) {
	parts := strings.Split(c.Value, ".")
	if len(parts) != 6 || parts[0] != cookieForm {
		return nil, false
	}
	b := &begun{state: parts[1], nonce: parts[2], verifier: parts[3]}
	if !isRandom(b.state) || !isRandom(b.nonce) || !isRandom(b.verifier) || c.Name != cookieName(b.state) {
		return nil, false
	}
	var err error
	b.at, err = strconv.ParseInt(parts[4], 10, 64)
	if err != nil || b.at < 0 || strconv.FormatInt(b.at, 10) != parts[4] {
		return nil, false
	}
	back, err := encoded.DecodeString(parts[5])
	if err != nil || len(back) > maxBack {
		return nil, false
	}
	b.back = localPath(string(back))
	return b, true
}

// isRandom reports whether a text encodes secretSize bytes.
func isRandom(s string) bool {
	decoded, err := encoded.DecodeString(s)
	return err == nil && len(decoded) == secretSize && !strings.ContainsAny(s, "\r\n")
}

// makeRoom removes the oldest sign-ins of the browser if it has begun too many, and what
// nobody can read.
func (s *SignIn) makeRoom(w http.ResponseWriter, r *http.Request) {
	var open []*begun
	for _, c := range r.Cookies() {
		if !strings.HasPrefix(c.Name, cookiePrefix) {
			continue
		}
		if b, ok := parseCookie(c); ok {
			open = append(open, b)
			continue
		}
		http.SetCookie(w, newCookie(c.Name, "", -1))
	}
	slices.SortStableFunc(open, func(a, b *begun) int { return cmp.Compare(a.at, b.at) })
	for i := 0; i <= len(open)-maxSignIns; i++ {
		http.SetCookie(w, newCookie(cookieName(open[i].state), "", -1))
	}
}

// take finds the sign-in that an answer with that state belongs to, and removes its cookie: a
// sign-in is finished once, whatever comes of it.
func take(w http.ResponseWriter, r *http.Request, state string) (*begun, error) {
	if !isRandom(state) {
		return nil, fault(ErrState, "its state is not one that this bank makes")
	}
	name := cookieName(state)
	cookies := r.CookiesNamed(name)
	if len(cookies) == 0 {
		return nil, fault(ErrState, "the browser has no cookie of it: it was finished before, has expired, or was begun elsewhere")
	}
	http.SetCookie(w, newCookie(name, "", -1))
	b, ok := parseCookie(cookies[0])
	if !ok || len(cookies) > 1 {
		return nil, fault(ErrState, "the cookie of it was changed")
	}
	if subtle.ConstantTimeCompare([]byte(b.state), []byte(state)) != 1 {
		return nil, fault(ErrState, "its state is not that of the cookie")
	}
	return b, nil
}

// localPath returns back if it is a path of the bank, with or without a query, and else "/".
// It takes visible ASCII alone, as browsers send it, without what a browser or a proxy could
// read as another host: two slashes at the start and backslashes, also percent-encoded.
func localPath(back string) string {
	if !isPlain(back, maxBack) || back[0] != '/' || strings.HasPrefix(back, "//") || strings.Contains(back, `\`) {
		return "/"
	}
	u, err := url.Parse(back)
	if err != nil || u.Host != "" || u.Scheme != "" || strings.HasPrefix(u.Path, "//") ||
		strings.ContainsFunc(u.Path, func(c rune) bool { return c == '\\' || c < ' ' || c == 0x7f }) {
		return "/"
	}
	return back
}
