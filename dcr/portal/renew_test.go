package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
)

// renewal is the page that reviews a statement for the renewal of an application.
func (b *browser) renewal(id, statement string) answer {
	b.t.Helper()
	a := b.sent("/applications/"+id+"/renew", url.Values{"statement": {statement}}, nil)
	require.Equal(b.t, http.StatusOK, a.status, a.text())
	return a
}

// TestARenewalShowsWhatItChanges: before anything is changed, and then does that.
func TestARenewalShowsWhatItChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: withSecrets})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	s := w.software(t, ssatest.SoftwareOptions{ClientName: "Before"})
	made, _ := ada.add(ssaOf(t, s, nil), nil)
	for _, api := range []string{"accounts", "payments", "directory"} {
		require.Equal(t, http.StatusOK, ada.post("/applications/"+made.ID+"/subscriptions", url.Values{"api": {api}}).status)
	}
	before := w.clients(t)[0]

	assert.Contains(t, ada.get("/applications/"+made.ID+"/renew").text(), "Provide a newer software statement (SSA) for Before")
	a := ada.renewal(made.ID, ssaOf(t, s, map[string]any{"software_client_name": "After", "software_roles": []string{"AISP", "CBPII"},
		"software_redirect_uris": []string{s.RedirectURIs[0], "https://tpp.example/new"}}))
	for _, said := range []string{"Roles gainedCBPII", "Roles lostPISP", "Subscriptions that end", "no role for payments", "redirect_uris", "https://tpp.example/new",
		"software_roles_sandbox", "scope", "Renew application"} {
		assert.Contains(t, a.text(), said)
	}
	assert.Regexp(t, `<del><bdi>`+s.RedirectURIs[1], a.body)
	assert.Equal(t, before, w.clients(t)[0], "looking changes nothing")

	done := ada.press(a, "renew", nil)
	require.Equal(t, http.StatusOK, done.status, done.text())
	assert.Contains(t, done.text(), "The application was renewed")
	assert.NotContains(t, done.text(), "Copy the secret now", "there is none")
	after := w.clients(t)[0]
	request, err := after.Request()
	require.NoError(t, err)
	assert.Equal(t, []string{s.RedirectURIs[0], "https://tpp.example/new"}, request.RedirectURIs.Or(nil))
	assert.Equal(t, made.ClientID, after.ClientID)
	page := ada.get("/applications/" + made.ID)
	assert.Contains(t, page.text(), "After")
	assert.Equal(t, []string{"accounts", "directory"}, w.subscribed(t, made.ID))
	assert.Contains(t, page.text(), "payments Not possible")
	last := w.history(t)[len(w.history(t))-1]
	assert.Equal(t, []string{"contact", "update", "done"}, []string{last.Actor, last.Operation, last.Decision})
}

// TestARenewalKeepsTheMethodUnlessAnotherIsChosen: and a secret that comes with it is shown once.
func TestARenewalKeepsTheMethodUnlessAnotherIsChosen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: withSecrets})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	s := w.software(t, ssatest.SoftwareOptions{})
	made, _ := ada.add(ssaOf(t, s, nil), func(form url.Values) { form.Set("method", "tls_client_auth") })
	a := ada.renewal(made.ID, ssaOf(t, s, nil))
	assert.Equal(t, "tls_client_auth", a.form().Get("method"))
	assert.Equal(t, "keep", a.form().Get("certificate"))
	assert.Equal(t, http.StatusOK, ada.press(a, "renew", nil).status)
	request, err := w.clients(t)[0].Request()
	require.NoError(t, err)
	assert.Equal(t, claims.TLSClientAuth, request.TokenEndpointAuthMethod.Or(""))
	assert.Contains(t, request.TLSClientAuthSubjectDN.Or(""), s.SoftwareID)

	done := ada.press(ada.renewal(made.ID, ssaOf(t, s, nil)), "renew", func(form url.Values) { form.Set("method", "client_secret_basic") })
	assert.Equal(t, http.StatusOK, done.status)
	assert.Contains(t, done.text(), "Copy the secret now")
	assert.NotEmpty(t, w.clients(t)[0].SecretHash)
}

