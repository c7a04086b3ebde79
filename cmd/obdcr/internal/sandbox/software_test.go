package sandbox_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/obieconfig"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/sandbox"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/ssa"
)

// keyForms is a key in the answer of POST /tpp.
type keyForms struct {
	KeyID       string          `json:"kid"`
	Certificate string          `json:"certificate"`
	Key         string          `json:"key"`
	JWK         json.RawMessage `json:"jwk"`
	PKCS12      []byte          `json:"pkcs12"`
}

// further is the answer of POST /tpp.
type further struct {
	OrgID         string            `json:"org_id"`
	SoftwareID    string            `json:"software_id"`
	Transport     keyForms          `json:"transport"`
	Signing       keyForms          `json:"signing"`
	CA            string            `json:"ca"`
	Password      string            `json:"password"`
	JWKSURI       string            `json:"jwks_uri"`
	JWKS          json.RawMessage   `json:"jwks"`
	Statement     string            `json:"ssa"`
	Configuration obieconfig.Config `json:"conformance"`
}

func (w *world) postTPP(body string, headers ...string) reply {
	w.t.Helper()
	return send(w.t, w.client(), http.MethodPost, w.Ready.Directory+"/tpp", body, headers...)
}

func (w *world) further(body string) (made further) {
	w.t.Helper()
	r := w.postTPP(body)
	require.Equal(w.t, http.StatusCreated, r.status, r.body)
	require.Equal(w.t, "no-store", r.header.Get("Cache-Control"))
	require.NoError(w.t, json.Unmarshal([]byte(r.body), &made))
	return made
}

// registers registers the software with what the answer has, and nothing else.
func (w *world) registers(made further) {
	w.t.Helper()
	pair, err := tls.X509KeyPair([]byte(made.Transport.Certificate), []byte(made.Transport.Key))
	require.NoError(w.t, err)
	roots := x509.NewCertPool()
	require.True(w.t, roots.AppendCertsFromPEM([]byte(made.CA)))
	key, err := obieconfig.ParseKey([]byte(made.Signing.Key))
	require.NoError(w.t, err)
	client := tpp.MutualTLS(pair, roots)
	metadata, err := tpp.Discover(w.t.Context(), w.Ready.Discovery, client)
	require.NoError(w.t, err)
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	require.NoError(w.t, err)
	c, err := tpp.NewClient(tpp.Config{HTTP: client, Metadata: metadata, Signer: key, KeyID: made.Signing.KeyID, Certificate: leaf})
	require.NoError(w.t, err)
	request, err := c.Build(made.Statement, tpp.RequestOptions{Audience: w.Ready.Audience, Certificate: leaf})
	require.NoError(w.t, err)
	_, err = c.Register(w.t.Context(), request)
	require.NoError(w.t, err)
}

func TestOneCallMakesAnotherSoftware(t *testing.T) {
	t.Parallel()
	for _, seed := range []string{"", "s"} {
		c := sandbox.Config{Seed: seed, Store: sandbox.StoreSQLite}
		if seed != "" {
			c.Dir = t.TempDir()
		}
		w := start(t, onFreePorts(t, "127.0.0.1", c))
		usual := w.further("")
		w.registers(usual)
		require.Len(t, usual.OrgID, 18)
		require.Len(t, usual.SoftwareID, 22)
		require.Equal(t, sandbox.StorePassword, usual.Password)
		require.Equal(t, w.Ready.Directory+"/"+usual.OrgID+"/"+usual.SoftwareID+".jwks", usual.JWKSURI)
		require.Equal(t, usual.Statement, usual.Configuration.SSA)
		require.Equal(t, usual.Signing.KeyID, usual.Configuration.Kid)
		made := w.further(`{"org_id": "0015800000another1", "software_id": "second", "password": "a secret", "claims": {"software_roles": ["AISP"], "software_redirect_uris": ["https://second.example/cb"], "software_mode": null}}`)
		require.Equal(t, []string{"0015800000another1", "second", "a secret"}, []string{made.OrgID, made.SoftwareID, made.Password})
		require.Equal(t, []string{"https://second.example/cb"}, made.Configuration.RedirectURIs)
		statement, err := ssa.Parse(made.Statement)
		require.NoError(t, err)
		payload := statement.Signed().UnverifiedPayload()
		require.Contains(t, payload, `"software_roles":["AISP"]`)
		require.Contains(t, payload, `"software_id":"second"`)
		require.NotContains(t, payload, "software_mode")
		key, leaf, chain, err := pkcs12.DecodeChain(made.Transport.PKCS12, "a secret")
		require.NoError(t, err)
		require.Equal(t, []string{"0015800000another1"}, leaf.Subject.OrganizationalUnit)
		require.Len(t, chain, 1)
		require.NotNil(t, key)
		require.JSONEq(t, string(made.JWKS), send(t, w.client(), http.MethodGet, made.JWKSURI, "").body)
		require.Equal(t, http.StatusConflict, w.postTPP(`{"org_id": "0015800000another1", "software_id": "second"}`).status)
		w.registers(made)
		w.stop()
		again := start(t, sandbox.Config{Dir: w.dir, Seed: seed, Store: sandbox.StoreSQLite, Listen: w.Ready.Bank[8:], Directory: w.Ready.Directory[8:]})
		require.JSONEq(t, string(made.JWKS), send(t, again.client(), http.MethodGet, made.JWKSURI, "").body, "it is published after a restart too")
		third := again.further("{}")
		require.NotEqual(t, usual.SoftwareID, third.SoftwareID)
		again.stop()
	}
}

