package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/obdcr/obdcr/internal/text"
)

// maxDelay is the longest delay of a fault.
const maxDelay = 10 * time.Minute

// fault is how the directory misbehaves at a path. Zero fields leave the answer as it is.
type fault struct {
	Path     string            `json:"path"`     // a concrete path, or * for all
	Status   int               `json:"status"`   // replaces the status
	DelayMS  int64             `json:"delay_ms"` // delay before the answer
	Redirect string            `json:"redirect"` // Location; the status is 302 unless Status is set
	Body     json.RawMessage   `json:"body"`     // replaces the body: the text of a JSON string, or else the JSON itself
	Headers  map[string]string `json:"headers"`  // set after all others
	Times    int               `json:"times"`    // how many answers; 0: until DELETE
}

// parseFault refuses unknown members: a misspelt one would be a fault that never happens.
func parseFault(body []byte) (*fault, error) {
	f := &fault{}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(f); err != nil {
		return nil, fmt.Errorf("send a JSON object of path, status, delay_ms, redirect, body, headers, times: %.64s", err.Error())
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("send one JSON object and nothing behind it")
	}
	switch {
	case f.Path != "*" && !strings.HasPrefix(f.Path, "/"):
		return nil, errors.New("path is /keys.jwks, /{org}/{software}.jwks, another path, or * for all")
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return nil, errors.New("status is 200..599")
	case f.DelayMS < 0 || f.DelayMS > maxDelay.Milliseconds():
		return nil, fmt.Errorf("delay_ms is 0..%d", maxDelay.Milliseconds())
	case f.Times < 0:
		return nil, errors.New("times is 0, for until it is deleted, or more")
	case strings.ContainsFunc(f.Redirect, notInField):
		return nil, errors.New("redirect has a control character, which no header can have")
	}
	for _, name := range slices.Sorted(maps.Keys(f.Headers)) {
		switch {
		case name == "" || strings.ContainsFunc(name, notInName):
			return nil, fmt.Errorf("headers: %.64q is no name of a header: it has letters, digits and !#$%%&'*+-.^_`|~ alone", name)
		case strings.ContainsFunc(f.Headers[name], notInField):
			return nil, fmt.Errorf("headers: %s: the value has a control character, which no header can have", name)
		}
	}
	return f, nil
}

// notInName reports whether a character is none of a token (RFC 9110, section 5.6.2).
func notInName(c rune) bool {
	return !(text.IsLetter(byte(c)) || text.IsDigit(byte(c)) || strings.ContainsRune("!#$%&'*+-.^_`|~", c)) || c > '~'
}

// notInField reports whether a character may not stand in the value of a header (RFC 9110, section 5.5).
func notInField(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }

// text returns the body of the fault, and whether it has one.
func (f *fault) text() ([]byte, bool) {
	if f.Body == nil || string(f.Body) == "null" {
		return nil, false
	}
	var said string
	if json.Unmarshal(f.Body, &said) == nil {
		return []byte(said), true
	}
	return f.Body, true
}

// replaces reports whether the fault changes more of an answer than its time and headers.
func (f *fault) replaces() bool {
	_, given := f.text()
	return given || f.Status != 0 || f.Redirect != ""
}

// change applies the fault to an answer.
func (f *fault) change(a *answer) {
	body, given := f.text()
	switch {
	case given:
		a.body = body
	case f.Redirect != "" || f.Status != 0 && f.Status != http.StatusOK:
		a.body, a.mediaType = []byte("a fault that was asked for\n"), "text/plain; charset=utf-8"
	}
	if given || f.Status != 0 {
		a.status = http.StatusOK
	}
	if f.Redirect != "" {
		a.status = http.StatusFound
	}
	if f.Status != 0 {
		a.status = f.Status
	}
	a.location, a.headers = f.Redirect, f.Headers
}

// faults are the faults that are set, one for each path.
type faults struct {
	mu  sync.Mutex
	all map[string]*fault
}

func (f *faults) put(one *fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = map[string]*fault{}
	}
	f.all[one.Path] = one
}

func (f *faults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = nil
}

// next returns the fault of a path, nil if there is none. A fault of the concrete path
// takes precedence over one of all paths. next counts the fault's times down and removes
// it at 0.
func (f *faults) next(path string) *fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.all[path]
	if one == nil {
		one = f.all["*"]
	}
	if one == nil {
		return nil
	}
	found := *one
	if one.Times > 0 {
		if one.Times--; one.Times == 0 {
			delete(f.all, one.Path)
		}
	}
	return &found
}

// answer is an answer before it is written.
type answer struct {
	status    int
	mediaType string
	location  string
	body      []byte
	headers   map[string]string
}

func (a *answer) write(w http.ResponseWriter) {
	header := w.Header()
	header.Set("Content-Type", a.mediaType)
	header.Set("X-Content-Type-Options", "nosniff")
	if a.location != "" {
		header.Set("Location", a.location)
	}
	for name, value := range a.headers {
		header.Set(name, value)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // an error means that the client has hung up
}
