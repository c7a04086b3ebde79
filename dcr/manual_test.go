package dcr_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

func TestAManualRegistrationTakesWhatTheContactChose(t *testing.T) {
	b := newCounter(t, nil, nil)
	m := b.manual(t, nil)
	m.RedirectURIs = b.software.RedirectURIs[1:]
	m.AuthMethod, m.Certificate = claims.TLSClientAuth, b.software.TransportCertificate.Leaf
	registration := b.walkIn(t, m)
	c := registeredMembers(t, registration.Client)
	require.Equal(t, b.software.RedirectURIs[1:], c.RedirectURIs.Or(nil))
	require.Equal(t, claims.TLSClientAuth, c.TokenEndpointAuthMethod.Or(""))
	require.Equal(t, cert.SubjectDN(m.Certificate.RawSubject), c.TLSClientAuthSubjectDN.Or(""))
	require.Equal(t, cert.SubjectDN(m.Certificate.RawSubject), registration.Client.SubjectDN)
	require.False(t, c.TokenEndpointAuthSigningAlg.Present())
	require.Equal(t, dcr.Actor{Kind: dcr.ActorContact, Name: "jo@tpp.example"}, registration.Change.Actor)
	require.Equal(t, event(dcr.OpCreate, dcr.OutcomeDone, dcr.ActorContact), b.lastEvent())

	got, err := b.Get(context.Background(), registration.Client.ClientID, b.caller(t, registration.Client.ClientID))
	require.NoError(t, err, "the client reads itself by its own token")
	require.Equal(t, registration.Client, got.Client)
}

func TestAManualRegistrationOfWhichNothingIsChosen(t *testing.T) {
	b := newCounter(t, nil, nil)
	c := registeredMembers(t, b.walkIn(t, b.manual(t, nil)).Client)
	require.Equal(t, claims.PrivateKeyJWT, c.TokenEndpointAuthMethod.Or(""))
	require.Equal(t, b.software.RedirectURIs, c.RedirectURIs.Or(nil))
	require.False(t, c.TLSClientAuthSubjectDN.Present())

	byCertificate := newCounter(t, func(p *validate.Policy) {
		p.AuthMethods = []claims.AuthMethod{claims.TLSClientAuth, claims.PrivateKeyJWT}
	}, nil)
	m := byCertificate.manual(t, nil)
	require.Equal(t, claims.PrivateKeyJWT, registeredMembers(t, byCertificate.walkIn(t, m).Client).TokenEndpointAuthMethod.Or(""))
	m.Certificate = byCertificate.software.TransportCertificate.Leaf
	require.Equal(t, claims.TLSClientAuth, registeredMembers(t, byCertificate.walkIn(t, m).Client).TokenEndpointAuthMethod.Or(""))
}

func TestABankOfCertificatesAloneRegistersAContactsChoice(t *testing.T) {
	b := newCounter(t, func(p *validate.Policy) { p.AuthMethods = []claims.AuthMethod{claims.TLSClientAuth} }, nil)
	m := b.manual(t, nil)
	_, err := b.RegisterManual(context.Background(), m)
	require.Equal(t, []string{"tls_client_auth_subject_dn.required"}, ruleIDs(refusalOf(t, err).Report))
	m.Certificate = b.software.TransportCertificate.Leaf
	require.Equal(t, claims.TLSClientAuth, registeredMembers(t, b.walkIn(t, m).Client).TokenEndpointAuthMethod.Or(""))
}

