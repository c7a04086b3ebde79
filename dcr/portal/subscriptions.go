package portal

import (
	"context"
	"errors"
	"net/http"

	"github.com/obdcr/obdcr/dcr"
)

// subscribe subscribes an application to an API.
func (v *visit) subscribe() error { return v.changeSubscription(v.config.Registrar.Subscribe) }

// unsubscribe ends a subscription.
func (v *visit) unsubscribe() error { return v.changeSubscription(v.config.Registrar.Unsubscribe) }

// changeSubscription changes a subscription, and leads back to the page of the application. What
// was done before is no error: the page shows how it is.
func (v *visit) changeSubscription(change func(context.Context, string, string, dcr.Reach) error) error {
	record, err := v.client()
	if err != nil {
		return err
	}
	err = change(v.ctx(), record.ID, v.r.PostForm.Get("api"), v.reach())
	var e *dcr.Error
	switch {
	case err == nil, errors.As(err, &e) && e.Status == http.StatusBadRequest:
		return v.redirect(v.path("applications", record.ID) + "#apis")
	case e != nil && e.Status < http.StatusInternalServerError:
		return v.showApplication(e.Status, record, fault{"apis", sentence(e.Description)})
	}
	return err
}
