package server_test

import (
	"crypto/tls"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/internal/realtest"
)

// edited puts a fault into a configuration.
func edited(pairs []string) surroundings {
	return surroundings{edit: strings.NewReplacer(pairs...).Replace}
}

func TestARealProxyThatForgetsTheHeaderHasNoClients(t *testing.T) {
	eachRealProxy(t, func(t *testing.T, p realProxy) {
		b := behindProxy(t, p, edited(p.forgetting))
		client := b.transport(t, b.software.TransportCertificate)
		require.Equal(t, http.StatusUnauthorized, b.status(t, client, http.MethodPost, "/register", strings.NewReader("x")))
		require.Equal(t, "nobody", b.arrived("")[len(b.arrived(""))-1].identity)
	})
}

func TestARealProxyThatSendsTheHeaderTwiceHasNoClients(t *testing.T) {
	eachRealProxy(t, func(t *testing.T, p realProxy) {
		b := behindProxy(t, p, edited(p.doubling))
		client := b.transport(t, b.software.TransportCertificate)
		require.Equal(t, http.StatusUnauthorized, b.status(t, client, http.MethodPost, "/register", strings.NewReader("x")))
		last := b.arrived("")[len(b.arrived(""))-1]
		require.Len(t, last.header[http.CanonicalHeaderKey(b.header)], 2)
		require.Contains(t, last.identity, cert.ErrHeader.Error())
	})
}

// What the files are for: without those lines anybody is whoever he says he is.
func TestARealProxyThatDropsNoHeaderLetsAnybodyIn(t *testing.T) {
	eachRealProxy(t, func(t *testing.T, p realProxy) {
		b := behindProxy(t, p, edited(p.trusting))
		status, answer := b.whoAmI(t, b.transport(t, tls.Certificate{}), func(r *http.Request) {
			r.Header.Set(b.header, headerValue(b.form, certificateOf(t, b.software.TransportCertificate)))
		})
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, leafOf(b.software.TransportCertificate), answer)
	})
}

func TestApacheCanSendAPEM(t *testing.T) {
	eachRealProxy(t, func(t *testing.T, p realProxy) {
		if p.tool != "apache2" {
			return
		}
		p.form = cert.FormPEM
		b := behindProxy(t, p, surroundings{edit: func(config string) string {
			return regexp.MustCompile(`(?m)^RequestHeader edit.*$`).ReplaceAllString(config, "")
		}})
		_, answer := b.whoAmI(t, b.transport(t, b.software.TransportCertificate), nil)
		require.Equal(t, leafOf(b.software.TransportCertificate), answer)
		status, _ := b.whoAmI(t, b.transport(t, tls.Certificate{}), nil)
		require.Equal(t, http.StatusUnauthorized, status)
	})
}

func TestARealProxyFindsABankThatIsBack(t *testing.T) {
	t.Parallel()
	eachRealProxy(t, func(t *testing.T, p realProxy) {
		b := behindProxy(t, p, surroundings{})
		client := b.transport(t, b.software.TransportCertificate)
		require.NoError(t, b.bank.Close())
		answer := b.get(t, client, "/who")
		require.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
		toldPlainly(t, answer)
		require.NoError(t, answer.Body.Close())
		b.serve(t, b.inside, false)
		for end := time.Now().Add(30 * time.Second); b.status(t, client, http.MethodGet, "/who", nil) != http.StatusOK; time.Sleep(10 * time.Millisecond) {
			require.True(t, time.Now().Before(end), "the bank is back and not found")
		}
	})
}

// A proxy waits longer than the bank may take, and drops an idle connection before the bank does.
func TestProxiesWaitLongerThanTheBank(t *testing.T) {
	for file, lines := range map[string]struct{ longer, shorter string }{
		"nginx.conf":  {`proxy_read_timeout (\d+)s`, `keepalive 16;\s+keepalive_timeout (\d+)s`},
		"haproxy.cfg": {`timeout server (\d+)s`, `timeout http-keep-alive (\d+)s`},
		"httpd.conf":  {`ProxyTimeout (\d+)`, `ttl=(\d+)`},
	} {
		text, err := os.ReadFile(filepath.Join(proxyFiles, file))
		require.NoError(t, err)
		seconds := func(expression string) time.Duration {
			m := regexp.MustCompile(expression).FindSubmatch(text)
			require.NotNil(t, m, "%s: %s", file, expression)
			n, err := strconv.Atoi(string(m[1]))
			require.NoError(t, err)
			return time.Duration(n) * time.Second
		}
		require.Greater(t, seconds(lines.longer), server.WriteTimeout+10*time.Second, file)
		require.Less(t, seconds(lines.shorter), server.IdleTimeout, file)
	}
}

// The table of docs/operations.md and the heads of the files name the header and the form that
// the tests use.
func TestDocumentsSayWhatEachProxyPassesOn(t *testing.T) {
	operations, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	names := map[cert.Form]string{cert.FormEscapedPEM: "FormEscapedPEM", cert.FormRFC9440: "FormRFC9440"}
	for _, p := range realProxies() {
		require.Regexp(t, regexp.MustCompile("(?m)^\\| [^|]* \\| [0-9.]+ \\| `"+p.file+"` \\| `"+p.header+"` \\| `"+string(p.form)+"`"), string(operations))
		text, err := os.ReadFile(filepath.Join(proxyFiles, p.file))
		require.NoError(t, err)
		require.Contains(t, string(text), `cert.HeaderConfig{Header: "`+p.header+`", Form: cert.`+names[p.form]+`,`)
	}
}

// The commands at the head of each file, but for the last, which starts the proxy, make the
// folders and the configuration where there was nothing before.
func TestTheHeadOfAProxysFileNeedsNothingBefore(t *testing.T) {
	shell, ok := realtest.Tool(t, "sh")
	if !ok {
		return
	}
	for _, p := range realProxies() {
		text, err := os.ReadFile(filepath.Join(proxyFiles, p.file))
		require.NoError(t, err)
		block := regexp.MustCompile(`(?m)^#\n((?:#   .*\n)+)#\n`).FindSubmatch(text)
		require.NotNil(t, block, p.file)
		commands := strings.Split(strings.TrimSpace(strings.ReplaceAll("\n"+string(block[1]), "\n#   ", "\n")), "\n")
		require.Regexp(t, "^"+p.tool+" .*-[cf] /etc/bank/"+regexp.QuoteMeta(p.file)+"$", commands[len(commands)-1])
		folder := t.TempDir()
		elsewhere := strings.NewReplacer("/etc/bank", folder+"/etc/bank", "/run/bank", folder+"/run/bank")
		cmd := exec.CommandContext(t.Context(), shell, "-e", "-c", elsewhere.Replace(strings.Join(commands[:len(commands)-1], "\n")))
		cmd.Dir = proxyFiles
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", p.file, out)
		filled, err := os.ReadFile(filepath.Join(folder, "etc", "bank", p.file))
		require.NoError(t, err)
		for line := range strings.Lines(string(filled)) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
				before, _, _ := strings.Cut(line, "#tls ")
				require.NotRegexp(t, `@[A-Z]+@`, before, p.file)
			}
		}
		require.DirExists(t, filepath.Join(folder, "etc", "bank", "tls"))
		require.DirExists(t, filepath.Join(folder, "run", "bank-"+strings.TrimSuffix(strings.TrimSuffix(p.file, ".conf"), ".cfg")))
	}
}
