package dcrtest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/token/tokentest"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// fakeT is a test that may fail.
type fakeT struct {
	testing.TB
	mu       sync.Mutex
	failed   bool
	said     []string // by Fatalf and Errorf
	logs     []string
	cleanups []func()
}

// inner runs a test that may fail, to its end and with its cleanups.
func inner(t *testing.T, test func(testing.TB)) *fakeT {
	t.Helper()
	f := &fakeT{TB: t}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		test(f)
	}()
	<-ended
	for _, c := range slices.Backward(f.cleanups) {
		c()
	}
	return f
}

func (f *fakeT) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = true
	f.said = append(f.said, fmt.Sprintf(format, args...))
}

func (f *fakeT) Helper()                           {}
func (f *fakeT) Errorf(format string, args ...any) { f.note(format, args...) }
func (f *fakeT) Fatalf(format string, args ...any) { f.note(format, args...); runtime.Goexit() }
func (f *fakeT) Logf(format string, args ...any) {
	f.logs = append(f.logs, fmt.Sprintf(format, args...))
}
func (f *fakeT) Cleanup(c func()) { f.cleanups = append(f.cleanups, c) }
func (f *fakeT) Failed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

func TestAFailedTestShowsWhatWasSentAndWhyItWasRefused(t *testing.T) {
	t.Parallel()
	var secrets []string
	f := inner(t, func(t testing.TB) {
		bank := dcrtest.NewBank(t, dcrtest.WithPolicy(func(p *validate.Policy) {
			p.AuthMethods = append(p.AuthMethods, claims.ClientSecretPost)
			p.Widenings = append(p.Widenings, validate.Widening(claims.ClientSecretPost))
		}))
		p := bank.NewTPP(t, dcrtest.WithRequest(func(o *tpp.RequestOptions) { o.AuthMethod = claims.ClientSecretPost }))
		client := p.MustRegister()
		token, err := client.Token()
		if err != nil {
			t.Errorf("%v", err)
		}
		request, err := p.Request()
		if err != nil {
			t.Errorf("%v", err)
		}
		secrets = append(secrets, client.Secret.Reveal(), token.Value.Reveal(), request, strings.Split(request, ".")[1])
		_, _ = p.Register(dcrtest.Exactly(request), dcrtest.HTTPHeader("Cookie", "session=a-cookie"))
		_, err = p.Register(dcrtest.Set("/redirect_uris/0", "http://tpp.example"), dcrtest.Statement(dcrtest.KeyID("unknown")))
		dcrtest.RequireViolation(t, err, validate.RuleScopeSupported)
	})
	require.Len(t, f.said, 1)
	for _, wanted := range []string{validate.RuleScopeSupported, validate.RuleSSAKeyFound, `"http://tpp.example"`, `Set("/redirect_uris/0"), Statement(Header(Set("/kid")))`,
		`"software_client_name": "Test TPP"`, `"kid": "unknown"`, "answer: 400", "CN=", "Content-Type: application/jwt"} {
		require.Contains(t, f.said[0], wanted)
	}
	logged := strings.Join(f.logs, "\n")
	for _, wanted := range []string{"register, with no mutation", "answer: 201", "token, with no mutation", "client_secret=[hidden]", `"access_token": "[hidden]"`,
		`"client_secret": "[hidden]"`, "Cookie: [hidden]", "the log of the bank ends"} {
		require.Contains(t, logged, wanted)
	}
	require.NotContains(t, logged, `"kid": "unknown"`, "what the failure has shown is not shown again")
	for _, secret := range append(secrets, "a-cookie") {
		require.NotEmpty(t, secret)
		require.NotContains(t, f.said[0]+logged, secret)
	}
}

func TestATestThatPassesShowsNothing(t *testing.T) {
	t.Parallel()
	f := inner(t, func(t testing.TB) {
		_, err := dcrtest.NewBank(t).NewTPP(t).Register(dcrtest.Remove("/aud"))
		dcrtest.RequireViolation(t, err, validate.RuleAudRequired)
	})
	require.Empty(t, append(f.said, f.logs...))
}

// TestWhatIsNoTokenIsShownToo: bytes, no answer, a refusal without a report.
func TestWhatIsNoTokenIsShownToo(t *testing.T) {
	t.Parallel()
	f := inner(t, func(t testing.TB) {
		bank := dcrtest.NewBank(t)
		p := bank.NewTPP(t)
		_, _ = p.Register(dcrtest.Exactly("no token"))
		_, _ = p.Register(dcrtest.Bytes(func([]byte) []byte { return []byte("no json") }))
		_, _ = p.Register(dcrtest.ForeignCertificate())
		_, _ = p.Register(dcrtest.NoCertificate(), dcrtest.Body(""))
		t.Errorf("it fails")
	})
	logged := strings.Join(f.logs, "\n")
	for _, wanted := range []string{`it begins with "no token"`, "claims of the request: no json", "no answer: ", "without a client certificate", "a client certificate is required"} {
		require.Contains(t, logged, wanted)
	}
}

