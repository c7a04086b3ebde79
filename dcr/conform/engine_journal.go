package conform

import (
	"encoding/json"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/obdcr/obdcr/claims"
)

// journal writes what a later run needs to delete the clients of one that was killed. It holds secrets.
type journal struct {
	to    io.Writer
	count atomic.Int64 // of the registrations
	mutex sync.Mutex
}

// entry is a line of a journal.
type entry struct {
	Registration string            `json:"registration_endpoint,omitempty"`
	Made         string            `json:"made,omitempty"`     // client_id
	Gone         string            `json:"gone,omitempty"`     // client_id
	Deleting     string            `json:"deleting,omitempty"` // client_id, before a DELETE is sent
	Method       claims.AuthMethod `json:"method,omitempty"`
	Secret       string            `json:"client_secret,omitempty"`
	AccessToken  string            `json:"registration_access_token,omitempty"`
	Second       bool              `json:"second,omitempty"` // of the second software
	Case         string            `json:"case,omitempty"`
	Asked        string            `json:"asked,omitempty"`    // number of a registration that is sent
	Request      string            `json:"request,omitempty"`  // its body; "" where it is long
	Answered     string            `json:"answered,omitempty"` // number of a registration whose end is known
}

// maxJournalled is the longest body of a request that a journal has.
const maxJournalled = 64 << 10

// asked writes a registration before it is sent: until it is answered nobody knows its client_id.
func (j *journal) asked(r *run, c *call, body string) {
	if len(body) > maxJournalled || !utf8.ValidString(body) {
		body = ""
	}
	c.asked = strconv.FormatInt(j.count.Add(1), 10)
	j.write(entry{Registration: r.config.Metadata.RegistrationEndpoint, Asked: c.asked, Request: body,
		Second: c.message.as == r.config.Second, Case: c.play.kase.ID})
}

func (j *journal) answered(c *call) {
	if c.asked != "" {
		j.write(entry{Answered: c.asked})
	}
}

func (j *journal) made(r *run, c *client) {
	c.mutex.Lock()
	e := entry{Registration: r.config.Metadata.RegistrationEndpoint, Made: c.id, Method: c.method, Secret: c.secret, AccessToken: c.accessToken,
		Second: c.as == r.config.Second, Case: c.kase}
	c.mutex.Unlock()
	j.write(e)
}

func (j *journal) gone(c *client) { j.write(entry{Gone: c.id}) }

func (j *journal) write(e entry) {
	if j.to == nil {
		return
	}
	if line, err := json.Marshal(e); err == nil {
		j.mutex.Lock()
		defer j.mutex.Unlock()
		_, _ = j.to.Write(append(line, '\n'))
	}
}
