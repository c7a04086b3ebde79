package portal_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/portal"
	"github.com/obdcr/obdcr/dcr/portal/signin"
	"github.com/obdcr/obdcr/dcr/roles"
	"github.com/obdcr/obdcr/store"
)

// newPortal makes the portal of a bank that has a Registrar, over the Registrar's own store. The
// bank is registered at the directory with the addresses /sign-in/answer and /signed-out below
// the portal's. Serve its Handler by a listener that asks for no client certificate. Sessions that
// have ended are forgotten by the bank's Run, and without a server.Bank by that of the portal.
func newPortal(registrar *dcr.Registrar, clients store.Store, apis roles.Table, secret claims.Secret) (*portal.Portal, error) {
	return portal.New(portal.Config{
		Address:   "https://portal.bank.example",
		Registrar: registrar,
		Store:     clients, // store/sqlite or store/postgres
		Directory: &signin.Config{
			Issuer:       "https://auth.directory.example",
			ClientID:     "example-bank", // what the directory calls the bank
			ClientSecret: secret,
			Claims:       signin.ClaimNames{Organisations: "org_id"}, // as the directory names it
			ACR:          []string{"urn:openbanking:psd2:sca"},       // signed in by two factors
		},
		Discovery: "https://bank.example/.well-known/openid-configuration",
		Issuers:   []string{"OpenBanking Ltd"}, // iss of statements whose organisations it tells
		Operators: portal.Operators{Emails: []string{"operations@bank.example"}},
		APIs:      apis, // whose method Decide is server.Config.MaySubscribe
		Look:      portal.Look{Bank: "Example Bank"},
	})
}

// ownSignIn is portal.Config.SignIn of a bank that knows its people itself. person is the bank's:
// it says who sends a request, or answers it with a page on which to sign in, and returns false.
// That page comes back to the same address, with the same query.
func ownSignIn(person func(http.ResponseWriter, *http.Request) (portal.Person, bool)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, known := person(w, r)
		if !known {
			return
		}
		if err := portal.Admit(r, who); err != nil { // the store cannot keep the session
			http.Error(w, "Nobody can sign in at the moment.", http.StatusServiceUnavailable)
			return
		}
		http.Redirect(w, r, portal.Back(r), http.StatusSeeOther)
	})
}

func TestThePortalOfTheGuideAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	p, err := newPortal(w.bank.Registrar(), w.store, apis, claims.NewSecret("a secret"))
	require.NoError(t, err)
	answer := httptest.NewRecorder()
	p.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "https://portal.bank.example/", http.NoBody))
	require.Equal(t, http.StatusOK, answer.Code)
	require.Contains(t, answer.Body.String(), "Example Bank")
}

func TestTheSignInOfTheGuideSignsIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{portal: func(c *portal.Config) {
		c.SignIn = ownSignIn(func(rw http.ResponseWriter, r *http.Request) (portal.Person, bool) {
			if r.FormValue("as") == "" {
				http.Error(rw, "the bank's page", http.StatusUnauthorized)
				return portal.Person{}, false
			}
			return portal.Person{Email: r.FormValue("as"), Organisations: []string{"org"}}, true
		})
	}})
	b := w.visitor(t)
	a := b.get("/applications/add")
	require.Equal(t, http.StatusUnauthorized, a.status)
	require.Equal(t, "/portal/sign-in", a.url.Path)
	a = b.get("/sign-in?" + a.url.RawQuery + "&as=ada@tpp.example")
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "/portal/applications/add", a.url.Path, "where the person wanted to go")
	user, err := w.store.(store.Users).GetUser(t.Context(), "ada@tpp.example")
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), user.SeenAt, time.Minute)
}
