package portal_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	chromium "github.com/obdcr/obdcr/internal/browser"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/store"
)

// TestBrowserOperators is an operator who approves, refuses, searches and removes, without
// JavaScript. The operator belongs to no TPP.
func TestBrowserOperators(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	w := newWorld(t, options{directory: true, policy: waitingPolicy})
	good, bad := w.asked(t, orgOne, "Budget & Co"), w.asked(t, orgTwo, "Copycat")
	s := w.surf(t, chromium.Options{NoScript: true})
	s.goTo("/")
	require.Equal(t, http.StatusOK, s.signsIn(olgaEmail))
	require.Equal(t, http.StatusOK, s.Follow(`header nav a[href$="/approvals"]`))
	s.sees("Approvals", "Budget & Co", "Copycat")

	s.decides("Budget & Co", "approve", "Checked by telephone")
	s.sees("The registration is approved", "The client secret is shown on this page alone")
	secret := s.Text(".secret")
	assert.Equal(t, store.Active, w.record(t, good.ID).State)
	assert.Contains(t, w.entries(t, good.ID), "create approved by operator "+olgaEmail+", Checked by telephone")
	s.Follow("main a.button")
	assert.NotContains(t, s.HTML(), secret)

	s.Follow("tbody th a")
	s.Click("#refuse")
	require.Equal(t, http.StatusBadRequest, s.Follow("main form button"))
	s.sees("A registration waits for a decision", "There is a problem")
	s.beginsAtFaults()
	assert.True(t, chromium.Eval[bool](s.Page, "document.querySelector('#refuse').checked"), "the choice is kept")
	s.goTo("/approvals")
	s.decides("Copycat", "refuse", "Not who they say <i>they</i> are")
	s.sees("The registration is refused")
	_, err := w.store.Get(t.Context(), bad.ID)
	require.ErrorIs(t, err, store.ErrNotFound)
	assert.Contains(t, strings.Join(w.entries(t, bad.ID), "\n"), "Not who they say <i>they</i> are")
	s.goTo("/approvals")
	s.sees("Approvals", "Nothing waits for a decision")

	s.goTo("/applications")
	s.Fill("#search", "budg")
	s.Choose("#state", string(store.Active))
	require.Equal(t, http.StatusOK, s.Follow("form.filter button"))
	s.sees("Applications", "Budget & Co")
	s.removes(good)
	s.wellBehaved()
}

// decides decides on an application of the list of approvals, and confirms it.
func (s *surfer) decides(name, decision, reason string) {
	s.t.Helper()
	chromium.Eval[bool](s.Page, `[...document.querySelectorAll("tbody th a")].find(a => a.textContent == "`+name+`").id = "it", true`)
	require.Equal(s.t, http.StatusOK, s.Follow("#it"))
	s.Click("#" + decision)
	s.Fill("#reason", reason)
	require.Equal(s.t, http.StatusOK, s.Follow("main form button"))
	s.sees("Is this what you decide?", name, reason)
	s.withoutScript()
	require.Equal(s.t, http.StatusOK, s.Follow("main form button"))
}

// removes removes the first application of the list, by its software ID. Another one removes nothing.
func (s *surfer) removes(c store.Client) {
	s.t.Helper()
	s.Follow("tbody th a")
	require.Equal(s.t, http.StatusOK, s.Follow(`main a[href$="/remove"]`))
	s.sees("Remove an application")
	s.Fill("#reason", "The TPP lost its authorisation")
	s.Fill("#typed", "another")
	require.Equal(s.t, http.StatusBadRequest, s.Follow("main form button"))
	s.sees("Remove an application", "There is a problem")
	require.Equal(s.t, "The TPP lost its authorisation", s.Value("#reason"), "what was entered is kept")
	s.Fill("#typed", c.Application.ID)
	require.Equal(s.t, http.StatusOK, s.Follow("main form button"))
	s.sees("The application is removed", "Budget & Co")
	require.Empty(s.t, s.w.clients(s.t))
	require.Contains(s.t, strings.Join(s.w.entries(s.t, c.ID), "\n"), "The TPP lost its authorisation")
}
