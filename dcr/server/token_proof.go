package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/internal/assertion"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
)

const (
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	// assertionLease is how long a jti is held until it is confirmed, which follows at
	// once.
	assertionLease = time.Minute
)

// credentials are what a request states about its sender. None of it is proved yet.
type credentials struct {
	method    claims.AuthMethod // the method that the request uses
	clientID  string
	secret    claims.Secret
	assertion *assertion.Assertion
}

// read finds the one authentication method that a request uses (RFC 6749 section 2.3). A
// client_id alone means tls_client_auth.
func (c *credentials) read(r *http.Request, form url.Values) *cert.Denial {
	used := 0
	if headers := r.Header.Values("Authorization"); len(headers) > 1 {
		return badRequest(invalidRequest, "there is more than one Authorization")
	} else if len(headers) == 1 {
		c.method, used = claims.ClientSecretBasic, used+1
		id, secret, ok := r.BasicAuth()
		if !ok {
			return notTheClient("the Authorization is not that of the Basic scheme")
		}
		c.clientID, c.secret = formDecoded(id), claims.NewSecret(formDecoded(secret))
	}
	if form.Has("client_assertion") || form.Has("client_assertion_type") {
		used++
		if refusal := c.readAssertion(form); refusal != nil {
			return refusal
		}
	}
	if form.Has("client_secret") {
		used++
		c.method, c.clientID, c.secret = claims.ClientSecretPost, form.Get("client_id"), claims.NewSecret(form.Get("client_secret"))
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

// formDecoded undoes the form encoding of a client_id or secret in the Authorization header
// (RFC 6749 section 2.3.1). Many clients leave the encoding out. That is harmless: the
// bank's ids and secrets have no character that it would change.
func formDecoded(value string) string {
	if decoded, err := url.QueryUnescape(value); err == nil {
		return decoded
	}
	return value
}

// readAssertion reads a client assertion (RFC 7523 section 2.2).
func (c *credentials) readAssertion(form url.Values) *cert.Denial {
	if form.Get("client_assertion_type") != assertionType {
		return badRequest(invalidRequest, "client_assertion_type is not "+assertionType)
	}
	c.method = claims.PrivateKeyJWT
	var err error
	if c.assertion, err = assertion.Parse(form.Get("client_assertion")); err != nil {
		return notTheClient(err.Error())
	}
	c.method, c.clientID = c.assertion.Method(), c.assertion.ClientID()
	return nil
}

// checkSubject compares the certificate's subject with the registered one, by the policy's
// subject_dn_match.
func (t *tokenEndpoint) checkSubject(leaf *x509.Certificate, registered *claims.Request) *cert.Denial {
	same, err := t.policy.SubjectDNMatch.Same(registered.TLSClientAuthSubjectDN.Or(""), leaf.RawSubject)
	switch {
	case err != nil:
		return notTheClient("the subject of the certificate cannot be compared")
	case !same:
		return notTheClient("the subject of the certificate is not tls_client_auth_subject_dn")
	}
	return nil
}

func checkSecret(secret claims.Secret, c store.Client) *cert.Denial {
	sum := sha256.Sum256([]byte(secret.Reveal()))
	if len(c.SecretHash) != len(sum) || subtle.ConstantTimeCompare(sum[:], c.SecretHash) != 1 {
		return notTheClient("the client secret is wrong")
	}
	return nil
}

// checkMAC checks the HMAC of an assertion, whose key is the client's secret.
func (t *tokenEndpoint) checkMAC(by *credentials, c store.Client) *cert.Denial {
	secret, err := t.open(c)
	if err != nil {
		t.log.Error("a client's secret cannot be opened", "error", err)
		return notTheClient("the client's secret cannot be opened: the sealing key is another")
	}
	if err := by.assertion.CheckMAC(secret); err != nil {
		return notTheClient(err.Error())
	}
	return nil
}

// checkSignature checks the signature of an assertion with the key that its kid names. If
// it has no kid, every signing key of the software is tried.
func (t *tokenEndpoint) checkSignature(ctx context.Context, by *credentials, keys ssa.SoftwareKeys, registered *claims.Request) *cert.Denial {
	allowed := t.policy.MemberAlgorithms.TokenEndpointAuth
	if err := by.assertion.CheckHeader(allowed, registered.TokenEndpointAuthSigningAlg.Or("")); err != nil {
		return notTheClient(err.Error())
	}
	kid, named := by.assertion.KeyID()
	refusal := signedBy(ctx, by.assertion, keys, kid, allowed)
	if refusal == nil || named || refusal.Status != http.StatusUnauthorized {
		return refusal
	}
	// The software may have published its key a moment ago. With a kid, the resolver reads
	// the set again for an unknown key. Without one, ask for a kid that no set has: that
	// causes the same refetch, under the same limits.
	if _, err := keys.Source.ResolveKeys(ctx, keys.Ref("assertion without kid")); err != nil && !errors.Is(err, ssa.ErrKeyNotFound) {
		return keysRefusal(err)
	}
	return signedBy(ctx, by.assertion, keys, kid, allowed)
}

func signedBy(ctx context.Context, a *assertion.Assertion, keys ssa.SoftwareKeys, kid string, allowed []claims.Algorithm) *cert.Denial {
	found, err := keys.ResolveKeys(ctx, ssa.KeyRef{KeyID: kid})
	if err != nil {
		return keysRefusal(err)
	}
	if !a.SignedBy(found, allowed) {
		return notTheClient("the client assertion is not signed with a signing key of the software")
	}
	return nil
}

func keysRefusal(err error) *cert.Denial {
	var source *ssa.KeySourceError
	switch {
	case errors.Is(err, ssa.ErrKeyNotFound):
		return notTheClient("the software has no such key, or it is withdrawn")
	case errors.As(err, &source):
		return outage("the key set of the software cannot be read at the moment", source.RetryAfter, err)
	}
	return outage("the key set of the software cannot be read at the moment", tokenRetry, err)
}

// checkAssertion judges the claims of an assertion whose signature is good. It uses up the
// jti last, so that a refused assertion does not.
func (t *tokenEndpoint) checkAssertion(ctx context.Context, by *credentials) *cert.Denial {
	jti, until, err := by.assertion.CheckClaims(assertion.Expected{ClientID: by.clientID, Audiences: t.audiences,
		Now: t.clock(), Skew: t.policy.ClockSkew, MaxLifetime: t.policy.MaxLifetime})
	if err != nil {
		return notTheClient(err.Error())
	}
	reservation := store.Reservation{Namespace: "client assertion", Issuer: by.clientID, JTI: jti, Until: until}
	if err = t.replay.Reserve(ctx, reservation, assertionLease); err == nil {
		err = t.replay.Confirm(ctx, reservation)
	}
	switch {
	case errors.Is(err, store.ErrForgotten):
		return notTheClient("this bank cannot tell whether the client assertion was used before: sign a new one with a later exp")
	case errors.Is(err, store.ErrReplayed):
		return notTheClient("the client assertion was used before")
	case err != nil:
		return outage("client assertions cannot be checked at the moment", tokenRetry, err)
	}
	return nil
}
