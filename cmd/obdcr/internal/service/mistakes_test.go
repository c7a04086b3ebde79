package service_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/service"
)

// mark stands in a configuration where a mistake has to be shown. It is no part of the file.
const mark = "§"

// mistake is a change of a good configuration that makes a bad one of it.
type mistake struct {
	old, new string // a text of the good one, and what stands in its place
	says     string // is in the message
}

// goodStore is what the good configuration has beside that of the world.
const goodStore = "store: {path: clients.db}\ntokens: {own_endpoint: true}\n"

// mistakes are by what is wrong.
func mistakes() map[string]mistake {
	return map[string]mistake{
		"an unknown member":             {"listen:", mark + "lissten:", "did you mean to write listen?"},
		"a name from elsewhere":         {"listen:", mark + "address:", "did you mean to write listen?"},
		"an unknown member below":       {"store: {path:", "store: {" + mark + "file:", "did you mean to write path?"},
		"a member twice":                {"tokens:", mark + "store: {path: b.db}\ntokens:", `mapping key "store" already defined at [9:1]`},
		"a number for a text":           {"issuer: https://bank.example", mark + "issuer: 7", "is a number, not a string, such as \"https://bank.example\""},
		"a text for a list":             {`audiences: ["0015800001HQQrZAAX"]`, mark + "audiences: 0015800001HQQrZAAX", "is a string, not an array of strings"},
		"a number with zeros":           {`["0015800001HQQrZAAX"]`, "[" + mark + "0015]", "put a text between quotation marks"},
		"a word for true":               {"own_endpoint: true", mark + "own_endpoint: yes", "is a string, not true or false"},
		"nothing":                       {"issuer: https://bank.example", mark + "issuer:", "is null, not a string"},
		"tabs":                          {"store: {path: clients.db}", "store:\n" + mark + "\tpath: clients.db", "is no YAML"},
		"a broken list":                 {`["0015800001HQQrZAAX"]`, `["0015800001HQQrZAAX"`, "is no YAML"},
		"an anchor":                     {"store: {path: clients.db}", "store: " + mark + "&s {path: clients.db}", "is a YAML anchor"},
		"a tag":                         {"path: clients.db", "path: " + mark + "!!str clients.db", "is a YAML tag"},
		"a merge key":                   {"store: {path: clients.db}", "store:\n  " + mark + "<<: {path: clients.db}", "merge key"},
		"two documents":                 {"tokens: {own_endpoint: true}", "tokens: {own_endpoint: true}\n---\n" + mark + "a: 1", "begins a second document"},
		"no issuer":                     {"issuer: https://bank.example", mark + "# nothing", "issuer: is missing: write the bank's own address"},
		"an issuer with a path":         {"issuer: https://bank.example", mark + "issuer: https://bank.example/a", "leave out path"},
		"an issuer without TLS":         {"issuer: https://bank.example", mark + "issuer: http://bank.example", "https"},
		"an unknown profile":            {"listen:", mark + "profile: obie-3.5\nlisten:", "none of obie-3.2, obie-3.3, obie-3.4, wso2"},
		"no port":                       {"listen: 127.0.0.1:0", mark + "listen: 127.0.0.1", "is no HOST:PORT"},
		"a port that is too high":       {"listen: 127.0.0.1:0", mark + "listen: 127.0.0.1:99999", "a port of 0..65535"},
		"an unknown directory":          {"listen:", mark + "directories: [uk-sandbx]\nlisten:", "did you mean to write uk-sandbox"},
		"a directory without CA":        {"listen:", mark + "directories: [uk]\nlisten:", "which has no CA: give clients.authorities of it"},
		"no directory":                  {"anchors:\n  - {", "anchors: []\n# {", "no directory is believed: give directories"},
		"an environment":                {"environment: sandbox", mark + "environment: test", "is none of sandbox, production"},
		"a CA that is not there":        {"{sandbox: [ca.pem]}", "{sandbox: [" + mark + "missing.pem]}", "missing.pem cannot be read: no such file"},
		"a CA that is none":             {"{sandbox: [ca.pem]}", "{sandbox: [" + mark + "sealing.key]}", "sealing.key"},
		"the key of another":            {"key_file: bank.key", "key_file: " + "other.key", "private key does not match public key"},
		"no key":                        {", key_file: bank.key", "", "key_file: is missing: name the PEM file with its key"},
		"no TLS":                        {"tls: {certificate_file: bank.pem, key_file: bank.key}\n", "", "give certificate_file and key_file, or proxy"},
		"no store":                      {"store: {path: clients.db}\n", "", "needs exactly one of path, dsn, dsn_file and dsn_env"},
		"two stores":                    {"store: {path: clients.db}", mark + "store: {path: clients.db, dsn: postgres://db/a}", "needs exactly one of"},
		"a DSN of another database":     {"path: clients.db", mark + "dsn: mysql://db/a", "is no address of PostgreSQL"},
		"a password in the DSN":         {"path: clients.db", mark + "dsn: postgres://a:hunter2@db/a", "has a password"},
		"a password among parameters":   {"path: clients.db", mark + "dsn: postgres://db/a?password=hunter2", "has a password"},
		"a password and several hosts":  {"path: clients.db", mark + "dsn: 'postgres://a:hunter2@db1:1,db2:2/a'", "has a password"},
		"tables by hand in SQLite":      {"{path: clients.db", "{path: clients.db, " + mark + "made_by_hand: true", "is for PostgreSQL"},
		"a DSN in an unset variable":    {"path: clients.db", mark + "dsn_env: OBDCR_TEST_UNSET", "OBDCR_TEST_UNSET\" of the environment is not set"},
		"two sealing keys":              {"listen:", "sealing_key_file: sealing.key\n" + mark + "sealing_key_env: A\nlisten:", "exclude each other"},
		"a sealing key that is short":   {"listen:", mark + "sealing_key_file: short.key\nlisten:", "is not of 32 bytes"},
		"a sealing key that is nowhere": {"listen:", mark + "sealing_key_file: nowhere.key\nlisten:", "nowhere.key cannot be read"},
		"a duration without unit":       {"listen:", mark + "change_timeout: 30\nlisten:", "is a number, not a duration with its unit"},
		"a duration out of bounds":      {"listen:", mark + "change_timeout: 1h\nlisten:", "1h is not within 1s..10m"},
		"two who issue tokens": {"own_endpoint: true", mark + "own_endpoint: true, introspection: {url: 'https://as.example/i', client_id: a}",
			"choose whether the bank issues tokens itself"},
		"nobody who authenticates":   {"tokens: {own_endpoint: true}", "tokens: {" + mark + "introspection: {url: 'https://as.example/i'}}\ndiscovery: {token_endpoint: 'https://as.example/t'}", "nothing that authenticates the bank"},
		"no token endpoint":          {"{own_endpoint: true}", "{}", "discovery.token_endpoint is empty"},
		"a policy that contradicts":  {"listen:", "policy: {" + mark + "auth_methods: [client_secret_basic]}\nlisten:", "widenings"},
		"a policy's unknown member":  {"listen:", "policy: {" + mark + "grant_type: [client_credentials]}\nlisten:", "did you mean to write grant_types"},
		"two policies":               {"listen:", mark + "policy: {}\npolicy_file: policy.json\nlisten:", "exclude each other"},
		"a network":                  {"keys: {", "keys: {networks: [" + mark + "10.0.0.0/99], ", "is no network"},
		"everybody a proxy":          {"listen:", mark + "proxy: {header: A, form: pem, peers: [0.0.0.0/0]}\nlisten:", "hold half of the public"},
		"a form":                     {"listen:", "proxy: {header: A, " + mark + "form: escaped-pem, peers: [10.0.0.1]}\nlisten:", "did you mean to write escaped_pem"},
		"a hook without certificate": {"listen:", mark + "hooks: {url: 'https://hooks.example'}\nlisten:", "needs certificate_file and key_file"},
		"a hook over plain HTTP":     {"listen:", "hooks: {" + mark + "url: 'http://hooks.example', certificate_file: bank.pem, key_file: bank.key}\nlisten:", "https"},
		"two who make clients": {"listen:", "sealing_key_file: sealing.key\nupstream: {registration_endpoint: 'https://as.example/r'}\n" +
			"hooks: {" + "url: 'https://hooks.example', certificate_file: bank.pem, key_file: bank.key, " + mark + "provision: true}\nlisten:", "exclude each other"},
		"nobody who authenticates upstream": {"listen:", "sealing_key_file: sealing.key\n" + mark + "upstream: {registration_endpoint: 'https://as.example/r'}\nlisten:",
			"nothing that authenticates the bank"},
		"a path":                        {"listen:", "paths: {" + mark + "registration: register}\nlisten:", "begin it with a slash"},
		"a method":                      {"listen:", mark + "methods: [PATCH]\nlisten:", "is none of POST, GET, PUT, DELETE"},
		"a rate":                        {"listen:", "rate_limit: {" + mark + "per_second: 0}\nlisten:", "0 is not within 1..1000000"},
		"a log format":                  {"listen:", "log: {" + mark + "format: yaml}\nlisten:", "is none of text, json"},
		"a log level":                   {"listen:", "log: {" + mark + "level: warning}\nlisten:", "is none of debug, info, warn, error"},
		"a binding":                     {"clients: {", "clients: {" + mark + "bindings: [key], ", "public_key"},
		"one address for two listeners": {"listen: 127.0.0.1:0", "listen: ':8443'\nadmin: {" + mark + "listen: '127.0.0.1:8443'}", "is the address of listen too"},
		"PostgreSQL as a path":          {"path: clients.db", mark + "path: postgres://a:hunter2@db/a", "is an address of PostgreSQL"},
		"a secret for a variable":       {"listen:", mark + "sealing_key_env: 'hunter2 hunter2'\nlisten:", "is no name of a variable"},
		"a DSN for a variable":          {"path: clients.db", mark + "dsn_env: postgres://a:hunter2@db/a", "is no name of a variable"},
		"brackets without end":          {"listen:", "methods: " + strings.Repeat("[", 64) + mark + strings.Repeat("[", 200_000) + "\nlisten:", "is nested deeper than 64 levels"},
		"braces within braces":          {"listen:", "policy: " + strings.Repeat("{a: ", 64) + mark + strings.Repeat("{a: ", 100_000) + "\nlisten:", "is nested deeper than 64 levels"},
		"lists within lists":            {"listen:", "methods:\n" + strings.Repeat("- ", 128) + mark + strings.Repeat("- ", 100_000) + "a\nlisten:", "indented by more than 256 columns"},
		"a CRL that is none":            {"clients: {", "clients: {" + mark + "crl_files: [ca.pem], ", "revocation list 1"},
		"a key set":                     {"jwks_url: ", "jwks_file: bank.pem, x: ", ""},
	}
}

