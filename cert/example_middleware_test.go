package cert_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// exchange is what a token endpoint knows of a request, from its first handler to
// its last.
type exchange struct {
	clientID string
	secret   string
}

type exchangeKey struct{}

func exchangeOf(r *http.Request) *exchange {
	known, _ := r.Context().Value(exchangeKey{}).(*exchange)
	return known
}

// readRequest is the first handler. It reads the request, whatever the certificate.
func readRequest(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		known := &exchange{clientID: r.PostFormValue("client_id"), secret: r.PostFormValue("client_secret")}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), exchangeKey{}, known)))
	})
}

// issueToken is the last handler. It checks the client's own proof, such as an
// assertion that a key of the software has signed, and binds a token to the
// certificate.
func issueToken(w http.ResponseWriter, r *http.Request) {
	accepted, ok := cert.AcceptanceFrom(r.Context())
	if !ok || exchangeOf(r).secret != "let me in" {
		http.Error(w, `{"error":"invalid_client"}`, http.StatusUnauthorized)
		return
	}
	_, err := accepted.Software.Keys.ResolveKeys(r.Context(), ssa.KeyRef{})
	fmt.Fprintf(w, "a token, bound to %s; keys for an assertion: %t\n", accepted.Identity.Profile, err == nil)
}

// A token endpoint reads its requests before Middleware, and finds the software of a
// client by the statement that it was registered with.
func ExampleMiddleware() {
	directory, verifier := exampleDirectory()
	defer directory.Close()
	mine, stranger := enrolled(directory), enrolled(directory)
	statement, err := mine.SSA(nil) // as store.Client.SoftwareStatement keeps it
	if err != nil {
		panic(err)
	}
	find := func(r *http.Request) (cert.Software, error) {
		if exchangeOf(r).clientID != "me" {
			return cert.Software{}, cert.ErrUnknownClient
		}
		verified, err := verifier.RereadUnsafe(statement, claims.Sandbox)
		if err != nil {
			return cert.Software{}, fmt.Errorf("%w: %w", cert.ErrNoKeySet, err)
		}
		keys, err := verified.SoftwareKeys(directory.Resolver())
		if err != nil {
			return cert.Software{}, fmt.Errorf("%w: %w", cert.ErrNoKeySet, err)
		}
		return cert.SoftwareOf(verified, keys), nil
	}
	checker, err := cert.NewChecker(cert.CheckerConfig{Bindings: []cert.Binding{cert.ByPublicKey}})
	if err != nil {
		panic(err)
	}
	protect, err := cert.Middleware(cert.MiddlewareConfig{
		Source: cert.FromTLS, Checker: checker, Client: find,
		Refused: func(_ *http.Request, d cert.Denial) {
			fmt.Println("log:", d.Code, errors.Is(d.Err, cert.ErrNotOwned), errors.Is(d.Err, cert.ErrUnknownClient))
		},
	})
	if err != nil {
		panic(err)
	}
	endpoint := readRequest(protect(http.HandlerFunc(issueToken)))
	post(endpoint, mine, "me")
	post(endpoint, stranger, "me")
	post(endpoint, stranger, "nobody")
	// Output:
	// a token, bound to ob_transport; keys for an assertion: true
	// log: invalid_client true false
	// the client certificate does not belong to the client
	// log: invalid_client false true
	// the client certificate does not belong to the client
}

func exampleDirectory() (*ssatest.Directory, *ssa.Verifier) {
	directory, err := ssatest.New(ssatest.Options{})
	if err != nil {
		panic(err)
	}
	verifier, err := ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{directory.Anchor()}})
	if err != nil {
		panic(err)
	}
	return directory, verifier
}

func enrolled(directory *ssatest.Directory) *ssatest.EnrolledSoftware {
	software, err := directory.NewSoftware(ssatest.SoftwareOptions{})
	if err != nil {
		panic(err)
	}
	return software
}

// post sends a request as it comes out of the TLS layer, and prints the answer.
func post(endpoint http.Handler, by *ssatest.EnrolledSoftware, clientID string) {
	r := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader("client_secret=let+me+in&client_id="+clientID))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	leaf := by.TransportCertificate.Leaf
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf}}}
	w := httptest.NewRecorder()
	endpoint.ServeHTTP(w, r)
	var refusal struct {
		Description string `json:"error_description"`
	}
	if json.Unmarshal(w.Body.Bytes(), &refusal) == nil {
		fmt.Println(refusal.Description)
		return
	}
	fmt.Print(w.Body.String())
}
