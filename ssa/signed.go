package ssa

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jose"
	"github.com/obdcr/obdcr/internal/text"
)

// Signed is a compact JWS whose signature is not checked yet. Only ParseSigned
// makes one; the zero Signed has nothing in it and is refused by Verify.
type Signed struct {
	jws    *jose.JWS
	header *claims.Header
	faults []claims.Fault // of the header
	token  string
}

// ParseSigned reads a compact JWS (RFC 7515 section 7.1): exactly three parts of
// canonical base64url, one header object without duplicates. The error is an *Error of
// kind ErrMalformed.
func ParseSigned(token string) (*Signed, error) {
	s, refusal := parseSigned(token)
	if refusal != nil {
		return nil, refusal
	}
	return s, nil
}

func parseSigned(token string) (*Signed, *Error) {
	jws, err := jose.Parse(token)
	if err != nil {
		return nil, &Error{Kind: ErrMalformed, Detail: text.Detail(err), Cause: err}
	}
	header, faults, err := claims.DecodeHeader(jws.HeaderJSON())
	if err != nil { // jose.Parse has read the same bytes
		return nil, &Error{Kind: ErrMalformed, Header: true, Detail: text.Detail(err), Cause: err}
	}
	return &Signed{jws: jws, header: header, faults: faults, token: token}, nil
}

// UnverifiedHeader is the decoded header. It must not be changed.
func (s *Signed) UnverifiedHeader() *claims.Header {
	if s.header == nil {
		return &claims.Header{}
	}
	return s.header
}

// UnverifiedHeaderFaults are the members of the header that have the wrong type. They must
// not be changed.
func (s *Signed) UnverifiedHeaderFaults() []claims.Fault { return s.faults }

// UnverifiedHeaderJSON is the header as sent, decoded from base64url.
func (s *Signed) UnverifiedHeaderJSON() string {
	if s.jws == nil {
		return ""
	}
	return s.jws.HeaderJSON()
}

// UnverifiedPayload is the payload. Until Verify has returned nil, anybody may have
// written it.
func (s *Signed) UnverifiedPayload() string {
	if s.jws == nil {
		return ""
	}
	return s.jws.Payload()
}

// Token is the JWS as it was sent.
func (s *Signed) Token() string { return s.token }

// Verify checks the header, finds the one key that the header's kid names in the
// set at url, and verifies the signature with it, by an algorithm that is allowed.
// The error is an *Error of kind ErrAlgorithm, ErrMalformed (the header is not allowed),
// ErrKeyNotFound, ErrKeyRevoked, ErrNoKeyPublished, ErrBadSignature,
// ErrKeySourceUnavailable or ErrJWKSHost.
// ErrJWKSHost means that the resolver has no source for the host, which the bank must
// mend.
func (s *Signed) Verify(ctx context.Context, keys KeyResolver, url string, allowed []claims.Algorithm) error {
	if s.jws == nil {
		return &Error{Kind: ErrMalformed, Header: true, Detail: "there is no token"}
	}
	if keys == nil {
		return resolverError(errors.New("ssa: there is no key resolver"))
	}
	names := algorithmNames(allowed)
	if err := s.checkHeader(names); err != nil {
		return err
	}
	kid, _ := s.jws.KeyID()
	found, err := keys.ResolveKeys(ctx, KeyRef{URL: url, KeyID: kid})
	if err != nil {
		return resolverError(err)
	}
	key, ok := choose(found, s.jws.Algorithm())
	if !ok {
		return &Error{Kind: ErrKeyNotFound, Pointer: "/kid", Header: true,
			Detail: "no key of the set has this kid; publish the signing key, or sign with a published one"}
	}
	err = s.jws.Verify(jose.Key{ID: key.ID, Algorithm: string(key.Algorithm), Use: key.Use, Ops: key.ops, Public: key.Public}, names)
	if err != nil {
		return &Error{Kind: ErrBadSignature, Pointer: "/kid", Header: true, Detail: text.Detail(err)}
	}
	return nil
}

