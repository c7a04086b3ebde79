package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// maxDelay is the longest that a fault may hold an answer.
const maxDelay = 10 * time.Minute

// fault is how the directory misbehaves at a path.
type fault struct {
	Path     string            `json:"path"`     // a concrete one, or * for all
	Status   int               `json:"status"`   // instead of the right one
	DelayMS  int64             `json:"delay_ms"` // before the answer
	Redirect string            `json:"redirect"` // Location; with 302 where no status is given
	Body     json.RawMessage   `json:"body"`     // a text, or JSON as it stands; instead of the right one
	Headers  map[string]string `json:"headers"`  // set last
	Times    int               `json:"times"`    // how often; 0 until it is deleted
}

func parseFault(body []byte) (*fault, error) {
	f := &fault{}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(f); err != nil {
		return nil, fmt.Errorf("send a JSON object of path, status, delay_ms, redirect, body, headers, times: %.64s",
			strings.TrimPrefix(err.Error(), "json: "))
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
	}
	return f, nil
}

// text is the body that is sent, and whether there is one.
func (f *fault) text() ([]byte, bool) {
	if f.Body == nil || string(f.Body) == "null" {
		return nil, false
	}
	var text string
	if json.Unmarshal(f.Body, &text) == nil {
		return []byte(text), true
	}
	return f.Body, true
}

// change makes the right answer the wrong one.
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

// faults are those that are asked for, one for each path.
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

// next is the fault of a path, nil for none; that of a concrete path comes before
// that of all. It is used up by that, where its times end.
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

// answer is what is sent.
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
	_, _ = w.Write(a.body) // a client that is gone reads nothing
}
