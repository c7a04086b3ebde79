package sandbox_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/obieconfig"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/sandbox"
	"github.com/obdcr/obdcr/dcr/tpp"
)

// unnamed returns a new folder that has all keys, and no CA yet: its names are not fixed.
func unnamed(t testing.TB) string {
	t.Helper()
	dir := folderWithKeys(t)
	for _, name := range []string{"ca.pem", "state/server.pem", "tpp/transport.pem", "tpp/signing.pem"} {
		require.NoError(t, os.Remove(filepath.Join(dir, name)))
	}
	return dir
}

// expose runs a sandbox that is reached by names, which the clients of the world find.
func expose(t testing.TB, c sandbox.Config) *world {
	t.Helper()
	if c.Dir == "" {
		c.Dir = unnamed(t)
	}
	if c.Listen == "" {
		c.Listen, c.Directory = "0.0.0.0:0", "0.0.0.0:0"
	}
	w := start(t, c)
	w.local = true
	return w
}

func refusedUsage(t testing.TB, c sandbox.Config) string {
	t.Helper()
	c.Store = sandbox.StoreMemory
	s, err := sandbox.Start(context.Background(), c)
	if err == nil {
		require.NoError(t, s.Close(context.Background()))
	}
	var wrong *sandbox.UsageError
	require.ErrorAs(t, err, &wrong)
	return wrong.Error()
}

// A client in another container has the folder and a name server, and nothing else.
func TestAnExposedSandboxIsReachedByItsNames(t *testing.T) {
	for given, host := range map[string]string{
		"bank": "bank", "Sandbox_1.Bank.Internal": "sandbox_1.bank.internal", "xn--bnk-qla.example": "xn--bnk-qla.example",
		"192.0.2.7": "192.0.2.7", "fd00::0:7": "[fd00::7]", "[fd00::8]": "[fd00::8]", "localhost": "localhost",
	} {
		t.Run(given, func(t *testing.T) {
			w := expose(t, sandbox.Config{Expose: []string{given, "second.example"}})
			for _, address := range []string{w.Ready.Bank, w.Ready.Discovery, w.Ready.RegistrationEndpoint, w.Ready.TokenEndpoint, w.Ready.Directory} {
				require.True(t, strings.HasPrefix(address, "https://"+host+":"), address)
			}
			claimed := payload(t, string(w.file("tpp/ssa.jwt")))
			require.Equal(t, w.Ready.Directory+softwarePath(w), claimed["software_jwks_endpoint"])
			config, err := obieconfig.Parse(w.file("conformance.json"))
			require.NoError(t, err)
			require.Equal(t, w.Ready.Discovery, config.WellknownEndpoint)
			require.Equal(t, w.Ready.Directory, config.DirectoryURL)

			answer := w.register(w.mutual(), string(w.file("tpp/request.jwt")))
			require.Equal(t, 201, answer.status, answer.body)
			bank, ctx := w.bank(), context.Background()
			request, err := bank.Build(w.ssa(`{"software_roles": ["AISP"]}`), tpp.RequestOptions{AuthMethod: claims.PrivateKeyJWT, Audience: w.Ready.Bank})
			require.NoError(t, err)
			client, err := bank.Register(ctx, request)
			require.NoError(t, err)
			token, err := bank.AccessToken(ctx, client.Credentials())
			require.NoError(t, err)
			_, err = bank.Get(ctx, client.ClientID, token)
			require.NoError(t, err)
			require.NoError(t, bank.Delete(ctx, client.ClientID, token))

			other, err := url.Parse(w.Ready.Directory)
			require.NoError(t, err)
			for _, name := range []string{"second.example", "localhost", "127.0.0.1", "[::1]"} {
				r := send(t, w.client(), http.MethodGet, "https://"+name+":"+other.Port()+"/keys.jwks", "")
				require.Equal(t, 200, r.status, name)
			}
			for _, name := range []string{"other", "other.example", "third.second.example", "192.0.2.8"} {
				trust := w.client().Transport.(*http.Transport).TLSClientConfig.Clone()
				trust.ServerName = name
				_, err := tls.Dial("tcp", "127.0.0.1:"+other.Port(), trust)
				require.ErrorAs(t, err, &x509.HostnameError{}, name)
				require.Equal(t, http.StatusMisdirectedRequest, hosted(t, w, name+":"+other.Port(), "").status, name)
			}
		})
	}
}

