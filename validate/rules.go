package validate

import (
	"slices"
	"strings"
	"sync"
)

// The texts that the table cites.
const (
	specOBIE32   = "OBIE DCR 3.2"
	specOBIE33   = "OBIE DCR 3.3"
	specOBIE34   = "OBIE DCR 3.4"
	specWSO2     = "WSO2 Open Banking, Dynamic Client Registration v3.2"
	urlOBIE32    = "https://openbankinguk.github.io/dcr-docs-pub/v3.2/dynamic-client-registration.html"
	urlOBIE33    = "https://openbankinguk.github.io/dcr-docs-pub/v3.3/dynamic-client-registration.html"
	urlOBIE34    = "https://openbankinguk.github.io/dcr-docs-pub/v3.4/dynamic-client-registration.html"
	urlWSO2      = "https://wso2docs.atlassian.net/wiki/spaces/OB140/pages/29395093/Dynamic+Client+Registration+v3.2"
	urlRFC       = "https://www.rfc-editor.org/rfc/"
	urlOpenAPI34 = "https://github.com/OpenBankingUK/client-registration-api-specs/blob/v3.4/dist/client-registration-openapi.yaml"
	urlFAPI      = "https://openid.net/specs/openid-financial-api-part-2-1_0.html"
	urlFAPICIBA  = "https://openid.net/specs/openid-financial-api-ciba-ID1.html"
	urlDirectory = "https://github.com/OpenBankingUK/directory-api-specs/blob/master/directory-api-swagger.yaml"
)

// dictionary cites the data dictionary's row of a request member, and the whole of it
// where member is empty.
func dictionary(member string) Citation { return obie(rowOf(member), "data-dictionary") }

// rowOf names a row of the data dictionary.
func rowOf(member string) string {
	if member == "" {
		return "data dictionary"
	}
	return "data dictionary, " + member
}

// obie cites another section of the same page.
func obie(section, anchor string) Citation {
	return Citation{Spec: specOBIE33, Section: section, URL: urlOBIE33 + "#" + anchor}
}

// changes cites what the specification says of the update of a client.
func changes() Citation { return obie("PUT /register/{ClientId}", "put-register-clientid") }

// keyRules cites what the specification says of the keys of requests and statements.
func keyRules() Citation { return obie("Of JWS & JWKS", "of-jws-jwks") }

// openAPI34 cites the OpenAPI document of version 3.4, for what its data dictionary does
// not have.
func openAPI34(member string) Citation {
	return Citation{Spec: specOBIE34, Section: "OpenAPI document, " + member, URL: urlOpenAPI34}
}

// dictionary32 and dictionary34 cite the same row of the other versions.
func dictionary32(member string) Citation {
	return Citation{Spec: specOBIE32, Section: rowOf(member), URL: urlOBIE32 + "#data-dictionary"}
}

func dictionary34(member string) Citation {
	return Citation{Spec: specOBIE34, Section: rowOf(member), URL: urlOBIE34 + "#data-dictionary"}
}

// citedIn returns the citation for a profile. A section of version 3.3 becomes that of the
// profile's own version, so that a report names the text that the request was judged by.
// A row of the vendor's document becomes the row of the data dictionary, but in the
// vendor's profile. Other citations stay as they are.
func (c Citation) citedIn(p Profile) Citation {
	if member, ok := strings.CutPrefix(c.Section, vendorRowOf); ok && p != WSO2 {
		c = dictionary(member)
	}
	if c.Spec != specOBIE33 || !strings.HasPrefix(c.URL, urlOBIE33) {
		return c
	}
	anchor := c.URL[len(urlOBIE33):]
	switch p {
	case OBIE32, WSO2:
		c.Spec, c.URL = specOBIE32, urlOBIE32+anchor
	case OBIE34:
		c.Spec, c.URL = specOBIE34, urlOBIE34+anchor
	}
	return c
}

// vendorRowOf begins the section of a citation of the vendor's document. The name of the
// member follows.
const vendorRowOf = "claims of the request, "

// vendorDocument cites the vendor's description of a request member.
func vendorDocument(member string) Citation {
	return Citation{Spec: specWSO2, Section: vendorRowOf + member, URL: urlWSO2}
}

// directory cites a section of the directory's specification, which is the description of
// its software-statement-assertion.
func directory(section string) Citation {
	return Citation{Spec: "Open Banking Directory API", Section: section, URL: urlDirectory}
}

// statementClaim cites the directory's row of a claim of a statement.
func statementClaim(name string) Citation { return directory("SSA Payload, " + name) }

// rfc cites a section of an RFC.
func rfc(number, section string) Citation {
	return Citation{Spec: "RFC " + number, Section: "section " + section, URL: urlRFC + "rfc" + number + "#section-" + section}
}

