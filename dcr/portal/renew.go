package portal

import (
	"errors"
	"net/http"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
)

// renewable returns the record of the page, if it can be renewed, and how pages call it.
func (v *visit) renewable() (store.Client, *listed, error) {
	record, err := v.client()
	if err != nil {
		return store.Client{}, nil, err
	}
	switch record.State {
	case store.Active:
		row := v.row(record)
		return record, &row, nil
	case store.PendingDelete:
		return store.Client{}, nil, errDeletionWaits
	case store.PendingCreate:
		return store.Client{}, nil, errRegistrationWaits
	}
	return store.Client{}, nil, errBusy
}

var errRegistrationWaits = &failure{http.StatusConflict, "The registration waits for the bank",
	"It cannot be renewed before somebody at the bank has approved it. Delete it to withdraw it, and add the application anew by the newer statement.", false}

// renewForm is the first step of a renewal.
func (v *visit) renewForm() error {
	_, row, err := v.renewable()
	if err != nil {
		return err
	}
	v.enter(http.StatusOK, provided{}, row)
	return nil
}

// renew takes the form of each step of a renewal.
func (v *visit) renew() error {
	record, row, err := v.renewable()
	if errors.Is(err, errBusy) {
		if before := v.answered(underWayWait); before != nil {
			v.renewed(before)
			return nil
		}
	}
	if err != nil {
		return err
	}
	given, faults, err := v.provided()
	if err != nil {
		return err
	}
	if len(faults) > 0 {
		v.noStatement(given, row, faults)
		return nil
	}
	c, faults, err := v.choices()
	if err != nil {
		return err
	}
	r := review{Statement: given.Statement, Notes: given.Notes, Action: row.Link + "/renew", Client: row}
	if request, err := record.Request(); err == nil {
		r.registered = *request
	}
	if r.Once, err = v.once(); err != nil {
		return err
	}
	if v.r.PostForm.Get(fieldDo) != doRenew || len(faults) > 0 {
		return v.preview(record.ID, &r, c, nil, faults)
	}
	m := v.manual(given.Statement, c)
	m.Once = v.attempt(doRenew+" "+record.ID, r.Once)
	registration, err := v.onlyOnce(dcr.OpUpdate, func() (*dcr.Registration, error) { return v.config.Registrar.UpdateManual(v.ctx(), record.ID, m) })
	if err != nil {
		return v.notDone(record.ID, &r, c, err)
	}
	v.renewed(registration)
	return nil
}

// renewed shows what became of an application that was renewed.
func (v *visit) renewed(registration *dcr.Registration) {
	o := v.outcomeOf(registration)
	o.Renewed = true
	v.show(http.StatusOK, "added", "The application was renewed", o)
}
