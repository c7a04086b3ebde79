package sandbox

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jose"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

const (
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	algHS256      = "HS256"
	// assertionLease is for how long a jti is held before it is confirmed.
	assertionLease = time.Minute
)

// credentials are what a request says about its sender. Nothing of it is proved.
type credentials struct {
	method   claims.AuthMethod // that was used
	clientID string
	secret   string

	assertion string
	jws       *jose.JWS
	payload   jsonscan.Value
}

// read finds the one method that a request uses (RFC 6749 section 2.3).
func (c *credentials) read(r *http.Request, form url.Values) *tokenError {
	used := 0
	if header := r.Header.Get("Authorization"); header != "" {
		c.method, used = claims.ClientSecretBasic, used+1
		id, secret, ok := r.BasicAuth()
		if !ok {
			return notTheClient("the Authorization is not that of the Basic scheme")
		}
		c.clientID, c.secret = formDecoded(id), formDecoded(secret)
	}
	if form.Has("client_assertion") || form.Has("client_assertion_type") {
		used++
		if refusal := c.readAssertion(form); refusal != nil {
			return refusal
		}
	}
	if form.Has("client_secret") {
		c.method, c.clientID, c.secret, used = claims.ClientSecretPost, form.Get("client_id"), form.Get("client_secret"), used+1
	}
	switch id := form.Get("client_id"); {
	case used > 1:
		return badRequest(invalidRequest, "the client authenticates in two ways at once")
	case used == 0 && id == "":
		return notTheClient("the request names no client")
	case used == 0:
		c.method, c.clientID = claims.TLSClientAuth, id
	case id != "" && id != c.clientID:
		return badRequest(invalidRequest, "client_id is not the client that authenticates")
	}
	return nil
}

// formDecoded undoes the encoding that RFC 6749 section 2.3.1 asks for and many leave
// out: ids and secrets here have no character that it would change.
func formDecoded(text string) string {
	if decoded, err := url.QueryUnescape(text); err == nil {
		return decoded
	}
	return text
}

// readAssertion takes a client assertion apart (RFC 7523 section 2.2).
func (c *credentials) readAssertion(form url.Values) *tokenError {
	if form.Get("client_assertion_type") != assertionType {
		return badRequest(invalidRequest, "client_assertion_type is not "+assertionType)
	}
	c.method, c.assertion = claims.PrivateKeyJWT, form.Get("client_assertion")
	var err error
	if c.jws, err = jose.Parse(c.assertion); err != nil {
		return notTheClient("the client assertion is no compact JWS")
	}
	if strings.HasPrefix(c.jws.Algorithm(), "HS") {
		c.method = claims.ClientSecretJWT
	}
	if c.payload, err = jsonscan.Parse(c.jws.Payload()); err != nil || c.payload.Kind() != jsonscan.Object {
		return notTheClient("the payload of the client assertion is no strict JSON object")
	}
	c.clientID = textOf(c.payload, "sub")
	return nil
}

func textOf(object jsonscan.Value, name string) string {
	v, _ := object.Member(name)
	text, clean := v.Text()
	if !clean {
		return ""
	}
	return text
}

// checkSubject compares the certificate's subject with the registered one, as the
// policy says.
func (t *tokenEndpoint) checkSubject(leaf *x509.Certificate, registered *claims.Request) *tokenError {
	same, err := t.policy.SubjectDNMatch.Same(registered.TLSClientAuthSubjectDN.Or(""), leaf.RawSubject)
	switch {
	case err != nil:
		return notTheClient("the subject of the certificate cannot be compared")
	case !same:
		return notTheClient("the subject of the certificate is not tls_client_auth_subject_dn")
	}
	return nil
}

func checkSecret(secret string, c store.Client) *tokenError {
	sum := sha256.Sum256([]byte(secret))
	if len(c.SecretHash) != len(sum) || subtle.ConstantTimeCompare(sum[:], c.SecretHash) != 1 {
		return notTheClient("the client secret is wrong")
	}
	return nil
}

// checkMAC checks an HS256 signature, whose key is the client's secret.
func (t *tokenEndpoint) checkMAC(by *credentials, c store.Client) *tokenError {
	if by.jws.Algorithm() != algHS256 {
		return notTheClient("a client assertion by a shared secret is signed HS256 here")
	}
	header, err := jsonscan.Parse(by.jws.HeaderJSON())
	if err != nil {
		return notTheClient("the header of the client assertion is no strict JSON object")
	}
	for name := range header.Members() {
		if !slices.Contains([]string{"alg", "kid", "typ"}, name) {
			return notTheClient("the header of the client assertion holds more than alg, kid and typ")
		}
	}
	secret, err := t.open(c)
	if err != nil {
		t.log.Error("a client's secret cannot be opened", "error", err)
		return notTheClient("the client's secret cannot be opened: the sealing key is another")
	}
	at := strings.LastIndexByte(by.assertion, '.')
	signature, err := base64.RawURLEncoding.DecodeString(by.assertion[at+1:])
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte(by.assertion[:at]))
	if err != nil || !hmac.Equal(signature, mac.Sum(nil)) {
		return notTheClient("the client assertion is not signed with the client's secret")
	}
	return nil
}

