package portal

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/validate"
)

// The further fields of the form that reviews a statement.
const (
	fieldOnce     = "once"
	fieldDo       = "do"     // what the button asks for
	fieldChosen   = "chosen" // there, where the form had choices
	fieldRedirect = "redirect"
	fieldMethod   = "method"

	doCheck = "check"
	doAdd   = "add"
	doRenew = "renew"
)

// choices are what a person chose of what a statement leaves open.
type choices struct {
	made        bool // the form had choices
	faulty      bool // there is something wrong with the method or the certificate
	redirects   []string
	method      claims.AuthMethod
	certificate *x509.Certificate
}

// maxRedirects bounds how many redirect URIs a form may choose.
const maxRedirects = 2000

// choices reads what a person chose.
func (v *visit) choices() (choices, []fault, error) {
	form := v.r.PostForm
	c := choices{made: form.Get(fieldChosen) != "", method: claims.AuthMethod(form.Get(fieldMethod))}
	if !c.made {
		return choices{}, nil, nil
	}
	if c.redirects = form[fieldRedirect]; len(c.redirects) > maxRedirects || c.method != "" && !c.method.Known() {
		return choices{}, nil, errForm
	}
	var faults []fault
	if len(c.redirects) == 0 {
		faults = append(faults, fault{fieldRedirect, "Choose at least one redirect URI"})
	}
	if c.method == "" {
		faults = append(faults, fault{fieldMethod, "Choose how the application authenticates itself"})
	}
	certificate, wrong, err := v.chosenCertificate()
	if err != nil {
		return choices{}, nil, err
	}
	c.certificate = certificate
	if c.method == claims.TLSClientAuth {
		faults = append(faults, wrong...)
		c.faulty = len(wrong) > 0
	}
	return c, faults, nil
}

// manual is what the person asks for.
func (v *visit) manual(statement string, c choices) dcr.Manual {
	m := dcr.Manual{Statement: statement, Reach: v.reach(), RedirectURIs: c.redirects, AuthMethod: c.method}
	if c.method == claims.TLSClientAuth {
		m.Certificate = c.certificate
	}
	if c.faulty { // the form says what is wrong; the rest is judged without it
		m.AuthMethod, m.Certificate = "", nil
	}
	return m
}

// hidden are the choices as fields of a form that cannot show them.
func (c choices) hidden() []formField {
	if !c.made {
		return nil
	}
	fields := []formField{{fieldChosen, "1"}, {fieldMethod, string(c.method)}}
	for _, u := range c.redirects {
		fields = append(fields, formField{fieldRedirect, u})
	}
	if c.certificate != nil {
		fields = append(fields, formField{fieldCertificate, base64.RawURLEncoding.EncodeToString(c.certificate.Raw)})
	}
	return fields
}

// options are the choices that a page offers.
type options struct {
	Redirects     []redirectOption
	Unfit         []redirectOption // those that cannot be chosen, where they are too many to stand among the others
	Methods       []methodOption
	Certificates  []certificateChoice
	ByCertificate bool   // tls_client_auth is offered
	Out           bool   // tls_client_auth cannot be offered, because the key set of the software cannot be read
	Kept          string // the subject that can be kept; "" for none
	KeptChosen    bool
	Typed         string // the certificate that was pasted and cannot be used
}

// redirectOption is a redirect URI of the statement.
type redirectOption struct {
	ID, URI string
	Chosen  bool
	Unfit   bool
	Why     []found
}

// fewUnfit is how many redirect URIs that cannot be chosen stand among the others.
const fewUnfit = 5

// sort takes the redirect URIs that cannot be chosen out of the list, where they are many.
func (o *options) sort() {
	for _, option := range o.Redirects {
		if option.Unfit {
			o.Unfit = append(o.Unfit, option)
		}
	}
	if len(o.Unfit) <= fewUnfit {
		o.Unfit = nil
		return
	}
	o.Redirects = slices.DeleteFunc(o.Redirects, func(option redirectOption) bool { return option.Unfit })
}

// methodOption is a way in which an application authenticates itself.
type methodOption struct {
	ID      string
	Method  claims.AuthMethod
	Chosen  bool
	Meaning string
}

// meanings say in a sentence what each method is.
var meanings = map[claims.AuthMethod]string{
	claims.PrivateKeyJWT:     "The application signs a token with a key of its key set. There is no secret to keep.",
	claims.TLSClientAuth:     "The bank knows the application by the subject of its transport certificate. There is no secret to keep.",
	claims.ClientSecretBasic: "The application sends a secret in the Authorization header. The bank shows the secret once.",
	claims.ClientSecretPost:  "The application sends a secret in the body of the request. The bank shows the secret once.",
	claims.ClientSecretJWT:   "The application signs a token with a secret. The bank shows the secret once.",
}

// proposed is the method that a page proposes: what the client would have or has, else the first
// that the bank offers and that needs no certificate.
func proposed(p *dcr.Preview, registered *claims.Request) claims.AuthMethod {
	if p.Client != nil {
		if request, err := p.Client.Request(); err == nil {
			return request.TokenEndpointAuthMethod.Or("")
		}
	}
	if method := registered.TokenEndpointAuthMethod.Or(""); method != "" {
		return method
	}
	for _, m := range p.AuthMethods {
		if m != claims.TLSClientAuth {
			return m
		}
	}
	return claims.TLSClientAuth
}

// optionsOf are the choices that a preview leaves. registered is what the client that is renewed
// is registered with; an update keeps its subject unless another certificate is chosen.
func optionsOf(p *dcr.Preview, c choices, registered *claims.Request) options {
	var o options
	for i, u := range p.RedirectURIs {
		option := redirectOption{ID: fmt.Sprintf("redirect-%d", i), URI: u.URI, Chosen: u.Chosen}
		for _, violation := range u.Violations {
			option.Unfit = option.Unfit || violation.Severity == validate.SeverityError
			option.Why = append(option.Why, foundIn(violation))
		}
		if c.made {
			option.Chosen = slices.Contains(c.redirects, u.URI) && !option.Unfit
		}
		o.Redirects = append(o.Redirects, option)
	}
	o.sort()
	method := c.method
	if method == "" {
		method = proposed(p, registered)
	}
	o.Out = p.CertificatesOut != nil
	for _, m := range p.AuthMethods {
		if o.Out && m == claims.TLSClientAuth {
			continue
		}
		o.Methods = append(o.Methods, methodOption{ID: "method-" + string(m), Method: m, Chosen: m == method, Meaning: meanings[m]})
	}
	if o.ByCertificate = slices.Contains(p.AuthMethods, claims.TLSClientAuth) && !o.Out; o.ByCertificate {
		o.Kept = registered.TLSClientAuthSubjectDN.Or("")
		chosen := c.certificate
		if chosen == nil && o.Kept == "" {
			chosen = latest(p.Certificates)
		}
		o.Certificates = certificateChoices(p.Certificates, chosen)
		o.KeptChosen = o.Kept != "" && chosen == nil
	}
	return o
}
