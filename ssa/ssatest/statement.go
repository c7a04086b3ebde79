package ssatest

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jose"
)

// DefaultAudience is the bank that requests are for where nothing else is said: an
// identifier as the directory gives it to a bank.
const DefaultAudience = "0015800001HQQrZAAX"

// lifetime of a request.
const lifetime = 10 * time.Minute

// Claims are the claims of a fresh statement for the software: those that the OBIE
// directory sends, with a new jti and the iat of now. The caller may change them.
func (s *EnrolledSoftware) Claims() map[string]any {
	d := s.directory
	mode, authority := "Test", "OBGBR"
	if d.opts.Environment == claims.Production {
		mode, authority = "Live", "FCAGBR"
	}
	base, org := d.URL()+"/"+s.OrgID, s.OrgID
	return map[string]any{
		"iss":                            d.opts.Issuer,
		"iat":                            d.opts.Clock().Unix(),
		"jti":                            hex.EncodeToString(d.identifier(8)),
		"software_environment":           string(d.opts.Environment),
		"software_mode":                  mode,
		"software_id":                    s.SoftwareID,
		"software_client_id":             s.SoftwareID,
		"software_client_name":           s.ClientName,
		"software_client_description":    "A software for tests",
		"software_version":               1.1,
		"software_client_uri":            "https://tpp.example",
		"software_logo_uri":              "https://tpp.example/logo.png",
		"software_policy_uri":            "https://tpp.example/policy",
		"software_tos_uri":               "https://tpp.example/tos",
		"software_redirect_uris":         slices.Clone(s.RedirectURIs),
		"software_roles":                 slices.Clone(s.Roles),
		"software_jwks_endpoint":         s.JWKSURL(),
		"software_jwks_revoked_endpoint": base + "/revoked/" + s.SoftwareID + ".jwks",
		"software_on_behalf_of_org":      json.RawMessage("null"),
		"org_id":                         org,
		"org_name":                       "Test Organisation",
		"org_status":                     "Active",
		"org_contacts":                   []any{},
		"org_jwks_endpoint":              base + "/" + org + ".jwks",
		"org_jwks_revoked_endpoint":      base + "/revoked/" + org + ".jwks",
		"organisation_competent_authority_claims": map[string]any{
			"authority_id":    authority,
			"registration_id": "Unknown" + org,
			"status":          "Active",
			"authorisations":  []any{map[string]any{"member_state": "GB", "roles": s.authorised()}},
		},
	}
}

// authorised are the software's roles without those of the Crown Dependencies.
func (s *EnrolledSoftware) authorised() []claims.Role {
	roles := []claims.Role{}
	for _, r := range s.Roles {
		if r == r.Plain() {
			roles = append(roles, r)
		}
	}
	return roles
}

// SSA mints a statement for the software, with its Claims and the changes made to
// them: a value replaces or adds a claim, nil removes one. For a JSON null give
// json.RawMessage("null").
func (s *EnrolledSoftware) SSA(changes map[string]any) (string, error) {
	c := s.Claims()
	apply(c, changes)
	body, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("ssatest: %w", err)
	}
	d := s.directory
	return jose.Sign(body, d.key, string(d.opts.Algorithm), d.kid, "JWT")
}

// SSAWith is SSA for statements that must be refused.
func (s *EnrolledSoftware) SSAWith(changes map[string]any, f Forgery) (string, error) {
	c := s.Claims()
	apply(c, changes)
	return s.directory.SignWith(c, f)
}

// SignWith signs a payload in the directory's name, differing as the forgery says.
// The zero Forgery makes a good statement, whatever the payload.
func (d *Directory) SignWith(payload any, f Forgery) (string, error) {
	return f.orElse(d.opts.Algorithm, d.kid, d.key).token(payload)
}

// Request is a valid registration request of OBIE DCR 3.3 for the software, with a
// fresh statement: private_key_jwt, all its redirect URIs, the scopes of its
// roles. The audience is DefaultAudience where none is given; several make a list.
// Sign makes a token of it.
func (s *EnrolledSoftware) Request(audience ...string) claims.Request {
	d := s.directory
	if len(audience) == 0 {
		audience = []string{DefaultAudience}
	}
	now := d.opts.Clock()
	r := claims.Request{
		Issuer:                      claims.Some(s.SoftwareID),
		IssuedAt:                    claims.Some(now.Unix()),
		Expiry:                      claims.Some(now.Add(lifetime).Unix()),
		Audience:                    claims.Some(claims.StringOrList{Values: slices.Clone(audience), List: len(audience) > 1}),
		JWTID:                       claims.Some(d.uuid()),
		RedirectURIs:                claims.Some(slices.Clone(s.RedirectURIs)),
		TokenEndpointAuthMethod:     claims.Some(claims.PrivateKeyJWT),
		TokenEndpointAuthSigningAlg: claims.Some(s.Algorithm),
		GrantTypes:                  claims.Some([]claims.GrantType{claims.ClientCredentials, claims.AuthorizationCode, claims.RefreshToken}),
		ResponseTypes:               claims.Some([]claims.ResponseType{claims.CodeIDToken}),
		SoftwareID:                  claims.Some(s.SoftwareID),
		Scope:                       claims.Some(claims.Scope{Words: s.scopes()}),
		ApplicationType:             claims.Some(claims.Web),
		IDTokenSignedResponseAlg:    claims.Some(s.Algorithm),
		RequestObjectSigningAlg:     claims.Some(s.Algorithm),
	}
	// NewSoftware has measured a statement of the same claims, so this does not fail.
	if statement, err := s.SSA(nil); err == nil {
		r.SoftwareStatement = claims.Some(statement)
	}
	return r
}

// scopes are openid and what the roles allow.
func (s *EnrolledSoftware) scopes() []string {
	words := []string{"openid"}
	for _, role := range s.Roles {
		word := map[claims.Role]string{
			claims.AISP: "accounts", claims.PISP: "payments", claims.CBPII: "fundsconfirmations",
		}[role.Plain()]
		if word != "" && !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return words
}

// uuid is a version 4 UUID (RFC 9562 section 5.4).
func (d *Directory) uuid() string {
	id := d.identifier(16)
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
