package conform

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ErrJournal means that a text is no journal of a run at this bank.
var ErrJournal = errors.New("conform: no journal of a run at this bank")

// CleanUp deletes the clients that a journal names and that its run has not deleted: a run that was killed. It
// returns those that it could not delete. The configuration is that of the run.
func CleanUp(ctx context.Context, c Config, from io.Reader) ([]Left, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	r := newRun(c)
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxAnswer)
	for n := 1; lines.Scan(); n++ {
		var e entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			break // a line that was being written when the run was killed is the last one
		}
		if e.Registration != "" && e.Registration != c.Metadata.RegistrationEndpoint {
			return nil, fmt.Errorf("%w: line %d is about another registration endpoint, %.200s", ErrJournal, n, e.Registration)
		}
		r.replay(&e)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrJournal, err)
	}
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
