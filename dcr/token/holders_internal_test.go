package token

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhoHeldAsManyForLongestIsTheGreatest(t *testing.T) {
	h := newHolders()
	add := func(clientID string) *heldToken {
		held := &heldToken{token: AccessToken{ClientID: clientID}}
		h.add(held)
		return held
	}
	add("a")
	add("a")
	last := add("a")
	add("b")
	add("b")
	require.Equal(t, "a", h.greatest("new"))
	h.remove(last)
	require.Equal(t, "b", h.greatest("new"), "it has held two for longer than a has held no more")
	require.Equal(t, "a", h.greatest("a"), "who asks is among the greatest itself")
	require.Equal(t, "b", h.greatest("b"))
}