// hosted sends a GET to the directory with another Host and, unless it is "", an Origin.
func hosted(t testing.TB, w *world, host, origin string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, w.Ready.Directory+"/keys.jwks", http.NoBody)
	require.NoError(t, err)
	r.Host = host
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	answer, err := w.client().Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return reply{status: answer.StatusCode, header: answer.Header}
}

func TestThePagesOfOthersAreNotAnswered(t *testing.T) {
	w := start(t, sandbox.Config{Dir: t.TempDir(), Seed: "s"}) // it is not exposed: a browser of this machine reaches it
	own := w.Ready.Directory
	for origin, status := range map[string]int{
		"": 200, own: 200, w.Ready.Bank: 403, "null": 403, "https://stranger.example": 403, strings.Replace(own, "https", "http", 1): 403,
		own + ".stranger.example": 403, own + "/": 403, "https://127.0.0.1": 403,
	} {
		require.Equal(t, status, hosted(t, w, "", origin).status, origin)
	}
	keys := w.get("/keys.jwks").body
	verbs := [][3]string{
		{http.MethodGet, "/keys.jwks"}, {http.MethodHead, "/keys.jwks"}, {http.MethodGet, softwarePath(w)}, {http.MethodGet, "/fetches"},
		{http.MethodPost, "/ssa"}, {http.MethodPost, "/rotate"}, {http.MethodPost, "/rotate?drop=old"},
		{http.MethodPut, "/a/b.jwks", `{"keys": []}`}, {http.MethodPut, "/a/revoked/b.jwks", `{"keys": []}`},
		{http.MethodPut, "/faults", `{"path": "/keys.jwks", "status": 500, "times": 1}`}, {http.MethodDelete, "/faults"},
	}
	for _, v := range verbs {
		for _, origin := range []string{"https://stranger.example", "null", w.Ready.Bank} {
			r := send(t, w.client(), v[0], own+v[1], v[2], "Origin", origin)
			require.Equal(t, 403, r.status, "%s from %s", v, origin)
			require.Empty(t, r.header.Values("Access-Control-Allow-Origin"))
		}
	}
	for _, path := range []string{"/token", "/v2.1/organisation/a/software-statement/b", "/ssa", "/faults", "/none"} {
		for _, method := range []string{http.MethodOptions, http.MethodPost, http.MethodPatch} {
			require.Equal(t, 403, send(t, w.client(), method, own+path, "", "Origin", "https://stranger.example").status, "%s %s", method, path)
		}
	}
	require.Equal(t, 404, w.get("/a/b.jwks").status, "nothing was published")
	require.Equal(t, keys, w.get("/keys.jwks").body, "no key was changed, and there is no fault")
	for _, v := range verbs { // a page of the directory's own may
		r := send(t, w.client(), v[0], own+v[1], v[2], "Origin", own)
		require.Less(t, r.status, 300, "%s: %s", v, r.body)
	}
}

// raw sends bytes to a listener over HTTP/1.1, each time in a connection of its own, and returns
// the status of the answer.
func raw(t testing.TB, trust *tls.Config, address, request string) int {
	t.Helper()
	c, err := tls.Dial("tcp", address, trust)
	require.NoError(t, err)
	defer c.Close() //nolint:errcheck // nothing more is read
	_, err = c.Write([]byte(request))
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return answer.StatusCode
}

