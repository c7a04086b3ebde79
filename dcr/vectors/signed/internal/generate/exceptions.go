package main

import (
	"slices"

	"github.com/obdcr/obdcr/validate"
)

// left are the decoded vectors that are not signed, with the reason.
var left = map[string]string{
	"iss.is_software_id/no-statement":                                          "software_statement.required/absent shows such a request",
	"redirect_uris.default/no-statement":                                       "as iss.is_software_id/no-statement",
	"redirect_uris.subset_of_ssa/no-statement":                                 "as iss.is_software_id/no-statement",
	"scope.within_roles/no-statement":                                          "as iss.is_software_id/no-statement",
	"software_id.matches_ssa/no-statement":                                     "as iss.is_software_id/no-statement",
	"ssa.environment/environment-unknown":                                      "a bank knows the environment of each directory that it trusts",
	"request.response_member.update/another-secret":                            "a bank alone knows the secret of a client",
	"tls_client_auth_subject_dn.matches_certificate/broken-certificate":        "no certificate has such a subject",
	"tls_client_auth_subject_dn.matches_certificate/update-unread":             "key sets that cannot be read are no part of a vector",
	"tls_client_auth_subject_dn.matches_certificate/update-unreadable-subject": "no certificate has such a subject",
}

// amendment is what keys, an audience and a certificate add to a decoded vector.
type amendment struct {
	add      []string // further rules that are broken
	decides  string   // one of them that decides the answer
	audience string   // of the bank
	hosts    []string // further hosts of key sets that the bank trusts
	notOver  string   // why a bank over HTTP answers otherwise
}

const (
	bankURL = "https://auth.bank.example"
	appHost = "app.example.com"
)

// amendments are those of decoded vectors, by their names there, or by
// those that they have here.
var amendments = map[string]amendment{
	"aud.format/identifier-where-urls-are-due":                      {audience: bankURL},
	"aud.format/plain-http-where-urls-are-due":                      {audience: bankURL},
	"aud.format/url-by-policy":                                      {audience: bankURL + "/path"},
	"aud.format/url.wso2":                                           {audience: bankURL},
	"aud.single/array-by-policy":                                    {audience: "abc"},
	"several_faults/look-alike-of-the-wso2-sample.wso2":             {audience: "https://localbank.example"},
	"client_id.ignored/in-an-update":                                {notOver: "the bank chooses the client_id, so that no file can name it"},
	"claim_names/not-mapped":                                        {add: []string{validate.RuleSSAJWKSEndpointHost}},
	"claim_names/our-own-name":                                      {add: []string{validate.RuleSSAJWKSEndpointHost}},
	"ssa.iss.required/absent":                                       {add: []string{validate.RuleSSAIssuerTrusted}},
	"ssa.iss.required/empty":                                        {add: []string{validate.RuleSSAIssuerTrusted}},
	"ssa.iss.required/wrong-type":                                   {add: []string{validate.RuleSSAIssuerTrusted}},
	"ssa.org_jwks_revoked_endpoint.https/plain-http":                {add: []string{validate.RuleSSAJWKSEndpointHost}},
	"ssa.org_jwks_revoked_endpoint.https/relative":                  {add: []string{validate.RuleSSAJWKSEndpointHost}},
	"ssa.org_jwks_revoked_endpoint.https/scheme-in-upper-case":      {hosts: []string{appHost}},
	"ssa.software_jwks_endpoint.https/empty":                        {add: []string{validate.RuleSSAJWKSEndpointHost}},
	"ssa.software_jwks_endpoint.https/plain-http":                   {add: []string{validate.RuleSSAJWKSEndpointHost}},
	"ssa.software_jwks_endpoint.https/relative":                     {add: []string{validate.RuleSSAJWKSEndpointHost}},
	"ssa.software_jwks_endpoint.https/scheme-in-upper-case":         {hosts: []string{appHost}},
	"ssa.software_jwks_endpoint.required/absent":                    {add: []string{validate.RuleSSAJWKSEndpointHost}},
	"ssa.software_jwks_endpoint.required/empty":                     {add: []string{validate.RuleSSAJWKSEndpointHost}},
	"ssa.software_jwks_revoked_endpoint.https/plain-http":           {add: []string{validate.RuleSSAJWKSEndpointHost}},
	"ssa.software_jwks_revoked_endpoint.https/relative":             {add: []string{validate.RuleSSAJWKSEndpointHost}},
	"ssa.software_jwks_revoked_endpoint.https/scheme-in-upper-case": {hosts: []string{appHost}},
}

// amend changes a draft as its amendment says: that of its own name, or of the decoded
// vector's.
func (d *draft) amend(name string) {
	a, own := amendments[d.vector.Name]
	if !own {
		a = amendments[name]
	}
	e := &d.vector.Expect
	e.Rules = append(e.Rules, a.add...)
	slices.Sort(e.Rules)
	if a.decides != "" {
		d.decides = a.decides
	}
	if a.audience != "" {
		d.vector.Audience = a.audience
	}
	d.vector.NotOverHTTP = a.notOver
	d.vector.Directory.JWKSHosts = append(d.vector.Directory.JWKSHosts, a.hosts...)
}
