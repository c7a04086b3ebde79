package cert_test

import (
	"context"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
)

func policyFiles(t testing.TB, p *pki) fstest.MapFS {
	t.Helper()
	return fstest.MapFS{
		"sandbox.pem":    {Data: certPEM(p.root.cert, p.issuing.cert)},
		"production.pem": {Data: certPEM(p.otherRoot.cert)},
		"root.crl":       {Data: p.root.list(t, nil)},
		"issuing.crl":    {Data: p.issuing.list(t, nil)},
	}
}

func TestAPolicyMakesAChecker(t *testing.T) {
	p := newPKI(t)
	policy, err := cert.ParseTrustPolicy([]byte(`{"bindings": ["thumbprint", "public_key"],
		"authorities": {"sandbox": ["sandbox.pem"], "production": ["production.pem"]},
		"crls": ["root.crl", "issuing.crl"]}`), policyFiles(t, p))
	require.NoError(t, err)
	require.NotNil(t, policy.CRLs)
	config, err := policy.Config(noon)
	require.NoError(t, err)
	config.Clock = clock
	checker, err := cert.NewChecker(config)
	require.NoError(t, err)
	leaf := p.issuing.transport(t)
	report, err := checker.Check(context.Background(), leaf, cert.Software{Environment: claims.Sandbox, Keys: published(keyOf("a", leaf))})
	require.NoError(t, err)
	require.Equal(t, cert.ByPublicKey, report.Binding)
	require.Contains(t, outcomes(report), "revocation=passed")

	_, err = policy.Config(noon.Add(48 * time.Hour))
	misconfigured(t, err, "CAs that have expired")
}

func TestASmallPolicyLeavesTheChainToTheTLSLayer(t *testing.T) {
	policy, err := cert.ParseTrustPolicy([]byte(`{"bindings": ["public_key"]}`), fstest.MapFS{})
	require.NoError(t, err)
	config, err := policy.Config(noon)
	require.NoError(t, err)
	require.True(t, config.Authorities == nil && config.Revocation == nil)
}

func TestPoliciesAreReadStrictly(t *testing.T) {
	files := policyFiles(t, newPKI(t))
	files["empty.pem"] = &fstest.MapFile{}
	const known = `{"bindings": ["public_key"], `
	for _, c := range []struct{ name, policy, member string }{ // member "": the policy as a whole
		{"no JSON", `{`, ""},
		{"no object", `[]`, ""},
		{"too long", `{"bindings": ["public_key"]` + strings.Repeat(" ", 64<<10) + `}`, ""},
		{"a duplicate member", known + `"bindings": ["subject"]}`, ""},
		{"an unknown member", known + `"crl": []}`, `"crl"`},
		{"no bindings", `{}`, "bindings"},
		{"null bindings", `{"bindings": null}`, "bindings"},
		{"empty bindings", `{"bindings": []}`, "bindings"},
		{"a binding that is no string", `{"bindings": ["public_key", 1]}`, "bindings/1"},
		{"an unknown binding", `{"bindings": ["public_key", "Subject"]}`, "bindings/1"},
		{"a binding twice", `{"bindings": ["subject", "subject"]}`, "bindings/1"},
		{"an empty list of files", known + `"authorities": {"sandbox": []}}`, "authorities/sandbox"},
		{"a file name that is no string", known + `"authorities": {"sandbox": ["sandbox.pem", 1]}}`, "authorities/sandbox/1"},
		{"an empty file name", known + `"authorities": {"sandbox": [""]}}`, "authorities/sandbox/0"},
		{"no environment", known + `"authorities": {}}`, "authorities"},
		{"another environment", known + `"authorities": {"prdtst": ["sandbox.pem"]}}`, `authorities/"prdtst"`},
		{"a file that is not there", known + `"authorities": {"sandbox": ["nowhere.pem"]}}`, "authorities/sandbox/0"},
		{"a file out of the folder", known + `"authorities": {"sandbox": ["../sandbox.pem"]}}`, "authorities/sandbox/0"},
		{"a file without a CA", known + `"authorities": {"sandbox": ["sandbox.pem", "empty.pem"]}}`, "authorities/sandbox/1"},
		{"an empty list of lists", known + `"authorities": {"sandbox": ["sandbox.pem"]}, "crls": []}`, "crls"},
		{"a list whose name is no string", known + `"authorities": {"sandbox": ["sandbox.pem"]}, "crls": ["root.crl", 1]}`, "crls/1"},
		{"a list without a name", known + `"authorities": {"sandbox": ["sandbox.pem"]}, "crls": [""]}`, "crls/0"},
		{"lists without CAs", known + `"crls": ["root.crl"]}`, "crls"},
		{"lists by other CAs", known + `"authorities": {"production": ["production.pem"]}, "crls": ["root.crl"]}`, "crls"},
	} {
		policy, err := cert.ParseTrustPolicy([]byte(c.policy), files)
		require.Nil(t, policy, c.name)
		var fault *cert.TrustPolicyError
		if c.member == "" {
			misconfigured(t, err, c.name)
			continue
		}
		require.ErrorAs(t, err, &fault, c.name)
		require.Equal(t, c.member, fault.Member, c.name)
		require.Equal(t, "cert: policy: "+fault.Detail(), fault.Error(), c.name)
		require.NotContains(t, fault.Detail(), "cert: ", c.name)
	}
	_, err := cert.ParseTrustPolicy([]byte(`{"bindings": ["public_key"], "authorities": {"sandbox": ["nowhere.pem"]}}`), files)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = cert.ParseTrustPolicy([]byte(`{"bindings": ["public_key"]}`), nil)
	misconfigured(t, err, "no files")
}

// Whatever is read has a binding, and reads no chain as the TLS layer's matter but
// where the policy says nothing about authorities.
func FuzzParseTrustPolicy(f *testing.F) {
	files := policyFiles(f, newPKI(f))
	for _, seed := range []string{
		`{"bindings": ["public_key"]}`, `{"bindings": ["subject"], "authorities": {"sandbox": ["sandbox.pem"]}}`,
		`{"bindings": ["thumbprint"], "authorities": {"sandbox": ["sandbox.pem"]}, "crls": ["root.crl"]}`, `{"crls": []}`, ``,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		policy, err := cert.ParseTrustPolicy([]byte(text), files)
		if err != nil {
			require.Nil(t, policy)
			return
		}
		require.NotEmpty(t, policy.Bindings)
		config, err := policy.Config(noon)
		if err != nil {
			return
		}
		require.Equal(t, policy.Authorities == nil, config.Authorities == nil)
		require.Equal(t, policy.CRLs == nil, config.Revocation == nil)
		if !strings.Contains(text, `\`) {
			require.Equal(t, strings.Contains(text, `"authorities"`), config.Authorities != nil)
		}
	})
}
