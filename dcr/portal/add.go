package portal

import (
	"errors"
	"net/http"
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
)

// entry is the page that takes a statement.
type entry struct {
	Typed  string
	Client *listed // the application that is renewed; nil where one is added
	Action string  // where the form goes
}

// review is the page that says what a statement would do, with what a person can choose.
type review struct {
	Statement string
	Once      string
	Action    string
	Client    *listed // the application that is renewed; nil where one is added
	Notes     []string
	Card      *card
	Problems  problems
	Refused   string // why the bank would refuse it; "" where it would not
	Outage    string // why the bank cannot tell at the moment; "" where it can
	Fault     bool   // it is a fault of the bank's own, which may have come after the change
	Options   options
	CanChoose bool
	CanDo     bool
	Hidden    []formField // choices that the page cannot show
	Changes   []changed   // of a renewal
	Gained    []string    // roles
	Lost      []string
	Ends      []string // APIs whose subscriptions end
	Unchanged bool

	registered claims.Request // what the application that is renewed is registered with
}

// addForm is the first step of Add application.
func (v *visit) addForm() error {
	v.enter(http.StatusOK, provided{}, nil)
	return nil
}

// enter shows the page that takes a statement.
func (v *visit) enter(status int, given provided, client *listed, faults ...fault) {
	e := entry{Typed: given.Typed, Client: client, Action: v.path("applications", "add")}
	name, title := "add", "Add application"
	if client != nil {
		e.Action, title = client.Link+"/renew", "Renew application"
	}
	v.show(status, name, title, e, faults...)
}

// noStatement shows the page again to somebody who provided no statement, or another thing.
func (v *visit) noStatement(given provided, client *listed, faults []fault) {
	if !given.Nothing {
		v.noteRefusal(nil, faults[0].Text)
	}
	v.enter(http.StatusBadRequest, given, client, faults...)
}

// noteRefusal leaves a note of a statement that was refused at the first look: the page that says
// so has no button by which the engine would refuse it. Of one that is not verified the trail
// repeats nothing.
func (v *visit) noteRefusal(statement *ssa.Verified, why string) {
	n := dcr.Note{Operation: string(dcr.OpCreate), Decision: dcr.DecisionDenied, Reason: why, Client: &store.Client{ID: v.r.PathValue("id")}}
	if n.Client.ID != "" {
		n.Operation = string(dcr.OpUpdate)
	}
	if statement != nil {
		c := statement.Claims()
		n.Client.Environment, n.Client.Issuer = statement.Environment(), c.Issuer.Or("")
		n.Client.SoftwareID, n.Client.OrgID = c.SoftwareID.Or(""), c.OrgID.Or("")
	}
	v.config.Registrar.Note(v.ctx(), n)
}

// add takes the form of each step of Add application.
func (v *visit) add() error {
	given, faults, err := v.provided()
	if err != nil {
		return err
	}
	if len(faults) > 0 {
		v.noStatement(given, nil, faults)
		return nil
	}
	c, faults, err := v.choices()
	if err != nil {
		return err
	}
	r := review{Statement: given.Statement, Notes: given.Notes, Action: v.path("applications", "add")}
	if r.Once, err = v.once(); err != nil {
		return err
	}
	if v.r.PostForm.Get(fieldDo) != doAdd || len(faults) > 0 {
		return v.preview("", &r, c, nil, faults)
	}
	m := v.manual(given.Statement, c)
	m.Once = v.attempt(doAdd, r.Once)
	registration, err := v.onlyOnce(dcr.OpCreate, func() (*dcr.Registration, error) { return v.config.Registrar.RegisterManual(v.ctx(), m) })
	if err != nil {
		return v.notDone("", &r, c, err)
	}
	v.added(registration)
	return nil
}

// once returns the identifier of a form: what it carried, or a new one.
func (v *visit) once() (string, error) {
	if carried := v.r.PostForm.Get(fieldOnce); carried != "" {
		if len(carried) > maxOnce {
			return "", errForm
		}
		return carried, nil
	}
	return claims.NewJTI(v.config.Random)
}

// maxOnce bounds the identifier of a form, in bytes.
const maxOnce = 64

// attempt names an attempt by its form, the person who sent it, and what it asks for: the
// identifier of one person's form is of no use to another.
func (v *visit) attempt(what, once string) string {
	return hashed(what + "\n" + v.person.Email + "\n" + once)
}

