package conform

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/text"
)

// Errors of a journal. Nothing is sent where they are returned.
var (
	// ErrJournal means that a text is no journal of a run, or that of a run at another bank.
	ErrJournal = errors.New("no journal of a run at this bank")
	// ErrJournalVersion means that a journal is of another version than JournalVersion.
	ErrJournalVersion = errors.New("a journal of another version")
	// ErrUnreachable means that no connection to the bank could be made, so that nothing was deleted.
	ErrUnreachable = errors.New("the bank cannot be reached")
)

// failure is an error with what it is about in front.
func failure(kind error, format string, args ...any) error {
	return text.Named{Package: "conform", Err: fmt.Errorf("%w: %s", kind, fmt.Sprintf(format, args...))}
}

// Journal is the journal of a run that was killed, or that has left clients. It holds secrets.
type Journal struct {
	Endpoint string          // the registration endpoint of its bank
	Note     json.RawMessage // Config.JournalNote of its run
	// Whole is the length of what is understood, in bytes. What is behind is a line that was being written when the run
	// was killed: cut it off before anything is added.
	Whole int64

	head    head
	entries []entry
	open    bool // the last line lacks its line break
}

// ReadJournal reads a journal. Each line has to be one that a run writes, but for the last, which may be cut off.
func ReadJournal(from io.Reader) (*Journal, error) {
	j := &Journal{}
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 8*maxAnswer) // JSON writes a character in up to six
	lines.Split(wholeLines)
	broken := 0
	for n := 1; lines.Scan(); n++ {
		if broken > 0 {
			return nil, failure(ErrJournal, "line %d is no line of a journal", broken)
		}
		line := lines.Bytes()
		ends := bytes.HasSuffix(line, []byte("\n"))
		if n == 1 {
			if err := j.readHead(line); err != nil {
				return nil, err
			}
		} else if e, ok := entryOf(line); ok {
			j.entries = append(j.entries, e)
		} else if broken = n; !ends {
			return j, nil // it was being written when the run was killed
		} else {
			continue
		}
		j.Whole, j.open = j.Whole+int64(len(line)), !ends
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, failure(ErrJournal, "a line is longer than any of a journal")
	case err != nil:
		return nil, err
	case broken > 0:
		return nil, failure(ErrJournal, "line %d is no line of a journal", broken)
	case j.Whole == 0:
		return nil, failure(ErrJournal, "it is empty")
	}
	return j, nil
}

// wholeLines splits a text into lines that keep their line breaks.
func wholeLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i+1], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// readHead reads the first line.
func (j *Journal) readHead(line []byte) error {
	var kind struct {
		Version *int `json:"obdcr_conform_journal"`
	}
	var first head
	switch err := json.Unmarshal(line, &kind); {
	case err != nil || kind.Version == nil:
		return failure(ErrJournal, "its first line does not say that it is a journal")
	case *kind.Version != JournalVersion:
		return failure(ErrJournalVersion, "it is of version %d, and this program knows version %d", *kind.Version, JournalVersion)
	case !strictly(line, &first) || first.Endpoint == "":
		return failure(ErrJournal, "line 1 is not the first line of a journal of version %d", JournalVersion)
	}
	j.head, j.Endpoint, j.Note = first, first.Endpoint, first.Note
	return nil
}

// entryOf reads a line behind the first; false if it is none.
func entryOf(line []byte) (e entry, ok bool) {
	return e, strictly(line, &e) && e.kinds() == 1
}

// strictly reads a JSON object that has no member that is not known, and nothing behind it.
func strictly(line []byte, to any) bool {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if decoder.Decode(to) != nil {
		return false
	}
	_, err := decoder.Token()
	return errors.Is(err, io.EOF)
}

// CleanUp deletes the clients that a journal names and that its run has not deleted. It returns those that it could not
// delete, and those of registrations of which nobody knows the end. The configuration is that of the run; its Journal,
// the same one, gets a line for each client that is deleted. With ErrUnreachable it returns all.
func CleanUp(ctx context.Context, c Config, from *Journal) ([]Left, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	if err := from.isOf(&c); err != nil {
		return nil, err
	}
	r := newRun(c)
	r.journal.to = nil // it is read
	for i := range from.entries {
		r.replay(&from.entries[i])
	}
	r.journal.count.Store(int64(len(from.entries))) // no number is used twice
	if r.journal.to = c.Journal; from.open && c.Journal != nil {
		if _, err := c.Journal.Write([]byte("\n")); err != nil {
			return nil, fmt.Errorf("conform: the journal cannot be written: %w", err)
		}
	}
	if len(r.clients)+len(r.unknown) == 0 {
		return nil, nil
	}
	if reason := r.unreachable(ctx); reason != "" {
		var left []Left
		for _, one := range r.clients {
			left = append(left, Left{ClientID: one.id, Case: one.kase, Reason: "the bank cannot be reached"})
		}
		for i := range r.unknown {
			left = append(left, r.unknown[i].left)
		}
		return left, failure(ErrUnreachable, "%s", r.secrets.cleanClipped(reason))
	}
	return r.cleanUp(ctx), nil
}