// A browser that is led to the sandbox under another name (DNS rebinding), or sent there by a
// page of another origin, reaches neither the directory nor what a person decides at the bank.
func TestABrowserOfAStrangerReachesNothing(t *testing.T) {
	t.Parallel()
	w := start(t, sandbox.Config{Policy: []byte(`{"pending_changes": ["create"]}`)})
	bank, directory := strings.TrimPrefix(w.Ready.Bank, "https://"), strings.TrimPrefix(w.Ready.Directory, "https://")
	// There are hundreds of connections: they resume a session, which needs no signature.
	trust := &tls.Config{RootCAs: w.roots(), NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(0)}
	for _, at := range []struct {
		address string
		paths   []string
	}{
		{directory, []string{"/keys.jwks", "/ssa", "/rotate", "/faults", "/fetches", "/a/b.jwks", "/token", "/v2.1/organisation/a/software-statement/b", "/none"}},
		{bank, []string{"/pending", "/pending/x/approve", "/pending/x/refuse", "/metrics", "/none"}},
	} {
		for _, path := range at.paths {
			own := at.address
			for line, status := range map[string]int{
				"GET " + path + " HTTP/1.1\r\nHost: evil.test\r\n":                                                         421,
				"GET " + path + " HTTP/1.1\r\nHost: evil.test:" + own[strings.LastIndex(own, ":")+1:] + "\r\n":             421,
				"GET " + path + " HTTP/1.1\r\nHost: evil.test\r\nOrigin: https://evil.test\r\n":                            421,
				"GET " + path + " HTTP/1.1\r\nHost: evil.test\r\nX-Forwarded-Host: " + own + "\r\n":                        421,
				"GET " + path + " HTTP/1.1\r\nHost: localhost.\r\n":                                                        421,
				"GET " + path + " HTTP/1.1\r\nHost: localhost.evil.test\r\n":                                               421,
				"GET " + path + " HTTP/1.1\r\nHost:\r\n":                                                                   421,
				"GET " + path + " HTTP/1.0\r\n":                                                                            421,
				"GET " + path + " HTTP/1.1\r\n":                                                                            400,
				"GET " + path + " HTTP/1.1\r\nHost: " + own + "\r\nHost: evil.test\r\n":                                    400,
				"GET " + path + " HTTP/1.1\r\nHost: " + own + "\r\nHost: " + own + "\r\n":                                  400,
				"GET https://evil.test" + path + " HTTP/1.1\r\nHost: " + own + "\r\n":                                      421,
				"POST " + path + " HTTP/1.1\r\nHost: " + own + "\r\nOrigin: null\r\nContent-Length: 0\r\n":                 403,
				"POST " + path + " HTTP/1.1\r\nHost: " + own + "\r\nOrigin: https://evil.test\r\n":                         403,
				"POST " + path + " HTTP/1.1\r\nHost: " + own + "\r\nOrigin: http://" + own + "\r\n":                        403,
				"POST " + path + " HTTP/1.1\r\nHost: " + own + "\r\nOrigin: https://localhost\r\n":                         403,
				"POST " + path + " HTTP/1.1\r\nHost: " + own + "\r\nOrigin: https://evil." + own + "\r\n":                  403,
				"POST " + path + " HTTP/1.1\r\nHost: " + own + "\r\nOrigin: https://evil.test https://" + own + "\r\n":     403,
				"POST " + path + " HTTP/1.1\r\nHost: " + own + "\r\nOrigin:\r\n":                                           403,
				"OPTIONS " + path + " HTTP/1.1\r\nHost: " + own + "\r\nOrigin: https://evil.test\r\n":                      403,
				"GET " + path + " HTTP/1.1\r\nHost: " + own + "\r\nSec-Fetch-Site: cross-site\r\n":                         403,
				"GET " + path + " HTTP/1.1\r\nHost: " + own + "\r\nSec-Fetch-Site: same-site\r\n":                          403,
				"GET " + path + " HTTP/1.1\r\nHost: " + own + "\r\nSec-Fetch-Site: none\r\nSec-Fetch-Site: cross-site\r\n": 403,
			} {
				require.Equal(t, status, raw(t, trust, own, line+"Connection: close\r\n\r\n"), "%q", line)
			}
		}
		for _, line := range []string{
			"GET PATH HTTP/1.1\r\nHost: OWN\r\n", "GET PATH HTTP/1.1\r\nHost: LOCALHOST:1\r\n", "GET https://OWN/PATH HTTP/1.1\r\nHost: evil.test\r\n",
			"GET PATH HTTP/1.1\r\nHost: OWN\r\nSec-Fetch-Site: same-origin\r\n", "GET PATH HTTP/1.1\r\nHost: OWN\r\nSec-Fetch-Site: none\r\n",
			"GET PATH HTTP/1.1\r\nHost: OWN\r\nOrigin: https://OWN\r\n",
		} {
			line = strings.NewReplacer("/PATH", at.paths[0], "PATH", at.paths[0], "OWN", at.address).Replace(line)
			require.Equal(t, 200, raw(t, trust, at.address, line+"Connection: close\r\n\r\n"), "%q", line)
		}
	}
	for host, status := range map[string]int{"evil.test": 421, "localhost.": 421, "localhost": 200, directory: 200} {
		for address, path := range map[string]string{w.Ready.Directory: "/keys.jwks", w.Ready.Bank: "/metrics"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+path, http.NoBody)
			require.NoError(t, err)
			r.Host = host // :authority
			client := w.newClient()
			client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
			answer, err := client.Do(r)
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			require.Equal(t, 2, answer.ProtoMajor)
			require.Equal(t, status, answer.StatusCode, "%s at %s", host, address)
		}
	}
}