// preview shows what a statement would do. id is that of the client that it would renew.
// refusal is why it was refused when it was sent; nil where it was not.
func (v *visit) preview(id string, r *review, c choices, refusal *dcr.Error, faults []fault) error {
	p, err := v.judge(id, r.Statement, &c)
	var e *dcr.Error
	switch {
	case errors.As(err, &e) && e.Status == http.StatusServiceUnavailable:
		return v.outage(r, c, e)
	case err != nil:
		return err
	}
	status, fits := http.StatusOK, p.Refusal == nil
	if !fits && refusal == nil && len(faults) == 0 { // the engine has noted a refusal
		v.noteRefusal(p.Statement, p.Refusal.Description)
	}
	if refusal != nil { // also by the bank's hook or authorization server, which the preview has not asked
		p.Refusal, status = refusal, refusal.Status
		if refusal.Report != nil {
			p.Report = refusal.Report
		}
	}
	if len(faults) > 0 {
		status = http.StatusBadRequest
	}
	r.Card, r.Problems = v.cardOf(p), problemsOf(p.Report)
	r.Options = optionsOf(p, c, &r.registered)
	if c.certificate == nil {
		r.Options.Typed = legibly(v.r.PostForm.Get(fieldCertificateText))
	}
	if p.Refusal != nil {
		if r.Refused = sentence(p.Refusal.Description); p.Report != nil && !p.Report.Valid() {
			r.Refused = "Its rules find errors, which are listed here." // the description repeats one of them
		}
		faults = append(faults, fault{"problems", "The bank would refuse this statement as it is"})
		if refusal != nil {
			faults[len(faults)-1].Text = "The bank refused this. Nothing was changed"
		}
	}
	r.CanChoose = p.Statement != nil && len(r.Options.Methods) > 0
	r.CanDo = r.CanChoose && fits
	r.compare(p)
	v.showReview(status, r, faults)
	return nil
}

// judge asks the engine for a preview. A bank that offers tls_client_auth alone is asked for it
// with a certificate of the software, where none was chosen that can be used.
func (v *visit) judge(id, statement string, c *choices) (*dcr.Preview, error) {
	m := v.manual(statement, *c)
	p, err := v.config.Registrar.PreviewManual(v.ctx(), id, m)
	open := !c.made || c.faulty
	if err != nil || !open || id != "" || len(p.Certificates) == 0 || !slices.Equal(p.AuthMethods, []claims.AuthMethod{claims.TLSClientAuth}) {
		return p, err
	}
	m.AuthMethod, m.Certificate = claims.TLSClientAuth, latest(p.Certificates)
	if !c.made {
		c.method, c.certificate = m.AuthMethod, m.Certificate
	}
	return v.config.Registrar.PreviewManual(v.ctx(), id, m)
}

// notDone shows why what a person asked for was not done.
func (v *visit) notDone(id string, r *review, c choices, err error) error {
	var e *dcr.Error
	switch {
	case errors.Is(err, store.ErrReplayed) && !errors.Is(err, store.ErrUnderWay):
		return errDoneAlready
	case errors.Is(err, store.ErrUnderWay):
		return errUnderWay
	case !errors.As(err, &e):
		return err
	case e.Status >= http.StatusInternalServerError:
		v.config.Logger.WarnContext(v.ctx(), "what a person asked for cannot be done at the moment", "error", text.Bounded{Err: err})
		return v.outage(r, c, e)
	}
	return v.preview(id, r, c, e, nil)
}

var (
	errDoneAlready = &failure{http.StatusConflict, "This was sent already",
		"It is not done a second time. The list of applications shows what came of it; begin anew if there is nothing. " +
			"A client secret is shown for ten minutes, on the page that answered first: if you missed it, delete the application, and add it again.", false}
	errUnderWay = &failure{http.StatusConflict, "This was sent already",
		"The bank is still working on it. Look at the list of applications in a minute.", false}
)

// outage shows the page again, with all that was entered, while the bank cannot tell.
func (v *visit) outage(r *review, c choices, e *dcr.Error) error {
	if e.RetryAfter > 0 {
		text.RetryAfter(v.w.Header(), e.RetryAfter)
	}
	r.Outage, r.Fault, r.Hidden, r.CanChoose, r.CanDo = sentence(e.Description), e.Status == http.StatusInternalServerError, c.hidden(), false, false
	v.showReview(e.Status, r, nil)
	return nil
}

// showReview shows the second step.
func (v *visit) showReview(status int, r *review, faults []fault) {
	title := "Check and add"
	if r.Client != nil {
		title = "Check and renew"
	}
	v.show(status, "review", title, r, faults...)
}

// added shows what became of an application that was added.
func (v *visit) added(registration *dcr.Registration) {
	title := "The application was added"
	if registration.Pending {
		title = "The application waits for the bank"
	}
	v.show(http.StatusOK, "added", title, v.outcomeOf(registration))
}

// outcome is the page after an application was added or renewed.
type outcome struct {
	Row       listed
	ClientID  string
	Method    claims.AuthMethod
	Secret    string // shown here and nowhere else; "" where there is none
	Pending   bool
	Renewed   bool
	Audiences []string
	Discovery string
	Handed    bool     // somebody at the bank hands the secret over
	Problems  problems // warnings and notices
}

func (v *visit) outcomeOf(registration *dcr.Registration) outcome {
	o := outcome{Row: v.row(registration.Client), ClientID: registration.Client.ClientID, Secret: registration.Secret.Reveal(), Pending: registration.Pending,
		Problems: problemsOf(registration.Report), Audiences: v.config.Registrar.Policy().Audiences,
		Discovery: v.config.Discovery}
	if request, err := registration.Client.Request(); err == nil {
		o.Method = request.TokenEndpointAuthMethod.Or("")
		o.Handed = o.Pending && o.Method.NeedsSecret()
	}
	return o
}
