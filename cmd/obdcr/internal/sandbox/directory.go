package sandbox

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// setCache is the Cache-Control of key sets. It is short, so that a changed set is seen
// soon; the bank still keeps a set for a minute at least.
const setCache = "max-age=5"

// maxFetched bounds the number of paths whose fetches are counted.
const maxFetched = 10_000

// maxVerb is the greatest length of the body of a test verb, but for a key set.
const maxVerb = 1 << 20

// directory issues statements, serves key sets and the API for TPPs, and has the test verbs.
// It is safe for concurrent use.
type directory struct {
	files folder
	url   string // without a slash at the end
	state *state
	clock func() time.Time
	log   *slog.Logger

	mu      sync.Mutex
	keys    *directoryKeys
	put     published
	builtin map[string][]byte // the sandbox's own sets, by path; a PUT takes precedence
	fetched map[string]int
	faults  faults
	api     *ssatest.API
	signIn  *ssatest.Provider

	audience  string        // of requests to the bank
	authority *authority    // of the certificates of further software
	enrolling chan struct{} // full while one is made
	configure func(p *party, statement string, uris []string) (json.RawMessage, error)

	peopleMu sync.Mutex // apart from mu, which the provider takes while it holds its own lock
	people   []person
}

func newDirectory(c *Config, f folder, s *state, ca *authority, url string) (*directory, error) {
	d := &directory{files: f, url: url, state: s, clock: c.Clock, log: c.Logger, builtin: map[string][]byte{}, fetched: map[string]int{},
		authority: ca, enrolling: make(chan struct{}, 1)}
	var err error
	if d.keys, err = openDirectoryKeys(f, s, maker{c.Seed}); err != nil {
		return nil, err
	}
	if d.put, err = openPublished(f); err != nil {
		return nil, err
	}
	d.builtin["/"+s.OrgID+"/"+s.OrgID+".jwks"] = []byte(emptySet)
	if d.api, err = d.newAPI(); err != nil {
		return nil, err
	}
	if d.signIn, err = d.newSignIn(); err != nil {
		return nil, err
	}
	return d, d.openPeople(maker{c.Seed})
}

// newStatementID returns the jti of the statement that a start issues.
func (d *directory) newStatementID() string {
	return hex.EncodeToString(d.keys.make.bytes(fmt.Sprintf("statement %d", d.state.Starts), idLength))
}

