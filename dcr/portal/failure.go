package portal

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/internal/contain"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// failure is an error that has a page of its own.
type failure struct {
	status int
	title  string
	detail string // what happened, and what to do
	even   bool   // the answer takes a fixed time, so that its cause does not show
}

// Error is the title.
func (f *failure) Error() string { return "portal: " + f.title }

// Detail is what the page of the error shows below the title.
func (f *failure) Detail() string { return f.detail }

var (
	errNothing       = &failure{http.StatusNotFound, "There is no such page", "Go to the list of applications, or check the address.", false}
	errNoApplication = &failure{http.StatusNotFound, "There is no such application",
		"It was deleted, or it is not one of your organisations'. The list of applications has those that you can see.", true}
	errCrossOrigin = &failure{http.StatusForbidden, "This form came from another site",
		"Nothing was changed. Open the page in this portal, and send the form from there.", false}
	errTooMany = &failure{http.StatusTooManyRequests, "That was too much at once", "Nothing was changed. Wait a minute, and send the form again.", false}
	errTooLong = &failure{http.StatusRequestEntityTooLarge, "That is too large",
		"A software statement has at most 64 KiB. Nothing was changed. Go back, and provide the statement alone.", false}
	// errFault is for a fault of the bank's own, such as a panic of its store in the middle of a change.
	errFault = &failure{http.StatusInternalServerError, "This did not work, by a fault of the bank's",
		"It may be done all the same. Look at the list of applications before you send it again, and tell the bank.", false}
	// errFaultSeen is for one where a page was only to be shown.
	errFaultSeen = &failure{http.StatusInternalServerError, "This did not work, by a fault of the bank's",
		"No application was changed. Try again in a minute, and tell the bank if it stays so.", false}
	errForm = &failure{http.StatusBadRequest, "The form cannot be read", "Nothing was changed. Go back, and send it again.", false}
)

// evenTime is how long an answer takes that must not tell by its time whether an application
// exists that the person may not see.
const evenTime = 50 * time.Millisecond

// fail shows the page of an error.
func (v *visit) fail(err error) {
	f := v.failure(err)
	if f.even {
		select {
		case <-time.After(evenTime - time.Since(v.began)):
		case <-v.ctx().Done():
			return
		}
	}
	v.show(f.status, "error", f.title, f)
}

// failure says how an error is shown. It logs one that the person is not to blame for.
func (v *visit) failure(err error) *failure {
	var f *failure
	var e *dcr.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, store.ErrNotFound):
		return errNoApplication
	case errors.As(err, &e) && e.Status < http.StatusInternalServerError:
		return &failure{e.Status, "The bank refuses this", e.Description, false}
	case errors.As(err, &e) && e.Status == http.StatusServiceUnavailable && !errors.Is(err, contain.ErrPanic):
		if e.RetryAfter > 0 {
			text.RetryAfter(v.w.Header(), e.RetryAfter)
		}
		return &failure{e.Status, "This does not work at the moment", sentence(e.Description) + " Nothing is half done. Try again in a minute.", false}
	}
	v.config.Logger.ErrorContext(v.ctx(), "a page of the portal failed", "path", text.Echo(v.r.URL.Path), "error", text.Bounded{Err: err})
	if errors.Is(err, contain.ErrPanic) || e != nil {
		if v.r.Method == http.MethodPost {
			return errFault
		}
		return errFaultSeen
	}
	return &failure{http.StatusServiceUnavailable, "This does not work at the moment", "Nothing is half done. Try again in a minute.", false}
}

// storeFailed answers where the session cannot be read. Where it cannot be kept, the page is
// already made, and may tell what was done: it is sent all the same, and the session is as it
// was. A sign-in keeps its session before it answers (admit).
func (p *Portal) storeFailed(w http.ResponseWriter, r *http.Request, err error) {
	v := &visit{Portal: p, w: w, r: r, began: time.Now()}
	if unkept := (*unkeptError)(nil); !errors.As(err, &unkept) {
		v.fail(err)
	} else if r.Context().Err() == nil {
		p.config.Logger.ErrorContext(r.Context(), "a session of the portal cannot be kept", "error", text.Bounded{Err: err})
	}
}

// crossOrigin refuses a form of another site. The log has those that a person's browser sent:
// anybody can send others.
func (v *visit) crossOrigin() error {
	if v.person != nil {
		v.config.Logger.WarnContext(v.ctx(), "a form of another site was refused", "path", text.Echo(v.r.URL.Path),
			"origin", text.Echo(v.r.Header.Get("Origin")), "actor_name", hashed(v.person.Email))
	}
	return errCrossOrigin
}

// nothing answers for a path that has no page, and for a method that a page has not.
func (*visit) nothing() error { return errNothing }

// sentence makes a sentence of a description.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	first := s[0]
	if 'a' <= first && first <= 'z' {
		first -= 'a' - 'A'
	}
	return string(first) + s[1:] + "."
}

// hashed is a key that does not tell the address.
func hashed(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
