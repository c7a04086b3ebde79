package portal

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// waiting is a change that waits for an operator.
type waiting struct {
	listed

	Deletion bool
	Since    time.Time
	Until    time.Time // when it counts as refused
}

// approvalsPage is what the page Approvals shows.
type approvalsPage struct {
	Rows        []waiting
	IDColumn    bool
	Days        int    // of the policy
	Next, First string // addresses; "" where there is none
}

// approvals is the page of what waits for a decision. The store lists it by the identifiers of
// the records; those of one page come in the order of their time.
func (v *visit) approvals() error {
	after := v.r.URL.Query().Get("after")
	if !isIdentifier(after) {
		return v.redirect(v.path("approvals"))
	}
	found, err := v.config.Registrar.ListPending(v.ctx(), after, pageSize+1)
	if err != nil {
		return err
	}
	page := approvalsPage{IDColumn: v.byID, Days: v.config.Registrar.Policy().PendingDays}
	if len(found) > pageSize {
		found = found[:pageSize]
		page.Next = v.path("approvals") + "?" + url.Values{"after": {found[pageSize-1].ID}}.Encode()
	}
	if after != "" {
		page.First = v.path("approvals")
	}
	for _, c := range found {
		page.Rows = append(page.Rows, v.waiting(c))
	}
	slices.SortStableFunc(page.Rows, func(a, b waiting) int { return a.Since.Compare(b.Since) })
	v.show(http.StatusOK, "approvals", "Approvals", page)
	return nil
}

// maxIdentifier is the greatest length of an identifier in an address, in bytes.
const maxIdentifier = 1000

// isIdentifier reports whether a text of an address can be an identifier, or a part of one. A
// database refuses a question with a NUL or without UTF-8, which would look like an outage.
func isIdentifier(s string) bool {
	return len(s) <= maxIdentifier && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

// waiting is what the pages of approvals say of a record that waits.
func (p *Portal) waiting(c store.Client) waiting {
	days := p.config.Registrar.Policy().PendingDays
	return waiting{listed: p.row(c), Deletion: c.State == store.PendingDelete, Since: c.Since,
		Until: c.Since.Add(time.Duration(days) * 24 * time.Hour)}
}

// approvalPage is what the page of one change shows.
type approvalPage struct {
	waiting

	Record   store.Client
	OrgName  string // as the statement says; "" where it does not
	Claims   []fact // of the software statement
	Members  []fact // that are registered, or are to be
	Action   string
	Decision string // what the form says: "approve", "refuse" or ""
	Reason   string
	Confirm  bool // the page asks whether the operator is sure
}

// The decisions of the form.
const (
	approve = "approve"
	refuse  = "refuse"

	fieldConfirmed = "confirmed" // the version of the record that the operator is sure of
)

// maxReason is the greatest length of a reason, in characters: that of the audit trail.
const maxReason = 500

// pending returns the record that the path names, which has to wait for a decision.
func (v *visit) pending() (approvalPage, error) {
	record, err := v.client()
	if errors.Is(err, errNoApplication) || err == nil && !record.State.IsPending() {
		return approvalPage{}, errDecided
	}
	if err != nil {
		return approvalPage{}, err
	}
	statement := statementFacts(record)
	names := claims.SSAMembers()
	for _, m := range statement.Unknown {
		names = append(names, m.Name)
	}
	return approvalPage{waiting: v.waiting(record), Record: record, OrgName: text.Clip(statement.OrgName.Or(""), maxShown),
		Claims: memberFacts(names, statement.Member), Members: membersOf(&record), Action: v.path("approvals", record.ID)}, nil
}

// approval is the page of one change that waits.
func (v *visit) approval() error {
	page, err := v.pending()
	if err != nil {
		return err
	}
	v.show(http.StatusOK, "approval", page.title(), page)
	return nil
}

func (a *approvalPage) title() string {
	if a.Deletion {
		return "A deletion waits for a decision"
	}
	return "A registration waits for a decision"
}

// decide takes the operator's decision. A form that is sent twice shows what it did before.
func (v *visit) decide() error {
	err := v.decision()
	if !errors.Is(err, errDecided) || v.r.PostFormValue("decision") != approve {
		return err
	}
	wait := answerWait
	if record, err := v.client(); err == nil && record.State == store.Creating {
		wait = underWayWait
	}
	before := v.answered(wait)
	if before == nil {
		return err
	}
	v.decided(decidedPage{waiting: v.waiting(before.Client), Decision: approve}, before)
	return nil
}

// decision takes a decision. It is asked for twice: the second form says that the operator is
// sure.
func (v *visit) decision() error {
	page, err := v.pending()
	if err != nil {
		return err
	}
	page.Decision, page.Reason = v.r.PostFormValue("decision"), v.reason()
	var faults []fault
	if page.Decision != approve && page.Decision != refuse {
		faults = append(faults, fault{approve, "Choose whether you approve or refuse"})
	}
	if f, ok := checkReason(page.Reason, page.Decision == refuse); !ok {
		faults = append(faults, f)
	}
	if len(faults) > 0 {
		v.show(http.StatusBadRequest, "approval", page.title(), page, faults...)
		return nil
	}
	switch v.r.PostFormValue(fieldConfirmed) {
	case versionText(page.Record):
		return v.carryOut(page)
	case "":
		page.Confirm = true
		v.show(http.StatusOK, "approval-confirm", "Is this what you decide?", page)
		return nil
	}
	return errDecided // the record is another one than the operator has seen
}

// decidedPage is what the page after a decision shows.
type decidedPage struct {
	waiting

	Decision   string
	ClientID   string
	Secret     string // shown once; "" for none
	Unfinished bool   // the authorization server is yet to be told
}

// carryOut does what the operator decided.
func (v *visit) carryOut(page approvalPage) error {
	done := decidedPage{waiting: page.waiting, Decision: page.Decision}
	var registration *dcr.Registration
	var err error
	if page.Decision == refuse {
		err = v.config.Registrar.RefusePending(v.ctx(), page.Record.ID, page.Reason)
	} else {
		registration, err = v.config.Registrar.ApprovePending(dcr.WithReason(v.ctx(), page.Reason), page.Record.ID)
	}
	switch {
	case errors.Is(err, dcr.ErrNotPending), errors.Is(err, store.ErrNotFound):
		return errDecided
	case errors.Is(err, dcr.ErrUnfinished):
		done.Unfinished = true
	case err != nil:
		return err
	}
	v.keepAnswer(dcr.OpCreate, registration)
	v.decided(done, registration)
	return nil
}

// decided shows what became of a decision. registration is nil where nothing was registered.
func (v *visit) decided(done decidedPage, registration *dcr.Registration) {
	if registration != nil {
		done.ClientID, done.Secret = registration.Client.ClientID, registration.Secret.Reveal()
	}
	v.show(http.StatusOK, "decided", "Decided", done)
}

// errDecided is for a change that nobody decides on any more.
var errDecided = &failure{http.StatusConflict, "Nothing waits for a decision here",
	"Somebody decided already, you in another form perhaps, or the time of the policy is over, or the application changed meanwhile. " +
		"Nothing was changed by this form. The list of approvals has what still waits; the history of the application tells what was decided. " +
		"If you approved a registration and missed its client secret, remove the application, and have the TPP register anew.", false}