// mint signs a statement for the sandbox's TPP, with changes to its claims. It returns the
// token and the claims.
func (d *directory) mint(id string, changes map[string]json.RawMessage) (token string, payload []byte, err error) {
	payload, err = json.Marshal(statementClaims(d.url, d.state.OrgID, d.state.SoftwareID, id, d.clock(), changes))
	if err != nil {
		return "", nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	token, err = d.keys.sign(payload)
	return token, payload, err
}

// ServeHTTP serves the API, key sets and test verbs.
func (d *directory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if d.api.Serves(path) {
		d.orFault(w, r, d.api)
		return
	}
	switch path {
	case "/ssa":
		d.verb(w, r, maxVerb, map[string]verb{http.MethodPost: d.mintSSA})
		return
	case "/tpp":
		d.verb(w, r, maxVerb, map[string]verb{http.MethodPost: d.postSoftware})
		return
	case "/certificates":
		d.verb(w, r, maxVerb, map[string]verb{http.MethodPost: d.postCertificate})
		return
	case "/vector":
		d.verb(w, r, maxVerb, map[string]verb{http.MethodPost: d.postVector})
		return
	case "/rotate":
		d.verb(w, r, maxVerb, map[string]verb{http.MethodPost: d.rotate})
		return
	case "/faults":
		d.verb(w, r, maxVerb, map[string]verb{http.MethodPut: d.putFault, http.MethodDelete: d.clearFaults})
		return
	case "/people":
		d.verb(w, r, maxVerb, map[string]verb{http.MethodPut: d.putPerson, http.MethodGet: d.listPeople})
		return
	case "/banks":
		d.verb(w, r, maxVerb, map[string]verb{http.MethodPut: d.putBank})
		return
	case "/fetches":
		d.verb(w, r, maxVerb, map[string]verb{http.MethodGet: d.fetches})
		return
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		d.fetch(w, r)
		return
	}
	if _, _, _, ok := setPath(path); ok {
		d.verb(w, r, maxPublished, map[string]verb{http.MethodPut: d.publish, http.MethodGet: nil, http.MethodHead: nil})
		return
	}
	d.verb(w, r, maxVerb, map[string]verb{http.MethodGet: nil, http.MethodHead: nil})
}

// verb carries out a test verb with the body of a request.
type verb func(w http.ResponseWriter, r *http.Request, body []byte)

// verb reads the body within its limit and calls the verb of the method. A nil verb is a
// method that another handler serves; it is named in Allow all the same.
func (d *directory) verb(w http.ResponseWriter, r *http.Request, most int64, by map[string]verb) {
	do := by[r.Method]
	if do == nil {
		allowed := make([]string, 0, len(by))
		for _, m := range []string{http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut} {
			if _, ok := by[m]; ok {
				allowed = append(allowed, m)
			}
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		complain(w, http.StatusMethodNotAllowed, "use "+strings.Join(allowed, " or "))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		complain(w, http.StatusRequestEntityTooLarge, "the body is too large")
	case err != nil:
		complain(w, http.StatusBadRequest, "the body could not be read")
	default:
		do(w, r, body)
	}
}

// complain answers with a line of text for the developer who calls.
func complain(w http.ResponseWriter, status int, what string) {
	text.NoStore(w.Header())
	http.Error(w, what, status)
}

// failed answers 500. The log has the cause; the answer does not, because it may hold paths
// of the machine.
func (d *directory) failed(w http.ResponseWriter, err error) {
	d.log.Error("the directory failed", "error", err)
	complain(w, http.StatusInternalServerError, "the directory could not do it; its log says why")
}

// fetch answers with a key set, or with the fault that is set for its path.
func (d *directory) fetch(w http.ResponseWriter, r *http.Request) {
	a := d.find(r.URL.Path)
	if f := d.faults.next(r.URL.Path); f != nil {
		wait(w, r, time.Duration(f.DelayMS)*time.Millisecond)
		f.change(&a)
	}
	if a.status == http.StatusOK {
		w.Header().Set("Cache-Control", setCache)
	}
	a.write(w)
}

// wait delays an answer. If the client hangs up or the sandbox stops, it aborts the
// connection, because a handler that returns without writing answers 200. The timeouts of the
// server begin again after the delay.
func wait(w http.ResponseWriter, r *http.Request, d time.Duration) {
	if d <= 0 {
		return
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(d + server.ReadTimeout)) // a writer of a test has no deadlines
	_ = control.SetWriteDeadline(time.Now().Add(d + server.WriteTimeout))
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return
	case <-r.Context().Done():
	case <-stopping(r.Context()):
	}
	panic(http.ErrAbortHandler)
}

type stoppingKey struct{}

// stopping returns a channel that is closed when the sandbox stops. The sandbox finishes
// open requests then, but does not wait for the delay of a fault.
func stopping(ctx context.Context) <-chan struct{} {
	stop, _ := ctx.Value(stoppingKey{}).(<-chan struct{})
	return stop
}

// nothingHere is the body of a 404.
const nothingHere = "there is nothing here"

// find returns the answer for a path without a fault, and counts the fetch. The revoked
// set of any software is an empty set unless a PUT has published one.
func (d *directory) find(path string) answer {
	d.count(path)
	d.mu.Lock()
	defer d.mu.Unlock()
	const jwkSet = "application/jwk-set+json"
	if path == keysPath {
		return answer{status: http.StatusOK, mediaType: jwkSet, body: d.keys.jwks}
	}
	set, ok := d.put[path]
	if !ok {
		set, ok = d.builtin[path]
	}
	if !ok {
		_, _, ok, _ = setPath(path)
		set = []byte(emptySet)
	}
	if !ok {
		return answer{status: http.StatusNotFound, mediaType: "text/plain; charset=utf-8", body: []byte(nothingHere + "\n")}
	}
	return answer{status: http.StatusOK, mediaType: jwkSet, body: set}
}

// mintSSA signs whatever claims it is given: a test needs bad statements too.
func (d *directory) mintSSA(w http.ResponseWriter, _ *http.Request, body []byte) {
	changes, err := parseChanges(body)
	if err != nil {
		complain(w, http.StatusBadRequest, err.Error())
		return
	}
	token, _, err := d.mint(randomID(), changes)
	if err != nil {
		complain(w, http.StatusBadRequest, "such a statement cannot be signed: it is too large")
		return
	}
	text.NoStore(w.Header())
	w.Header().Set("Content-Type", "application/jwt")
	_, _ = io.WriteString(w, token)
}

// publish accepts any bytes as a key set: a test needs bad sets too.
func (d *directory) publish(w http.ResponseWriter, r *http.Request, body []byte) {
	d.mu.Lock()
	all, err := d.put.with(d.files, r.URL.Path, body)
	if err == nil {
		d.put = all
	}
	d.mu.Unlock()
	if err != nil {
		d.failed(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// rotate answers with the kids, so that a test can wait for the bank to see the new key.
func (d *directory) rotate(w http.ResponseWriter, r *http.Request, _ []byte) {
	query := r.URL.Query()
	drop := query.Get("drop")
	if drop != "" && drop != "old" || len(query) > 1 || len(query) == 1 && !query.Has("drop") {
		complain(w, http.StatusBadRequest, "the only query is drop=old")
		return
	}
	d.mu.Lock()
	change := d.keys.rotate
	if drop == "old" {
		change = d.keys.dropOld
	}
	err := change()
	kids := d.keys.kids()
	d.mu.Unlock()
	if err != nil {
		d.failed(w, err)
		return
	}
	writeJSON(w, http.StatusOK, struct {
		Kid       string   `json:"kid"`
		Published []string `json:"published"`
	}{kids[0], kids})
}

func (d *directory) putFault(w http.ResponseWriter, _ *http.Request, body []byte) {
	f, err := parseFault(body)
	if err != nil {
		complain(w, http.StatusBadRequest, err.Error())
		return
	}
	d.faults.put(f)
	w.WriteHeader(http.StatusNoContent)
}

func (d *directory) clearFaults(w http.ResponseWriter, _ *http.Request, _ []byte) {
	d.faults.clear()
	w.WriteHeader(http.StatusNoContent)
}

// fetches answers with the number of fetches of each path: a test shows by it that a bank
// caches.
func (d *directory) fetches(w http.ResponseWriter, _ *http.Request, _ []byte) {
	d.mu.Lock()
	counts := maps.Clone(d.fetched)
	d.mu.Unlock()
	writeJSON(w, http.StatusOK, counts)
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
