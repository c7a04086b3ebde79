package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/internal/contain"
	"github.com/obdcr/obdcr/internal/text"
)

// addDiscovery makes the discovery document and its route.
func (b *Bank) addDiscovery(routes map[string]http.Handler) error {
	made, err := b.discoveryDocument()
	if err != nil {
		return err
	}
	b.discovery = made
	routes[b.config.Paths.Discovery] = dcr.NewDocumentHandler(made)
	return nil
}

// discoveryDocument returns where the document of the moment is found: that of the
// authorization server, or one made of Discovery.
func (b *Bank) discoveryDocument() (func() []byte, error) {
	c := &b.config
	if c.DiscoveryFrom.given() {
		var err error
		if b.overlay, err = newOverlay(b); err != nil {
			return nil, err
		}
		return b.overlay.document, nil
	}
	d := c.Discovery
	d.Issuer, d.RegistrationEndpoint, d.Policy = c.Issuer, c.Issuer+c.Paths.Registration, b.policy
	if c.TokenEndpoint {
		d.TokenEndpoint = c.Issuer + c.Paths.Token
	}
	body, err := d.Document()
	return func() []byte { return body }, err
}

// route makes the handler of the whole bank. It looks paths up in a map instead of a
// http.ServeMux, because a ServeMux redirects.
func (b *Bank) route(routes map[string]http.Handler) error {
	c := &b.config
	routes[c.Paths.Health] = only(http.MethodGet, http.HandlerFunc(healthy))
	b.readiness = newReadiness(c.Store, b.log)
	routes[c.Paths.Ready] = only(http.MethodGet, http.HandlerFunc(b.ready))
	registration, err := dcr.NewHandler(dcr.HandlerConfig{Registrar: b.registrar, Path: c.Paths.Registration,
		Certificate: b.source, Limiter: c.Limiter, Methods: c.Methods, Logger: c.Logger, Refused: c.Observer.Refused})
	if err != nil {
		return err
	}
	routes[c.Paths.Registration] = b.readiness.watch(registration)
	api, err := registration.OpenAPI()
	if err != nil {
		return err
	}
	routes[c.Paths.OpenAPI] = only(http.MethodGet, document("application/yaml", api))
	var faults []error
	for _, path := range slices.Sorted(maps.Keys(routes)) {
		if routes[path] = c.Observer.Instrument(path, contain.Handler(b.log, routes[path])); nothing(routes[path]) {
			faults = append(faults, fmt.Errorf("server: Observer.Instrument returns no handler for %s: return the one that it is given", path))
		}
	}
	b.routes, b.registers = routes, registration.Serves
	b.handler = b.Before(c.Rest)
	return errors.Join(faults...)
}

// Before returns a handler of a bank's whole API: all Paths, and rest for all others. It is
// Handler for an API that needs the bank first, such as one behind roles.Require. Nil
// answers 404. CONNECT is answered by 405 everywhere: after an answer 2xx a proxy in front
// passes on whatever the client sends, a certificate header included. A [http.ServeMux] in
// front of the bank would redirect //register, and a client would repeat its request at the
// other address.
func (b *Bank) Before(rest http.Handler) http.Handler {
	if rest == nil {
		rest = http.HandlerFunc(nothingHere)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch h := b.routes[r.URL.EscapedPath()]; {
		case r.Method == http.MethodConnect:
			text.NoStore(w.Header())
			http.Error(w, "this is no proxy", http.StatusMethodNotAllowed)
		case h != nil:
			h.ServeHTTP(w, r)
		case b.registers(r):
			b.routes[b.config.Paths.Registration].ServeHTTP(w, r)
		default:
			rest.ServeHTTP(w, r)
		}
	})
}

func nothingHere(w http.ResponseWriter, _ *http.Request) {
	text.NoStore(w.Header())
	http.Error(w, "there is nothing here", http.StatusNotFound)
}

// only answers 405 to all but one method. With GET it also lets HEAD through.
func only(method string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == method || method == http.MethodGet && r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		allowed := method
		if method == http.MethodGet {
			allowed += ", " + http.MethodHead
		}
		w.Header().Set("Allow", allowed)
		text.NoStore(w.Header())
		http.Error(w, "use "+method, http.StatusMethodNotAllowed)
	})
}

func document(mediaType string, content []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(content) // an error means that the client has hung up
	})
}

// writeJSON answers with a document that no cache may store.
func writeJSON(w http.ResponseWriter, status int, document any) {
	text.NoStore(w.Header())
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The documents of this package always encode: an error means that the client has
	// hung up.
	_ = json.NewEncoder(w).Encode(document)
}

type health struct {
	Status string `json:"status"`
}

func healthy(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, health{"ok"}) }
