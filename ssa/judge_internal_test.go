package ssa

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
)

// The verifier finds the anchor by the issuer. Should another reading of the same bytes give
// another issuer, the anchor does not vouch for it.
func TestAnAnchorVouchesForItsOwnIssuerAlone(t *testing.T) {
	part := base64.RawURLEncoding.EncodeToString
	statement, err := Parse(part([]byte(`{"alg":"PS256","kid":"k"}`)) + "." + part([]byte(`{"iss":"one","iat":1}`)) + "." + part([]byte("signature")))
	require.NoError(t, err)
	v := &Verifier{clock: func() time.Time { return time.Unix(1, 0) }, skew: time.Minute}
	for issuer, vouches := range map[string]bool{"one": true, "another": false, "": false} {
		verified, err := v.judge(statement, &Anchor{Issuer: issuer, Environment: claims.Sandbox, MaxAge: time.Hour})
		require.Equal(t, vouches, err == nil, issuer)
		require.Equal(t, vouches, verified != nil, issuer)
		if !vouches {
			require.ErrorIs(t, err, ErrUnknownIssuer)
		}
	}
}
