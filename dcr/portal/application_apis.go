package portal

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// apiRow is an API of the bank, as the page of an application has it.
type apiRow struct {
	Name       string
	Subscribed bool
	Since      time.Time
	By         string
	Role       string // that opened it, or would
	May        bool
	Reason     string // why the application may not
}

// apisOf are the APIs of the bank, with those that the application is subscribed to and that the
// bank has no more, in the order of their names.
func (v *visit) apisOf(record, shown store.Client) ([]apiRow, error) {
	subscribed, err := v.records.subscribed(v.ctx(), record.ID)
	if err != nil {
		return nil, dcr.Unavailable(err, "the application's subscriptions cannot be read at the moment")
	}
	rows := map[string]apiRow{}
	for _, api := range v.config.APIs.Names() {
		d := v.config.APIs.MaySubscribe(shown.Application, shown.Environment, api)
		rows[api] = apiRow{Name: api, May: d.Allowed, Role: string(d.Role), Reason: d.Reason}
		if !d.Allowed { // which would
			rows[api] = apiRow{Name: api, Role: strings.Join(text.Strings(v.config.APIs.Roles[api]), " or "), Reason: d.Reason}
		}
	}
	people := map[string]string{}
	for _, s := range subscribed {
		if people[s.By] == "" {
			if people[s.By], err = v.personShown(s.By); err != nil {
				return nil, err
			}
		}
		rows[s.API] = apiRow{Name: s.API, Subscribed: true, Since: s.Since, By: people[s.By], Role: string(s.Role)}
	}
	var sorted []apiRow
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		sorted = append(sorted, rows[name])
	}
	return sorted, nil
}

// personShown is how a page calls somebody who did something: a contact learns no more of
// others than that they are contacts too, or the bank's.
func (v *visit) personShown(email string) (string, error) {
	switch {
	case email == v.person.Email:
		return "you", nil
	case v.person.Operator:
		return email, nil
	}
	user, err := v.records.user(v.ctx(), email)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return "another person", nil
	case err != nil:
		return "", dcr.Unavailable(err, "the application's subscriptions cannot be read at the moment")
	case user.Operator:
		return "the bank", nil
	}
	return "another contact", nil
}
