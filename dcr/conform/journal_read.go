package conform

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
)

// ErrJournal means that a text is no journal of a run at this bank.
var ErrJournal = errors.New("conform: no journal of a run at this bank")

// CleanUp deletes the clients that a journal names and that its run has not deleted: a run that was killed. It
// returns those that it could not delete, and those of registrations that were not answered yet. The configuration is
// that of the run; its Journal, the same one, gets a line for each client that is deleted.
func CleanUp(ctx context.Context, c Config, from io.Reader) ([]Left, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	r := newRun(c)
	r.journal.to = nil // it is read
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 8*maxAnswer) // JSON writes a character in up to six
	broken := 0
	for n := 1; lines.Scan(); n++ {
		r.journal.count.Store(int64(n)) // no number is used twice
		var e entry
		if broken > 0 {
			return nil, fmt.Errorf("%w: line %d is no line of a journal", ErrJournal, broken)
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			broken = n // one that was being written when the run was killed is the last one
			continue
		}
		if e.Registration != "" && e.Registration != c.Metadata.RegistrationEndpoint {
			return nil, fmt.Errorf("%w: line %d is about another registration endpoint, %.200s", ErrJournal, n, e.Registration)
		}
		r.replay(&e)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrJournal, err)
	}
	r.journal.to = c.Journal
	return r.cleanUp(ctx), nil
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
	case e.Deleting != "":
		for _, c := range r.clients {
			c.deleting = c.deleting || c.id == e.Deleting
		}
	case e.Answered != "":
		r.unknown = slices.DeleteFunc(r.unknown, func(lost lostClient) bool { return lost.call.asked == e.Answered })
	case e.Asked != "":
		r.replayAsked(e)
	case e.Made != "":
		made := &client{id: e.Made, method: e.Method, secret: e.Secret, accessToken: e.AccessToken, kase: e.Case, as: &r.config.Software}
		if e.Second && r.config.Second != nil {
			made.as = r.config.Second
		}
		r.secrets.add(e.Secret)
		r.secrets.add(e.AccessToken)
		r.keep(made)
	}
}

// replayAsked takes over a registration that was sent.
func (r *run) replayAsked(e *entry) {
	m := &message{method: http.MethodPost, address: r.config.Metadata.RegistrationEndpoint, as: &r.config.Software, token: unset,
		contentType: string(r.config.ContentType), header: map[string]any{}, claims: map[string]any{}}
	if e.Second && r.config.Second != nil {
		m.as = r.config.Second
	}
	_, payload := decoded(e.Request)
	if all, err := objectOf([]byte(payload)); err == nil {
		m.claims = all
	}
	c := &call{play: &play{run: r, kase: &Case{ID: e.Case}}, message: m, verb: "register", asked: e.Asked}
	r.unknown = append(r.unknown, lostClient{call: c, sent: e.Request, left: c.left("the run was killed before the answer came"), old: true})
}
