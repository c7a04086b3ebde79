package sandbox_test

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/sandbox"
	"github.com/obdcr/obdcr/dcr/vectors/signed"
)

// vectorFile returns a file of the vectors.
func vectorFile(t *testing.T, name string) string {
	t.Helper()
	text, err := fs.ReadFile(signed.Files(), "vectors/"+name+".json")
	require.NoError(t, err)
	return string(text)
}

func TestAVectorGetsTheTPPOfTheSandbox(t *testing.T) {
	policy := []byte(`{"max_redirect_uris": 3}`)
	w := start(t, sandbox.Config{Policy: policy})
	require.JSONEq(t, string(policy), string(w.Ready.Policy), "ready.json has the policy that was given")
	body := vectorFile(t, "redirect_uris.https/plain-http")
	r := send(t, w.client(), http.MethodPost, w.Ready.Directory+"/vector", body)
	require.Equal(t, 200, r.status, r.body)
	var request map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.body), &request))
	own, v := payload(t, w.ssa("")), map[string]any{}
	var vector struct {
		Documents struct{ Request, SSA map[string]any }
	}
	require.NoError(t, json.Unmarshal([]byte(body), &vector))
	statement := payload(t, request["software_statement"].(string))
	for name, value := range vector.Documents.SSA {
		v[name] = value
	}
	for _, name := range []string{"iss", "software_id", "software_client_id", "org_id", "software_environment", "software_mode",
		"software_jwks_endpoint", "software_jwks_revoked_endpoint", "org_jwks_endpoint", "org_jwks_revoked_endpoint"} {
		require.Equal(t, own[name], statement[name], name)
		v[name] = own[name]
	}
	v["iat"], v["jti"] = statement["iat"], statement["jti"]
	require.Equal(t, v, statement, "all else is the vector's, and nothing is left of the usual statement")
	require.InDelta(t, time.Now().Unix(), statement["iat"], 60)

	want := vector.Documents.Request
	require.NotEqual(t, want["jti"], request["jti"])
	require.InDelta(t, time.Now().Unix(), request["iat"], 60)
	require.Equal(t, 600.0, request["exp"].(float64)-request["iat"].(float64))
	for _, name := range []string{"iat", "exp", "jti", "software_statement"} {
		want[name] = request[name]
	}
	want["iss"], want["software_id"], want["aud"] = own["software_id"], own["software_id"], w.Ready.Audience
	require.Equal(t, want, request)
}

func TestAVectorThatIsNotLiveIsRefused(t *testing.T) {
	w := start(t, sandbox.Config{})
	require.Empty(t, w.Ready.Policy)
	live := vectorFile(t, "redirect_uris.https/plain-http")
	for name, body := range map[string]string{
		"nothing": "", "no JSON": "{", "no vector": "{}", "not live": strings.Replace(live, `"live": true`, `"live": false`, 1),
		"another version": strings.Replace(live, `"version": 1`, `"version": 2`, 1),
		"no statement":    strings.Replace(live, `"ssa":`, `"ssa_header":`, 1),
		"no documents":    live[:strings.Index(live, `"documents"`)] + `"documents": {}, ` + live[strings.Index(live, `"live"`):],
	} {
		r := send(t, w.client(), http.MethodPost, w.Ready.Directory+"/vector", body)
		require.Equal(t, 400, r.status, "%s: %s", name, r.body)
	}
	require.Equal(t, 405, w.get("/vector").status)
}
