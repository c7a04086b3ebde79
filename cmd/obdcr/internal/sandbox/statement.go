package sandbox

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"time"
)

// Issuer is the iss of the directory's statements.
const Issuer = "OpenBanking Ltd"

// redirectURIs returns the redirect URIs of the TPP's software.
func redirectURIs() []string {
	return []string{"https://tpp.example/callback", "https://tpp.example/app/callback"}
}

// softwareRoles returns the roles of the TPP's software.
func softwareRoles() []string { return []string{"AISP", "PISP", "CBPII"} }

// idLength is the length of the jti of a statement in bytes.
const idLength = 8

// randomID returns a jti of a statement.
func randomID() string { return hex.EncodeToString(maker{}.bytes("", idLength)) }

// statementClaims returns the claims of a valid statement, the same that the OBIE
// directory sends, with changes: a value sets a claim, null removes it. The addresses of
// the key sets follow the ids of the changes, unless the changes set the addresses too.
func statementClaims(base, org, software, id string, now time.Time, changes map[string]json.RawMessage) map[string]any {
	org, software = changedID(changes, "org_id", org), changedID(changes, "software_id", software)
	at := base + "/" + url.PathEscape(org)
	all := map[string]any{
		"iss":                            Issuer,
		"iat":                            now.Unix(),
		"jti":                            id,
		"software_environment":           "sandbox",
		"software_mode":                  "Test",
		"software_id":                    software,
		"software_client_id":             software,
		"software_client_name":           "Sandbox TPP",
		"software_client_description":    "The TPP of the obdcr sandbox",
		"software_version":               1.1,
		"software_client_uri":            "https://tpp.example",
		"software_logo_uri":              "https://tpp.example/logo.png",
		"software_policy_uri":            "https://tpp.example/policy",
		"software_tos_uri":               "https://tpp.example/tos",
		"software_redirect_uris":         redirectURIs(),
		"software_roles":                 softwareRoles(),
		"software_jwks_endpoint":         at + "/" + url.PathEscape(software) + ".jwks",
		"software_jwks_revoked_endpoint": at + "/revoked/" + url.PathEscape(software) + ".jwks",
		"software_on_behalf_of_org":      nil,
		"org_id":                         org,
		"org_name":                       "Sandbox Organisation",
		"org_status":                     "Active",
		"org_contacts":                   []any{},
		"org_jwks_endpoint":              at + "/" + url.PathEscape(org) + ".jwks",
		"org_jwks_revoked_endpoint":      at + "/revoked/" + url.PathEscape(org) + ".jwks",
		"organisation_competent_authority_claims": map[string]any{
			"authority_id":    "OBGBR",
			"registration_id": "Unknown" + org,
			"status":          "Active",
			"authorisations": []any{map[string]any{
				"member_state": "GB", "roles": []string{"AISP", "PISP", "CBPII", "ASPSP"},
			}},
		},
	}
	for name, value := range changes {
		if string(value) == "null" {
			delete(all, name)
			continue
		}
		all[name] = value
	}
	return all
}

// changedID returns an id from the changes if it is a string there, else otherwise.
func changedID(changes map[string]json.RawMessage, name, otherwise string) string {
	var id string
	if value, ok := changes[name]; ok && json.Unmarshal(value, &id) == nil && id != "" {
		return id
	}
	return otherwise
}

// parseChanges reads the changes to a statement. An empty body means no changes.
func parseChanges(body []byte) (map[string]json.RawMessage, error) {
	if len(body) == 0 {
		return nil, nil
	}
	changes := map[string]json.RawMessage{}
	if err := json.Unmarshal(body, &changes); err != nil || changes == nil {
		return nil, fmt.Errorf("send a JSON object of claims to set, or null to remove them")
	}
	return changes, nil
}
