package conform

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/validate"
)

// discovered makes a case about the bank's discovery document.
func discovered(id, title string, citation validate.Citation, check func(p *play, document map[string]any)) Case {
	return Case{ID: "discovery." + id, Group: "discovery", Title: title, Citation: citation, run: func(p *play) {
		if len(p.metadata().Document) == 0 {
			p.notRun("no discovery document was read")
		}
		var document map[string]any
		if err := json.Unmarshal(p.metadata().Document, &document); err != nil {
			p.fail("a JSON object as the discovery document")
		}
		check(p, document)
	}}
}

var discoveryCases = []Case{
	discovered("issuer", "The issuer is an https address without query and fragment", discovery10("3"), func(p *play, d map[string]any) {
		p.expectAddress(d, "issuer")
	}),
	endpoint(),
	discovered("token-endpoint", "The token endpoint is an https address without a fragment", discovery10("3"), func(p *play, d map[string]any) {
		p.expectAddress(d, "token_endpoint")
	}),
	discovered("auth-methods", "The methods of the token endpoint are a list of methods that the specification knows",
		dcr33("data dictionary, token_endpoint_auth_method"),
		func(p *play, d map[string]any) {
			known := []claims.AuthMethod{claims.PrivateKeyJWT, claims.TLSClientAuth, claims.ClientSecretJWT, claims.ClientSecretBasic,
				claims.ClientSecretPost}
			for _, method := range p.expectList(d, "token_endpoint_auth_methods_supported") {
				if slices.Contains(known, claims.AuthMethod(method)) {
					return
				}
			}
			p.fail("one of the methods of OBIE DCR in token_endpoint_auth_methods_supported")
		}),
	discovered("fapi-methods", "A method of FAPI is announced: private_key_jwt or tls_client_auth", fapi("5.2.2"), func(p *play, d map[string]any) {
		methods := p.expectList(d, "token_endpoint_auth_methods_supported")
		if !slices.Contains(methods, string(claims.PrivateKeyJWT)) && !slices.Contains(methods, string(claims.TLSClientAuth)) {
			p.allowed("auth_methods", "the bank announces %s alone", strings.Join(methods, ", "))
		}
	}),
	discovered("auth-algorithms", "The algorithms of client assertions have PS256 or ES256, and not none", fapi("8.6"),
		func(p *play, d map[string]any) {
			const name = "token_endpoint_auth_signing_alg_values_supported"
			if d[name] == nil {
				p.notOffered("%s is not announced", name)
			}
			p.expectAlgorithms(d, name)
		}),
	discovered("request-object-algorithms", "The algorithms of request objects have PS256 or ES256, and not none", fapi("8.6"),
		func(p *play, d map[string]any) {
			p.expectAlgorithms(d, "request_object_signing_alg_values_supported")
		}),
	discovered("id-token-algorithms", "The algorithms of ID tokens have PS256 or ES256, and not none", fapi("8.6"), func(p *play, d map[string]any) {
		p.expectAlgorithms(d, "id_token_signing_alg_values_supported")
	}),
	discovered("response-types", "One of the response types is code or code id_token", dcr33("data dictionary, response_types"),
		func(p *play, d map[string]any) {
			types := p.expectList(d, "response_types_supported")
			if !slices.Contains(types, string(claims.Code)) && !slices.Contains(types, string(claims.CodeIDToken)) {
				p.fail("code or code id_token in response_types_supported")
			}
		}),
	discovered("grant-types", "The grant types, where they are announced, have client_credentials", dcr33("GET /register/{ClientId}"),
		func(p *play, d map[string]any) {
			if d["grant_types_supported"] == nil {
				p.notOffered("grant_types_supported is not announced")
			}
			if !slices.Contains(p.expectList(d, "grant_types_supported"), string(claims.ClientCredentials)) {
				p.fail("client_credentials in grant_types_supported")
			}
		}),
	discovered("scopes", "The scopes, where they are announced, have openid", discovery10("3"), func(p *play, d map[string]any) {
		if d["scopes_supported"] == nil {
			p.notOffered("scopes_supported is not announced")
		}
		if !slices.Contains(p.expectList(d, "scopes_supported"), "openid") {
			p.fail("openid in scopes_supported")
		}
	}),
	discovered("bound-tokens", "Access tokens are announced as bound to the client certificate", rfc("8705", "3.3"), func(p *play, d map[string]any) {
		if d["tls_client_certificate_bound_access_tokens"] != true {
			p.fail("tls_client_certificate_bound_access_tokens is true, as FAPI has it")
		}
	}),
}

// endpoint is what the first scenario of the OBIE tool checks.
func endpoint() Case {
	c := discovered("registration-endpoint", "The registration endpoint is an https address without a slash at its end", dcr33("endpoints"),
		func(p *play, d map[string]any) {
			if address := p.expectAddress(d, "registration_endpoint"); strings.HasSuffix(address, "/") {
				p.fail("a registration_endpoint without a slash at its end")
			}
		})
	c.OBIE = []string{"DCR-001"}
	return c
}

// expectAddress ends the case as failed unless a member is an https address without query and fragment.
func (p *play) expectAddress(d map[string]any, name string) string {
	text, _ := d[name].(string)
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.Fragment != "" || u.RawQuery != "" || u.User != nil {
		p.fail("an https address without query and fragment as %s", name)
	}
	return text
}

// expectList ends the case as failed unless a member is a list of strings that has an entry.
func (p *play) expectList(d map[string]any, name string) []string {
	list, _ := d[name].([]any)
	var all []string
	for _, one := range list {
		text, is := one.(string)
		if !is {
			p.fail("a list of strings as %s", name)
		}
		all = append(all, text)
	}
	if len(all) == 0 {
		p.fail("a list with an entry as %s", name)
	}
	return all
}

// expectAlgorithms ends the case as failed unless a member has an algorithm of FAPI and not none.
func (p *play) expectAlgorithms(d map[string]any, name string) {
	all := p.expectList(d, name)
	if slices.ContainsFunc(all, func(a string) bool { return strings.EqualFold(a, "none") }) {
		p.fail("%s without none", name)
	}
	if !slices.Contains(all, string(claims.PS256)) && !slices.Contains(all, string(claims.ES256)) {
		p.fail("PS256 or ES256 in %s", name)
	}
}