// TestARenewalThatTheBankRefusesChangesNothing.
func TestARenewalThatTheBankRefusesChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.contact("ada", orgOne, orgTwo)
	ada := w.as(t, "ada")
	s := w.software(t, ssatest.SoftwareOptions{})
	made, _ := ada.add(ssaOf(t, s, nil), nil)
	for name, statement := range map[string]string{
		"older":            ssaOf(t, s, map[string]any{"iat": time.Now().Add(-time.Hour).Unix()}),
		"another software": ssaOf(t, w.software(t, ssatest.SoftwareOptions{}), nil),
		"another org":      ssaOf(t, w.software(t, ssatest.SoftwareOptions{OrgID: orgTwo}), nil),
		"revoked":          ssaOf(t, s, map[string]any{"org_status": "Revoked"}),
	} {
		t.Run(name, func(t *testing.T) {
			before := w.history(t)
			a := ada.renewal(made.ID, statement)
			assert.Contains(t, a.text(), "The bank would refuse this statement as it is")
			assert.NotContains(t, a.body, `value="renew"`)
			noted := w.since(t, before)
			require.Len(t, noted, 1)
			assert.Equal(t, []string{made.ID, "contact", "update", "denied"}, []string{noted[0].Client, noted[0].Actor, noted[0].Operation, noted[0].Decision})
			a = ada.press(a, "renew", nil)
			assert.Equal(t, http.StatusBadRequest, a.status)
			assert.Contains(t, a.text(), "The bank refused this. Nothing was changed")
		})
	}
	assert.Equal(t, http.StatusBadRequest, ada.post("/applications/"+made.ID+"/renew", url.Values{"statement": {"hello"}}).status)
	assert.Equal(t, []store.Client{made}, w.clients(t))
}

// TestARenewalThatIsSentTwiceIsDoneOnce, and each form is answered by what was done.
func TestARenewalThatIsSentTwiceIsDoneOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	s := w.software(t, ssatest.SoftwareOptions{})
	made, _ := ada.add(ssaOf(t, s, nil), nil)
	a := ada.renewal(made.ID, ssaOf(t, s, map[string]any{"software_client_name": "After"}))
	var all sync.WaitGroup
	answers := make([]answer, 8)
	for i := range answers {
		all.Go(func() { answers[i] = ada.press(a, "renew", nil) })
	}
	all.Wait()
	for _, a := range answers {
		assert.Equal(t, http.StatusOK, a.status, a.text())
		assert.Contains(t, a.text(), "The application was renewed")
	}
	assert.Equal(t, made.Version+1, w.clients(t)[0].Version)
}

// TestSubscriptionsFollowTheRoles: what a role opens, what none does, and what is sent twice.
func TestSubscriptionsFollowTheRoles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.contact("ada", orgOne)
	w.contact("bob", orgOne)
	ada := w.as(t, "ada")
	made, _ := ada.add(ssaOf(t, w.software(t, ssatest.SoftwareOptions{Roles: []claims.Role{claims.AISP}}), nil), nil)
	path := "/applications/" + made.ID
	page := ada.get(path)
	assert.Regexp(t, `accounts Not subscribed AISP Subscribe`, page.text())
	assert.Regexp(t, `directory Not subscribed needs none Subscribe`, page.text())
	assert.Regexp(t, `payments Not possible the application has none of the API.s roles PISP`, page.text())
	for range 2 {
		a := ada.post(path+"/subscriptions", url.Values{"api": {"accounts"}})
		assert.Equal(t, http.StatusOK, a.status)
		assert.Regexp(t, `accounts Subscribed since .*, by you AISP End`, a.text())
	}
	assert.Contains(t, w.as(t, "bob").get(path).text(), "by another contact")
	for _, api := range []string{"payments", "", "no-such", strings.Repeat("a", 300), "<script>"} {
		a := ada.post(path+"/subscriptions", url.Values{"api": {api}})
		assert.Equal(t, http.StatusForbidden, a.status, api)
		assert.Contains(t, a.body, `<a href="#apis">`)
		assert.NotContains(t, a.body, "<script")
	}
	assert.Equal(t, []string{"accounts"}, w.subscribed(t, made.ID))
	for range 2 {
		a := ada.post(path+"/subscriptions/end", url.Values{"api": {"accounts"}})
		assert.Equal(t, http.StatusOK, a.status)
		assert.Contains(t, a.text(), "accounts Not subscribed")
	}
	assert.Empty(t, w.subscribed(t, made.ID))
	assert.Contains(t, ada.get(path).text(), "End of a subscription")
}
