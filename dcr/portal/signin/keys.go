package signin

import (
	"context"
	"errors"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jose"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
)

// signed verifies one token by the directory's keys. It is an oidc.KeySet for package oidc,
// which then looks at the claims. Package oidc keeps its own keys in another way that this
// package does not use: it admits any key of the set, whatever its use, and reads tokens with
// duplicate members.
type signed struct {
	provider *provider
	allowed  []claims.Algorithm
	claims   jsonscan.Value // of the token, once it is verified
	err      error          // why it is not; package oidc drops the causes of errors
}

// VerifySignature implements oidc.KeySet.
func (s *signed) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	if s.err = s.verify(ctx, token); s.err != nil {
		return nil, s.err
	}
	return []byte(s.claims.Raw()), nil
}

func (s *signed) verify(ctx context.Context, token string) error {
	allowed := text.Strings(s.allowed)
	jws, err := jose.Parse(token)
	if err == nil {
		err = jws.Gate(allowed)
	}
	if err != nil {
		return fault(ErrToken, "a token is no JWS that is allowed: "+text.Detail(err))
	}
	ctx, cancel := context.WithTimeout(ctx, exchangeTime)
	defer cancel()
	kid, _ := jws.KeyID()
	keys, err := s.provider.keys.ResolveKeys(ctx, ssa.KeyRef{URL: s.provider.keysAt, KeyID: kid})
	switch {
	case errors.Is(err, ssa.ErrKeySourceUnavailable):
		return fault(ErrUnavailable, "its keys cannot be read: "+text.Detail(err))
	case err != nil:
		return fault(ErrToken, "the directory publishes no key with the kid of a token")
	case kid == "" && len(keys) > 1:
		return fault(ErrToken, "a token has no kid, and the directory publishes several keys")
	}
	for _, k := range keys {
		alg := claims.Algorithm(jws.Algorithm())
		if !k.Verifies(alg) || jws.Verify(jose.Key{ID: k.ID, Algorithm: string(k.Algorithm), Use: k.Use, Public: k.Public}, allowed) != nil {
			continue
		}
		s.claims, err = jsonscan.Parse(jws.Payload())
		if err != nil || s.claims.Kind() != jsonscan.Object {
			return fault(ErrToken, "the claims of a token are no strict JSON object")
		}
		return nil
	}
	return fault(ErrToken, "a token is not signed by the directory")
}