func TestAnUnfitRedirectURIIsLeftOutUnlessItIsChosen(t *testing.T) {
	b := newCounter(t, nil, nil)
	const fit, bad = "https://tpp.example/cb", "https://localhost/cb"
	m := b.manual(t, map[string]any{"software_redirect_uris": []string{bad, fit, fit, "http://tpp.example/cb"}})
	registration := b.walkIn(t, m)
	require.Equal(t, []string{fit}, registeredMembers(t, registration.Client).RedirectURIs.Or(nil))
	var left []string
	for _, v := range registration.Report.Violations {
		if v.Rule == "ssa.software_redirect_uris.unfit" {
			left = append(left, v.Pointer)
		}
	}
	require.Equal(t, []string{"/software_redirect_uris/0", "/software_redirect_uris/3"}, left, "the report tells which were left out")

	before := everything(t, b.records)
	for name, c := range map[string]struct {
		uris []string
		rule string
	}{
		"unfit":                 {[]string{fit, bad}, "redirect_uris.localhost"},
		"not of the statement":  {[]string{"https://elsewhere.example/cb"}, "redirect_uris.subset_of_ssa"},
		"none":                  {[]string{}, "redirect_uris.not_empty"},
		"the same twice":        {[]string{fit, fit}, "redirect_uris.duplicate"},
		"of another spelling":   {[]string{"https://tpp.example/CB"}, "redirect_uris.subset_of_ssa"},
		"more than a bank will": {strings.Fields(strings.Repeat(fit+" ", 60)), "redirect_uris.count"},
	} {
		m.RedirectURIs = c.uris
		_, err := b.RegisterManual(context.Background(), m)
		refusal := refusalOf(t, err)
		require.Equal(t, http.StatusBadRequest, refusal.Status, name)
		require.Contains(t, ruleIDs(refusal.Report), c.rule, name)
		require.Equal(t, before, everything(t, b.records), name)
	}
}

func TestAContactRegistersForTheirOwnOrganisationAlone(t *testing.T) {
	b := newCounter(t, nil, nil)
	for name, reach := range map[string]dcr.Reach{
		"none":                 {},
		"another organisation": {Organisations: []string{"0014H00002LmoBMQAZ"}, Issuers: []string{directoryIssuer}},
		"another directory":    {Organisations: []string{b.software.OrgID}, Issuers: []string{"Elsewhere"}},
		"no directory":         {Organisations: []string{b.software.OrgID}},
	} {
		m := b.manual(t, nil)
		m.Reach = reach
		_, err := b.RegisterManual(context.Background(), m)
		refusal := refusalOf(t, err)
		require.Equal(t, http.StatusForbidden, refusal.Status, name)
		require.Contains(t, refusal.Description, b.software.OrgID, name)
		require.Equal(t, "null", everything(t, b.records), name)
		require.Equal(t, event(dcr.OpCreate, dcr.OutcomeForbidden, dcr.ActorContact), b.lastEvent(), name)
	}
	m := b.manual(t, nil)
	m.Reach = dcr.Reach{All: true}
	b.walkIn(t, m)
}

func TestAChosenCertificateIsTheSoftwaresOwn(t *testing.T) {
	b := newCounter(t, nil, nil)
	stranger := b.other(t, ssatest.SoftwareOptions{OrgID: "0014H00002LmoBMQAZ"})
	borrowed := b.other(t, ssatest.SoftwareOptions{}) // its key and certificate are in the key set of this software, too
	var own, added struct {
		Keys []json.RawMessage `json:"keys"`
	}
	require.NoError(t, json.Unmarshal(b.software.JWKS(), &own))
	require.NoError(t, json.Unmarshal(borrowed.JWKS(), &added))
	own.Keys = append(own.Keys, added.Keys...)
	both, err := json.Marshal(own)
	require.NoError(t, err)
	b.directory.Publish(b.keysPath(), both)
	p, err := b.PreviewManual(context.Background(), "", b.manual(t, nil))
	require.NoError(t, err)
	require.Equal(t, []*x509.Certificate{b.software.TransportCertificate.Leaf}, p.Certificates, "what is borrowed is not offered")
	for name, c := range map[string]struct {
		manual func(*dcr.Manual)
		rule   string
	}{
		"of another organisation": {func(m *dcr.Manual) { m.Certificate = stranger.TransportCertificate.Leaf }, "certificate.binding"},
		"of another software":     {func(m *dcr.Manual) { m.Certificate = borrowed.TransportCertificate.Leaf }, "certificate.binding"},
		"for signing":             {func(m *dcr.Manual) { m.Certificate = b.software.SigningCertificate.Leaf }, "certificate.purpose"},
		"none":                    {func(m *dcr.Manual) { m.AuthMethod = claims.TLSClientAuth }, "tls_client_auth_subject_dn.required"},
		"with another method": {func(m *dcr.Manual) {
			m.AuthMethod, m.Certificate = claims.PrivateKeyJWT, stranger.TransportCertificate.Leaf
		}, "certificate.binding"},
		"a method that is not offered": {func(m *dcr.Manual) { m.AuthMethod = claims.ClientSecretBasic }, "token_endpoint_auth_method.supported"},
		"a method that is none":        {func(m *dcr.Manual) { m.AuthMethod = "password" }, "token_endpoint_auth_method.known"},
	} {
		m := b.manual(t, nil)
		m.AuthMethod = claims.TLSClientAuth
		c.manual(&m)
		_, err := b.RegisterManual(context.Background(), m)
		refusal := refusalOf(t, err)
		require.Equal(t, http.StatusBadRequest, refusal.Status, name)
		require.Equal(t, validate.InvalidClientMetadata, refusal.Code, name)
		require.Contains(t, ruleIDs(refusal.Report), c.rule, name)
		require.Equal(t, "null", everything(t, b.records), name)
	}
	blind := newOffice(t, nil, nil) // without CAs
	m := blind.manual(t, nil)
	m.AuthMethod, m.Certificate = claims.TLSClientAuth, blind.software.TransportCertificate.Leaf
	_, err = blind.RegisterManual(context.Background(), m)
	require.Contains(t, ruleIDs(refusalOf(t, err).Report), "certificate.chain", "nothing shows who issued it")
	p, err = blind.PreviewManual(context.Background(), "", m)
	require.NoError(t, err)
	require.NotContains(t, p.AuthMethods, claims.TLSClientAuth)
	require.Empty(t, p.Certificates)
}

