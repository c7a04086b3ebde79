package portal

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// visit is one request for a page.
type visit struct {
	*Portal

	w      http.ResponseWriter
	r      *http.Request
	began  time.Time
	person *signedIn // nil where nobody is signed in
}

// public makes the handler of a page that everybody may see.
func (p *Portal) public(do func(*visit) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := &visit{Portal: p, w: w, r: r, began: time.Now()}
		person, ok, err := p.present(r.Context())
		if ok {
			v.person = &person
			v.r = r.WithContext(dcr.WithActor(r.Context(), person.actor()))
		}
		if err == nil {
			err = do(v)
		}
		if err != nil {
			v.fail(err)
		}
	}
}

// member makes the handler of a page for those who are signed in.
func (p *Portal) member(do func(*visit) error) http.HandlerFunc {
	return p.public(func(v *visit) error {
		if v.person == nil {
			return v.askToSignIn()
		}
		if v.r.Method == http.MethodPost {
			if err := v.limit(); err != nil {
				return err
			}
			if err := v.parseForm(); err != nil {
				return err
			}
		}
		return do(v)
	})
}

// operator makes the handler of a page for operators. For others it is not there.
func (p *Portal) operator(do func(*visit) error) http.HandlerFunc {
	return p.member(func(v *visit) error {
		if !v.person.Operator {
			return errNothing
		}
		return do(v)
	})
}

// limit counts what the person sends.
func (v *visit) limit() error {
	if v.config.Limiter == nil {
		return nil
	}
	if wait, ok := v.config.Limiter.Allow(hashed(v.person.Email)); !ok {
		text.RetryAfter(v.w.Header(), wait)
		return errTooMany
	}
	return nil
}

// ctx is the context of the request, which names the person.
func (v *visit) ctx() context.Context { return v.r.Context() }

// reach is what the person may see and change.
func (v *visit) reach() dcr.Reach { return v.Portal.reach(v.person.Person) }

// path returns the address of a page of the portal, from the parts of its path after the base.
func (p *Portal) path(parts ...string) string {
	path := p.base
	for _, part := range parts {
		path += "/" + url.PathEscape(part)
	}
	return path
}

// redirect sends the browser to another page, by GET.
func (v *visit) redirect(path string) error {
	http.Redirect(v.w, v.r, path, http.StatusSeeOther)
	return nil
}

// client returns the record that the path of the page names by {id}, in any state that its
// organisation may see. errNoApplication: there is none, or it is out of the person's reach.
func (v *visit) client() (store.Client, error) {
	record, err := v.records.get(v.ctx(), v.r.PathValue("id"))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.Client{}, errNoApplication
	case err != nil:
		return store.Client{}, dcr.Unavailable(err, "the application cannot be read at the moment")
	case !v.reach().Covers(record.Issuer, record.OrgID): // the log alone has it: an entry of the trail would show in the time
		v.config.Logger.WarnContext(v.ctx(), "a person asked for an application of others", "id", record.ID, "path", text.Echo(v.r.URL.Path),
			"actor_name", hashed(v.person.Email))
		return store.Client{}, errNoApplication
	}
	return record, nil
}
