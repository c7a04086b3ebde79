package signin_test

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/portal/signin"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// A contact of a TPP signs in at the directory. The browser of this example is played by the
// test directory.
func Example() {
	directory, err := ssatest.New(ssatest.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer directory.Close()
	const callback = "https://portal.bank.example/callback"
	secret := claims.NewSecret("issued by the directory")
	people := directory.SignIn()
	_ = people.AddClient(ssatest.ProviderClient{ID: "bank", Secret: secret, RedirectURIs: []string{callback}})
	_ = people.AddAccount(ssatest.Account{Email: "anna@tpp.example", Password: "p", Code: "123456", Associated: true,
		Organisations: []string{"0015800001041REAAY"}})
	roots := x509.NewCertPool()
	roots.AddCert(directory.CA)

	s, err := signin.New(signin.Config{Issuer: directory.URL(), ClientID: "bank", ClientSecret: secret, RedirectURI: callback,
		Algorithms: []claims.Algorithm{claims.PS256}, ACR: []string{ssatest.ACRTwoFactors}, CAs: roots, NotPublic: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	begun := httptest.NewRecorder()
	if err := s.Begin(begun, httptest.NewRequest(http.MethodGet, "https://portal.bank.example/sign-in", nil), "/applications"); err != nil {
		fmt.Println(err)
		return
	}
	address, err := people.Authorize(directory.Client(), begun.Header().Get("Location"), "anna@tpp.example")
	if err != nil {
		fmt.Println(err)
		return
	}
	back := httptest.NewRequest(http.MethodGet, address, nil)
	for _, c := range begun.Result().Cookies() {
		back.AddCookie(c)
	}
	who, err := s.Finish(httptest.NewRecorder(), back)
	fmt.Println(who.Email, who.Associated, who.Organisations, who.Back, err)
	// Output: anna@tpp.example true [0015800001041REAAY] /applications <nil>
}