func TestAnAttemptIsMadeOnce(t *testing.T) {
	for name, outside := range map[string]bool{"the store keeps it": false, "Replay keeps it": true} {
		b := newCounter(t, nil, func(c *dcr.Config) {
			if outside {
				c.Replay = store.NewMemoryReplay(c.Clock)
			}
		})
		m := b.manual(t, map[string]any{"software_redirect_uris": []string{"https://localhost/cb"}})
		m.Once = "form 1"
		_, err := b.RegisterManual(context.Background(), m)
		require.Equal(t, http.StatusBadRequest, refusalOf(t, err).Status, name)
		m.Statement = b.statement(t, nil)
		client := b.walkIn(t, m).Client // a refusal leaves it unused
		before := everything(t, b.records)
		_, err = b.RegisterManual(context.Background(), m)
		require.ErrorIs(t, err, store.ErrReplayed, name)
		require.Equal(t, http.StatusBadRequest, refusalOf(t, err).Status, name)
		require.Contains(t, refusalOf(t, err).Description, "sent before", name)
		_, err = b.UpdateManual(context.Background(), client.ID, m)
		require.ErrorIs(t, err, store.ErrReplayed, name)
		require.Equal(t, before, everything(t, b.records), name)
		m.Once = "form 2"
		b.walkIn(t, m)
		m.Once = "FORM 2"
		b.walkIn(t, m) // another one
		m.Once = ""
		b.walkIn(t, m)
		b.walkIn(t, m)
		m.Once = strings.Repeat("x", 201)
		_, err = b.RegisterManual(context.Background(), m)
		require.Equal(t, http.StatusBadRequest, refusalOf(t, err).Status, name)
	}
}

func TestOfTwoOfOneAttemptOneRegisters(t *testing.T) {
	for range 20 {
		server := newAuthorizationServer()
		b := newCounter(t, nil, func(c *dcr.Config) { c.Provisioner = server })
		m := b.manual(t, nil)
		m.Once = "form"
		var group sync.WaitGroup
		errs := make([]error, 2)
		for i := range errs {
			group.Go(func() { _, errs[i] = b.RegisterManual(context.Background(), m) })
		}
		group.Wait()
		if errs[0] != nil {
			errs[0], errs[1] = errs[1], errs[0]
		}
		require.NoError(t, errs[0])
		require.ErrorIs(t, errs[1], store.ErrReplayed)
		all, err := b.records.List(context.Background(), "", 10)
		require.NoError(t, err)
		require.Len(t, all, 1)
		require.Len(t, server.holds(), 1)
	}
}

func TestAnAttemptThatMetAnOutageIsMadeAgain(t *testing.T) {
	for _, outside := range []bool{false, true} {
		server := newAuthorizationServer()
		b := newCounter(t, nil, func(c *dcr.Config) {
			c.Provisioner = server
			if outside {
				c.Replay = store.NewMemoryReplay(c.Clock)
			}
		})
		m := b.manual(t, nil)
		m.Once = "form"
		server.fail = failOnce("provision")
		_, err := b.RegisterManual(context.Background(), m)
		require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
		require.Equal(t, "null", everything(t, b.records))
		b.walkIn(t, m)
	}
}
