package signin

import (
	"context"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// maxSkew is how far the clocks of bank and directory may be apart.
const maxSkew = time.Minute

// maxSubject is the longest sub (OIDC Core section 2).
const maxSubject = 255

// idToken verifies the ID token (OIDC Core section 3.1.3.7) and returns its claims. Package
// oidc looks at issuer, audience and times as well; what this function looks at before says
// what is wrong in words that hold nothing of the token.
func (s *SignIn) idToken(ctx context.Context, p *provider, g *granted, b *begun) (jsonscan.Value, error) {
	signature := &signed{provider: p, allowed: s.config.Algorithms}
	verifier := oidc.NewVerifier(s.config.Issuer, signature, &oidc.Config{
		ClientID:             s.config.ClientID,
		SupportedSigningAlgs: text.Strings(s.config.Algorithms),
		Now:                  func() time.Time { return s.config.Clock().Add(-maxSkew) },
	})
	token, refused := verifier.Verify(ctx, g.idToken)
	if signature.err != nil {
		return jsonscan.Value{}, signature.err
	}
	claims := signature.claims
	if claims.Kind() != jsonscan.Object {
		return jsonscan.Value{}, fault(ErrToken, "the ID token is no JWS by an algorithm of Algorithms")
	}
	for _, check := range []func() error{
		func() error { return s.checkParties(claims) },
		func() error { return s.checkLife(claims, "the ID token") },
		func() error { return s.checkOccasion(claims, b) },
		func() error { return s.checkFactors(claims) },
	} {
		if err := check(); err != nil {
			return jsonscan.Value{}, err
		}
	}
	if refused != nil {
		return jsonscan.Value{}, fault(ErrToken, "the ID token is not as OpenID Connect has it")
	}
	if _, there := claims.Member("at_hash"); there && token.VerifyAccessToken(g.access.AccessToken) != nil {
		return jsonscan.Value{}, fault(ErrToken, "at_hash of the ID token is not that of the access token")
	}
	return claims, nil
}

// checkParties looks at whom the token is from, for and about.
func (s *SignIn) checkParties(claims jsonscan.Value) error {
	if issuer, _ := claims.MemberText("iss"); issuer != s.config.Issuer {
		return fault(ErrToken, "iss of the ID token is not Issuer")
	}
	value, _ := claims.Member("aud")
	audience, ok := texts(value)
	if !ok || !slices.Contains(audience, s.config.ClientID) {
		return fault(ErrToken, "aud of the ID token is not ClientID")
	}
	authorized, there := claims.Member("azp")
	if party, _ := authorized.Text(); there && party != s.config.ClientID {
		return fault(ErrToken, "azp of the ID token is not ClientID")
	}
	if len(audience) > 1 && !there {
		return fault(ErrToken, "the ID token is for others too, and has no azp")
	}
	if subject, clean := claims.MemberText("sub"); !clean || subject == "" || len(subject) > maxSubject {
		return fault(ErrToken, "sub of the ID token is not a text of 1 to 255 bytes")
	}
	return nil
}

// checkLife looks at exp, and at iat and nbf if they are there.
func (s *SignIn) checkLife(claims jsonscan.Value, of string) error {
	now := s.config.Clock()
	if expires, ok := at(claims, "exp"); !ok || !now.Add(-maxSkew).Before(expires) {
		return fault(ErrToken, of+" has expired, or has no exp; if it is fresh, set the bank's clock")
	}
	for _, name := range []string{"iat", "nbf"} {
		_, there := claims.Member(name)
		if from, ok := at(claims, name); there && (!ok || from.After(now.Add(maxSkew))) {
			return fault(ErrToken, name+" of "+of+" is in the future, or no number; if it is fresh, set the bank's clock")
		}
	}
	return nil
}

// checkOccasion looks at whether the token was made for this sign-in.
func (s *SignIn) checkOccasion(claims jsonscan.Value, b *begun) error {
	if nonce, _ := claims.MemberText("nonce"); nonce != b.nonce {
		return fault(ErrToken, "nonce of the ID token is not that of this sign-in")
	}
	start := time.Unix(b.at, 0).Add(-maxSkew)
	if issued, ok := at(claims, "iat"); !ok || issued.Before(start) {
		return fault(ErrToken, "the ID token is older than this sign-in, or has no iat")
	}
	if s.config.MaxAge == 0 {
		return nil
	}
	now := s.config.Clock()
	signedIn, ok := at(claims, "auth_time")
	if !ok || signedIn.After(now.Add(maxSkew)) || now.Sub(signedIn) > s.config.MaxAge+maxSkew {
		return fault(ErrToken, "auth_time of the ID token is not within MaxAge, or there is none")
	}
	return nil
}

// checkFactors looks at how the person signed in.
func (s *SignIn) checkFactors(claims jsonscan.Value) error {
	if len(s.config.ACR) > 0 {
		if acr, _ := claims.MemberText("acr"); !slices.Contains(s.config.ACR, acr) {
			return fault(ErrSecondFactor, "acr of the ID token is none of ACR")
		}
	}
	if len(s.config.AMR) > 0 {
		value, _ := claims.Member("amr")
		methods, _ := texts(value)
		if !slices.ContainsFunc(methods, func(m string) bool { return slices.Contains(s.config.AMR, m) }) {
			return fault(ErrSecondFactor, "amr of the ID token has none of AMR")
		}
	}
	return nil
}

// maxTime is the greatest time of a claim, in the year 9999: time.Time counts on from there
// without an end.
const maxTime = 253402300799

// at reads a NumericDate (RFC 7519 section 2). A fraction of a second is dropped.
func at(claims jsonscan.Value, name string) (time.Time, bool) {
	value, _ := claims.Member(name)
	seconds, ok := value.Floor()
	if !ok || seconds < 0 || seconds > maxTime {
		return time.Time{}, false
	}
	return time.Unix(seconds, 0), true
}

// texts reads a text or a list of texts.
func texts(value jsonscan.Value) ([]string, bool) {
	if one, clean := value.Text(); clean {
		return []string{one}, true
	}
	if value.Kind() != jsonscan.Array {
		return nil, false
	}
	all := []string{}
	for _, element := range value.Elements() {
		one, clean := element.Text()
		if !clean {
			return nil, false
		}
		all = append(all, one)
	}
	return all, true
}
