package main

import (
	"encoding/json"
	"io/fs"
	"maps"
	"slices"

	"github.com/obdcr/obdcr/dcr/vectors"
	"github.com/obdcr/obdcr/dcr/vectors/signed"
)

// base is base.json of the decoded vectors.
type base struct {
	Version   int      `json:"version"`
	Clock     string   `json:"clock"`
	Header    document `json:"header"`
	Request   document `json:"request"`
	SSAHeader document `json:"ssa_header"`
	SSA       document `json:"ssa"`
}

func readBase() (b base, err error) {
	data, err := fs.ReadFile(vectors.Files(), "base.json")
	if err != nil {
		return b, err
	}
	return b, json.Unmarshal(data, &b)
}

// What another bank's software and directory put in the place of a vector's own.
var (
	replacedInRequest = []string{"iss", "iat", "exp", "nbf", "aud", "jti", "software_id"}
	replacedInSSA     = []string{
		"iss", "iat", "exp", "nbf", "jti", "software_environment", "software_mode", "software_id", "software_client_id", "org_id",
		"software_jwks_endpoint", "software_jwks_revoked_endpoint", "org_jwks_endpoint", "org_jwks_revoked_endpoint",
	}
	// bound are the members of a policy that speak of those.
	bound = []string{
		"audiences", "audience_kinds", "claim_names", "id_shapes", "software_id_from", "issuer_kinds", "denied_statements", "denied_software",
		"denied_organisations", "clock_skew_seconds", "max_lifetime_seconds", "ssa_max_age_seconds", "ssa_max_age_with_exp_seconds", "signing_algorithms",
	}
)

// live reports whether a draft shows the same when another software sends it: what is
// replaced then is as in a good request. What is registered can be deleted again.
func (d *draft) live(b *base) bool {
	var policy document
	_ = json.Unmarshal(d.vector.Policy, &policy) // the decoded vector has it
	_, named := d.request["tls_client_auth_subject_dn"]
	return d.vector.Kind == signed.Request && !d.vector.Update && !named && d.subject == nil && d.published == nil && d.forge == nil && d.keys == nil &&
		d.vector.Now.Format("2006-01-02T15:04:05Z07:00") == b.Clock && d.vector.Audience == audience && d.ssa != nil &&
		len(d.vector.Directory.JWKSHosts) == 1 && equal(d.header, b.Header, nil) && equal(d.ssaHeader, b.SSAHeader, nil) &&
		equal(d.request, b.Request, replacedInRequest) && equal(d.ssa, b.SSA, replacedInSSA) && d.deletable() &&
		string(d.request["software_statement"]) == placeholder &&
		!slices.ContainsFunc(bound, func(name string) bool { return policy[name] != nil })
}

// deletable reports whether a client that is registered gets an access token, by which it
// deletes itself, with a key for PS256. A request that is refused leaves nothing.
func (d *draft) deletable() bool {
	var grants []string
	_ = json.Unmarshal(d.request["grant_types"], &grants) // absent: the bank's default, which has no such grant
	alg, named := d.request["token_endpoint_auth_signing_alg"]
	method := string(d.request["token_endpoint_auth_method"])
	return !d.vector.Expect.Valid || slices.Contains(grants, "client_credentials") &&
		(method == quote("private_key_jwt") || method == quote("tls_client_auth")) && (!named || string(alg) == quote("PS256"))
}

// equal reports whether two documents have the same members: those named, or all.
func equal(a, b document, names []string) bool {
	if names == nil {
		return maps.EqualFunc(a, b, func(x, y json.RawMessage) bool { return string(x) == string(y) })
	}
	return !slices.ContainsFunc(names, func(name string) bool { return string(a[name]) != string(b[name]) })
}

// marshal writes a document, its members sorted by name.
func marshal(d document) string {
	text, err := json.Marshal(d)
	if err != nil {
		panic("generate: " + err.Error())
	}
	return string(text)
}