// CheckHeader checks what Verify checks before it looks for a key: an allowed
// algorithm, a kid, and no member that is refused. The error is an *Error of kind
// ErrAlgorithm or ErrMalformed.
func (s *Signed) CheckHeader(allowed []claims.Algorithm) error {
	if s.jws == nil {
		return &Error{Kind: ErrMalformed, Header: true, Detail: "there is no token"}
	}
	return s.checkHeader(algorithmNames(allowed))
}

func (s *Signed) checkHeader(allowed []string) error {
	if err := s.jws.Gate(allowed); err != nil {
		if errors.Is(err, jose.ErrAlgorithm) {
			return &Error{Kind: ErrAlgorithm, Pointer: "/alg", Header: true, Detail: text.Detail(err)}
		}
		return &Error{Kind: ErrMalformed, Header: true, Detail: text.Detail(err)}
	}
	if _, ok := s.jws.KeyID(); !ok {
		return &Error{Kind: ErrMalformed, Pointer: "/kid", Header: true, Detail: "the header has no kid; name the signing key"}
	}
	return nil
}

func algorithmNames(allowed []claims.Algorithm) []string {
	names := make([]string, len(allowed))
	for i, a := range allowed {
		names[i] = string(a)
	}
	return names
}

// choose picks the one key that Verify tries: the first whose use, algorithm and type
// fit. If none fits, choose picks the first key, so that the refusal says what does not
// fit. Keys of different types may share a kid (RFC 7517 section 4.5).
func choose(keys []Key, alg string) (Key, bool) {
	for _, k := range keys {
		if k.Verifies(claims.Algorithm(alg)) {
			return k, true
		}
	}
	if len(keys) == 0 {
		return Key{}, false
	}
	return keys[0], true
}

// sourceUnavailable makes the error for whatever else a resolver says: its own trouble, never
// the sender's. A KeySourceError has words for the log; those of another resolver may be
// none of the sender's business.
func sourceUnavailable(err error) *Error {
	e := &Error{Kind: ErrKeySourceUnavailable, Cause: err, Detail: "the keys cannot be had at the moment; try again later"}
	if source := (*KeySourceError)(nil); errors.As(err, &source) {
		e.Detail += ": " + text.ASCII(source.Detail(), maxCause)
	}
	return e
}

// maxCause is how many characters of a KeySourceError an Error has.
const maxCause = 300

func resolverError(err error) error {
	if errors.Is(err, ErrKeyRevoked) {
		return &Error{Kind: ErrKeyRevoked, Pointer: "/kid", Header: true, Cause: err,
			Detail: "the key of this kid is withdrawn; sign with another key of the software"}
	}
	var unknown *UnknownKeyError
	known := errors.As(err, &unknown)
	if errors.Is(err, ErrNoKeyPublished) {
		e := &Error{Kind: ErrNoKeyPublished, Pointer: "/kid", Header: true, Cause: err,
			Detail: "no key is published at the address of the key set; publish the signing key, then try again"}
		if known {
			e.Detail = fmt.Sprintf("no key is published at the address of the key set, as read at %s; publish the signing key, then try again from %s on",
				unknown.ReadAt.UTC().Format(time.RFC3339), unknown.RetryAt.UTC().Format(time.RFC3339))
		}
		return e
	}
	if known {
		return &Error{Kind: ErrKeyNotFound, Pointer: "/kid", Header: true, Cause: err,
			Detail: fmt.Sprintf("no key of the set, as read at %s, has this kid; publish the signing key and try again from %s on, or sign with a published one",
				unknown.ReadAt.UTC().Format(time.RFC3339), unknown.RetryAt.UTC().Format(time.RFC3339))}
	}
	if errors.Is(err, ErrKeyNotFound) {
		return &Error{Kind: ErrKeyNotFound, Pointer: "/kid", Header: true, Cause: err,
			Detail: "no key of the set has this kid; publish the signing key, or sign with a published one"}
	}
	if errors.Is(err, ErrJWKSHost) {
		host := ""
		if unlisted := (*unlistedError)(nil); errors.As(err, &unlisted) {
			host = " " + strconv.Quote(unlisted.host)
		}
		return &Error{Kind: ErrJWKSHost, Cause: err, Detail: "the bank's key resolver has no source for the host" + host +
			" of the key set, which the trust anchor admits; add it to RemoteConfig.Sources"}
	}
	return sourceUnavailable(err)
}
