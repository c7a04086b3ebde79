package signin

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jsonscan"
)

// maxQuery is the longest answer that a browser brings, in bytes.
const maxQuery = 8 << 10

// maxCode is the longest code, in bytes.
const maxCode = 4 << 10

// Finish takes the directory's answer, which the browser brings. It writes no more than
// cookies. The cookie of the sign-in is removed whatever comes of it: who wants to try again
// begins again. Each error is one of the causes of this package, and holds no code, token,
// secret or address of the person.
//
// A code is exchanged only for an answer that this browser's sign-in is answered by. What the
// token says is checked by OIDC Core section 3.1.3.7 and Config; claims of the ID token and of
// the userinfo count alike, and must not contradict each other.
func (s *SignIn) Finish(w http.ResponseWriter, r *http.Request) (EndUser, error) {
	answer, err := parameters(r)
	if err != nil {
		return EndUser{}, err
	}
	b, err := take(w, r, answer.Get("state"))
	if err != nil {
		return EndUser{}, err
	}
	if age := s.config.Clock().Sub(time.Unix(b.at, 0)); age < -maxSkew || age > maxSignInAge {
		return EndUser{}, fault(ErrState, "it was begun more than ten minutes ago")
	}
	p, err := s.directory.provider(r.Context())
	if err != nil {
		return EndUser{}, err
	}
	code, err := s.code(answer, p)
	if err != nil {
		return EndUser{}, err
	}
	g, err := s.exchange(r.Context(), p, code, b.verifier)
	if err != nil {
		return EndUser{}, err
	}
	token, err := s.idToken(r.Context(), p, g, b)
	if err != nil {
		return EndUser{}, err
	}
	subject, _ := token.MemberText("sub")
	about, err := s.config.Claims.read(token)
	if err != nil {
		return EndUser{}, err
	}
	if p.userInfo != "" {
		info, err := s.userInfo(r.Context(), p, g.access, subject)
		if err == nil {
			about, err = s.merge(about, info)
		}
		if err != nil {
			return EndUser{}, err
		}
	}
	if about.email == nil {
		return EndUser{}, fault(ErrToken, "the directory tells no email address of the person: ask it to release the claim to the bank")
	}
	return EndUser{
		Issuer: s.config.Issuer, Subject: subject,
		Email: *about.email, EmailVerified: said(about.verified), EmailUnverified: about.verified != nil && !*about.verified, Name: said(about.name),
		Associated: said(about.associated), Organisations: about.organisations, Operator: about.operator,
		IDToken: claims.NewSecret(g.idToken), Back: b.back,
	}, nil
}

// merge adds the claims of the userinfo.
func (s *SignIn) merge(about person, info jsonscan.Value) (person, error) {
	more, err := s.config.Claims.read(info)
	if err != nil {
		return person{}, err
	}
	return about.with(more)
}

// parameters reads the answer that the browser brings: by GET, each parameter once.
func parameters(r *http.Request) (url.Values, error) {
	if r.Method != http.MethodGet {
		return nil, fault(ErrState, "it came by another method than GET")
	}
	if len(r.URL.RawQuery) > maxQuery {
		return nil, fault(ErrState, "it is longer than 8 KiB")
	}
	answer, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fault(ErrState, "it is no query")
	}
	for _, name := range []string{"state", "code", "error", "iss"} {
		if len(answer[name]) > 1 {
			return nil, fault(ErrState, "it has a parameter twice: "+name)
		}
	}
	return answer, nil
}

// code returns the code of an answer that belongs to the sign-in.
func (s *SignIn) code(answer url.Values, p *provider) (string, error) {
	if answer.Has("iss") && answer.Get("iss") != s.config.Issuer {
		return "", fault(ErrState, "it is of another issuer (RFC 9207)")
	}
	if !answer.Has("iss") && p.tellsIssuer {
		return "", fault(ErrState, "it has no iss, which the directory says that it sends (RFC 9207)")
	}
	switch code := answer.Get("code"); {
	case answer.Has("error") && answer.Has("code"):
		return "", fault(ErrState, "it has both code and error")
	case answer.Has("error"):
		return "", declined(answer.Get("error"))
	case !isPlain(code, maxCode):
		return "", fault(ErrState, "it has no code")
	default:
		return code, nil
	}
}

// declined is the error for an answer of an authorization endpoint that has no code (RFC 6749
// section 4.1.2.1, OIDC Core section 3.1.2.6).
func declined(code string) error {
	says := "it answered " + knownCode(code)
	switch code {
	case "server_error", "temporarily_unavailable":
		return fault(ErrUnavailable, says)
	case "unmet_authentication_requirements":
		return fault(ErrSecondFactor, says)
	}
	return fault(ErrDeclined, says)
}

// knownCode returns an error code that the specifications have. Any other text is whatever
// somebody wrote into an address.
func knownCode(code string) string {
	known := []string{
		"access_denied", "login_required", "interaction_required", "consent_required", "account_selection_required",
		"invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope", "server_error",
		"temporarily_unavailable", "unmet_authentication_requirements", "unsupported_grant_type", "invalid_target",
	}
	if slices.Contains(known, code) {
		return code
	}
	return "an error code that OAuth does not have"
}
