package portal

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
)

// Person is somebody who has signed in.
type Person struct {
	Email         string   // required; what the portal and the audit trail know the person by
	Name          string   // as the pages show it; Email if empty
	Issuer        string   // who vouches for the person
	Subject       string   // what the Issuer calls the person
	Organisations []string // org_id of those that the person acts for
	Operator      bool     // an operator of the bank
}

// signedIn is what a session keeps of a person.
type signedIn struct {
	Person

	// What the directory told of an operator, whom a portal that is started with another list
	// does not believe any more.
	Verified bool     `json:",omitempty"` // the address
	Claimed  []string `json:",omitempty"` // values of Operators.Claim

	IDToken  string    `json:",omitempty"` // for the sign-out at the directory
	At       time.Time // of the sign-in
	LastSeen time.Time // to within a minute
}

// Reach is what the person may see and change.
func (p *Portal) reach(person Person) dcr.Reach {
	return dcr.Reach{All: person.Operator, Organisations: person.Organisations, Issuers: p.config.Issuers}
}

// actor is the person as the audit trail names it.
func (person *Person) actor() dcr.Actor {
	if person.Operator {
		return dcr.Actor{Kind: dcr.ActorOperator, Name: person.Email}
	}
	return dcr.Actor{Kind: dcr.ActorContact, Name: person.Email}
}

// Shown is the name by which a page greets the person.
func (person Person) Shown() string {
	if person.Name != "" {
		return person.Name
	}
	return person.Email
}

// Admit makes the sender of a request the person who is signed in, in a session of its own. A
// sign-in of the bank's own (Config.SignIn) calls it before it writes its answer, and then
// sends the browser to Back. The error says that the person has no Email, or that the store
// cannot keep the session.
func Admit(r *http.Request, person Person) error {
	p, ok := r.Context().Value(portalKey{}).(*Portal)
	if !ok {
		return errors.New("portal: Admit was called outside of the portal's handler")
	}
	return p.admit(r.Context(), signedIn{Person: person})
}

// Back returns the path at which a person who has signed in goes on: where the person was, and
// the portal's first page where that is not known.
func Back(r *http.Request) string {
	p, ok := r.Context().Value(portalKey{}).(*Portal)
	if !ok {
		return "/"
	}
	return p.back(r.FormValue("back"))
}

// portalKey is the key of the Portal in the context of a request.
type portalKey struct{}

// admit begins a session, whose identifier is a new one.
func (p *Portal) admit(ctx context.Context, s signedIn) error {
	s.Email = foldEmail(s.Email)
	if s.Email == "" {
		return errors.New("portal: the person has no e-mail address")
	}
	s.At = p.config.Clock().UTC().Truncate(time.Second)
	s.LastSeen = s.At
	first, err := p.records.signIn(ctx, store.User{Email: s.Email, Name: s.Name, Issuer: s.Issuer, Subject: s.Subject,
		Organisations: slices.Clone(s.Organisations), Operator: s.Operator, SeenAt: s.At})
	if err != nil {
		return err
	}
	if err := p.sessions.Clear(ctx); err != nil {
		return err
	}
	if err := p.sessions.RenewToken(ctx); err != nil {
		return err
	}
	p.sessions.SetDeadline(ctx, s.At.Add(p.config.Lifetime)) // scs counts from the system's time, the store by the bank's clock
	if err := p.keep(ctx, s); err != nil {
		return err
	}
	if _, _, err := p.sessions.Commit(ctx); err != nil {
		p.sessions.Remove(ctx, sessionPerson) // what is kept after all is nobody's
		return err
	}
	reason := ""
	if first {
		reason = "first sign-in"
	}
	p.config.Registrar.Note(dcr.WithActor(ctx, s.actor()), dcr.Note{Operation: opSignIn, Decision: dcr.DecisionDone, Reason: reason})
	return nil
}

// The operations of notes in the audit trail.
const (
	opSignIn  = "sign_in"
	opSignOut = "sign_out"
)

// sessionPerson is the name of the person among the values of a session.
const sessionPerson = "person"

// keep puts the person into the session.
func (p *Portal) keep(ctx context.Context, s signedIn) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	p.sessions.Put(ctx, sessionPerson, data)
	return nil
}

// present returns who is signed in. It ends a session that is too old, or was idle for too
// long, and that of an operator who is none by this configuration.
func (p *Portal) present(ctx context.Context) (s signedIn, ok bool, err error) {
	data := p.sessions.GetBytes(ctx, sessionPerson)
	if data == nil {
		return signedIn{}, false, nil
	}
	now := p.config.Clock()
	if json.Unmarshal(data, &s) != nil || now.Sub(s.At) >= p.config.Lifetime || now.Sub(s.LastSeen) >= p.config.IdleTimeout || now.Before(s.At.Add(-time.Minute)) {
		return signedIn{}, false, p.sessions.Destroy(ctx)
	}
	if s.Operator && p.signIn != nil && !p.isOperator(&s) {
		return signedIn{}, false, p.sessions.Destroy(ctx)
	}
	if now.Sub(s.LastSeen) >= p.config.IdleTimeout/20 { // a page that is looked at need not be a write
		s.LastSeen = now.UTC().Truncate(time.Second)
		err = p.keep(ctx, s)
	}
	return s, true, err
}

// idToken is what the directory wants to see at a sign-out.
func (s *signedIn) idToken() claims.Secret { return claims.NewSecret(s.IDToken) }
