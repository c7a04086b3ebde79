package portal_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store"
)

// noNames is a store whose search by name never ends.
type noNames struct{ *store.Memory }

func (noNames) SearchName(ctx context.Context, _ store.Query, _ string, _ store.Position, _ int) ([]store.Client, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestAnOperatorFindsAWholeIdentifierWithoutASearchByName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{store: noNames{store.NewMemory(nil)}})
	w.operator("olga")
	w.fill(t, 3, orgOne, orgTwo)
	record, err := w.store.Get(t.Context(), "filled-1")
	require.NoError(t, err)
	w.put(t, record, func(c *store.Client) { c.ID, c.SoftwareID, c.Application.Name = "alone", "its-own-software", "Alone" })
	w.put(t, record, func(c *store.Client) { c.ID, c.State, c.Application.Name = "waits", store.PendingCreate, "Waits" })
	olga := w.as(t, "olga")
	for search, name := range map[string]string{"its-own-software": "Alone", "alone": "Alone", "filled-2": "App 2", "waits": "Waits"} {
		assert.Equal(t, []string{name}, olga.get("/applications?search="+search).listedNames(), search)
	}
	assert.Equal(t, []string{"App 2"}, olga.get("/applications?search=filled-2&organisation="+orgOne).listedNames())

	w.portal.SetSearchTime(20 * time.Millisecond)
	for _, path := range []string{"/applications?search=filled-2&organisation=" + orgTwo, "/applications?search=nobody"} {
		a := olga.get(path)
		assert.Equal(t, http.StatusServiceUnavailable, a.status, path)
		assert.Contains(t, a.body, "This search takes too long", path)
	}
	w.contact("ada", orgOne)
	assert.Equal(t, http.StatusServiceUnavailable, w.as(t, "ada").get("/applications?search=filled-2").status, "a contact's search is by name alone")
}

// picky is a store that answers no question with a text that a database cannot have, as
// PostgreSQL.
type picky struct{ *store.Memory }

func (p picky) refuses(q store.Query, after store.Position) error {
	for _, text := range append([]string{q.OrgID, q.SoftwareID, after.ID}, q.OrgIDs...) {
		if !utf8.ValidString(text) || strings.Contains(text, "\x00") {
			return errors.New("invalid byte sequence")
		}
	}
	return nil
}

func (p picky) Search(ctx context.Context, q store.Query, after store.Position, limit int) ([]store.Client, error) {
	if err := p.refuses(q, after); err != nil {
		return nil, err
	}
	return p.Memory.Search(ctx, q, after, limit)
}

func (p picky) SearchName(ctx context.Context, q store.Query, name string, after store.Position, limit int) ([]store.Client, error) {
	if err := p.refuses(q, after); err != nil {
		return nil, err
	}
	return p.Memory.SearchName(ctx, q, name, after, limit)
}

// TestNoAddressAsksADatabaseForWhatItCannotHave: that would look like an outage.
func TestNoAddressAsksADatabaseForWhatItCannotHave(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{store: picky{store.NewMemory(nil)}})
	w.contact("ada", orgOne, orgTwo)
	w.operator("olga")
	w.fill(t, 2, orgOne)
	for _, name := range []string{"ada", "olga"} {
		b := w.as(t, name)
		for _, text := range []string{"%00", "a%00", "%ff", "%ed%a0%80"} {
			for _, query := range []string{"search=", "organisation=", "environment=", "state=", "after=1.", "before=1.", "search=a&after=1.", "search=a&organisation="} {
				a := b.get("/applications?" + query + text)
				assert.Less(t, a.status, http.StatusInternalServerError, "%s: %s%s", name, query, text)
			}
			for _, path := range []string{"/applications/" + text, "/approvals/" + text, "/approvals?after=" + text} {
				assert.Less(t, b.get(path).status, http.StatusInternalServerError, "%s: %s", name, path)
			}
		}
	}
}
