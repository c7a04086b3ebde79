package store_test

import (
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store"
)

// TestNamesThatDifferByTheirCaseAloneAreFoldedToOne, over all of Unicode.
func TestNamesThatDifferByTheirCaseAloneAreFoldedToOne(t *testing.T) {
	for r := rune(1); r <= unicode.MaxRune; r++ {
		folded := store.FoldName(string(r))
		if again, other := store.FoldName(folded), store.FoldName(string(unicode.SimpleFold(r))); again != folded || other != folded {
			require.Fail(t, "not one", "%U is folded to %q, that to %q, and the next one of its case to %q", r, folded, again, other)
		}
	}
	require.Equal(t, "open bank", store.FoldName("\t Open \u00a0 \u2003BANK\n"))
	require.Equal(t, "kelvin", store.FoldName("\u212aELVIN"))
	require.Empty(t, store.FoldName(" \n "))
}

// TestTheFormOfAQueryIsOne: what asks for the same has the same form.
func TestTheFormOfAQueryIsOne(t *testing.T) {
	form := func(q store.Query) store.Query {
		form, none, err := store.ForSearch(q)
		require.NoError(t, err)
		require.False(t, none)
		return form
	}
	require.Equal(t, store.Query{}, form(store.Query{}))
	one := store.Query{OrgIDs: []string{"a"}}
	for _, q := range []store.Query{{OrgID: "a"}, {OrgIDs: []string{"a", "", "a"}}, {OrgID: "a", OrgIDs: []string{"b", "a"}}} {
		require.Equal(t, one, form(q))
	}
	require.Equal(t, form(one), form(form(one)))
	many := make([]string, 101)
	for i := range many {
		many[i] = string(rune('a' + i))
	}
	for _, q := range []store.Query{{OrgIDs: many}, {Issuers: many}} {
		_, none, err := store.ForSearch(q)
		require.Error(t, err)
		require.False(t, none)
	}
	for _, q := range []store.Query{{OrgIDs: []string{}}, {Issuers: []string{""}}, {OrgID: "a", OrgIDs: []string{"b"}}} {
		_, none, err := store.ForSearch(q)
		require.NoError(t, err)
		require.True(t, none)
	}
}
