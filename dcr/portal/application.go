package portal

import (
	"net/http"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// application is what the page of an application shows.
type application struct {
	Row        listed
	Facts      []fact
	Waiting    state
	Attributes []fact
	Members    []fact
	Keys       []keyRow
	KeysWrong  string // why the keys are not shown; "" where they are
	APIs       []apiRow
	History    []historyRow
	Older      string // address of the older entries; "" for none
	CanChange  bool
	CanDelete  bool
}

// state says what a record that is not Active is waiting for.
type state struct{ Title, Text string }

// states are the texts of the states that are not Active.
var states = map[store.State]state{
	store.PendingCreate: {"This registration waits for the bank",
		"Somebody at the bank has to approve it. Nothing can be used before that. You can withdraw it until then."},
	store.PendingDelete: {"The deletion waits for the bank", "Somebody at the bank has to approve it. The application works until then, and cannot be changed."},
	store.Creating:      {"The application is being set up", "That takes a few seconds as a rule. Load this page again to see whether it is done."},
	store.Updating: {"The application is being changed",
		"What is shown is in force until that is done, which takes a few seconds as a rule. Load this page again then."},
	store.Deleting: {"The application is being deleted", "It cannot be used any more. The bank is still removing it elsewhere."},
}

// application is the page of one application.
func (v *visit) application() error {
	record, err := v.client()
	if err != nil {
		return err
	}
	return v.showApplication(http.StatusOK, record)
}

// maxTitle bounds the title of a window, in bytes.
const maxTitle = 200

// showApplication shows a record: what is in force, and of what is not yet what was asked for.
func (v *visit) showApplication(status int, record store.Client, faults ...fault) error {
	shown := record
	if inForce, visible := record.Visible(); visible {
		shown = inForce
	}
	a := application{Row: v.row(record), Facts: v.factsOf(record, shown), Waiting: states[record.State], Attributes: attributesOf(shown),
		Members: membersOf(&shown), CanChange: record.State == store.Active, CanDelete: record.State == store.Active || record.State == store.PendingCreate}
	a.Keys, a.KeysWrong = v.keysOf(shown)
	var err error
	if a.APIs, err = v.apisOf(record, shown); err != nil {
		return err
	}
	if a.History, a.Older, err = v.historyOf(record); err != nil {
		return err
	}
	v.show(status, "application", text.Visible(text.Clip(a.Row.Name, maxTitle)), a, faults...)
	return nil
}
