package upstream_test

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
)

// TestA404WithoutAReasonIsNotBelieved: a gateway that does not reach the server answers so.
func TestA404WithoutAReasonIsNotBelieved(t *testing.T) {
	for name, c := range map[string]struct {
		status      int // of a GET
		media, body string
		lost        bool
	}{
		"the client is shown":             {200, "application/json", `{"client_id":"as-1"}`, false},
		"the token is refused":            {401, "application/json", `{"error":"invalid_token"}`, true},
		"the same again":                  {404, "", "", true},
		"the client was there once":       {410, "application/json", `{}`, true},
		"a page of a gateway":             {404, "text/html", "<html>", false},
		"the server is out":               {503, "text/html", "<html>", false},
		"a server that fails":             {500, "application/json", `{}`, false},
		"a page where the client is read": {200, "text/html", "<html>", false},
	} {
		for _, status := range []int{http.StatusNotFound, http.StatusGone} {
			t.Run(name, func(t *testing.T) {
				f := newFake(t)
				e := f.endpoint(t, nil)
				made, err := e.Provision(t.Context(), newClient())
				require.NoError(t, err)
				f.answer = func(w http.ResponseWriter, r *http.Request) bool {
					if r.Method == http.MethodDelete {
						w.WriteHeader(status)
						return true
					}
					w.Header().Set("Content-Type", c.media)
					w.WriteHeader(c.status)
					_, _ = io.WriteString(w, c.body)
					return true
				}
				err = e.Deprovision(t.Context(), dcr.Deprovisioning{ID: "record", ClientID: "as-1", State: made.State})
				require.Error(t, err)
				require.Equal(t, c.lost, errors.Is(err, dcr.ErrLost), "%v", err)
				require.Equal(t, []string{"POST /register", "DELETE /register/as-1", "GET /register/as-1"}, f.calls)
				require.Contains(t, f.clients, "as-1")
			})
		}
	}
}
