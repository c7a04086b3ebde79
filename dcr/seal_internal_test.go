package dcr

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
)

// Another key, a record under another ID and a Previous that does not open are found.
func TestTheKeyOfARecordIsToldFromAnother(t *testing.T) {
	key, other := strings.Repeat("k", 32), strings.Repeat("o", 32)
	s, err := newSealer([]byte(key))
	require.NoError(t, err)
	var c store.Client
	c.ID = "a"
	c.SealedSecret, err = s.seal(rand.Reader, "a", "secret")
	require.NoError(t, err)
	c.UpstreamState, err = s.seal(rand.Reader, upstreamOwner+"a", "state")
	require.NoError(t, err)
	before := c
	c.Previous = &before
	require.NoError(t, CheckSealed(claims.NewSecret(key), c))
	require.ErrorIs(t, CheckSealed(claims.NewSecret(other), c), errSealed)
	require.Error(t, CheckSealed(claims.NewSecret("short"), c))
	require.NoError(t, CheckSealed(claims.NewSecret(other), store.Client{ID: "a"}))
	moved := c
	moved.ID, moved.Previous = "b", nil
	require.ErrorIs(t, CheckSealed(claims.NewSecret(key), moved), errSealed)
	swapped := c
	swapped.UpstreamState, swapped.Previous = c.SealedSecret, nil
	require.ErrorIs(t, CheckSealed(claims.NewSecret(key), swapped), errSealed)
	before.SealedSecret = []byte("short")
	require.ErrorIs(t, CheckSealed(claims.NewSecret(key), c), errSealed)
}
