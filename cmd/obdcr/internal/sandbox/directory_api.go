package sandbox

import (
	"crypto"
	"encoding/json"
	"net/http"
	"time"

	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// newAPI makes the API by which a TPP fetches its statements.
func (d *directory) newAPI() (*ssatest.API, error) {
	return ssatest.NewAPI(ssatest.APIConfig{URL: d.url, Clock: d.clock, Software: d.softwareByID})
}

// softwareByID returns the software with an id. The directory knows a software if it
// publishes a key set for it: the sandbox's own TPP, and all whose set a PUT has published.
func (d *directory) softwareByID(id string) []ssatest.APISoftware {
	d.mu.Lock()
	defer d.mu.Unlock()
	sets := map[string][]byte{} // by organisation; a PUT takes precedence
	for _, all := range []map[string][]byte{d.builtin, d.put} {
		for path, set := range all {
			if org, name, revoked, ok := setPath(path); ok && !revoked && name == id && org != id {
				sets[org] = set
			}
		}
	}
	var found []ssatest.APISoftware
	for org, set := range sets {
		keys, err := ssa.ParseJWKS(set)
		if err != nil {
			continue // without a usable key nobody can ask for the statement
		}
		found = append(found, ssatest.APISoftware{OrgID: org, Keys: keys, Statement: func() (string, error) { return d.mintFor(org, id) }})
	}
	return found
}

// mintFor signs a statement for a software.
func (d *directory) mintFor(org, software string) (string, error) {
	changes := map[string]json.RawMessage{}
	for name, id := range map[string]string{"org_id": org, "software_id": software} {
		quoted, err := json.Marshal(id)
		if err != nil {
			return "", failure("%w", err)
		}
		changes[name] = quoted
	}
	token, _, err := d.mint(randomID(), changes)
	return token, err
}

// newSignIn makes the sign-in of people. It signs by the key of statements.
func (d *directory) newSignIn() (*ssatest.Provider, error) {
	return ssatest.NewProvider(ssatest.ProviderConfig{URL: d.url, JWKS: d.url + keysPath, Clock: d.clock, Hints: true,
		Key: func() (crypto.Signer, string) {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.keys.current, d.keys.kids()[0]
		}})
}

// withSignIn serves the sign-in beside all else. Its pages are those that the page of another
// origin leads to.
func (d *directory) withSignIn() http.Handler {
	other := ownPages(d)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.signIn.Serves(r.URL.Path) {
			d.orFault(w, r, d.signIn)
			return
		}
		other.ServeHTTP(w, r)
	})
}

// orFault serves, or makes the fault that is set for the path.
func (d *directory) orFault(w http.ResponseWriter, r *http.Request, next http.Handler) {
	d.count(r.URL.Path)
	f := d.faults.next(r.URL.Path)
	if f == nil {
		next.ServeHTTP(w, r)
		return
	}
	wait(w, r, time.Duration(f.DelayMS)*time.Millisecond)
	if f.replaces() {
		a := answer{status: http.StatusOK, mediaType: "application/json"}
		f.change(&a)
		a.write(w)
		return
	}
	for name, value := range f.Headers {
		w.Header().Set(name, value)
	}
	next.ServeHTTP(w, r)
}

// count counts a fetch of a path.
func (d *directory) count(path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.fetched[path]; known || len(d.fetched) < maxFetched {
		d.fetched[path]++
	}
}
