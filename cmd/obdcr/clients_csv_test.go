package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNoCellIsAFormula(t *testing.T) {
	for _, cell := range []string{"=1", "+1", "-1", "@a", "\t=1", "\ra", "\x00=1", " =1", "\u200b=1", "\ufeff@a", "\u00a0+1", "\u202e\u200b-1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20a"} {
		require.Equal(t, "'"+cell, harmless(cell), "%q", cell)
	}
	for _, cell := range []string{"", "a=1", "Budget", " Budget", "\u200bBudget", "'=1", "1-2", "\u20ac"} {
		require.Equal(t, cell, harmless(cell), "%q", cell)
	}
}
