package conform

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/obdcr/obdcr/claims"
)

// JournalVersion is the version of the form of a journal.
const JournalVersion = 1

// journal writes what a later run needs to delete the clients of one that was killed. It holds secrets.
type journal struct {
	to    io.Writer
	count atomic.Int64 // of the registrations
	mutex sync.Mutex
}

// head is the first line of a journal: it tells a journal from any other file.
type head struct {
	Version  int             `json:"obdcr_conform_journal"`
	About    string          `json:"about"`
	Endpoint string          `json:"registration_endpoint"`
	Software string          `json:"software_id,omitempty"`
	Second   string          `json:"second_software_id,omitempty"`
	Note     json.RawMessage `json:"note,omitempty"` // Config.JournalNote
}

// aboutJournal tells a person who opens a journal what it is.
const aboutJournal = "clients that a run of obdcr conform has still to delete, with their secrets; --clean-up deletes them"

// entry is a line of a journal behind the first. It is about one thing: one of the members of kinds is there.
type entry struct {
	Made        string            `json:"made,omitempty"`     // client_id
	Gone        string            `json:"gone,omitempty"`     // client_id
	Deleting    string            `json:"deleting,omitempty"` // client_id, before a DELETE is sent
	Still       string            `json:"still,omitempty"`    // client_id, where the DELETE was refused
	Disputed    string            `json:"disputed,omitempty"` // client_id that may be another's: it is never deleted
	Method      claims.AuthMethod `json:"method,omitempty"`
	Secret      string            `json:"client_secret,omitempty"`
	AccessToken string            `json:"registration_access_token,omitempty"`
	Second      bool              `json:"second,omitempty"` // of the second software
	Case        string            `json:"case,omitempty"`
	Asked       string            `json:"asked,omitempty"`        // number of a registration that is sent
	Request     string            `json:"request,omitempty"`      // its body; "" where it is long
	Type        string            `json:"content_type,omitempty"` // of the request
	Lost        string            `json:"lost,omitempty"`         // number of a registration whose answer tells no client_id
	Reason      string            `json:"reason,omitempty"`       // why
	JTI         string            `json:"jti,omitempty"`          // of the request, should its body not be there
	Software    string            `json:"software_id,omitempty"`  // of the request, or else of the run
	At          time.Time         `json:"at,omitzero"`            // when it was sent
	Sent        int               `json:"sent,omitempty"`         // how often a lost one was sent; 0: once
	Final       bool              `json:"final,omitempty"`        // a lost one was answered with success: it is not sent again
	Answered    string            `json:"answered,omitempty"`     // number of a registration whose end is known
}

// kinds are the members of which a line has exactly one.
func (e *entry) kinds() (n int) {
	for _, value := range []string{e.Made, e.Gone, e.Deleting, e.Still, e.Disputed, e.Asked, e.Lost, e.Answered} {
		if value != "" {
			n++
		}
	}
	return n
}

// maxJournalled is the longest body of a request that a journal has.
const maxJournalled = 64 << 10

// begin writes the first line, before anything is sent.
func (j *journal) begin(c *Config) error {
	if j.to == nil {
		return nil
	}
	first := head{Version: JournalVersion, About: aboutJournal, Endpoint: c.Metadata.RegistrationEndpoint, Software: c.Software.softwareID(), Note: c.JournalNote}
	if c.Second != nil {
		first.Second = c.Second.softwareID()
	}
	line, err := json.Marshal(first)
	if err == nil {
		_, err = j.to.Write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("conform: the journal cannot be begun: %w", err)
	}
	return nil
}

// asked writes a registration before it is sent: until it is answered nobody knows its client_id. One that is sent
// again keeps its number.
func (j *journal) asked(r *run, c *call, body string) {
	if c.message.again != "" {
		c.asked = c.message.again
		return
	}
	if len(body) > maxJournalled || !utf8.ValidString(body) {
		body = ""
	}
	c.asked, c.at = strconv.FormatInt(j.count.Add(1), 10), r.config.Clock().UTC().Truncate(time.Second)
	told := c.left("")
	j.write(entry{Asked: c.asked, Request: body, Type: c.message.contentType, Second: r.isSecond(c.message.as), Case: c.play.kase.ID,
		JTI: told.JTI, Software: told.SoftwareID, At: told.At})
}

// lost writes what is known of a registration whose answer tells no client_id.
func (j *journal) lost(c *call, left *Left) {
	j.write(entry{Lost: c.asked, Reason: left.Reason, Sent: left.Sent, Final: left.Final})
}

// isSecond reports whether a software is the second one.
func (r *run) isSecond(s *Registrant) bool { return s != nil && s == r.config.Second }

func (j *journal) answered(c *call) {
	if c.asked != "" {
		j.write(entry{Answered: c.asked})
	}
}

func (j *journal) made(r *run, c *client) {
	c.mutex.Lock()
	e := entry{Made: c.id, Method: c.method, Secret: c.secret, AccessToken: c.accessToken, Second: r.isSecond(c.as), Case: c.kase}
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