// TestMisuseIsTold: what and how to mend it.
func TestMisuseIsTold(t *testing.T) {
	t.Parallel()
	for words, test := range map[string]func(testing.TB){
		"WithPolicy":       func(t testing.TB) { dcrtest.NewBank(t, dcrtest.WithPolicy(nil)) },
		"WithClock":        func(t testing.TB) { dcrtest.NewBank(t, dcrtest.WithClock(nil)) },
		"WithStore":        func(t testing.TB) { dcrtest.NewBank(t, dcrtest.WithStore(nil)) },
		"WithDirectory":    func(t testing.TB) { dcrtest.NewBank(t, dcrtest.WithDirectory(nil)) },
		"WithTokenKeeper":  func(t testing.TB) { dcrtest.NewBank(t, dcrtest.WithTokenKeeper(nil)) },
		"WithProvisioner":  func(t testing.TB) { dcrtest.NewBank(t, dcrtest.WithProvisioner(nil)) },
		"WithServerConfig": func(t testing.TB) { dcrtest.NewBank(t, dcrtest.WithServerConfig(nil)) },
		"WithHandler":      func(t testing.TB) { dcrtest.NewBank(t, dcrtest.WithHandler(nil)) },
		"WithDirectoryOptions gets nil": func(t testing.TB) {
			dcrtest.NewBank(t, dcrtest.WithDirectoryOptions(nil))
		},
		"WithDirectory and WithDirectoryOptions": func(t testing.TB) {
			other := dcrtest.NewBank(t)
			dcrtest.NewBank(t, dcrtest.WithDirectory(other.Directory()), dcrtest.WithDirectoryOptions(func(*ssatest.Options) {}))
		},
		"WithTokenKeeper and WithStore": func(t testing.TB) {
			dcrtest.NewBank(t, dcrtest.WithTokenKeeper(tokentest.NewMemoryKeeper(nil)), dcrtest.WithStore(store.NewMemory(nil)))
		},
		"profile": func(t testing.TB) { dcrtest.NewBank(t, dcrtest.WithProfile("obie-1")) },
		"there is no Store": func(t testing.TB) {
			dcrtest.NewBank(t, dcrtest.WithServerConfig(func(c *server.Config) { c.Store = nil }))
		},
		"no certificate of its own": func(t testing.TB) {
			dcrtest.NewBank(t, dcrtest.WithServerConfig(func(c *server.Config) { c.Clients.Server = nil }))
		},
		"returns no handler": func(t testing.TB) {
			dcrtest.NewBank(t, dcrtest.WithHandler(func(http.Handler) http.Handler { return nil }))
		},
		"WithSoftware": func(t testing.TB) { dcrtest.NewBank(t).NewTPP(t, dcrtest.WithSoftware(nil)) },
		"WithRequest":  func(t testing.TB) { dcrtest.NewBank(t).NewTPP(t, dcrtest.WithRequest(nil)) },
		"enrolled": func(t testing.TB) {
			dcrtest.NewBank(t).NewTPP(t, dcrtest.WithSoftware(func(s *ssatest.SoftwareOptions) { s.Algorithm = "none" }))
		},
		"another directory":  func(t testing.TB) { dcrtest.NewBank(t).NewTPP(t).At(dcrtest.NewBank(t)) },
		"the bank has ended": misused(func(p *dcrtest.TPP) dcrtest.Mutation { p.Bank().Close(); return dcrtest.Mutation{} }),
		"not registered":     func(t testing.TB) { dcrtest.NewBank(t).NewTPP(t).MustRegister(dcrtest.Remove("/aud")) },
		"no rule \"no.rule\"": func(t testing.TB) {
			_, err := dcrtest.NewBank(t).NewTPP(t).Register(dcrtest.Remove("/aud"))
			dcrtest.RequireViolation(t, err, "no.rule")
		},
		"finds redirect_uris.subset_of_ssa broken too": func(t testing.TB) {
			_, err := dcrtest.NewBank(t).NewTPP(t).Register(dcrtest.Set("/redirect_uris/0", "http://tpp.example"))
			dcrtest.RequireOnly(t, err, validate.RuleRedirectURIsHTTPS)
		},
		"refuses nothing": func(t testing.TB) { dcrtest.RequireViolation(t, nil, validate.RuleAudRequired) },
		"no refusal": func(t testing.TB) {
			_, err := dcrtest.NewBank(t).NewTPP(t).Register(dcrtest.ForeignCertificate())
			dcrtest.RequireViolation(t, err)
		},
		"needs a client assertion": func(t testing.TB) {
			client := dcrtest.NewBank(t).NewTPP(t, dcrtest.WithRequest(func(o *tpp.RequestOptions) { o.AuthMethod = claims.TLSClientAuth })).MustRegister()
			_, _ = client.Token(dcrtest.Set("/aud", "x"))
		},
	} {
		requireTold(t, words, test)
	}
}

