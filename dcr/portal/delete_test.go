package portal_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// subscribed are the APIs of a record.
func (w *world) subscribed(t testing.TB, id string) []string {
	t.Helper()
	found, err := w.store.(store.Subscriptions).ListSubscriptions(context.Background(), id)
	require.NoError(t, err)
	var apis []string
	for _, s := range found {
		apis = append(apis, s.API)
	}
	return apis
}

// TestADeletionIsConfirmedByTheName: exactly, or by the client_id, with blanks around it.
func TestADeletionIsConfirmedByTheName(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		typed func(store.Client) string
		done  bool
	}{
		"the name":            {func(store.Client) string { return "Budget" }, true},
		"blanks around it":    {func(store.Client) string { return " Budget\t" }, true},
		"the client_id":       {func(c store.Client) string { return c.ClientID }, true},
		"another case":        {func(store.Client) string { return "budget" }, false},
		"nothing":             {func(store.Client) string { return "" }, false},
		"a part":              {func(store.Client) string { return "Budge" }, false},
		"the client_id, half": {func(c store.Client) string { return c.ClientID[1:] }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options{})
			w.contact("ada", orgOne)
			ada := w.as(t, "ada")
			made, _ := ada.add(ssaOf(t, w.software(t, ssatest.SoftwareOptions{ClientName: "Budget"}), nil), nil)
			path := "/applications/" + made.ID
			assert.Contains(t, ada.get(path+"/delete").text(), "Type Budget to confirm")
			a := ada.post(path+"/delete", url.Values{"confirm": {c.typed(made)}})
			if !c.done {
				assert.Equal(t, http.StatusBadRequest, a.status)
				assert.Contains(t, a.body, `<a href="#confirm">`)
				assert.Contains(t, a.body, `aria-invalid="true"`)
				assert.Len(t, w.clients(t), 1)
				return
			}
			assert.Equal(t, http.StatusOK, a.status)
			assert.Contains(t, a.text(), "The application was deleted")
			assert.Empty(t, w.clients(t))
			for _, again := range []answer{ada.get(path), ada.get(path + "/delete"), ada.post(path+"/delete", url.Values{"confirm": {"Budget"}})} {
				assert.Equal(t, http.StatusNotFound, again.status)
				assert.Contains(t, again.text(), "There is no such application")
			}
			assert.True(t, slices.ContainsFunc(w.history(t), func(e store.AuditEntry) bool {
				return e.Client == made.ID && e.Removed() && e.Actor == "contact" && e.Operation == "delete" && e.Decision == "done"
			}))
		})
	}
}

// TestANameThatCannotBeTypedIsNotAskedFor: the client_id confirms the deletion.
func TestANameThatCannotBeTypedIsNotAskedFor(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Bank \u202Eexe", "two  blanks", "a name of many more characters than anybody wants to type in here again"} {
		w := newWorld(t, options{})
		w.contact("ada", orgOne)
		ada := w.as(t, "ada")
		made, _ := ada.add(ssaOf(t, w.software(t, ssatest.SoftwareOptions{ClientName: name}), nil), nil)
		assert.Contains(t, ada.get("/applications/"+made.ID+"/delete").text(), "Type "+made.ClientID+" to confirm")
		assert.Equal(t, http.StatusOK, ada.post("/applications/"+made.ID+"/delete", url.Values{"confirm": {made.ClientID}}).status)
	}
}

// TestADeletionThatWaitsForTheBank: it is said, and cannot be asked for twice.
func TestADeletionThatWaitsForTheBank(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: func(p *validate.Policy) {
		p.PendingChanges, p.PendingDays = []validate.PendingChange{validate.PendingDelete}, 7
	}})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	made, _ := ada.add(ssaOf(t, w.software(t, ssatest.SoftwareOptions{}), nil), nil)
	path := "/applications/" + made.ID
	a := ada.post(path+"/delete", url.Values{"confirm": {"Test TPP"}})
	assert.Equal(t, http.StatusAccepted, a.status)
	assert.Contains(t, a.text(), "Somebody at the bank has to approve the deletion")
	assert.Equal(t, store.PendingDelete, w.clients(t)[0].State)
	a = ada.post(path+"/delete", url.Values{"confirm": {"Test TPP"}})
	assert.Equal(t, http.StatusConflict, a.status)
	assert.Contains(t, ada.get(path).text(), "The deletion waits for the bank")
	assert.Contains(t, ada.get("/applications").text(), "Deletion waits for the bank")
}