// isOf checks that a journal is of a run by the configuration: of its bank, and in the name of its software. Another one
// could neither delete the clients nor find out about them.
func (j *Journal) isOf(c *Config) error {
	if j.Endpoint != c.Metadata.RegistrationEndpoint {
		return failure(ErrJournal, "it is of a run at %.200s, and the configuration is of %.200s", j.Endpoint, c.Metadata.RegistrationEndpoint)
	}
	if id := c.Software.softwareID(); j.head.Software != id {
		return failure(ErrJournal, "it is of a run of the software %.64q, and the configuration is of %.64q", j.head.Software, id)
	}
	if !slices.ContainsFunc(j.entries, func(e entry) bool { return e.Second }) {
		return nil
	}
	if c.Second == nil {
		return failure(ErrJournal, "its run had a second software, %.64q, and the configuration has none", j.head.Second)
	}
	if id := c.Second.softwareID(); j.head.Second != id {
		return failure(ErrJournal, "its run had the second software %.64q, and the configuration has %.64q", j.head.Second, id)
	}
	return nil
}

// unreachable tries to connect to the bank, and tells why that cannot be done; "" if it can.
func (r *run) unreachable(ctx context.Context) string {
	p := &play{ctx: ctx, run: r, kase: &Case{ID: "clean-up"}}
	var x *Exchange
	p.kase.run = func(p *play) {
		if q, err := http.NewRequestWithContext(ctx, http.MethodHead, r.config.Metadata.RegistrationEndpoint, nil); err == nil {
			x = p.send("look", q, r.config.Software.Certificate)
		}
	}
	_ = p.perform()
	if x == nil || x.answered() {
		return ""
	}
	if lost, ok := errors.AsType[*tpp.NoAnswerError](x.lost); ok && lost.Sent { // such as a firewall that drops HEAD alone
		return ""
	}
	return x.Error
}

// replay takes over a line of a journal.
func (r *run) replay(e *entry) {
	switch {
	case e.Gone != "":
		for _, c := range r.clients {
			if c.id == e.Gone {
				r.forget(c)
				return
			}
		}
	case e.Deleting != "", e.Still != "", e.Disputed != "":
		for _, c := range r.clients {
			switch c.id {
			case e.Deleting:
				c.deleting = true
			case e.Still:
				c.deleting = false
			case e.Disputed:
				c.disputed = true
			}
		}
	case e.Answered != "":
		r.unknown = slices.DeleteFunc(r.unknown, func(lost lostClient) bool { return lost.call.asked == e.Answered })
	case e.Lost != "":
		for i := range r.unknown {
			if r.unknown[i].call.asked == e.Lost {
				r.unknown[i].left.Reason, r.unknown[i].left.Sent, r.unknown[i].left.Final = e.Reason, e.Sent, e.Final
			}
		}
	case e.Asked != "":
		r.replayAsked(e)
	case e.Made != "":
		made := &client{id: e.Made, method: e.Method, secret: e.Secret, accessToken: e.AccessToken, kase: e.Case, as: &r.config.Software}
		if e.Second {
			made.as = r.config.Second
		}
		r.secrets.add(e.Secret)
		r.secrets.add(e.AccessToken)
		if i := slices.IndexFunc(r.clients, func(c *client) bool { return c.id == made.id }); i >= 0 {
			made.disputed = r.clients[i].disputed
			r.clients[i] = made // it is the same one with other credentials
			return
		}
		r.keep(made)
		delete(r.gone, made.id)
	}
}

// replayAsked takes over a registration that was sent.
func (r *run) replayAsked(e *entry) {
	m := &message{method: http.MethodPost, address: r.config.Metadata.RegistrationEndpoint, as: &r.config.Software, token: unset,
		contentType: cmp.Or(e.Type, string(r.config.ContentType)), header: map[string]any{}, claims: map[string]any{}}
	if e.Second {
		m.as = r.config.Second
	}
	_, payload := decoded(e.Request)
	if all, err := objectOf([]byte(payload)); err == nil {
		m.claims = all
	}
	c := &call{play: &play{run: r, kase: &Case{ID: e.Case}}, message: m, verb: verbRegister, asked: e.Asked, at: e.At}
	left := c.left("the run was killed before the answer came")
	left.JTI, left.SoftwareID = cmp.Or(e.JTI, left.JTI), cmp.Or(e.Software, left.SoftwareID)
	r.unknown = append(r.unknown, lostClient{call: c, sent: e.Request, left: left})
}
