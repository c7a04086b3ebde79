package portal_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// TestAReviewOfFiveHundredViolationsIsReadable: they are counted, one rule stands once with all
// its places behind a summary, and the page is no heap.
func TestAReviewOfFiveHundredViolationsIsReadable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.contact("ada", orgOne)
	addresses, roles := []string{"https://tpp.example/fit"}, []string{"AISP"}
	for i := range 500 {
		addresses, roles = append(addresses, fmt.Sprintf("http://tpp.example/%d", i)), append(roles, fmt.Sprintf("ROLE%d", i))
	}
	a := w.as(t, "ada").reviewed(ssaOf(t, w.software(t, ssatest.SoftwareOptions{}),
		map[string]any{"software_redirect_uris": addresses, "software_roles": roles}))
	assert.Contains(t, a.text(), "500 that the bank does not take")
	assert.Equal(t, 501, strings.Count(a.body, `type="checkbox"`))
	assert.Equal(t, 500, strings.Count(a.body, "disabled"))
	assert.LessOrEqual(t, strings.Count(a.body, "What to do:"), 3, "each rule stands once")
	assert.Regexp(t, `[0-9]+ more of this rule`, a.text())
	assert.Regexp(t, `There are [0-9]+ more\.`, a.text(), "beyond those of the report")
	t.Logf("a page of %d KB", len(a.body)>>10)
}

// TestManyRulesAreFoldedUp: of the rules that a statement breaks, the first stand on the page.
func TestManyRulesAreFoldedUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.contact("ada", orgOne)
	a := w.as(t, "ada").reviewed(ssaOf(t, w.software(t, ssatest.SoftwareOptions{}), map[string]any{
		"software_client_name": nil, "software_roles": nil, "org_status": "Withdrawn", "software_mode": "Odd", "software_environment": "nowhere",
		"software_client_uri": "http://a", "software_logo_uri": "http://a", "software_policy_uri": "http://a", "software_tos_uri": "http://a",
		"org_jwks_endpoint": "http://a", "org_jwks_revoked_endpoint": "http://a", "software_jwks_revoked_endpoint": "http://a", "ob_registry_tos": "http://a",
	}))
	assert.Regexp(t, `[0-9]+ errors`, a.text())
	assert.Regexp(t, `[0-9]+ (warnings|more rules)`, a.text())
}

// TestNamesCannotSteerAPage: markup is text, and characters that turn the direction of a text or
// are not seen are written as numbers.
func TestNamesCannotSteerAPage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ name, shown string }{
		"markup":              {`<script>alert(1)</script>`, `&lt;script&gt;alert(1)&lt;/script&gt;`},
		"quotation marks":     {`"><img src=x onerror=alert(1)>'`, `&#34;&gt;&lt;img src=x onerror=alert(1)&gt;&#39;`},
		"right to left":       {"Bank \u202Egnp.exe", `Bank \u202egnp.exe`},
		"zero width":          {"Ac\u200Bme", `Ac\u200bme`},
		"a line break":        {"one\ntwo", `one\u000atwo`},
		"Arabic":              {"تطبيق البنك", "<bdi>تطبيق البنك</bdi>"},
		"forty characters":    {strings.Repeat("n", 40), strings.Repeat("n", 40)},
		"2,000 characters":    {strings.Repeat("long ", 400), "long long"},
		"template of a page":  {"{{.Person}} ${x}", "{{.Person}} ${x}"},
		"an attribute's edge": {"` onfocus=x ", "` onfocus=x "},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, options{})
			w.contact("ada", orgOne)
			ada := w.as(t, "ada")
			statement := ssaOf(t, w.software(t, ssatest.SoftwareOptions{ClientName: c.name}), nil)
			pages := []answer{ada.reviewed(statement)}
			if done := ada.press(pages[0], "add", nil); done.status == http.StatusOK {
				made := w.clients(t)[0]
				pages = append(pages, done, ada.get("/applications"), ada.get("/applications/"+made.ID), ada.get("/applications/"+made.ID+"/renew"),
					ada.get("/applications/"+made.ID+"/delete"), ada.sent("/applications/"+made.ID+"/delete", url.Values{"confirm": {c.name + "x"}}, nil))
			} else {
				pages = append(pages, done)
			}
			for _, a := range pages {
				assert.Contains(t, a.body, c.shown, a.url.Path)
				for _, never := range []string{"<script", "<img src=x", "\u202E", "\u200B"} {
					assert.NotContains(t, strings.ReplaceAll(a.body, `value="`+c.name, ""), never, a.url.Path)
				}
			}
		})
	}
}

