package ssa_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// FuzzParse: a failed parse returns nothing; a parsed token is the one spelling of
// itself, parses again to the same, and passes verification only if it is one of
// the tokens that the directory has signed.
func FuzzParse(f *testing.F) {
	d := newDirectory(f, ssatest.Options{Deterministic: true})
	s := newSoftware(f, d)
	good := mint(f, s, nil)
	unsigned := forge(f, s, ssatest.Forgery{Algorithm: "none", Unsigned: true})
	for _, seed := range []string{
		"", ".", "..", "e30.e30.", "e30.e30.AA", "e30.W10.AA", "e30.e30.e30.e30", good, good + "\n", good[:len(good)-1], unsigned,
		forge(f, s, ssatest.Forgery{Algorithm: "HS256", Secret: []byte("secret")}), forge(f, s, ssatest.Forgery{Key: d.ForgedKey()}),
		"eyJhbGciOiJub25lIn0.eyJpc3MiOiJPcGVuQmFua2luZyBMdGQifQ.", "eyJhbGciOiJQUzI1NiJ9.eyJpc3MiOjF9.AA",
	} {
		f.Add(seed)
	}
	v := newVerifier(f, d.Anchor())
	f.Fuzz(func(t *testing.T, token string) {
		statement, err := ssa.Parse(token)
		if err != nil {
			require.Nil(t, statement)
			require.ErrorIs(t, err, ssa.ErrMalformed)
			requireText(t, err)
			return
		}
		require.Equal(t, token, statement.Token())
		again, err := ssa.Parse(statement.Token())
		require.NoError(t, err)
		require.Equal(t, statement, again)
		require.True(t, json.Valid([]byte(statement.Signed().UnverifiedPayload())))
		require.True(t, json.Valid([]byte(statement.Signed().UnverifiedHeaderJSON())))
		verified, err := v.Verify(context.Background(), statement)
		if err == nil {
			require.Equal(t, good, token, "a token that nobody signed")
			return
		}
		require.Nil(t, verified)
		requireText(t, err)
	})
}
