package validate

import (
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/dn"
	"github.com/obdcr/obdcr/internal/rule"
	"github.com/obdcr/obdcr/internal/text"
)

// Greatest lengths of tls_client_auth_subject_dn.
const (
	maxDN   = 128 // up to 3.3
	maxDN34 = 512 // from 3.4 on
)

const memberDN = "tls_client_auth_subject_dn"

// tlsClientAuth is the request of the examples.
const tlsClientAuth = `{"token_endpoint_auth_method": "tls_client_auth"} without token_endpoint_auth_signing_alg`

// subjectDNRules are the rows about tls_client_auth_subject_dn.
var subjectDNRules = []Rule{
	{
		// The member is present exactly when the method is tls_client_auth ...
		ID:       rule.TLSClientAuthSubjectDNRequired,
		Summary:  "tls_client_auth_subject_dn is present with tls_client_auth.",
		Reason:   "The bank tells the client's certificate by its subject.",
		Bad:      "without tls_client_auth_subject_dn",
		Good:     `{"tls_client_auth_subject_dn": "CN=9b5usDpbNtmxDcTzs7GzKp,OU=0015800001041RHAAY,O=OpenBanking,C=GB"}`,
		Given:    Given{Request: tlsClientAuth},
		Citation: dictionary(memberDN),
		Basis:    BasisMust,
		Fix:      "set tls_client_auth_subject_dn to the subject of the transport certificate",
		When:     func(c *Case) bool { return usesTLSClientAuth(c.Req()) },
		Check:    func(c *Case) { requireMember(c, c.Req().TLSClientAuthSubjectDN.Present(), "/"+memberDN) },
	},
	{
		// ... and only then.
		ID:       rule.TLSClientAuthSubjectDNForbidden,
		Summary:  "tls_client_auth_subject_dn is absent with any other method.",
		Reason:   "It would name a certificate that the client does not authenticate with.",
		Bad:      `{"tls_client_auth_subject_dn": "CN=9b5usDpbNtmxDcTzs7GzKp"}`,
		Good:     "without tls_client_auth_subject_dn",
		Citation: dictionary(memberDN),
		Basis:    BasisMust,
		Fix:      "leave tls_client_auth_subject_dn out, or use tls_client_auth",
		When: func(c *Case) bool {
			return c.Req().TokenEndpointAuthMethod.Valid() && !usesTLSClientAuth(c.Req())
		},
		Check: func(c *Case) {
			if c.Req().TLSClientAuthSubjectDN.Valid() {
				c.Report("/"+memberDN, "is there, but the method is not tls_client_auth")
			}
		},
	},
	{
		ID:       rule.TLSClientAuthSubjectDNFormat,
		Summary:  "tls_client_auth_subject_dn is a distinguished name as RFC 4514 writes it.",
		Reason:   "It is compared with the certificate attribute by attribute.",
		Bad:      `{"tls_client_auth_subject_dn": "/C=GB/O=OpenBanking/CN=9b5usDpbNtmxDcTzs7GzKp"}`,
		Good:     `{"tls_client_auth_subject_dn": "CN=9b5usDpbNtmxDcTzs7GzKp,OU=0015800001041RHAAY,O=OpenBanking,C=GB"}`,
		Given:    Given{Request: tlsClientAuth},
		Citation: rfc("4514", "3"),
		Basis:    BasisMust,
		Fix:      "write it as openssl x509 -subject -nameopt RFC2253 does: CN=...,OU=...,O=...,C=GB",
		When:     sendsSubjectDN,
		Check: func(c *Case) {
			text, _ := c.Req().TLSClientAuthSubjectDN.Get()
			if _, err := dn.Parse(text); err != nil {
				c.ReportValue("/"+memberDN, text, subjectAsRFC4514(text), "is no distinguished name by RFC 4514")
			}
		},
	},
	{
		ID:       rule.TLSClientAuthSubjectDNLength,
		Summary:  "tls_client_auth_subject_dn has at most 128 characters.",
		Reason:   "The data dictionary sets that limit up to version 3.3.",
		Bad:      `{"tls_client_auth_subject_dn": "CN=a{126}"}`,
		Good:     `{"tls_client_auth_subject_dn": "CN=a{125}"}`,
		Given:    Given{Request: tlsClientAuth},
		Citation: dictionary(memberDN),
		Basis:    BasisMust,
		Profiles: profilesBefore34(),
		Fix:      "use a certificate with a shorter subject, or ask the bank for version 3.4",
		When:     sendsSubjectDN,
		Check:    func(c *Case) { checkDNLength(c, maxDN) },
	},
	{
		ID:       rule.TLSClientAuthSubjectDNLength34,
		Summary:  "tls_client_auth_subject_dn has at most 512 characters.",
		Reason:   "The OpenAPI document of version 3.4 sets that limit. The data dictionary of 3.4 still says 128.",
		Bad:      `{"tls_client_auth_subject_dn": "CN=a{510}"}`,
		Good:     `{"tls_client_auth_subject_dn": "CN=a{509}"}`,
		Given:    Given{Request: tlsClientAuth},
		Citation: openAPI34(memberDN),
		Basis:    BasisMust,
		Profiles: profilesSince34(),
		Fix:      "use a certificate with a shorter subject",
		When:     sendsSubjectDN,
		Check:    func(c *Case) { checkDNLength(c, maxDN34) },
	},
	{
		ID:      rule.TLSClientAuthSubjectDNCNFirst,
		Summary: "The first attribute of tls_client_auth_subject_dn is CN. It is a warning if CN is in the first RDN, but behind another attribute.",
		Reason: "The pattern of the OpenAPI document of version 3.4 begins with CN. The data dictionary of 3.4 has none. " +
			"The pattern also refuses other names of CN, escapes, and blanks behind a comma, which RFC 4514 allows; they are accepted here.",
		Bad:      `{"tls_client_auth_subject_dn": "C=GB,O=OpenBanking,CN=9b5usDpbNtmxDcTzs7GzKp"}`,
		Good:     `{"tls_client_auth_subject_dn": "CN=9b5usDpbNtmxDcTzs7GzKp,OU=0015800001041RHAAY,O=OpenBanking,C=GB"}`,
		Given:    Given{Request: tlsClientAuth},
		Citation: openAPI34(memberDN),
		Basis:    BasisMust,
		Profiles: profilesSince34(),
		Fix:      "write the most specific attribute, CN, first",
		When:     sendsSubjectDN,
		Check: func(c *Case) {
			text, _ := c.Req().TLSClientAuthSubjectDN.Get()
			switch name, err := dn.Parse(text); {
			case err != nil || name.Begins("CN"):
			case name.First("CN"):
				c.Warn("/"+memberDN, text, "CN first", "has CN behind another attribute of the first RDN")
			default:
				c.ReportValue("/"+memberDN, text, "CN first", "does not start with CN")
			}
		},
	},
	{
		ID:       rule.TLSClientAuthSubjectDNMatchesCertificate,
		Summary:  "tls_client_auth_subject_dn is the subject of the client certificate. In an update it may be that of another published transport certificate.",
		Reason:   "Another certificate's name would let its holder in, and keep the client out.",
		Bad:      `{"tls_client_auth_subject_dn": "CN=somebody else"}`,
		Good:     `{"tls_client_auth_subject_dn": "CN=9b5usDpbNtmxDcTzs7GzKp,OU=0015800001041RHAAY,O=OpenBanking,C=GB"}`,
		Given:    Given{Request: tlsClientAuth, Certificate: "CN=9b5usDpbNtmxDcTzs7GzKp,OU=0015800001041RHAAY,O=OpenBanking,C=GB"},
		Citation: dictionary(memberDN),
		Basis:    BasisStricter,
		Stricter: "The text lets a bank compare a part of the name alone; the policy member subject_dn_match can widen the comparison.",
		Fix: "copy the subject of the certificate that the client connects with, most specific attribute first; " +
			"in an update that of the next certificate, once it stands in x5c of the key set",
		When:  func(c *Case) bool { return sendsSubjectDN(c) && c.Cert() != nil },
		Check: checkSubjectDN,
	},
}

