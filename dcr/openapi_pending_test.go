package dcr_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/validate"
)

func bothPendingChanges(p *validate.Policy) {
	p.PendingChanges = []validate.PendingChange{validate.PendingCreate, validate.PendingDelete}
}

// pendAll makes the deletions of all clients of a site wait.
func pendAll(t *testing.T, s *site, v *validate.Validator) {
	t.Helper()
	all, err := s.store.List(context.Background(), "", 100)
	require.NoError(t, err)
	server := s.start(t, func(c *dcr.Config) { c.Validator = v }, nil)
	for _, c := range all {
		if c.ClientID != "" {
			require.Equal(t, 202, server.send(t, s.request(t, http.MethodDelete, "/register/"+c.ID, nil)).status)
		}
	}
}

// TestTheDocumentSaysWhatWaits: the 202 stands where the policy has it, and nowhere else.
func TestTheDocumentSaysWhatWaits(t *testing.T) {
	for name, changes := range map[string][]validate.PendingChange{
		"nothing": nil, "create": {validate.PendingCreate}, "delete": {validate.PendingDelete},
		"both": {validate.PendingCreate, validate.PendingDelete},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, func(p *validate.Policy) { p.PendingChanges = changes })
			server := s.start(t, nil, nil)
			create, remove := slices.Contains(changes, validate.PendingCreate), slices.Contains(changes, validate.PendingDelete)
			for _, document := range []*document{s.api, server.api} {
				statuses := func(method, path string) []string {
					return slices.Collect(maps.Keys(document.Paths.Value(path).GetOperation(method).Responses.Map()))
				}
				require.Equal(t, create, slices.Contains(statuses("POST", "/register"), "202"))
				require.Equal(t, remove, slices.Contains(statuses("DELETE", "/register/{ClientId}"), "202"))
				require.Equal(t, remove, slices.Contains(statuses("PUT", "/register/{ClientId}"), "403"))
				require.Equal(t, create || remove, document.Components.Schemas["PendingChange"] != nil)
			}
			posted := server.send(t, s.request(t, http.MethodPost, "/register", strings.NewReader(s.token(t, nil))))
			id := decodeJSON(t, []byte(posted.body))["client_id"].(string)
			if create {
				require.Equal(t, 202, posted.status)
				_, err := s.registrar.ApprovePending(context.Background(), id)
				require.NoError(t, err)
			}
			deleted := server.send(t, s.request(t, http.MethodDelete, "/register/"+id, nil))
			require.Equal(t, remove, deleted.status == 202)
		})
	}
}