// TestAMutationThatCannotBeMadeIsTold: a test that expects a refusal does not take it for one.
func TestAMutationThatCannotBeMadeIsTold(t *testing.T) {
	t.Parallel()
	for words, test := range map[string]func(testing.TB){
		"with a slash":      misused(func(*dcrtest.TPP) dcrtest.Mutation { return dcrtest.Set("aud", "x") }),
		"nothing to remove": misused(func(*dcrtest.TPP) dcrtest.Mutation { return dcrtest.Remove("/none") }),
		"there are: aud": misused(func(*dcrtest.TPP) dcrtest.Mutation {
			return dcrtest.Edit(func(m map[string]any) { clear(m); m["aud"] = 1 })
		}, dcrtest.Set("/b/c", 1)),
		`no entry "+0"`:       misused(func(*dcrtest.TPP) dcrtest.Mutation { return dcrtest.Set("/redirect_uris/+0", "x") }),
		`no entry "00"`:       misused(func(*dcrtest.TPP) dcrtest.Mutation { return dcrtest.Remove("/redirect_uris/00") }),
		"has a tilde":         misused(func(*dcrtest.TPP) dcrtest.Mutation { return dcrtest.Set("/a~2b", 1) }),
		"is no JSON":          misused(func(*dcrtest.TPP) dcrtest.Mutation { return dcrtest.Set("/aud", json.RawMessage("{")) }),
		"the array has 2":     misused(func(*dcrtest.TPP) dcrtest.Mutation { return dcrtest.Remove("/redirect_uris/3") }),
		"no object and no":    misused(func(*dcrtest.TPP) dcrtest.Mutation { return dcrtest.Set("/aud/0", 1) }),
		"unsupported type":    misused(func(*dcrtest.TPP) dcrtest.Mutation { return dcrtest.Set("/aud", make(chan int)) }),
		"the whole document":  misused(func(*dcrtest.TPP) dcrtest.Mutation { return dcrtest.Remove("") }),
		"is no object any":    misused(func(*dcrtest.TPP) dcrtest.Mutation { return dcrtest.Set("", 1) }, dcrtest.Edit(func(map[string]any) {})),
		"Edit gets nil":       misused(func(*dcrtest.TPP) dcrtest.Mutation { return dcrtest.Edit(nil) }),
		"Bytes gets nil":      misused(func(*dcrtest.TPP) dcrtest.Mutation { return dcrtest.Bytes(nil) }),
		"JWS gets nil":        misused(func(*dcrtest.TPP) dcrtest.Mutation { return dcrtest.JWS(nil) }),
		"Signature gets nil":  misused(func(*dcrtest.TPP) dcrtest.Mutation { return dcrtest.Signature(nil) }),
		"SignedBy gets nil":   misused(func(*dcrtest.TPP) dcrtest.Mutation { return dcrtest.SignedBy(nil) }),
		"HTTP gets nil":       misused(func(*dcrtest.TPP) dcrtest.Mutation { return dcrtest.HTTP(nil) }),
		"Form gets nil":       misused(func(*dcrtest.TPP) dcrtest.Mutation { return dcrtest.Form(nil) }),
		"CertificateOf gets":  misused(func(*dcrtest.TPP) dcrtest.Mutation { return dcrtest.CertificateOf(nil) }),
		"StatementBy gets":    misused(func(*dcrtest.TPP) dcrtest.Mutation { return dcrtest.StatementBy(nil) }),
		"inside of Statement": misused(func(*dcrtest.TPP) dcrtest.Mutation { return dcrtest.Statement(dcrtest.Remove("/none")) }),
	} {
		requireTold(t, words, test)
	}
}

// requireTold runs a test that must fail with these words.
func requireTold(t *testing.T, words string, test func(testing.TB)) {
	t.Helper()
	t.Run(words, func(t *testing.T) {
		t.Parallel()
		f := inner(t, test)
		require.NotEmpty(t, f.said)
		require.Contains(t, f.said[0], words)
		require.True(t, strings.HasPrefix(f.said[0], "dcrtest: "))
	})
}

// misused registers by mutations that cannot be made.
func misused(first func(*dcrtest.TPP) dcrtest.Mutation, more ...dcrtest.Mutation) func(testing.TB) {
	return func(t testing.TB) {
		p := dcrtest.NewBank(t).NewTPP(t)
		_, err := p.Register(append([]dcrtest.Mutation{first(p)}, more...)...)
		if err == nil {
			t.Errorf("the call has no error")
		}
	}
}