// sendsSubjectDN reports whether the request has a subject DN and its method uses it.
func sendsSubjectDN(c *Case) bool {
	return usesTLSClientAuth(c.Req()) && c.Req().TLSClientAuthSubjectDN.Valid()
}

// checkDNLength reports a name that is too long.
func checkDNLength(c *Case, most int) {
	if text, _ := c.Req().TLSClientAuthSubjectDN.Get(); text != "" {
		checkLength(c, claims.Some(text), "/tls_client_auth_subject_dn", most)
	}
}

// Same reports whether m accepts a distinguished name, in the form of RFC 4514, as the
// subject of a certificate (x509.Certificate.RawSubject). It returns an error if one of
// the two is no distinguished name.
func (m SubjectDNMatch) Same(name string, rawSubject []byte) (bool, error) {
	sent, err := dn.Parse(name)
	if err != nil {
		return false, err
	}
	subject, err := dn.FromDER(rawSubject)
	if err != nil {
		return false, err
	}
	return m.same(sent, subject), nil
}

// same compares a name with the certificate's own, RDN by RDN.
func (m SubjectDNMatch) same(sent, subject dn.Name) bool {
	switch m {
	case DNMatchReversed:
		return dn.EqualEither(sent, subject)
	case DNMatchAnyOrder:
		return dn.EqualUnordered(sent, subject)
	case DNMatchImmutable:
		return dn.EqualImmutable(sent, subject)
	}
	return dn.Equal(sent, subject)
}

