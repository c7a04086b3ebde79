package tpp_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/tpp"
)

// OIDC Discovery section 4.3 and RFC 8414 section 3.3: the issuer is the one whose document
// is at the address.
func TestAnIssuerBelongsToTheAddressOfItsDocument(t *testing.T) {
	const oidc, oauth = "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"
	for _, c := range []struct {
		issuer, address string
		want            bool
	}{
		{"https://bank.example", "https://bank.example" + oidc, true},
		{"https://bank.example/", "https://bank.example" + oidc, true},
		{"https://BANK.example:443", "https://bank.example" + oidc, true},
		{"https://bank.example", "https://bank.example" + oidc + "/", true},
		{"https://bank.example/a/b", "https://bank.example/a/b" + oidc, true},
		{"https://bank.example/a/b", "https://bank.example" + oidc + "/a/b", true},
		{"https://bank.example/a", "https://bank.example" + oauth + "/a", true},
		{"https://bank.example", "https://bank.example" + oauth, true},
		{"https://bank.example:8443", "https://bank.example:8443" + oidc + "?x=y", true},

		{"https://other.example", "https://bank.example" + oidc, false},
		{"https://bank.example.other.example", "https://bank.example" + oidc, false},
		{"https://sub.bank.example", "https://bank.example" + oidc, false},
		{"https://bank.example:8443", "https://bank.example" + oidc, false},
		{"http://bank.example", "https://bank.example" + oidc, false},
		{"https://bank.example/a", "https://bank.example" + oidc, false},
		{"https://bank.example", "https://bank.example/a" + oidc, false},
		{"https://bank.example/A", "https://bank.example/a" + oidc, false},
		{"https://bank.example/a", "https://bank.example" + oauth + "/b", false},
		{"https://bank.example?a", "https://bank.example" + oidc, false},
		{"https://bank.example@other.example", "https://other.example" + oidc, false},
		{"bank.example", "https://bank.example" + oidc, false},
		{"%", "https://bank.example" + oidc, false},
		{"https://bank.example", "%", false},

		{"", "https://bank.example" + oidc, true},
		{"https://other.example", "https://bank.example/metadata.json", true},
		{"https://other.example", "https://bank.example" + oauth + "s", true},
		{"https://other.example", "https://bank.example/a" + oauth, true},
	} {
		require.Equal(t, c.want, (&tpp.Metadata{Issuer: c.issuer}).MayBeAt(c.address), "%s at %s", c.issuer, c.address)
	}
}