func TestNamesThatCannotBeAreRefused(t *testing.T) {
	for name, list := range map[string][]string{
		"an empty one": {""}, "an empty one at the end": {"bank", ""}, "a wildcard": {"*.example"}, "a wildcard alone": {"*"},
		"an address": {"https://bank"}, "a path": {"bank/"}, "a port": {"bank:8443"}, "an IPv6 address with a port": {"[fd00::1]:443"},
		"a dot at the end": {"bank.example."}, "a dot alone": {"."}, "two dots": {"bank..example"}, "not ASCII": {"bänk.example"},
		"a blank": {"bank "}, "an underscore is fine, a hyphen first is not": {"-bank"}, "a number": {"2130706433"}, "a short IPv4": {"127.1"},
		"hexadecimal": {"0x7f.1"}, "where to listen": {"0.0.0.0"}, "where to listen, IPv6": {"::"}, "multicast": {"224.0.0.1"},
		"a zone": {"fe80::1%eth0"}, "an IPv4-mapped address": {"::ffff:10.0.0.1"}, "half a bracket": {"[fd00::1"}, "a bracketed name": {"[bank]"},
		"twice": {"bank", "bank"}, "twice in another case": {"bank", "BANK"}, "twice in another spelling": {"fd00::1", "[fd00:0::1]"},
		"a user": {"me@bank"}, "a newline": {"bank\n"}, "a long label": {strings.Repeat("a", 64)}, "a long name": {strings.Repeat("a.", 127) + "aa"},
		"too many": slices.Repeat([]string{"bank"}, 17),
	} {
		dir := filepath.Join(t.TempDir(), "new")
		said := refusedUsage(t, sandbox.Config{Dir: dir, Expose: list})
		require.LessOrEqual(t, len(said), 200, name)
		require.NoDirExists(t, dir, "%s: nothing is made", name)
	}
}

func TestAddressesBeyondLoopbackNeedNames(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "[::]:0", "192.0.2.1:0", "bank:0", "127.0.0.2:0", "[::ffff:127.0.0.1]:0"} {
		for _, c := range []sandbox.Config{{Listen: address}, {Directory: address}, {Portal: address}} {
			c.Dir = filepath.Join(t.TempDir(), "new")
			require.Contains(t, refusedUsage(t, c), "--expose")
		}
	}
	for _, address := range []string{"0.0.0.0", "bank", "a b:0", "*:0", "224.0.0.1:0", "0.0.0.0:-1", "0.0.0.0:65536", "[::1:0"} {
		refusedUsage(t, sandbox.Config{Dir: filepath.Join(t.TempDir(), "new"), Listen: address, Expose: []string{"bank"}})
	}
	// Names alone open nothing; what listens on loopback goes by its own address.
	w := start(t, sandbox.Config{Dir: unnamed(t), Expose: []string{"bank"}, Listen: "127.0.0.1:0", Directory: ":0"})
	require.True(t, strings.HasPrefix(w.Ready.Bank, "https://127.0.0.1:"))
	require.True(t, strings.HasPrefix(w.Ready.Directory, "https://bank:"), "no host is every address")
	answer := w.register(w.mutual(), string(w.file("tpp/request.jwt")))
	require.Equal(t, 201, answer.status, answer.body)
	w.stop()

	// The folder remembers where to listen, but not without the names.
	refusedUsage(t, sandbox.Config{Dir: w.dir})
	state := w.file("state/sandbox.json")
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "state/sandbox.json"), bytes.ReplaceAll(state, []byte(`"bank"`), nil), 0o600))
	refusedUsage(t, sandbox.Config{Dir: w.dir})
}