// fapi cites the algorithms and client authentication that FAPI admits.
func fapi(section string) Citation {
	return Citation{Spec: "FAPI 1.0 Part 2: Advanced", Section: "section " + section, URL: urlFAPI + "#rfc.section." + section}
}

// fapiCIBA cites the CIBA profile of FAPI, in the draft that the specification names.
func fapiCIBA(section string) Citation {
	return Citation{Spec: "FAPI-CIBA, Implementer's Draft 1", Section: "section " + section, URL: urlFAPICIBA + "#rfc.section." + section}
}

// The profiles that have a member or a value, and those that do not have it yet.
func profilesBefore33() []Profile { return []Profile{OBIE32, WSO2} }
func profilesBefore34() []Profile { return []Profile{OBIE32, OBIE33, WSO2} }
func profilesSince33() []Profile  { return []Profile{OBIE33, OBIE34} }
func profilesSince34() []Profile  { return []Profile{OBIE34} }
func profilesOBIE() []Profile     { return []Profile{OBIE32, OBIE33, OBIE34} }
func profilesWSO2() []Profile     { return []Profile{WSO2} }

// place has the fields that all rows of one table share.
type place struct {
	document Document
	step     Step
	code     Code
}

// Rules returns the whole table in a fresh slice, in the order in which a server walks
// through a request. Append rows to it, or leave some out by ID, and give the result to
// [New].
//
// An External row is about keys, signatures or earlier requests, which no rule can see.
// The caller who has them judges it, reports a violation through [Input.Extra], and names it
// in [Input.Judged]. Without either the row does not apply.
func Rules() []Rule {
	all := slices.Clone(wholeTable())
	for i := range all {
		all[i].Profiles = slices.Clone(all[i].Profiles) // the tables must not be changed through a row
	}
	return all
}

var wholeTable = sync.OnceValue(func() []Rule {
	header := place{DocHeader, StepParseRequest, InvalidClientMetadata}
	trust := place{DocSSA, StepVerifySSA, InvalidSoftwareStatement}
	approval := place{DocSSA, StepVerifySSA, UnapprovedSoftwareStatement}
	request := place{DocRequest, StepValidate, InvalidClientMetadata}
	var all []Rule
	for _, part := range [...]struct {
		at   place
		rows []Rule
	}{
		{header, headerRules},
		{request, statementMemberRules},
		{trust, statementRules()},
		{trust, statementAddressRules()},
		{place{DocSSAHeader, StepTrustSSA, InvalidSoftwareStatement}, statementHeaderRules},
		{trust, statementTrustRules},
		{approval, deniedRules},
		{approval, statementApprovalRules},
		{request, requestBytesRules},
		{request, requestTrustRules},
		{place{document: DocRequest, step: StepCertificate}, certificateRules},
		{request, identityRules},
		{request, timeRules},
		{request, audienceRules},
		{request, softwareIDRules},
		{place{DocRequest, StepValidate, InvalidRedirectURI}, redirectRules},
		{place{DocRequest, StepValidate, InvalidRedirectURI}, redirectGrammarRules},
		{request, authMethodRules},
		{request, algorithmRules()},
		{request, subjectDNRules},
		{request, grantRules},
		{request, responseTypeRules},
		{request, scopeRules},
		{request, applicationRules},
		{request, cibaRules()},
		{request, cibaEndpointRules()},
		{request, memberRules},
		{request, inputRules},
	} {
		for _, row := range part.rows {
			all = append(all, complete(row, part.at))
		}
	}
	return all
})

// RuleByID returns the first row of the table that has the ID. An ID may have a row for each
// of several profiles; [Validator.Rules] has the one of its profile.
func RuleByID(id string) (Rule, bool) {
	r, ok := firstRows()[id]
	r.Profiles = slices.Clone(r.Profiles)
	return r, ok
}

// firstRows are the first row of each ID.
var firstRows = sync.OnceValue(func() map[string]Rule {
	rows := make(map[string]Rule)
	for _, r := range wholeTable() {
		if _, has := rows[r.ID]; !has {
			rows[r.ID] = r
		}
	}
	return rows
})

// complete fills in the fields that all rows of one table share.
func complete(r Rule, at place) Rule {
	if r.Document == "" {
		r.Document = at.document
	}
	if r.Step == 0 {
		r.Step = at.step
	}
	if r.Code == "" && r.Status == 0 {
		r.Code = at.code
	}
	if r.Severity == "" {
		r.Severity = r.Basis.severity()
	}
	r.External = r.Check == nil
	return r
}

// hasSSA is a When for rules that compare a request with its statement.
func hasSSA(c *Case) bool { return c.SSA() != nil }
