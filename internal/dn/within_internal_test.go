package dn

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestANameIsWithinOneThatHasAllItsRDNs(t *testing.T) {
	whole, err := Parse(`CN=a,OU=b,OU=b,O=Acme,C=GB`)
	require.NoError(t, err)
	for text, want := range map[string]bool{
		`CN=a,OU=b,OU=b,O=Acme,C=GB`:      true,
		`C=gb,O=ACME,CN=a`:                true,
		`OU=b,OU=b`:                       true,
		`OU=b,OU=b,OU=b`:                  false,
		`CN=a,CN=a`:                       false,
		`CN=b`:                            false,
		`OU=a`:                            false,
		`CN=a+C=GB`:                       false,
		`CN=a,OU=b,OU=b,O=Acme,C=GB,C=GB`: false,
	} {
		part, err := Parse(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, within(part, whole), text)
	}
}
