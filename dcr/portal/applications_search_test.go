package portal_test

import (
	"context"
	"net/http"
	"testing"
	"time"

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