func TestEachMistakeIsShownWhereItStands(t *testing.T) {
	w := newWorld(t)
	w.Write(t, "short.key", "too short")
	w.WritePair(t, "other", w.Software.TransportCertificate)
	good := w.Config() + goodStore
	require.NoError(t, judge(w, t, good), "the good configuration")
	before := names(t, w.Folder)
	all := mistakes()
	require.Greater(t, len(all), 50)
	for name, m := range all {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, 1, strings.Count(good, m.old), "%q", m.old)
			written := strings.Replace(good, m.old, m.new, 1)
			head, _, marked := strings.Cut(written, mark)
			err := judge(w, t, strings.ReplaceAll(written, mark, ""))
			require.Error(t, err)
			said := err.Error()
			require.Contains(t, said, m.says)
			require.NotContains(t, said, "hunter2")
			if marked {
				line := strings.Count(head, "\n") + 1
				column := len(head) - strings.LastIndexByte(head, '\n')
				require.Contains(t, said, fmt.Sprintf("bank.yaml:%d:%d: ", line, column))
			}
			require.Equal(t, before, names(t, w.Folder), "nothing is made")
		})
	}
}

// judge loads and checks a configuration, as serve --check does.
func judge(w *world, t *testing.T, config string) error {
	t.Helper()
	w.Write(t, "bank.yaml", config)
	c, err := service.Load(filepath.Join(w.Folder, "bank.yaml"))
	if err != nil {
		return err
	}
	return c.Check(slog.New(slog.DiscardHandler))
}

func names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}