// checkSignature checks the signature with the key that the kid names, or, where the
// assertion names none, with every key of the software that may sign.
func (t *tokenEndpoint) checkSignature(ctx context.Context, by *credentials, keys ssa.SoftwareKeys, registered *claims.Request) *tokenError {
	allowed := make([]string, 0, len(t.policy.MemberAlgorithms.TokenEndpointAuth))
	for _, a := range t.policy.MemberAlgorithms.TokenEndpointAuth {
		allowed = append(allowed, string(a))
	}
	if err := by.jws.Gate(allowed); err != nil {
		return notTheClient("the header of the client assertion: " + detail(err))
	}
	if want := registered.TokenEndpointAuthSigningAlg.Or(""); want != "" && string(want) != by.jws.Algorithm() {
		return notTheClient("the client registered " + validate.Echo(string(want)) + " for its assertions")
	}
	kid, named := by.jws.KeyID()
	refusal := t.verify(ctx, by, keys, kid, allowed)
	if refusal == nil || named || refusal.status != http.StatusUnauthorized {
		return refusal
	}
	// The key may have been published a moment ago. A kid that nobody can have makes the
	// set be read again, where it may.
	if _, err := keys.Source.ResolveKeys(ctx, ssa.KeyRef{URL: keys.Address, KeyID: "assertion without kid"}); err != nil && !errors.Is(err, ssa.ErrKeyNotFound) {
		return keysRefusal(err)
	}
	return t.verify(ctx, by, keys, kid, allowed)
}

func (t *tokenEndpoint) verify(ctx context.Context, by *credentials, keys ssa.SoftwareKeys, kid string, allowed []string) *tokenError {
	found, err := keys.ResolveKeys(ctx, ssa.KeyRef{KeyID: kid})
	if err != nil {
		return keysRefusal(err)
	}
	for i := range found {
		k := &found[i]
		if by.jws.Verify(jose.Key{ID: k.ID, Algorithm: string(k.Algorithm), Use: k.Use, Public: k.Public}, allowed) == nil {
			return nil
		}
	}
	return notTheClient("the client assertion is not signed with a signing key of the software")
}

func keysRefusal(err error) *tokenError {
	var source *ssa.KeySourceError
	switch {
	case errors.Is(err, ssa.ErrKeyNotFound):
		return notTheClient("the software has no such key, or it is withdrawn")
	case errors.As(err, &source):
		return outage("the key set of the software cannot be read at the moment", source.RetryAfter)
	}
	return outage("the key set of the software cannot be read at the moment", tokenRetry)
}

func detail(err error) string {
	var e *jose.Error
	if errors.As(err, &e) {
		return e.Detail
	}
	return "it is refused"
}

// checkAssertion judges the claims of an assertion that is signed well (RFC 7523
// section 3), and takes its jti, last of all.
func (t *tokenEndpoint) checkAssertion(ctx context.Context, by *credentials) *tokenError {
	if textOf(by.payload, "iss") != by.clientID {
		return notTheClient("iss and sub of the client assertion are not both the client_id")
	}
	if !t.meant(by.payload) {
		return notTheClient("aud of the client assertion is neither the token endpoint nor the issuer")
	}
	until, refusal := t.checkTimes(by.payload)
	if refusal != nil {
		return refusal
	}
	jti := textOf(by.payload, "jti")
	if jti == "" || len(jti) > 256 {
		return notTheClient("jti of the client assertion is missing or too long")
	}
	reservation := store.Reservation{Namespace: "client assertion", Issuer: by.clientID, JTI: jti, Until: until}
	err := t.replay.Reserve(ctx, reservation, assertionLease)
	if err == nil {
		err = t.replay.Confirm(ctx, reservation)
	}
	switch {
	case errors.Is(err, store.ErrReplayed):
		return notTheClient("the client assertion was used before")
	case err != nil:
		return outage("client assertions cannot be checked at the moment", tokenRetry)
	}
	return nil
}

// meant says whether the token endpoint or the issuer is in aud.
func (t *tokenEndpoint) meant(payload jsonscan.Value) bool {
	aud, _ := payload.Member("aud")
	if text, clean := aud.Text(); clean && slices.Contains(t.audiences, text) {
		return true
	}
	for _, e := range aud.Elements() {
		if text, clean := e.Text(); clean && slices.Contains(t.audiences, text) {
			return true
		}
	}
	return false
}

// checkTimes judges exp, which must be there, and iat and nbf, and says until when the
// assertion could be used.
func (t *tokenEndpoint) checkTimes(payload jsonscan.Value) (time.Time, *tokenError) {
	now, skew := t.clock().Unix(), int64(t.policy.ClockSkew/time.Second)
	v, _ := payload.Member("exp")
	exp, ok := v.Int64()
	switch {
	case !ok || exp < 0 || exp > math.MaxInt64/4:
		return time.Time{}, notTheClient("exp of the client assertion is missing or no time")
	case exp <= now-skew:
		return time.Time{}, notTheClient("the client assertion has expired")
	case exp > now+skew+int64(t.policy.MaxLifetime/time.Second):
		return time.Time{}, notTheClient("exp of the client assertion is too far ahead")
	}
	for _, name := range []string{"iat", "nbf"} {
		v, there := payload.Member(name)
		if at, ok := v.Int64(); there && (!ok || at > now+skew) {
			return time.Time{}, notTheClient(name + " of the client assertion is no time, or in the future")
		}
	}
	return time.Unix(exp, 0).Add(t.policy.ClockSkew), nil
}
