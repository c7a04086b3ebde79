package service_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/service"
)

const (
	page       = "../../../../docs/serve.md"
	schemaFile = "../../../../docs/serve.schema.json"
)

var update = flag.Bool("update", false, "write docs/serve.schema.json anew, and the reference in docs/serve.md")

// reference stands before what is rendered in docs/serve.md.
const reference = "## All members\n"

// sample is the configuration that docs/serve.md begins with.
func sample(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(page)
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(data), "```yaml\n")
	require.True(t, ok)
	sample, _, ok := strings.Cut(rest, "```\n")
	require.True(t, ok)
	return sample
}

// sampleWorld has the files that the sample names.
func sampleWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	require.NoError(t, os.Rename(filepath.Join(w.Folder, "ca.pem"), filepath.Join(w.Folder, "openbanking-ca.pem")))
	w.Write(t, "introspection.secret", "a secret\n")
	w.WritePair(t, "hooks", w.Software.TransportCertificate)
	w.portal(t)
	return w
}

func TestTheSchemaIsRendered(t *testing.T) {
	if *update {
		require.NoError(t, os.WriteFile(schemaFile, service.Schema(), 0o644))
	}
	data, err := os.ReadFile(schemaFile)
	require.NoError(t, err)
	require.Equal(t, string(service.Schema()), string(data), "go test ./cmd/obdcr/internal/service -run 'TestTheSchemaIsRendered|TestThePageIsRendered' -update")
}

func TestThePageIsRendered(t *testing.T) {
	w := sampleWorld(t)
	rendered := "\n`obdcr serve --config FILE --print-config` writes this of the sample above. A member in a comment has no default: there is none unless a file gives it.\n\n```yaml\n" +
		w.load(t, sample(t)).Print() + "```\n"
	data, err := os.ReadFile(page)
	require.NoError(t, err)
	head, tail, ok := strings.Cut(string(data), reference)
	require.True(t, ok)
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(head+reference+rendered), 0o644))
		return
	}
	require.Equal(t, rendered, tail)
}

// everything gives each member a value.
const everything = `issuer: https://bank.example
policy: {audiences: ["0015800001HQQrZAAX"]}
directories: [uk-sandbox]
anchors:
  - {name: a, issuer: b, environment: sandbox, jwks_url: "https://keys.example/k", jwks_hosts: [keys.example], claim_names: {software_roles: roles}}
  - {issuer: c, environment: sandbox, jwks_file: set.jwks}
keys: {ca_files: [ca.pem], networks: [10.0.0.0/8], not_public: ["64:ff9b:1::/48"], limits: {timeout: 1500ms}}
tls: {certificate_file: bank.pem, key_file: bank.key}
clients: {bindings: [public_key, thumbprint], authorities: {sandbox: [ca.pem]}, crl_files: [a.crl]}
proxy: {header: Client-Cert, form: rfc9440, peers: [10.0.0.1], authority_files: [ca.pem]}
store: {dsn_file: dsn}
sealing_key_file: sealing.key
tokens:
  introspection:
    url: https://as.example/i
    client_id: bank
    client_key: {key_file: bank.key, key_id: k, audience: "https://as.example"}
discovery: {token_endpoint: "https://as.example/t"}
upstream:
  registration_endpoint: https://as.example/r
  initial_access_token_env: TOKEN
  server: keycloak
  mapping: {const: {a: {"b": [1, "c: d", true, null]}}, rename: {x: y}}
hooks: {url: "https://hooks.example", certificate_file: bank.pem, key_file: bank.key}
portal:
  address: https://portal.bank.example/portal
  listen: 127.0.0.1:8450
  plain_http: true
  issuers: [b]
  sign_in:
    issuer: https://directory.example
    client_id: bank
    client_key: {key_file: bank.key, key_id: k, algorithm: ES256}
    scopes: [organisations]
    claims: {organisations: /organisations/*/id}
    acr: [a]
    amr: [otp]
    max_age: 5m
  operators: {claim: groups, values: [operators]}
  apis: {roles: {accounts: [AISP]}}
  idle_timeout: 5m
  lifetime: 1h
  rate_limit: {per_second: 1}
  look: {bank: A, logo_file: logo.png, accent: "#000000", accent_dark: "#ffffff", texts: {contact: "Write to us."}}
rate_limit: {per_second: 3}
methods: [POST]
change_timeout: 90s
admin: {listen: "127.0.0.1:9090"}
log: {format: json, level: debug}
`

func TestWhatIsPrintedReadsTheSame(t *testing.T) {
	w := newWorld(t)
	for name, config := range map[string]string{"a small one": w.Config() + goodStore, "one with everything": everything, "the sample": sample(t)} {
		printed := w.load(t, config).Print()
		require.Equal(t, printed, w.load(t, printed).Print(), name)
		validates(t, name, config)
		validates(t, name, printed)
		require.True(t, strings.HasPrefix(printed, "# yaml-language-server: $schema="+service.SchemaID), name)
	}
	printed := w.load(t, everything).Print()
	for _, given := range []string{`"90s"`, `timeout: "1.5s"`, `per_second: 3`, `{"a": {"b": [1, "c: d", true, null]}}`, `"sealing.key"`} {
		require.Contains(t, strings.ReplaceAll(printed, `"1m30s"`, `"90s"`), given)
	}
}

// validates holds a configuration against the JSON Schema, as an editor does.
func validates(t *testing.T, name, config string) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(service.Schema()))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource(service.SchemaID, doc))
	c.UseLoader(jsonschema.SchemeURLLoader{}) // what it refers to is in it: no program needs a network
	schema, err := c.Compile(service.SchemaID)
	require.NoError(t, err)
	json, err := yaml.YAMLToJSON([]byte(config))
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(json))
	require.NoError(t, err)
	require.NoError(t, schema.Validate(value), name)
	value.(map[string]any)["another"] = true
	require.Error(t, schema.Validate(value), name)
}

func TestTheSampleServes(t *testing.T) {
	w := sampleWorld(t)
	config := sample(t)
	require.Contains(t, config, "listen: \":8443\"")
	config = regexp.MustCompile(`listen: ".*?"`).ReplaceAllString(config, `listen: "127.0.0.1:0"`)
	s := w.serve(t, config)
	require.Equal(t, 200, status(t, "http://"+s.admin+"/readyz"))
	require.Eventually(t, func() bool { return strings.Contains(s.log.String(), `"msg":"the bank serves"`) }, 10*time.Second, 5*time.Millisecond)
}
