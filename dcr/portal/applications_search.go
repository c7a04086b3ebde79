package portal

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/obdcr/obdcr/store"
)

// maxSearchTime is how long a search by name may take. A store has no index of names: it reads
// all that the person may see until it has a page.
const maxSearchTime = 5 * time.Second

// errSlowSearch is for a search that reads too much.
var errSlowSearch = &failure{http.StatusServiceUnavailable, "This search takes too long",
	"There are too many applications to look through. Search for a whole client ID or software ID, or name an organisation too.", false}

// search returns one more record than a page shows. An operator's text that is a whole software
// ID or client ID finds what it names, by an index; any other one is looked for in names. For a
// contact there is the one way alone: the time of another would tell of what others have.
func (v *visit) search(text string, q store.Query, after store.Position) ([]store.Client, error) {
	if text == "" {
		return v.records.find(v.ctx(), q, after, pageSize+1)
	}
	if v.person.Operator && isIdentifier(text) {
		if found, err := v.named(text, q, after); err != nil || len(found) > 0 {
			return found, err
		}
	}
	ctx, cancel := context.WithTimeout(v.ctx(), v.searchTime)
	defer cancel()
	found, err := v.records.findName(ctx, q, text, after, pageSize+1)
	if err != nil && v.ctx().Err() == nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, errSlowSearch
	}
	return found, err
}

// named returns the records that have the text as their software ID, or the one that has it as
// its client ID.
func (v *visit) named(text string, q store.Query, after store.Position) ([]store.Client, error) {
	byClient, bySoftware := q, q
	bySoftware.SoftwareID = text
	if found, err := v.records.find(v.ctx(), bySoftware, after, pageSize+1); err != nil || len(found) > 0 {
		return found, err
	}
	if !after.IsZero() {
		return nil, nil
	}
	record, err := v.records.byClientID(v.ctx(), text)
	if errors.Is(err, store.ErrNotFound) {
		record, err = v.records.get(v.ctx(), text) // of a registration that waits, the ID is what the TPP was told
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	// The query decides whether it is one that the operator asks for.
	byClient.SoftwareID = record.SoftwareID
	byClient.IssuedFrom, byClient.IssuedBefore = record.IssuedAt, record.IssuedAt.Add(time.Second)
	found, err := v.records.find(v.ctx(), byClient, after, maxOfSecond)
	return slices.DeleteFunc(found, func(c store.Client) bool { return c.ID != record.ID }), err
}

// maxOfSecond is how many records of one software that were issued in one second are looked through.
const maxOfSecond = 1000