// subjectAsRFC4514 writes a name in OpenSSL's older form as RFC 4514 says. For any other
// text it returns a pattern.
func subjectAsRFC4514(text string) string {
	if name, err := dn.ParseSlash(text); err == nil {
		return spelled(name)
	}
	return "CN=...,OU=...,O=...,C=GB"
}

// spelled writes a name for people to copy. It is whole where it is no longer than the
// member may be, since a part of a name is of no use. A longer one is cut by Echo.
func spelled(name dn.Name) string {
	s := name.String()
	if len(s) <= maxDN && text.Printable(s) {
		return s
	}
	return Echo(s)
}

// checkSubjectDN reports a name that is not the certificate's nor, in an update, that of
// another published certificate. The policy says how the two are compared.
func checkSubjectDN(c *Case) {
	text, _ := c.Req().TLSClientAuthSubjectDN.Get()
	got, err := dn.Parse(text)
	if err != nil {
		return
	}
	want, err := dn.FromDER(c.Cert().RawSubject)
	if err != nil {
		c.Report("/tls_client_auth_subject_dn", "cannot be compared: the certificate's subject cannot be read")
		return
	}
	if c.Policy().SubjectDNMatch.same(got, want) {
		return
	}
	update := c.Update()
	switch {
	case update == nil || !c.Policy().SubjectDNFromKeySet:
		c.ReportValue("/"+memberDN, text, spelled(want), "is not the subject of the client certificate")
	case slices.ContainsFunc(update.TransportSubjects, func(der []byte) bool {
		published, err := dn.FromDER(der)
		return err == nil && c.Policy().SubjectDNMatch.same(got, published)
	}):
	case update.TransportSubjectsUnread:
		c.Warn("/"+memberDN, text, spelled(want), "is not the subject of the client certificate; whether it is that of another published certificate was not checked")
	default:
		c.ReportValue("/"+memberDN, text, spelled(want), "is neither the subject of the client certificate nor that of another transport certificate "+
			"in the software's key set that is good")
	}
}
