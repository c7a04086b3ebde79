package portal

import (
	"errors"
	"net/http"
	"strings"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
)

// fieldConfirm has what a person types to confirm a deletion.
const fieldConfirm = "confirm"

// deletion is the page that asks for the confirmation of a deletion.
type deletion struct {
	Row      listed
	Type     string // what is to be typed
	Typed    string
	Withdraw bool // a registration that waits for approval is withdrawn
}

// deleteForm asks for the confirmation of a deletion.
func (v *visit) deleteForm() error {
	record, err := v.deletable()
	if err != nil {
		return err
	}
	v.askToDelete(http.StatusOK, record, "")
	return nil
}

// deletable returns the record of the page, if it can be deleted.
func (v *visit) deletable() (store.Client, error) {
	record, err := v.client()
	if err != nil {
		return store.Client{}, err
	}
	switch record.State {
	case store.Active, store.PendingCreate:
		return record, nil
	case store.PendingDelete:
		return store.Client{}, errDeletionWaits
	}
	return store.Client{}, errBusy
}

var (
	errBusy = &failure{http.StatusConflict, "The application is being changed",
		"Another change of it is under way, and nothing was changed by you. Open the application in a minute.", false}
	errDeletionWaits = &failure{http.StatusConflict, "The deletion waits for the bank",
		"It was asked for already, and somebody at the bank has to approve it. The application works until then.", false}
)

func (v *visit) askToDelete(status int, record store.Client, typed string, faults ...fault) {
	d := deletion{Row: v.row(record), Typed: typed, Withdraw: record.State == store.PendingCreate}
	d.Type = confirmations(d.Row.Name, record)[0]
	v.show(status, "delete", "Delete application", d, faults...)
}

// confirmations are the texts that confirm a deletion. The first is the one that the page asks
// for: the name, as long as it can be typed.
func confirmations(name string, record store.Client) []string {
	texts := []string{strings.TrimSpace(name), record.ClientID, record.ID}
	if n := len(texts[0]); n == 0 || n > 60 || !typeable(texts[0]) {
		texts[0] = record.ClientID
	}
	if texts[0] == "" {
		texts[0] = record.ID
	}
	return texts
}

// typeable reports whether a text is what its look says: printable ASCII.
func typeable(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' }) && !strings.Contains(s, "  ")
}

// delete deletes the application, once its name or its client_id was typed.
func (v *visit) delete() error {
	record, err := v.deletable()
	if err != nil {
		return err
	}
	typed := strings.TrimSpace(v.r.PostForm.Get(fieldConfirm))
	row := v.row(record)
	confirmed := false
	for _, accepted := range append(confirmations(row.Name, record), strings.TrimSpace(row.Name)) {
		confirmed = confirmed || accepted != "" && typed == accepted
	}
	if !confirmed {
		wanted := confirmations(row.Name, record)[0]
		text := "This is not the same text. Type " + wanted
		if typed == "" {
			text = "Type " + wanted + " to confirm the deletion"
		}
		v.askToDelete(http.StatusBadRequest, record, typed, fault{fieldConfirm, text})
		return nil
	}
	switch err := v.config.Registrar.DeleteManual(v.ctx(), record.ID, v.reach()); {
	case err == nil, errors.Is(err, dcr.ErrUnfinished):
		d := deleted{Name: row.Name, Unfinished: err != nil, Withdrawn: record.State == store.PendingCreate}
		v.show(http.StatusOK, "deleted", "The application was deleted", d)
		return nil
	case errors.Is(err, dcr.ErrPending):
		v.show(http.StatusAccepted, "deleted", "The deletion waits for the bank", deleted{Name: row.Name, Link: row.Link, Pending: true})
		return nil
	default:
		return err
	}
}

// deleted is the page after a deletion.
type deleted struct {
	Name, Link                     string
	Pending, Unfinished, Withdrawn bool
}
