package portal_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/portal"
	"github.com/obdcr/obdcr/dcr/portal/signin"
	"github.com/obdcr/obdcr/dcr/roles"
	"github.com/obdcr/obdcr/store"
)

func TestEveryFaultOfAConfigurationIsTold(t *testing.T) {
	t.Parallel()
	_, err := portal.New(portal.Config{Operators: portal.Operators{Claim: "groups"}, IdleTimeout: time.Second, Lifetime: 48 * time.Hour, Look: portal.Look{Accent: "red"}})
	for _, says := range []string{"Address: \"\" is no https address", "Registrar is missing", "Store is missing", "nobody can sign in: set Directory", "Issuers is empty",
		"Claim and Values belong together", "IdleTimeout has to be", "Lifetime has to be", "Accent is \"red\""} {
		require.ErrorContains(t, err, says)
	}
}

func TestAConfigurationThatContradictsItselfIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*portal.Config)
		says   string
	}{
		"plain HTTP":                     {func(c *portal.Config) { c.Address = "http://bank.example" }, "is no https address"},
		"an address with a query":        {func(c *portal.Config) { c.Address = "https://bank.example/?a=b" }, "has more than a host and a path"},
		"an address with dots":           {func(c *portal.Config) { c.Address = "https://bank.example/a/../b" }, "is not in its plain form"},
		"a discovery without address":    {func(c *portal.Config) { c.Discovery = "/known" }, `Discovery: "/known" is no https address`},
		"a sign-out without address":     {func(c *portal.Config) { c.SignOut = "http://bank.example/out" }, `SignOut: "http://bank.example/out" is no https address`},
		"a sign-out of nobody's sign-in": {func(c *portal.Config) { c.SignOut, c.SignIn = "https://bank.example/out", nil }, "SignOut is for a sign-in of the bank's own"},
		"two ways to sign in":            {func(c *portal.Config) { c.Directory = &signin.Config{} }, "Directory and SignIn exclude each other"},
		"operators of a bank's sign-in":  {func(c *portal.Config) { c.Operators.Emails = []string{"a@b.example"} }, "the bank's own one says who is an operator"},
		"an operator without address":    {func(c *portal.Config) { c.Operators.Emails = []string{"ada"} }, `"ada" is no e-mail address`},
		"an API without roles":           {func(c *portal.Config) { c.APIs = roles.Table{Roles: map[string][]claims.Role{"x": nil}} }, "APIs: "},
		"a store of four verbs":          {func(c *portal.Config) { c.Store = struct{ store.Store }{c.Store} }, "the Store has not the methods of store.Sessions"},
		"a directory that is incomplete": {func(c *portal.Config) { c.SignIn, c.Directory = nil, &signin.Config{Issuer: "http://x"} }, "Directory: "},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options{})
			config := w.config
			c.change(&config)
			_, err := portal.New(config)
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestAPortalAtAnOriginAndBelowAPathServesItsPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	config := w.config
	config.Address = w.server.URL
	var err error
	w.portal, err = portal.New(config)
	require.NoError(t, err)
	w.address = w.server.URL
	w.contact("ada", "org-one")
	require.Equal(t, http.StatusOK, w.as(t, "ada").get("/applications").status)
}

// TestASignOutLeadsOnToTheBanksOwnSignIn whose session would sign the person in again.
func TestASignOutLeadsOnToTheBanksOwnSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{portal: func(c *portal.Config) { c.SignOut = "https://sso.bank.example/out?from=portal" }})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	out := ada.post("/sign-out", nil)
	require.Equal(t, http.StatusOK, out.status)
	require.Equal(t, "0; url=https://sso.bank.example/out?from=portal", out.header.Get("Refresh"))
	require.Contains(t, out.body, `href="https://sso.bank.example/out?from=portal"`)
	require.Contains(t, ada.get("/applications").body, "who?", "the session has ended here")
}
