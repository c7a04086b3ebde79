package cert_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
)

// misconfigured wants a refusal of what a bank gave this package.
func misconfigured(t *testing.T, err error, name string) {
	t.Helper()
	var config *cert.ConfigError
	require.ErrorAs(t, err, &config, name)
	require.Equal(t, "cert: "+config.Detail(), config.Error(), name)
	require.NotContains(t, config.Detail(), "cert: ", name)
}

// inQuotes finds what an error repeats of an input.
var inQuotes = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// Each character of the input takes ten in an error, so that a limit on what is
// quoted would not be one on what is shown.
func TestErrorsRepeatLittleOfAnyInput(t *testing.T) {
	p, ctx := newPKI(t), context.Background()
	long := strings.Repeat("\U0001f511", 200)
	stranger := newRoot(t, long)
	old := newRoot(t, long, func(c *x509.Certificate) { c.NotAfter = noon.Add(-1) })
	leaf := p.issuing.transport(t)
	inSandbox := func(checker *cert.Checker, keys ssa.SoftwareKeys) error {
		_, err := checker.Check(ctx, leaf, cert.Software{Environment: claims.Sandbox, Keys: keys})
		return err
	}
	with := func(change func(*cert.CheckerConfig)) *cert.Checker { return p.checker(t, &keySource{}, change) }
	_, list := cert.NewCRLs(p.authorities.Certificates(), stranger.list(t, nil))
	_, block := cert.ParseAuthorities(pem.EncodeToMemory(&pem.Block{Type: long, Bytes: []byte{1}}))
	_, expired := cert.NewAuthorities(map[claims.Environment][]*x509.Certificate{claims.Sandbox: {old.cert}}, noon)
	_, orphan := cert.NewAuthorities(map[claims.Environment][]*x509.Certificate{claims.Sandbox: {stranger.issuing(t, "Below").cert}}, noon)
	_, environment := cert.NewAuthorities(map[claims.Environment][]*x509.Certificate{claims.Environment(long): {p.root.cert}}, noon)
	_, untrusted := p.authorities.Chain(claims.Sandbox, stranger.transport(t), noon)
	_, nowhere := p.authorities.Chain(claims.Environment(long), leaf, noon)
	_, software := with(func(*cert.CheckerConfig) {}).Check(ctx, leaf, cert.Software{Environment: claims.Environment(long)})
	_, binding := cert.NewChecker(cert.CheckerConfig{Bindings: []cert.Binding{cert.Binding(long)}, Clock: clock})
	_, member := cert.ParseTrustPolicy([]byte(`{"`+long+`": 1}`), fstest.MapFS{})
	_, file := cert.ParseTrustPolicy([]byte(`{"bindings": ["subject"], "authorities": {"sandbox": ["`+long+`"]}}`), fstest.MapFS{})
	for name, err := range map[string]error{
		"a list": list, "a block": block, "an expired CA": expired, "a CA without root": orphan, "an environment": environment,
		"an issuer": untrusted, "an environment without CAs": nowhere, "an environment of software": software,
		"a binding": binding, "a member": member, "a file": file,
		"a kid": inSandbox(with(func(*cert.CheckerConfig) {}), withdrawn(ssa.KeySet{Skipped: []ssa.SkippedKey{{ID: long}}}, keyOf(long, leaf))),
		"a detail of another": inSandbox(with(func(c *cert.CheckerConfig) {
			c.Revocation = revocation(func() error { return &cert.Error{Kind: cert.ErrRevoked, Detail: long + strings.Repeat("x", 2000)} })
		}), published(keyOf("a", leaf))),
	} {
		require.Error(t, err, name)
		require.Regexp(t, `^[ -~\n]+$`, err.Error(), name)
		require.LessOrEqual(t, len(err.Error()), 600, name)
		for _, shown := range inQuotes.FindAllString(err.Error(), -1) {
			require.LessOrEqual(t, len(shown), 64+len(`""`), name)
		}
		var e *cert.Error
		if errors.As(err, &e) {
			require.LessOrEqual(t, len(e.Detail), 500, name)
		}
	}
}

func TestNotesOfAnAcceptanceRepeatLittleOfAnyInput(t *testing.T) {
	p := newPKI(t)
	leaf := p.issuing.transport(t)
	id := strings.Repeat("\U0001f511", 200)
	report, err := p.checker(t, &keySource{}).Check(context.Background(), leaf, cert.Software{Environment: claims.Sandbox, Keys: published(keyOf(id, leaf))})
	require.NoError(t, err)
	for _, c := range report.Checks {
		require.Regexp(t, `^[ -~]*$`, c.Note)
		require.LessOrEqual(t, len(c.Note), 120)
	}
}
