package ssatest

import (
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
)

// TokenPath is the path of the token endpoint of an [API]. The real directory has it at
// another host, which differs by environment.
const TokenPath = "/token"

// API is the part of the directory's API by which a TPP fetches its software statements
// (public description, version 2.2.0). It is an http.Handler for these paths:
//
//	POST /token
//	GET  /v2.1/organisation/{org_id}/software-statement/{software_id}/software-statement-assertion
//	GET  /v2/organisation/{org_id}/software-statement/{software_id}/software-statement-assertion
//	GET  /organisation/tpp/{org_id}/software-statement/{software_id}/software-statement-assertion
//
// All of them demand mutual TLS by a certificate whose key the software has published. The
// token endpoint takes client_credentials with private_key_jwt: iss and sub are the
// software_id, and kid is that of a published signing key. A statement is a compact JWS.
// The oldest of the three addresses puts a line end behind it, as the directory does now
// and then. An API is safe for concurrent use.
type API struct {
	config APIConfig
	mux    *http.ServeMux
	mac    func(text string) []byte // authenticates access tokens
}

// APIConfig has what an API needs of the directory that it belongs to.
type APIConfig struct {
	URL      string                                // required: the address in front of the paths, without a slash at the end
	Clock    func() time.Time                      // required
	Software func(softwareID string) []APISoftware // required: the software with that id, one for each organisation that has it
}

// APISoftware is a software as an API knows it.
type APISoftware struct {
	OrgID     string
	Keys      ssa.KeySet             // as published, for signing and for transport
	Statement func() (string, error) // mints a fresh statement
}

// NewAPI makes an API. It returns an error if a required field is missing.
func NewAPI(c APIConfig) (*API, error) {
	if c.URL == "" || c.Clock == nil || c.Software == nil {
		return nil, errors.New("ssatest: an API needs URL, Clock and Software")
	}
	a := &API{config: c, mux: http.NewServeMux(), mac: macBy(rand.Text())}
	a.mux.HandleFunc("POST "+TokenPath, a.token)
	for _, before := range []string{"/v2.1/organisation/", "/v2/organisation/", oldest} {
		a.mux.HandleFunc("GET "+before+"{org}/software-statement/{software}"+statementEnd, a.statement)
	}
	return a, nil
}

const (
	oldest       = "/organisation/tpp/"
	statementEnd = "/software-statement-assertion"
)

// Serves reports whether a path belongs to the API.
func (a *API) Serves(path string) bool {
	return path == TokenPath || strings.HasSuffix(path, statementEnd)
}

// ServeHTTP answers at the paths of the API, and 404 at any other.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text.NoStore(w.Header())
	a.mux.ServeHTTP(w, r)
}

// statement answers with a fresh statement to a token of a software of the same
// organisation.
func (a *API) statement(w http.ResponseWriter, r *http.Request) {
	granted, err := a.granted(r)
	if err != nil {
		w.Header().Set("WWW-Authenticate", `Bearer realm="directory"`)
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	org := r.PathValue("org")
	for _, s := range a.config.Software(r.PathValue("software")) {
		if s.OrgID != org || org != granted.Org {
			continue
		}
		token, err := s.Statement()
		if err != nil {
			http.Error(w, "the statement cannot be signed", http.StatusInternalServerError)
			return
		}
		if strings.HasPrefix(r.URL.Path, oldest) {
			token += "\n"
		}
		w.Header().Set("Content-Type", "application/jwt")
		_, _ = io.WriteString(w, token) // an error means that the client has hung up
		return
	}
	http.Error(w, "the organisation of the token has no such software", http.StatusNotFound)
}
