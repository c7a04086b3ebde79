package input

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/validate"
)

// objectKind tells what a JSON object is by the names of its members.
func objectKind(v jsonscan.Value) Kind {
	has := func(names ...string) bool {
		for _, name := range names {
			if _, there := v.Member(name); !there {
				return false
			}
		}
		return true
	}
	kty, _ := v.MemberText("kty")
	switch {
	case has("payload", "signatures"):
		return JWSGeneral
	case has("payload", "signature"):
		return JWSFlattened
	case has("ciphertext"):
		return EncryptedToken
	case has("keys") && kindOf(v, "keys") == jsonscan.Array:
		return KeySet
	case kty == "oct":
		return SymmetricJWK
	case kty != "" && (has("d") || has("k")):
		return PrivateJWK
	case kty != "":
		return PublicJWK
	case has("wellknown_endpoint"), has("private_key", "ssa"):
		return ToolConfig
	case has("issuer", "environment", "jwks_hosts"):
		return Directory
	case has("version", "sources"), has("version", "title"), has("sources", "quirks"):
		return Dialect
	case has("bank", "directory", "registration_endpoint"):
		return SandboxReady
	case has("software_id", "org_id", "listen", "directory"):
		return SandboxState
	case has("version", "runs"):
		return SARIF
	case has("violations", "profile"):
		return LintReport
	}
	if (has("issuer") || has("registration_endpoint")) && announces(v) {
		return Discovery
	}
	if kind := bankKind(has); kind != Unknown {
		return kind
	}
	kind := claimsKind(v)
	if (kind == OtherToken || kind == RequestClaims) && !hasClaims(v) && isPolicy(v) {
		return Policy
	}
	if kind == OtherToken {
		return OtherObject
	}
	return kind
}

func kindOf(v jsonscan.Value, name string) jsonscan.Kind {
	member, _ := v.Member(name)
	return member.Kind()
}

// announces reports whether an object says what a bank supports, by members that are in
// discovery documents alone.
func announces(v jsonscan.Value) bool {
	for name := range v.Members() {
		if strings.HasSuffix(name, "_supported") {
			return true
		}
	}
	return false
}

// bankKind recognises what a bank publishes or answers; Unknown if it is nothing of it.
func bankKind(has func(...string) bool) Kind {
	switch {
	case has("issuer") && (has("token_endpoint") || has("authorization_endpoint") || has("jwks_uri")), has("registration_endpoint", "token_endpoint"):
		return Discovery
	case has("client_id") && !has("jti") && !has("exp") && !has("iat") && !has("aud"),
		has("client_id", "client_id_issued_at"), has("client_id", "client_secret"), has("client_id", "registration_access_token"):
		return ClientAnswer
	case has("error", "error_description"), has("Code", "Errors"), has("error") && !has("iss"):
		return ErrorAnswer
	}
	return Unknown
}

// statementOnly are claims that a software statement has and a request has not, beside
// those that begin with software_.
var statementOnly = []string{"org_id", "org_name", "org_status", "org_jwks_endpoint", "org_contacts", "organisation_competent_authority_claims"}

// requestOnly are members that a request has and a software statement has not.
var requestOnly = []string{"redirect_uris", "token_endpoint_auth_method", "grant_types", "response_types", "id_token_signed_response_alg"}

// claimsKind tells the claims of a request from those of a statement: RequestClaims if
// there is a software_statement; else StatementClaims for a claim that only statements
// have, since other directories put members of requests beside it; else RequestClaims for a
// member that only requests have. OtherToken means neither.
func claimsKind(v jsonscan.Value) Kind {
	if _, inside := v.Member("software_statement"); inside {
		return RequestClaims
	}
	found, members := OtherToken, claims.RequestMembers()
	asked, told := false, false // a member that only requests have; a claim about a software
	for name := range v.Members() {
		switch {
		case slices.Contains(statementOnly, name):
			return StatementClaims
		case slices.Contains(requestOnly, name):
			asked = true
		case strings.HasPrefix(name, "software_"):
			told = true
		case slices.Contains(members, name) && !slices.Contains(registered, name):
			found = RequestClaims
		}
	}
	switch {
	case asked:
		return RequestClaims
	case told:
		return StatementClaims
	}
	return found
}

// registered are claims that every token may have.
var registered = []string{"iss", "iat", "exp", "nbf", "jti", "aud", "client_id", "scope"}

// hasClaims reports whether an object has a claim that a token has. A policy has members of
// the same names as a request, but none of these.
func hasClaims(v jsonscan.Value) bool {
	for name := range v.Members() {
		if name == "software_statement" || slices.Contains(registered, name) {
			return true
		}
	}
	return false
}

// isPolicy reports whether an object has a member that a policy can have and a request
// cannot.
func isPolicy(v jsonscan.Value) bool {
	known := map[string]json.RawMessage{}
	document, err := json.Marshal(validate.DefaultPolicy(validate.OBIE33))
	if err != nil || json.Unmarshal(document, &known) != nil { // a default policy always encodes
		return false
	}
	for _, name := range claims.RequestMembers() {
		delete(known, name)
	}
	for name := range v.Members() {
		if _, there := known[name]; there {
			return true
		}
	}
	return false
}
