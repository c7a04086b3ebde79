package ssatest

import (
	"bytes"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// EveryPath is the path of a fault of all key sets of a Directory.
const EveryPath = "*"

// KeySetFault is how a Directory misbehaves where it serves key sets over HTTP. What is not set
// is as it should be.
type KeySetFault struct {
	Delay       time.Duration // before the answer
	Hang        bool          // no answer at all, until the reader gives up or the Directory is closed
	Reset       bool          // the connection ends without an answer
	Status      int           // instead of 200
	Redirect    string        // Location; the Status is 302 where none is given
	ContentType string
	Body        []byte // instead of the key set; not nil, but empty: none
	Repeat      int    // how often Body is sent in one answer; 0: once
	Times       int    // after so many answers the fault is over; 0: it lasts
}

// Misbehave sets the fault of the key set at a path, such as /keys.jwks, or at an address, such as
// EnrolledSoftware.JWKSURL, in the place of the one before. EveryPath is all of them that have no
// fault of their own. The zero KeySetFault ends a fault. A Resolver knows of no faults: it asks
// nobody.
func (d *Directory) Misbehave(path string, f KeySetFault) {
	f.Body = bytes.Clone(f.Body)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults[d.pathOf(path)] = &f
}

// Behave ends all faults.
func (d *Directory) Behave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.faults)
}

// Fetches is how often the key set at a path or an address was asked for over HTTP.
func (d *Directory) Fetches(path string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fetches[d.pathOf(path)]
}

// fault counts a fetch and returns its fault.
func (d *Directory) fault(path string) KeySetFault {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fetches[path]++
	at := path
	f := d.faults[at]
	if f == nil {
		at = EveryPath
		f = d.faults[at]
	}
	if f == nil {
		return KeySetFault{}
	}
	found := *f
	if f.Times == 1 {
		delete(d.faults, at)
	} else if f.Times > 1 {
		f.Times--
	}
	return found
}

// wait waits as the fault says, and ends the connection where no answer follows.
func (d *Directory) wait(r *http.Request, f KeySetFault) {
	var over <-chan time.Time
	switch {
	case f.Reset:
		panic(http.ErrAbortHandler) // the way to end a connection from a handler
	case f.Hang:
	case f.Delay > 0:
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		over = timer.C
	default:
		return
	}
	select {
	case <-over:
		return
	case <-r.Context().Done():
	case <-d.closed:
	}
	panic(http.ErrAbortHandler)
}

// answers reports whether there is an answer by the fault alone.
func (f KeySetFault) answers() bool { return f.Status != 0 || f.Redirect != "" || f.Body != nil }

// write writes an answer as the fault changes it.
func (f KeySetFault) write(w http.ResponseWriter, body []byte) {
	if f.Body != nil {
		body = bytes.Repeat(f.Body, max(f.Repeat, 1))
	}
	header := w.Header()
	if f.ContentType != "" {
		header.Set("Content-Type", f.ContentType)
	}
	status := f.Status
	if f.Redirect != "" {
		header.Set("Location", f.Redirect)
		if status == 0 {
			status = http.StatusFound
		}
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if status != 0 {
		w.WriteHeader(status)
	}
	_, _ = w.Write(body)
}

// RevokedURL is the address of the software's withdrawn keys, its
// software_jwks_revoked_endpoint.
func (s *EnrolledSoftware) RevokedURL() string {
	return s.directory.URL() + "/" + url.PathEscape(s.OrgID) + "/revoked/" + url.PathEscape(s.SoftwareID) + ".jwks"
}

// Withdraw publishes all keys of the software as withdrawn. They stay in its key set.
func (s *EnrolledSoftware) Withdraw() {
	s.directory.Publish(s.directory.pathOf(s.RevokedURL()), s.jwks)
}

// pathOf is the path of an address of the directory, and any other text as it is.
func (d *Directory) pathOf(address string) string {
	if path, ours := strings.CutPrefix(address, d.URL()); ours {
		return path
	}
	return address
}
