package dcr_test

import (
	"context"
	"crypto/x509"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// guardedCounter is a bank whose hooks and authorization server must not be called.
func guardedCounter(t *testing.T, policy func(*validate.Policy)) *office {
	t.Helper()
	never := func(context.Context, dcr.Change) { t.Error("a preview must not call a hook") }
	server := newAuthorizationServer()
	server.fail = func(verb string) error {
		t.Error("a preview must not call the authorization server: " + verb)
		return nil
	}
	return newCounter(t, policy, func(c *dcr.Config) {
		c.Provisioner = server
		c.Hooks = dcr.Hooks{Done: never, Pending: never, Approve: func(ctx context.Context, change dcr.Change) error { never(ctx, change); return nil }}
	})
}

func TestAPreviewSaysWhatARegistrationWouldBe(t *testing.T) {
	b := guardedCounter(t, func(p *validate.Policy) {
		p.AuthMethods = append(p.AuthMethods, claims.ClientSecretBasic)
		p.Widenings = []validate.Widening{validate.WidenClientSecretBasic}
	})
	m := b.manual(t, map[string]any{"software_redirect_uris": []string{"https://tpp.example/1", "https://localhost/cb", "https://tpp.example/2", "https://tpp.example/2"}})
	m.AuthMethod = claims.ClientSecretBasic
	p, err := b.PreviewManual(context.Background(), "", m)
	require.NoError(t, err)
	require.Nil(t, p.Refusal)
	require.Equal(t, b.software.ClientName, p.Unverified.SoftwareClientName.Or(""))
	require.Equal(t, m.Statement, p.Statement.Token())
	require.True(t, p.Report.Valid())
	require.Equal(t, []string{"https://tpp.example/1", "https://localhost/cb", "https://tpp.example/2"}, []string{p.RedirectURIs[0].URI, p.RedirectURIs[1].URI, p.RedirectURIs[2].URI})
	require.Equal(t, []bool{true, false, true}, []bool{p.RedirectURIs[0].Chosen, p.RedirectURIs[1].Chosen, p.RedirectURIs[2].Chosen})
	require.Len(t, p.RedirectURIs[1].Violations, 1)
	require.Equal(t, "redirect_uris.localhost", p.RedirectURIs[1].Violations[0].Rule)
	require.Equal(t, "/software_redirect_uris/1", p.RedirectURIs[1].Violations[0].Pointer)
	require.Empty(t, p.RedirectURIs[0].Violations)
	require.Contains(t, p.AuthMethods, claims.TLSClientAuth)
	require.Equal(t, []*x509.Certificate{b.software.TransportCertificate.Leaf}, p.Certificates)
	require.Equal(t, dcr.OpCreate, p.Change.Operation)
	require.Empty(t, p.Client.ID)
	require.Empty(t, p.Client.SecretHash)
	require.Empty(t, b.events)
	require.Equal(t, "null", everything(t, b.records))
	require.Empty(t, wholeTrail(t, b.store))

	plain := newCounter(t, nil, nil)
	m = plain.manual(t, nil)
	p, err = plain.PreviewManual(context.Background(), "", m)
	require.NoError(t, err)
	made := plain.walkIn(t, m).Client
	require.Equal(t, string(made.Metadata), string(p.Client.Metadata), "the preview is what is registered")
	require.Equal(t, made.Application, p.Client.Application)
}

func TestAPreviewOfAStatementThatIsRefused(t *testing.T) {
	b := guardedCounter(t, nil)
	foreign, err := b.software.SSAWith(nil, ssatest.Forgery{Key: b.directory.ForgedKey()})
	require.NoError(t, err)
	production, err := ssatest.New(ssatest.Options{Clock: b.config.Clock, Environment: claims.Production, Algorithm: claims.ES256})
	require.NoError(t, err)
	t.Cleanup(production.Close)
	live, err := production.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	liveStatement, err := live.SSA(nil)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		statement string
		unread    bool
		rules     []string
	}{
		"nothing":               {"", true, []string{"ssa.jws"}},
		"no JWS":                {"hello", true, []string{"ssa.jws"}},
		"too long":              {strings.Repeat("e30.", 40_000), true, []string{"ssa.jws"}},
		"longer than a request": {b.statement(t, map[string]any{"software_client_description": strings.Repeat("x", 70_000)}), true, []string{"ssa.jws"}},
		"another signature":     {foreign, false, []string{"ssa.signature"}},
		"an unknown directory":  {b.statement(t, map[string]any{"iss": "Elsewhere"}), false, []string{"ssa.issuer.trusted"}},
		"production":            {liveStatement, false, []string{"ssa.key.found"}},
		"it says production":    {b.statement(t, map[string]any{"software_environment": "production"}), false, []string{"ssa.environment"}},
		"expired":               {b.statement(t, map[string]any{"exp": 1_000_000_000}), false, []string{"ssa.exp.past"}},
		"old, and more": {b.statement(t, map[string]any{"iat": 1_000_000_000, "org_status": "Revoked", "software_roles": nil}), false,
			[]string{"ssa.age", "ssa.org_status.active", "ssa.software_roles.required"}},
		"many faults": {b.statement(t, map[string]any{"org_status": "Revoked", "software_client_name": nil}), false,
			[]string{"ssa.org_status.active", "ssa.software_client_name.required"}},
	} {
		m := b.manual(t, nil)
		m.Statement = c.statement
		p, err := b.PreviewManual(context.Background(), "", m)
		require.NoError(t, err, name)
		require.Equal(t, http.StatusBadRequest, p.Refusal.Status, name)
		require.Equal(t, c.unread, p.Unverified == nil, name)
		require.Subset(t, ruleIDs(p.Report), c.rules, "%s: %v", name, ruleIDs(p.Report))
		for _, v := range p.Report.Violations {
			require.NotEmpty(t, v.Citation.Spec, "%s: %s", name, v.Rule)
			require.NotEmpty(t, v.Fix, "%s: %s", name, v.Rule)
		}
		require.Nil(t, p.Client, name)
		require.Nil(t, p.Change, name)
		_, err = b.RegisterManual(context.Background(), m)
		require.Equal(t, wire(p.Refusal), wire(refusalOf(t, err)), name)
	}
	m := b.manual(t, nil)
	m.Reach = dcr.Reach{}
	p, err := b.PreviewManual(context.Background(), "", m)
	require.NoError(t, err)
	require.Equal(t, http.StatusForbidden, p.Refusal.Status)
	require.Nil(t, p.Client)
	require.True(t, p.Report.Valid())
	_, err = b.PreviewManual(context.Background(), "nobody", m)
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestAPreviewJudgesEachOfManyRedirectURIs(t *testing.T) {
	b := guardedCounter(t, nil)
	var uris []string
	for i := range 500 {
		uris = append(uris, "http://tpp.example/"+strconv.Itoa(i))
	}
	uris = append(uris, "https://tpp.example/cb")
	m := b.manual(t, map[string]any{"software_redirect_uris": uris})
	p, err := b.PreviewManual(context.Background(), "", m)
	require.NoError(t, err)
	require.Nil(t, p.Refusal)
	require.Len(t, p.RedirectURIs, 501)
	for i, u := range p.RedirectURIs {
		require.Equal(t, i < 500, len(u.Violations) > 0, u.URI)
		require.Equal(t, i == 500, u.Chosen, u.URI)
	}
}

func TestAPreviewMeetsAnOutage(t *testing.T) {
	for name, of := range map[string]func(c *dcr.Config, keys *ssa.RemoteKeys, anchor ssa.Anchor){
		"of the directory": func(c *dcr.Config, keys *ssa.RemoteKeys, anchor ssa.Anchor) {
			anchor.Keys = keys
			verifier, err := ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{anchor}, Clock: c.Clock})
			require.NoError(t, err)
			c.Statements = verifier
		},
		"of the software's key set": func(c *dcr.Config, keys *ssa.RemoteKeys, _ ssa.Anchor) { c.SoftwareKeys = keys },
	} {
		w, _ := newWorld(t, nil)
		w.cut(true)
		keys, err := ssa.NewRemoteKeys(ssa.RemoteConfig{Sources: []ssa.RemoteSource{w.directory.RemoteSource()}, Clock: w.config.Clock})
		require.NoError(t, err)
		t.Cleanup(keys.Close)
		anchor := w.directory.Anchor()
		anchor.JWKSURL = w.directory.URL() + "/keys.jwks"
		b := openCounter(t, w, w.store, func(c *dcr.Config) { of(c, keys, anchor) })
		p, err := b.PreviewManual(context.Background(), "", w.manual(t, nil))
		if name == "of the directory" {
			require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status, name)
		} else { // and only tls_client_auth needs a certificate
			require.NoError(t, err, name)
			require.Nil(t, p.Refusal, name)
			require.Empty(t, p.Certificates, name)
			require.Equal(t, http.StatusServiceUnavailable, p.CertificatesOut.Status, name)
			m := w.manual(t, nil)
			m.AuthMethod = claims.TLSClientAuth
			_, err = b.PreviewManual(context.Background(), "", m)
			require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status, name)
		}
		w.cut(false)
		w.now = w.now.Add(11 * time.Second)
		p, err = b.PreviewManual(context.Background(), "", w.manual(t, nil))
		require.NoError(t, err, name)
		require.Nil(t, p.Refusal, name)
		require.Nil(t, p.CertificatesOut, name)
	}
}
