package ssa

import (
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/rule"
	"github.com/obdcr/obdcr/internal/text"
)

// Statement is a software statement whose signature is not checked. Only Parse
// makes one; the zero Statement is refused by Verify.
type Statement struct {
	signed *Signed
	// claims and faults were decoded, in the OBIE directory's names, from the payload that
	// signed holds and its signature covers. That is a string, which does not change. Nobody
	// is given them, but copies by Verify, so that they do not change either.
	claims *claims.SSA
	faults []claims.Fault
}

// Parse reads a software statement: a compact JWS over one strict JSON object. It
// checks no signature. The error is an *Error of kind ErrMalformed.
func Parse(token string) (*Statement, error) {
	signed, refusal := parseSigned(token)
	if refusal != nil {
		return nil, malformed("", "the software statement is no compact JWS: "+refusal.Detail)
	}
	c, faults, err := claims.DecodeSSA(signed.UnverifiedPayload(), nil)
	if err != nil {
		return nil, malformed("", "the payload of the software statement is no strict JSON object: "+jsonscan.ReasonIn(signed.UnverifiedPayload(), err))
	}
	return &Statement{signed: signed, claims: c, faults: faults}, nil
}

func malformed(pointer, detail string) *Error {
	return &Error{Kind: ErrMalformed, Rule: rule.SSAJWS, Pointer: pointer, Detail: detail}
}

// UnverifiedClaims are the claims as anybody may have written them. A member of the
// wrong type is invalid. Each call decodes the claims anew.
func (s *Statement) UnverifiedClaims() *claims.SSA {
	if s.signed == nil {
		return &claims.SSA{}
	}
	c, _, err := claims.DecodeSSA(s.signed.UnverifiedPayload(), nil)
	if err != nil {
		return &claims.SSA{} // Parse has read the same bytes as an object
	}
	return c
}

// named returns the claims in the names that an anchor's directory uses. They are not to
// be given out, nor changed.
func (s *Statement) named(names map[string]string) (*claims.SSA, []claims.Fault) {
	if len(names) == 0 {
		return s.claims, s.faults
	}
	c, faults, err := claims.DecodeSSA(s.signed.UnverifiedPayload(), names)
	if err != nil {
		return &claims.SSA{}, nil // Parse has read the same bytes as an object
	}
	return c, faults
}

// UnverifiedHeader is the decoded header. It must not be changed.
func (s *Statement) UnverifiedHeader() *claims.Header { return s.Signed().UnverifiedHeader() }

// Signed is the statement as a JWS.
func (s *Statement) Signed() *Signed {
	if s.signed == nil {
		return &Signed{}
	}
	return s.signed
}

// Token is the statement as it was sent.
func (s *Statement) Token() string { return s.Signed().Token() }

// Verified is a software statement that a trust anchor vouches for. Its zero value
// has no claims, no environment and no key set, and is of no use.
type Verified struct {
	statement Statement
	claims    *claims.SSA // given to nobody
	anchor    Anchor
}

// Claims returns a copy of the claims, which were read from the bytes whose
// signature was verified. The lists in it must not be changed.
func (v *Verified) Claims() *claims.SSA {
	if v.claims == nil {
		return &claims.SSA{}
	}
	c := *v.claims
	return &c
}

// Header returns the header, which the signature covers too. It must not be changed.
func (v *Verified) Header() *claims.Header { return v.statement.UnverifiedHeader() }

// Environment returns the anchor's environment.
func (v *Verified) Environment() claims.Environment { return v.anchor.Environment }

// ClaimNames returns the names that the anchor's directory gives to claims, as
// Anchor.ClaimNames has them. The map must not be changed.
func (v *Verified) ClaimNames() map[string]string { return v.anchor.ClaimNames }

// Anchor returns the name of the trust anchor that verified the statement.
func (v *Verified) Anchor() string { return v.anchor.Name }

// Token returns the statement as it was sent, byte for byte.
func (v *Verified) Token() string { return v.statement.Token() }

// Payload returns the claims as they were sent, the JSON that the signature covers.
func (v *Verified) Payload() string { return v.statement.Signed().UnverifiedPayload() }

// SoftwareJWKS returns the address of the software's key set, which the anchor's
// list of hosts admits: https, a host (or host:port) on the list, no userinfo. The
// error is an *Error of kind ErrJWKSHost.
func (v *Verified) SoftwareJWKS() (string, error) {
	c := v.claims
	if c == nil {
		c = &claims.SSA{}
	}
	address, err := v.anchor.softwareJWKS(c)
	if err != nil {
		return "", err
	}
	return address, nil
}

// SoftwareKeys returns the resolver of the software's keys: those of its
// software_jwks_endpoint that neither its software_jwks_revoked_endpoint nor its
// org_jwks_revoked_endpoint lists. The anchor's list of hosts must admit all three.
// The error is an *Error of kind ErrJWKSHost.
func (v *Verified) SoftwareKeys(source SoftwareKeyResolver) (SoftwareKeys, error) {
	c := v.claims
	if c == nil {
		c = &claims.SSA{}
	}
	return v.anchor.softwareKeys(c, source)
}

// UnverifiedSoftwareKeys is Verified.SoftwareKeys for claims that nobody has verified, in
// the names of package claims. It is for a TPP that asks what a bank with this anchor would
// say. The error is an *Error of kind ErrJWKSHost, or a *ConfigError for JWKSHosts that
// NewVerifier refuses.
func (a Anchor) UnverifiedSoftwareKeys(c *claims.SSA, source SoftwareKeyResolver) (SoftwareKeys, error) {
	own := a.clone()
	if err := own.readHosts(); err != nil {
		return SoftwareKeys{}, configError("trust anchor (%s): %v", text.Quote(own.Name), err)
	}
	return own.softwareKeys(c, source)
}

func (a *Anchor) softwareKeys(c *claims.SSA, source SoftwareKeyResolver) (SoftwareKeys, error) {
	address, err := a.softwareJWKS(c)
	if err != nil {
		return SoftwareKeys{}, err
	}
	keys := SoftwareKeys{Source: source, Address: address}
	for _, revoked := range [...]struct {
		claim   string
		address claims.Optional[string]
	}{
		{"/software_jwks_revoked_endpoint", c.SoftwareJWKSRevokedEndpoint},
		{"/org_jwks_revoked_endpoint", c.OrgJWKSRevokedEndpoint},
	} {
		address := revoked.address.Or("")
		if address == "" {
			continue
		}
		if err := a.admit(revoked.claim, address); err != nil {
			return SoftwareKeys{}, err
		}
		keys.Revoked = append(keys.Revoked, address)
	}
	return keys, nil
}

func (a *Anchor) softwareJWKS(c *claims.SSA) (string, error) {
	const claim = "/software_jwks_endpoint"
	if !c.SoftwareJWKSEndpoint.Valid() {
		return "", hostError(claim, "the statement has no software_jwks_endpoint")
	}
	address := c.SoftwareJWKSEndpoint.Or("")
	return address, a.admit(claim, address)
}

func (a *Anchor) admit(claim, address string) error {
	if why := a.admits(address); why != "" {
		return hostError(claim, why)
	}
	return nil
}

func hostError(claim, text string) error {
	return &Error{Kind: ErrJWKSHost, Rule: rule.SSAJWKSEndpointHost, Pointer: claim,
		Detail: text + "; the trust anchor lists the hosts that are allowed"}
}
