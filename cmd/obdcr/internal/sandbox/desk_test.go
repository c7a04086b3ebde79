package sandbox_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/sandbox"
	"github.com/obdcr/obdcr/dcr/tpp"
)

// TestAPersonDecidesInTheSandbox: the user is the person at the bank.
func TestAPersonDecidesInTheSandbox(t *testing.T) {
	for _, kept := range []string{sandbox.StoreMemory, sandbox.StoreSQLite} {
		t.Run(kept, func(t *testing.T) {
			w := start(t, sandbox.Config{Store: kept, AuthMethods: []claims.AuthMethod{claims.ClientSecretBasic},
				Policy: []byte(`{"pending_changes": ["create", "delete"]}`)})
			ctx, bank, desk := context.Background(), w.bank(), w.Ready.Bank+"/pending"
			ask := func(method, path string) reply { return send(t, w.client(), method, desk+path, "") }
			listed := func() []map[string]any {
				var list struct{ Pending []map[string]any }
				got := ask(http.MethodGet, "")
				require.Equal(t, http.StatusOK, got.status)
				require.Equal(t, "no-store", got.header.Get("Cache-Control"))
				require.NoError(t, json.Unmarshal([]byte(got.body), &list))
				require.NotNil(t, list.Pending)
				return list.Pending
			}
			apply := func() string {
				request, err := bank.Build(string(w.file("tpp/ssa.jwt")), tpp.RequestOptions{AuthMethod: claims.ClientSecretBasic, Audience: sandbox.Audience})
				require.NoError(t, err)
				_, err = bank.Register(ctx, request)
				var pending *tpp.PendingError
				require.ErrorAs(t, err, &pending)
				return pending.ClientID
			}
			require.Empty(t, listed())
			refused := apply()
			require.Equal(t, http.StatusNoContent, ask(http.MethodPost, "/"+refused+"/refuse").status)
			require.Equal(t, http.StatusNotFound, ask(http.MethodPost, "/"+refused+"/approve").status)
			require.Equal(t, http.StatusNotFound, ask(http.MethodPost, "/"+refused+"/refuse").status)

			id := apply()
			require.Len(t, listed(), 1)
			require.Equal(t, id, listed()[0]["client_id"])
			require.Equal(t, "create", listed()[0]["operation"])
			require.Equal(t, http.StatusMethodNotAllowed, ask(http.MethodGet, "/"+id+"/approve").status)
			require.Equal(t, http.StatusMethodNotAllowed, ask(http.MethodPost, "").status)
			require.Equal(t, http.StatusNotFound, ask(http.MethodPost, "/"+id+"/forget").status)
			for _, origin := range []string{"https://stranger.example", "null", w.Ready.Directory} {
				for path, method := range map[string]string{"": http.MethodGet, "/" + id + "/approve": http.MethodPost, "/" + id + "/refuse": http.MethodPost} {
					require.Equal(t, http.StatusForbidden, send(t, w.client(), method, desk+path, "", "Origin", origin).status, "%s from %s", path, origin)
				}
			}
			require.Len(t, listed(), 1, "a page of another origin decides nothing")
			approved := ask(http.MethodPost, "/"+id+"/approve")
			require.Equal(t, http.StatusOK, approved.status, approved.body)
			information, err := tpp.ParseClientInformation([]byte(approved.body))
			require.NoError(t, err)
			require.False(t, information.Secret.IsZero())

			token, err := bank.AccessToken(ctx, information.Credentials())
			require.NoError(t, err)
			var pending *tpp.PendingError
			require.ErrorAs(t, bank.Delete(ctx, id, token), &pending)
			require.Equal(t, "delete", listed()[0]["operation"])
			require.Equal(t, http.StatusNoContent, ask(http.MethodPost, "/"+id+"/approve").status)
			_, err = bank.Get(ctx, id, token)
			require.Equal(t, http.StatusUnauthorized, status(t, err))
			require.Empty(t, listed())
			require.Contains(t, send(t, w.client(), http.MethodGet, w.Ready.Bank+"/metrics", "").body,
				`obdcr_operations_total{actor="operator",environment="sandbox",operation="delete",outcome="done"} 1`)
		})
	}
}

func TestWhereNothingWaitsNobodyDecides(t *testing.T) {
	w := start(t, sandbox.Config{})
	for _, path := range []string{"/pending", "/pending/x/approve", "/pending/x/refuse"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			require.Equal(t, http.StatusNotFound, send(t, w.client(), method, w.Ready.Bank+path, "").status)
		}
	}
}