// TestEachMethodIsOffered: the bank's methods are there, each with what it means, and the
// certificate only where it counts.
func TestEachMethodIsOffered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: withSecrets})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	s := w.software(t, ssatest.SoftwareOptions{})
	for _, c := range []struct {
		method claims.AuthMethod
		secret bool
	}{{claims.PrivateKeyJWT, false}, {claims.ClientSecretBasic, true}, {claims.TLSClientAuth, false}} {
		made, done := ada.add(ssaOf(t, s, nil), func(form url.Values) { form.Set("method", string(c.method)) })
		request, err := made.Request()
		require.NoError(t, err)
		assert.Equal(t, c.method, request.TokenEndpointAuthMethod.Or(""))
		assert.Equal(t, c.secret, strings.Contains(done.text(), "Copy the secret now"))
		if c.method == claims.TLSClientAuth {
			assert.Contains(t, request.TLSClientAuthSubjectDN.Or(""), "CN="+s.SoftwareID)
		}
	}
	plain := newWorld(t, options{policy: func(p *validate.Policy) { p.AuthMethods = []claims.AuthMethod{claims.PrivateKeyJWT} }})
	plain.contact("ada", orgOne)
	a := plain.as(t, "ada").reviewed(ssaOf(t, plain.software(t, ssatest.SoftwareOptions{}), nil))
	assert.NotContains(t, a.body, `name="certificate"`)
	assert.Equal(t, 1, strings.Count(a.body, `name="method"`))
}

// TestABankOfCertificatesAloneNeedsNoSecondLook: where tls_client_auth is the one method, the
// first review is of the software's certificate already.
func TestABankOfCertificatesAloneNeedsNoSecondLook(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: func(p *validate.Policy) { p.AuthMethods = []claims.AuthMethod{claims.TLSClientAuth} }})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	statement := ssaOf(t, w.software(t, ssatest.SoftwareOptions{}), nil)
	made, _ := ada.add(statement, nil)
	request, err := made.Request()
	require.NoError(t, err)
	assert.Equal(t, claims.TLSClientAuth, request.TokenEndpointAuthMethod.Or(""))
	a := ada.press(ada.reviewed(statement), "add", func(form url.Values) { form.Set("certificate", "other") })
	assert.Equal(t, http.StatusBadRequest, a.status)
	assert.NotContains(t, a.text(), "The bank would refuse", "the certificate alone is missing")
}

var choicesOfCertificates = regexp.MustCompile(`name="certificate" id="certificate-[^"]+" value="([^"]+)"`)

