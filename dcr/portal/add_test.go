package portal_test

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/portal"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
)

func TestAContactAddsAnApplication(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: withSecrets, portal: func(c *portal.Config) { c.Discovery = "https://bank.example/known" }})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	s := w.software(t, ssatest.SoftwareOptions{ClientName: "Budget & Co"})

	review := ada.reviewed(ssaOf(t, s, nil))
	for _, said := range []string{"Verified The directory signed this.", "Budget & Co", s.SoftwareID, s.OrgID, "AISP", s.RedirectURIs[0], s.JWKSURL(), "less than a minute ago",
		"CN=" + s.SoftwareID, "Nothing is wrong"} {
		assert.Contains(t, review.text(), said)
	}
	assert.Empty(t, w.clients(t), "nothing is registered by looking")

	done := ada.press(review, "add", func(form url.Values) {
		form["redirect"] = s.RedirectURIs[1:]
		form.Set("method", "client_secret_basic")
	})
	require.Equal(t, http.StatusOK, done.status, done.text())
	made := w.clients(t)
	require.Len(t, made, 1)
	request, err := made[0].Request()
	require.NoError(t, err)
	assert.Equal(t, s.RedirectURIs[1:], request.RedirectURIs.Or(nil))
	assert.Equal(t, claims.ClientSecretBasic, request.TokenEndpointAuthMethod.Or(""))
	assert.Contains(t, done.text(), made[0].ClientID)
	assert.Contains(t, done.text(), "Copy the secret now")
	assert.Contains(t, done.body, `href="https://bank.example/known"`)
	secret := regexp.MustCompile(`Client secret</dt><dd><code class="secret">([^<]+)`).FindStringSubmatch(done.body)
	require.NotNil(t, secret)

	page := ada.get("/applications/" + made[0].ID)
	assert.Equal(t, http.StatusOK, page.status)
	assert.NotContains(t, page.body, secret[1], "the secret is shown once")
	assert.Contains(t, ada.get("/applications").body, "Budget &amp; Co")
	last := w.history(t)[len(w.history(t))-1]
	assert.Equal(t, []string{"contact", "create", "done", made[0].ID}, []string{last.Actor, last.Operation, last.Decision, last.Client})
	assert.Equal(t, store.Active, last.State)
}