// TestASeedGivesTheSameFurtherSoftware, of ten at least, each with keys of its own.
func TestASeedGivesTheSameFurtherSoftware(t *testing.T) {
	var runs [2][]string
	for i := range runs {
		w := start(t, sandbox.Config{Dir: t.TempDir(), Seed: "s"})
		keys := map[string]bool{string(w.file("tpp/signing.key")): true, string(w.file("tpp/transport.key")): true, string(w.file("directory.key")): true}
		for range 10 {
			made := w.further("")
			runs[i] = append(runs[i], made.OrgID, made.SoftwareID, made.Signing.Key, made.Transport.Key, string(made.JWKS[:40]))
			keys[made.Signing.Key], keys[made.Transport.Key] = true, true
		}
		require.Len(t, keys, 23)
		w.stop()
	}
	require.Equal(t, runs[0], runs[1])
}

func TestWhatIsNoFurtherSoftware(t *testing.T) {
	t.Parallel()
	w := start(t, sandbox.Config{})
	before := len(contents(t, w.dir))
	for name, body := range map[string]string{
		"a list": `[]`, "a text": `"x"`, "two objects": `{}{}`, "no JSON": `{`, "an unknown member": `{"orgid": "x"}`, "another case": `{"Org_id": "x"}`,
		"a member twice": `{"org_id": "a", "org_id": "b"}`, "a number": `{"org_id": 1}`, "null": `{"org_id": null}`, "an empty id": `{"software_id": ""}`,
		"a slash": `{"org_id": "a/b"}`, "a newline": `{"org_id": "a\nb"}`, "a dot": `{"software_id": ".."}`, "a long id": `{"org_id": "` + strings.Repeat("x", 65) + `"}`,
		"another script": `{"org_id": "ö"}`, "claims that are a list": `{"claims": []}`, "claims that are null": `{"claims": null}`,
		"an id among the claims": `{"claims": {"org_id": "x"}}`, "a short password": `{"password": "short"}`, "a password with a newline": `{"password": "a\nsecret"}`,
		"a password in another script": `{"password": "pässword"}`, "too long a password": `{"password": "` + strings.Repeat("x", 65) + `"}`,
		"deep claims": `{"claims": {"x": ` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}}`, "no UTF-8": "{\"password\": \"abcdef\xff\"}",
	} {
		r := w.postTPP(body)
		assert.Equal(t, http.StatusBadRequest, r.status, "%s: %s", name, r.body)
		assert.LessOrEqual(t, len(r.body), 400, name)
	}
	require.Equal(t, http.StatusRequestEntityTooLarge, w.postTPP(`{"claims": {"x": "`+strings.Repeat("x", 2<<20)+`"}}`).status)
	require.Equal(t, http.StatusForbidden, w.postTPP("", "Origin", "https://elsewhere.example").status)
	require.Equal(t, http.StatusForbidden, w.postTPP("", "Sec-Fetch-Site", "cross-site").status)
	foreign, err := http.NewRequestWithContext(context.Background(), http.MethodPost, w.Ready.Directory+"/tpp", http.NoBody)
	require.NoError(t, err)
	foreign.Host = "elsewhere.example"
	answer, err := w.client().Do(foreign)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusMisdirectedRequest, answer.StatusCode)
	r := send(t, w.client(), http.MethodGet, w.Ready.Directory+"/tpp", "")
	require.Equal(t, http.StatusMethodNotAllowed, r.status)
	require.Equal(t, "POST", r.header.Get("Allow"))
	var own struct {
		OrgID      string `json:"org_id"`
		SoftwareID string `json:"software_id"`
	}
	w.json("state/sandbox.json", &own)
	require.Equal(t, http.StatusConflict, w.postTPP(fmt.Sprintf(`{"org_id": %q, "software_id": %q}`, own.OrgID, own.SoftwareID)).status, "the one in tpp/")
	require.Len(t, contents(t, w.dir), before, "nothing was kept")
}

// TestFurtherSoftwareIsBounded, also where many ask at once for the same one.
func TestFurtherSoftwareIsBounded(t *testing.T) {
	w := start(t, sandbox.Config{Dir: t.TempDir(), Seed: "s"})
	var all sync.WaitGroup
	var mu sync.Mutex
	counts := map[int]int{}
	client := w.client()
	for range 8 {
		all.Go(func() {
			r := send(t, client, http.MethodPost, w.Ready.Directory+"/tpp", `{"software_id": "one", "org_id": "one"}`)
			mu.Lock()
			defer mu.Unlock()
			counts[r.status]++
		})
	}
	all.Wait()
	require.Equal(t, map[int]int{http.StatusCreated: 1, http.StatusConflict: 7}, counts)
	w.stop()
	var state map[string]any
	w.json("state/sandbox.json", &state)
	state["software"] = 500
	text, err := json.Marshal(state)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "state/sandbox.json"), text, 0o600))
	w = start(t, sandbox.Config{Dir: w.dir, Seed: "s"})
	r := w.postTPP("")
	require.Equal(t, http.StatusConflict, r.status, r.body)
	require.Contains(t, r.body, "500")
}

// TestTheKeysOfTheTPPInOtherForms: the same keys as in PEM, readable by Java and OpenSSL.
func TestTheKeysOfTheTPPInOtherForms(t *testing.T) {
	w := start(t, sandbox.Config{})
	for _, name := range []string{"tpp/transport", "tpp/signing"} {
		for _, form := range []string{".p12", ".jwk.json", ".key"} {
			info, err := os.Stat(filepath.Join(w.dir, name+form))
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name+form)
		}
		key, leaf, chain, err := pkcs12.DecodeChain(w.file(name+".p12"), strings.TrimSuffix(string(w.file("tpp/p12.password")), "\n"))
		require.NoError(t, err)
		require.True(t, w.key(name+".key").Equal(key))
		require.True(t, w.certificate(name+".pem").Equal(leaf))
		require.True(t, w.certificate("ca.pem").Equal(chain[0]))
		store := filepath.Join(w.dir, filepath.FromSlash(name)+".p12")
		password := filepath.Join(w.dir, "tpp", "p12.password")
		if openssl, ok := realtest.Tool(t, "openssl"); ok {
			out, err := exec.Command(openssl, "pkcs12", "-in", store, "-passin", "file:"+password, "-nodes").CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Contains(t, string(out), "BEGIN PRIVATE KEY")
			block, _ := pem.Decode(w.file(name + ".pem"))
			require.Contains(t, strings.ReplaceAll(string(out), "\r", ""), string(pem.EncodeToMemory(block)))
		}
		if !fulltest.Asked() {
			realtest.Missing(t, "OBDCR_FULL=1 starts keytool")
			continue
		}
		if keytool, ok := realtest.Tool(t, "keytool"); ok {
			out, err := exec.Command(keytool, "-list", "-keystore", store, "-storepass:file", password).CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Contains(t, string(out), "PrivateKeyEntry")
		}
	}
}
