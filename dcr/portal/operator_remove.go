package portal

import (
	"errors"
	"net/http"
	"strings"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
)

// removalPage is what the page shows by which an operator removes an application.
type removalPage struct {
	listed

	Record store.Client
	Action string
	Stuck  bool // its deletion has begun, so its record can be forgotten
	Forget bool // what the form says
	Reason string
	Typed  string
	Done   bool // it is removed here, and the authorization server is yet to be told
}

// removable returns the application that the path names.
func (v *visit) removable() (removalPage, error) {
	record, err := v.client()
	if err != nil {
		return removalPage{}, err
	}
	return removalPage{listed: v.row(record), Record: record, Action: v.path("applications", record.ID, "remove"), Stuck: record.State == store.Deleting}, nil
}

// removal asks whether an application is to be removed, and why.
func (v *visit) removal() error {
	page, err := v.removable()
	if err != nil {
		return err
	}
	v.show(http.StatusOK, "remove", "Remove an application", page)
	return nil
}

// remove removes an application for the bank's own reasons.
func (v *visit) remove() error {
	page, err := v.removable()
	if err != nil {
		return err
	}
	page.Reason, page.Typed, page.Forget = v.reason(), strings.TrimSpace(v.r.PostFormValue("typed")), page.Stuck && v.r.PostFormValue("forget") != ""
	var faults []fault
	if f, ok := checkReason(page.Reason, true); !ok {
		faults = append(faults, f)
	}
	if page.Typed != page.ID {
		faults = append(faults, fault{"typed", "Enter the software identifier of this application, as it is written above"})
	}
	if len(faults) > 0 {
		v.show(http.StatusBadRequest, "remove", "Remove an application", page, faults...)
		return nil
	}
	if page.Forget {
		err = v.config.Registrar.Forget(v.ctx(), page.Record.ID, page.Reason)
	} else {
		err = v.config.Registrar.Remove(v.ctx(), page.Record.ID, page.Reason)
	}
	switch {
	case errors.Is(err, dcr.ErrUnfinished):
		page.Done = true
	case err != nil:
		return err
	}
	v.show(http.StatusOK, "removed", "The application is removed", page)
	return nil
}