func TestNamesAreFixedAtTheFirstStart(t *testing.T) {
	w := expose(t, onFreePorts(t, "0.0.0.0", sandbox.Config{Expose: []string{"bank", "192.0.2.7"}, Store: sandbox.StoreSQLite}))
	before := w.Ready
	w.stop()
	for name, list := range map[string][]string{
		"none": nil, "fewer": {"bank"}, "more": {"bank", "192.0.2.7", "more"}, "another order": {"192.0.2.7", "bank"}, "others": {"other"},
	} {
		said := refusedUsage(t, sandbox.Config{Dir: w.dir, Expose: list})
		require.Contains(t, said, "--expose bank,192.0.2.7", "%s: what to do", name)
		require.Contains(t, said, "--dir", name)
	}
	again := expose(t, sandbox.Config{Dir: w.dir, Expose: []string{"BANK", "192.0.2.7"}})
	before.Store = again.Ready.Store
	require.Equal(t, before, again.Ready)
	again.stop()

	// The CA knows the names also when the state is lost.
	require.NoError(t, os.Remove(filepath.Join(w.dir, "state/sandbox.json")))
	said := refusedUsage(t, sandbox.Config{Dir: w.dir, Expose: []string{"other"}})
	require.Contains(t, said, "with --expose ")
	require.Contains(t, said, "bank")
	expose(t, sandbox.Config{Dir: w.dir, Expose: []string{"bank", "192.0.2.7"}}).stop()

	loopback := start(t, sandbox.Config{})
	loopback.stop()
	require.Contains(t, refusedUsage(t, sandbox.Config{Dir: loopback.dir, Expose: []string{"bank"}}), "without --expose")

	// A new CA is for new names, whatever is left of the old one.
	require.NoError(t, os.Remove(filepath.Join(w.dir, "ca.pem")))
	require.NoError(t, os.Remove(filepath.Join(loopback.dir, "ca.pem")))
	for dir, name := range map[string]string{w.dir: "bank", loopback.dir: "192.0.2.9"} {
		renamed := expose(t, sandbox.Config{Dir: dir, Expose: []string{name}})
		answer := renamed.register(renamed.mutual(), string(renamed.file("tpp/request.jwt")))
		require.Equal(t, 201, answer.status, answer.body)
	}
}

// TestAStartThatIsKilledFixesNoHalf: whatever a first start had written when it was killed,
// the next one with the same names works, and other names are taken until there is a CA.
func TestAStartThatIsKilledFixesNoHalf(t *testing.T) {
	first := expose(t, sandbox.Config{Expose: []string{"bank"}})
	first.stop()
	// The files with names in them, in the order in which a start writes them. The state is
	// written again later. Keys have no names, and are slow to make: all of them are there.
	order := []string{"state/sandbox.json", "ca.pem", "state/server.pem", "tpp/transport.pem", "conformance.json"}
	for n := range len(order) + 1 {
		dir := folderWithKeys(t)
		for _, name := range order {
			_ = os.Remove(filepath.Join(dir, name)) // some are not there
		}
		for _, name := range append(order[:n:n], "ca.key", "state/server.key") {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), first.file(name), 0o600))
		}
		if slices.Contains(order[:n], "ca.pem") {
			refusedUsage(t, sandbox.Config{Dir: dir, Expose: []string{"other"}, Listen: "0.0.0.0:0", Directory: "0.0.0.0:0"})
		} else {
			other := expose(t, sandbox.Config{Dir: dir, Expose: []string{"other"}})
			require.True(t, strings.HasPrefix(other.Ready.Bank, "https://other:"))
			other.stop()
			require.NoError(t, os.Remove(filepath.Join(dir, "ca.pem")))
		}
		again := expose(t, sandbox.Config{Dir: dir, Expose: []string{"bank"}})
		answer := again.register(again.mutual(), string(again.file("tpp/request.jwt")))
		require.Equal(t, 201, answer.status, answer.body)
		again.stop()
	}
}
