package dcr_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// revokedPaths are the two addresses at which a key of the software may be listed.
func (w *world) revokedPaths() map[string]string {
	base := "/" + w.software.OrgID + "/revoked/"
	return map[string]string{"software": base + w.software.SoftwareID + ".jwks", "organisation": base + w.software.OrgID + ".jwks"}
}

func TestAWithdrawnKeyIsRefusedThoughItIsStillInTheSet(t *testing.T) {
	for _, whose := range []string{"software", "organisation"} {
		t.Run(whose, func(t *testing.T) {
			w, r := newWorld(t, nil)
			w.directory.Publish(w.revokedPaths()[whose], w.software.JWKS())
			token := w.token(t, nil)
			_, refusal := w.register(t, r, token)
			require.NotNil(t, refusal)
			require.ErrorIs(t, refusal, ssa.ErrKeyRevoked)
			require.Equal(t, http.StatusBadRequest, refusal.Status)
			require.Equal(t, validate.InvalidClientMetadata, refusal.Code)
			require.Equal(t, []string{"request.key.revoked"}, ruleIDs(refusal.Report))

			w.directory.Publish(w.revokedPaths()[whose], []byte(`{"keys":[]}`))
			_, refusal = w.register(t, r, token)
			require.Nil(t, refusal, "the refusal has burnt no jti")
		})
	}
}

func TestAKeyIsWithdrawnByItsKidToo(t *testing.T) {
	w, r := newWorld(t, nil)
	entry := `{"keys":[{"kty":"oct","k":"AAAA","kid":"` + w.software.SigningKeyID + `"}]}`
	w.directory.Publish(w.revokedPaths()["software"], []byte(entry))
	// The fake directory answers as a strict one would: such a set has no usable key.
	_, refusal := w.register(t, r, w.token(t, nil))
	require.Equal(t, http.StatusServiceUnavailable, refusal.Status, "nobody knows what was withdrawn")

	set, err := ssa.ParseJWKS([]byte(strings.Replace(string(w.software.JWKS()), `{"keys":[`, entry[:len(entry)-2]+",", 1)))
	require.NoError(t, err)
	set.Keys = nil
	keys := ssa.SoftwareKeys{Source: listed{w.directory.Resolver(), set}, Address: w.software.JWKSURL(), Revoked: []string{"x"}}
	_, err = keys.ResolveKeys(context.Background(), ssa.KeyRef{KeyID: w.software.SigningKeyID})
	require.ErrorIs(t, err, ssa.ErrKeyRevoked)
	found, err := keys.ResolveKeys(context.Background(), ssa.KeyRef{})
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, w.software.TransportKeyID, found[0].ID)
}

// listed is a resolver with a given set of withdrawn keys.
type listed struct {
	ssa.KeyResolver
	set ssa.KeySet
}

func (l listed) ResolveRevokedKeys(context.Context, string) (ssa.KeySet, error) { return l.set, nil }

func TestAWithdrawnTransportKeyDoesNotLetIn(t *testing.T) {
	w, _ := newWorld(t, nil)
	transport, err := ssa.ParseJWKS(w.software.JWKS())
	require.NoError(t, err)
	transport.Keys = transport.Keys[1:]
	config := w.config
	config.SoftwareKeys = listed{w.directory.Resolver(), transport}
	r, err := dcr.NewRegistrar(config)
	require.NoError(t, err)
	_, refusal := w.register(t, r, w.token(t, nil))
	require.Equal(t, http.StatusUnauthorized, refusal.Status)
}

func TestRevokedAddressesAreOnTheAnchorsHostsToo(t *testing.T) {
	for _, claim := range []string{"software_jwks_revoked_endpoint", "org_jwks_revoked_endpoint"} {
		w, r := newWorld(t, nil)
		statement, err := w.software.SSA(map[string]any{claim: "https://elsewhere.example/revoked.jwks"})
		require.NoError(t, err)
		_, refusal := w.register(t, r, w.token(t, func(c *claims.Request) { c.SoftwareStatement = claims.Some(statement) }))
		require.Equal(t, validate.InvalidSoftwareStatement, refusal.Code)
		require.Equal(t, []string{"ssa.jwks_endpoint.host"}, ruleIDs(refusal.Report))
		require.Equal(t, "/"+claim, refusal.Report.Violations[0].Pointer)
	}
}

func TestAStatementWithoutRevokedAddressesIsTakenAtItsWord(t *testing.T) {
	w, r := newWorld(t, nil)
	statement, err := w.software.SSA(map[string]any{"software_jwks_revoked_endpoint": nil, "org_jwks_revoked_endpoint": ""})
	require.NoError(t, err)
	registration, refusal := w.register(t, r, w.token(t, func(c *claims.Request) { c.SoftwareStatement = claims.Some(statement) }))
	require.Nil(t, refusal)
	require.NotEqual(t, store.Client{}, registration.Client)
}
