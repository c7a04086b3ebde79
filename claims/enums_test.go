package claims_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/obdcr/obdcr/claims"
)

func TestWhatAnAuthMethodAsksFor(t *testing.T) {
	for method, want := range map[claims.AuthMethod]struct{ known, secret, signs bool }{
		claims.PrivateKeyJWT:     {known: true, signs: true},
		claims.TLSClientAuth:     {known: true},
		claims.ClientSecretJWT:   {known: true, secret: true, signs: true},
		claims.ClientSecretBasic: {known: true, secret: true},
		claims.ClientSecretPost:  {known: true, secret: true},
		"client_secret_other":    {},
		"none":                   {},
		"":                       {},
	} {
		assert.Equal(t, want.known, method.Known(), "%q", method)
		assert.Equal(t, want.secret, method.NeedsSecret(), "%q", method)
		assert.Equal(t, want.signs, method.SignsAssertions(), "%q", method)
	}
	claims.AuthMethods()[0] = "changed"
	assert.Equal(t, claims.PrivateKeyJWT, claims.AuthMethods()[0])
}

func TestARoleOfTheCrownDependenciesIsPlainWithoutItsPrefix(t *testing.T) {
	for role, want := range map[claims.Role]claims.Role{
		"CD_AISP": "AISP", "AISP": "AISP", "CD_CD_AISP": "CD_AISP", "CDAISP": "CDAISP", "cd_AISP": "cd_AISP", "CD_": "", "": "",
	} {
		assert.Equal(t, want, role.Plain(), "%q", role)
	}
}