// TestACertificateThatWasPastedIsTheSoftwaresOwn: whatever its form; one of another software, a
// key and what is no certificate are refused at their field.
func TestACertificateThatWasPastedIsTheSoftwaresOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: withSecrets})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	s, other := w.software(t, ssatest.SoftwareOptions{}), w.software(t, ssatest.SoftwareOptions{OrgID: orgTwo})
	certificate, key, err := ssatest.PEM(s.TransportCertificate)
	require.NoError(t, err)
	others, _, err := ssatest.PEM(other.TransportCertificate)
	require.NoError(t, err)
	review := ada.reviewed(ssaOf(t, s, nil))
	require.Len(t, choicesOfCertificates.FindAllStringSubmatch(review.body, -1), 2, "the software's, and another one")
	for name, c := range map[string]struct {
		choice, pasted, file, said, field string
	}{
		"in PEM":              {"other", string(certificate), "", "", ""},
		"a file in PEM":       {"other", "", string(certificate), "", ""},
		"a file in DER":       {"other", "", string(s.TransportCertificate.Certificate[0]), "", ""},
		"nothing":             {"other", "", "", "Choose the certificate", "certificate"},
		"no choice":           {"", "", "", "Choose the certificate", "certificate"},
		"with its key":        {"other", string(certificate) + string(key), "", "Never send it to anybody", "certificate-pem"},
		"no certificate":      {"other", "hello", "", "This is no certificate", "certificate-pem"},
		"a file that is none": {"other", "", "hello", "This is no certificate", "certificate-file"},
		"too long":            {"other", strings.Repeat("c", 70<<10), "", "longer than 64 KiB", "certificate-pem"},
		"broken":              {"other", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "", "cannot be read", "certificate-pem"},
		"another's":           {"other", string(others), "", "The bank refused this", "problems"},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(w.clients(t))
			form := review.form()
			form.Set("once", name)
			form.Set("do", "add")
			form.Set("method", "tls_client_auth")
			form.Set("certificate", c.choice)
			form.Set("certificate-pem", c.pasted)
			var files map[string]string
			if c.file != "" {
				files = map[string]string{"certificate-file": c.file}
			}
			a := ada.sent("/applications/add", form, files)
			assert.NotContains(t, a.body, "PRIVATE KEY-----")
			if c.said == "" {
				assert.Equal(t, http.StatusOK, a.status, a.text())
				assert.Len(t, w.clients(t), before+1)
				return
			}
			assert.GreaterOrEqual(t, a.status, 400)
			assert.Contains(t, a.text(), c.said)
			assert.Contains(t, a.body, `<a href="#`+c.field+`">`)
			assert.Contains(t, a.body, `id="`+c.field+`"`)
			assert.Equal(t, review.form()["redirect"], a.form()["redirect"], "what was chosen is kept")
			assert.Equal(t, "tls_client_auth", a.form().Get("method"))
			if c.field != "problems" {
				assert.NotContains(t, a.text(), "The bank would refuse", "the statement is good")
				assert.Contains(t, a.body, `value="add"`)
			}
			assert.Len(t, w.clients(t), before)
		})
	}
}

// TestAChoiceOfNothingIsAFault: the form keeps all else.
func TestAChoiceOfNothingIsAFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: withSecrets})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	review := ada.reviewed(ssaOf(t, w.software(t, ssatest.SoftwareOptions{}), nil))
	a := ada.press(review, "add", func(form url.Values) { form.Del("redirect"); form.Del("method") })
	assert.Equal(t, http.StatusBadRequest, a.status)
	assert.Contains(t, a.body, `<a href="#redirect">Choose at least one redirect URI</a>`)
	assert.Contains(t, a.body, `<a href="#method">Choose how the application authenticates itself</a>`)
	assert.Equal(t, review.form().Get("once"), a.form().Get("once"))
	assert.Empty(t, a.form()["redirect"])
	assert.NotContains(t, a.text(), "The bank would refuse")
	tooLong := base64.RawURLEncoding.EncodeToString(certificateOf(t, 70<<10))
	for name, change := range map[string][2]string{
		"another redirect URI": {"redirect", "https://evil.example/"}, "no method": {"method", "none"}, "no certificate": {"certificate", "%"},
		"a certificate that is too long": {"certificate", tooLong}, "a long identifier": {"once", strings.Repeat("o", 65)},
	} {
		a := ada.press(review, "add", func(form url.Values) { form.Set("method", "tls_client_auth"); form.Set(change[0], change[1]) })
		assert.Equal(t, http.StatusBadRequest, a.status, name)
		if change[1] == tooLong {
			assert.Contains(t, a.text(), "The form cannot be read")
		}
		assert.NotContains(t, a.text(), "was added")
	}
	assert.Empty(t, w.clients(t))
}

// certificateOf makes a certificate of more than so many bytes.
func certificateOf(t *testing.T, size int) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: strings.Repeat("c", size)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return der
}
