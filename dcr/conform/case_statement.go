package conform

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/validate"
)

func statementCases() []Case {
	return slices.Concat(refusals("statement", statementMembers), refusals("statement", statementForgeries), refusals("statement", statementMints))
}

// statementMembers are members that hold no statement.
var statementMembers = []refusal{
	{id: "absent", title: "A request without a statement is refused", rules: []string{validate.RuleSoftwareStatementRequired},
		changes: with(remove("/software_statement"))},
	{id: "null", title: "A statement that is null is refused", rules: []string{validate.RuleSoftwareStatementRequired,
		validate.RuleSoftwareStatementType},
		changes: with(set("/software_statement", nil))},
	{id: "empty", title: "A statement that is empty is refused", rules: []string{validate.RuleSSAJWS, validate.RuleSoftwareStatementRequired},
		changes: with(set("/software_statement", ""))},
	{id: "number", title: "A statement that is a number is refused", rules: []string{validate.RuleSoftwareStatementType},
		changes: with(set("/software_statement", 7))},
	{id: "claims", title: "The claims of a statement without a signature are refused", rules: []string{validate.RuleSoftwareStatementType},
		changes: func(p *play) []change {
			var all any
			_, payload := decoded(p.software().Statement)
			if err := json.Unmarshal([]byte(payload), &all); err != nil {
				p.notRun("the statement cannot be decoded")
			}
			return []change{set("/software_statement", all)}
		}},
	{id: "list", title: "A list of statements is refused", rules: []string{validate.RuleSoftwareStatementType},
		changes: func(p *play) []change { return []change{set("/software_statement", []any{p.software().Statement})} }},
	{id: "not-a-token", title: "A statement that is no token is refused", rules: []string{validate.RuleSSAJWS},
		changes: with(set("/software_statement", "hello"))},
}

// statementForgeries are statements that the directory has not signed.
var statementForgeries = []refusal{
	{id: "two-parts", title: "A statement without its third part is refused", rules: []string{validate.RuleSSAJWS},
		changes: ofStatement(func(_ *play, part []string) []string { return part[:2] })},
	{id: "four-parts", title: "A statement of four parts is refused", rules: []string{validate.RuleSSAJWS},
		changes: ofStatement(func(_ *play, part []string) []string { return append(part, part[2]) })},
	{id: "empty-signature", title: "A statement whose signature is empty is refused", rules: []string{validate.RuleSSASignature, validate.RuleSSAJWS},
		changes: ofStatement(func(_ *play, part []string) []string { return []string{part[0], part[1], ""} })},
	{id: "padding", title: "A statement whose parts are padded is refused", rules: []string{validate.RuleSSAJWS},
		changes: ofStatement(func(_ *play, part []string) []string { return []string{part[0], part[1], part[2] + "=="} })},
	{id: "newline-inside", title: "A statement with a newline inside is refused", rules: []string{validate.RuleSSAJWS},
		changes: ofStatement(func(_ *play, part []string) []string {
			return []string{part[0], part[1][:4] + "\n" + part[1][4:], part[2]}
		})},
	{id: "newline-behind", title: "A statement with a newline behind it is refused", rules: []string{validate.RuleSSAJWS},
		changes: ofStatement(func(_ *play, part []string) []string { return []string{part[0], part[1], part[2] + "\n"} })},
	{id: "alg-none", title: "A statement that nobody signed is refused", rules: []string{validate.RuleSSAHeaderAlg},
		changes: ofStatement(func(p *play, part []string) []string {
			return []string{encoded([]byte(headOf(p, part[0], "alg", "none"))), part[1], ""}
		})},
	{id: "alg-none-two-parts", title: "A statement that nobody signed is refused, also of two parts", rules: []string{validate.RuleSSAHeaderAlg,
		validate.RuleSSAJWS},
		changes: ofStatement(func(p *play, part []string) []string {
			return []string{encoded([]byte(headOf(p, part[0], "alg", "none"))), part[1]}
		})},
	{id: "changed", title: "A statement that was changed after it was signed is refused", rules: []string{validate.RuleSSASignature},
		changes: ofStatement(func(p *play, part []string) []string {
			return []string{part[0], encoded([]byte(within(`,"software_more":"x"`)(plain(p, part[1])))), part[2]}
		})},
	{id: "signature-bit", title: "A statement whose signature has a wrong bit is refused", rules: []string{validate.RuleSSASignature},
		changes: ofStatement(func(_ *play, part []string) []string {
			other := "B"
			if part[2][:1] == other {
				other = "C"
			}
			return []string{part[0], part[1], other + part[2][1:]}
		})},
	{id: "signature-short", title: "A statement whose signature is cut is refused", rules: []string{validate.RuleSSASignature, validate.RuleSSAJWS},
		changes: ofStatement(func(_ *play, part []string) []string { return []string{part[0], part[1], part[2][:len(part[2])-8]} })},
	{id: "own-signature", title: "A statement that the software signed under the directory's kid is refused",
		rules: []string{validate.RuleSSASignature},
		changes: ofStatement(func(p *play, part []string) []string {
			return signedAgain(p, headOf(p, part[0], "alg", algorithmOf(p.software().Signer)), plain(p, part[1]))
		})},
	{id: "own-key", title: "A statement that the software signed under its own kid is refused", rules: []string{validate.RuleSSAKeyFound,
		validate.RuleSSASignature},
		changes: ofStatement(func(p *play, part []string) []string {
			return signedAgain(p, headOf(p, encoded([]byte(headOf(p, part[0], "alg", algorithmOf(p.software().Signer)))), "kid", p.software().KeyID),
				plain(p, part[1]))
		})},
	{id: "unknown-key", title: "A statement under a kid that the directory does not have is refused", rules: []string{validate.RuleSSAKeyFound,
		validate.RuleSSASignature},
		changes: ofStatement(func(p *play, part []string) []string {
			return signedAgain(p, headOf(p, part[0], "kid", "obdcr-unknown-key"), plain(p, part[1]))
		})},
	{id: "unknown-issuer", title: "A statement of an issuer that the bank does not know is refused", rules: []string{validate.RuleSSAIssuerTrusted,
		validate.RuleSSASignature},
		changes: ofStatement(func(p *play, part []string) []string {
			return signedAgain(p, plain(p, part[0]), claimOf(p, part[1], "iss", "Obdcr Unknown Directory"))
		})},
	{id: "jwk", title: "A key inside the statement is not believed", rules: []string{validate.RuleSSAHeaderEmbeddedKey, validate.RuleSSASignature},
		changes: ofStatement(func(p *play, part []string) []string {
			head := headOf(p, encoded([]byte(headOf(p, part[0], "alg", algorithmOf(p.software().Signer)))), "jwk", ownJWK(p.software().Signer))
			return signedAgain(p, head, plain(p, part[1]))
		})},
	{id: "jku", title: "The address of a key set inside the statement is not asked", rules: []string{validate.RuleSSAHeaderEmbeddedKey,
		validate.RuleSSASignature},
		changes: ofStatement(func(p *play, part []string) []string {
			return signedAgain(p, headOf(p, part[0], "jku", "https://keys.example/keys.jwks"), plain(p, part[1]))
		})},
	{id: "crit", title: "A statement with an extension that is critical is refused", rules: []string{validate.RuleSSAHeaderCrit,
		validate.RuleSSASignature},
		changes: ofStatement(func(p *play, part []string) []string {
			return signedAgain(p, headOf(p, encoded([]byte(headOf(p, part[0], "more", 1))), "crit", []any{"more"}), plain(p, part[1]))
		})},
	{id: "own-addresses", title: "A statement in which the software wrote redirect URIs of its own is refused",
		rules: []string{validate.RuleSSASignature},
		changes: func(p *play) []change {
			part := tokenParts(p)
			forged := signedAgain(p, plain(p, part[0]), claimOf(p, part[1], "software_redirect_uris", []any{"https://evil.example/cb"}))
			return []change{set("/software_statement", strings.Join(forged, ".")), set("/redirect_uris", []any{"https://evil.example/cb"})}
		}},
	{id: "second", title: "The statement of another software is refused", needs: []Need{NeedSecondTPP},
		rules:   []string{validate.RuleCertificateBinding, validate.RuleIssIsSoftwareID, validate.RuleRequestKeyFound, validate.RuleRequestSignature},
		changes: func(p *play) []change { return []change{statement(p.second().Statement)} }},
}

// statementMints are statements that the directory has signed, and that a bank must not believe for
// what they say. The vectors have more.
var statementMints = []refusal{
	{id: "organisation-withdrawn", title: "A software of an organisation that is withdrawn is not registered",
		rules: []string{validate.RuleSSAOrgStatusActive},
		needs: []Need{NeedMint}, changes: with(claim("org_status", "Withdrawn"))},
	{id: "organisation-revoked", title: "A software of an organisation that is revoked is not registered",
		rules: []string{validate.RuleSSAOrgStatusActive},
		needs: []Need{NeedMint}, changes: with(claim("org_status", "Revoked"))},
	{id: "expired", title: "A statement that has expired is refused", rules: []string{validate.RuleSSAExpPast}, needs: []Need{NeedMint},
		changes: func(p *play) []change { return []change{claim("exp", p.run.config.Clock().Unix()-3600)} }},
	{id: "of-the-future", title: "A statement of the future is refused", rules: []string{validate.RuleSSAIatFuture}, needs: []Need{NeedMint},
		changes: func(p *play) []change { return []change{claim("iat", p.run.config.Clock().Unix()+7200)} }},
	{id: "too-old", title: "A statement that is too old is refused", rules: []string{validate.RuleSSAAge}, needs: []Need{NeedMint},
		changes: func(p *play) []change {
			return []change{claim("iat", p.run.config.Clock().Add(-p.policy().SSAMaxAge-p.policy().ClockSkew).Unix()-3600), claim("exp", nil)}
		}},
	{id: "jwks-elsewhere", title: "The keys of a software are not read at a host that the directory does not name",
		rules: []string{validate.RuleSSAJWKSEndpointHost},
		needs: []Need{NeedMint}, changes: with(claim("software_jwks_endpoint", "https://keys.example/keys.jwks"))},
	{id: "jwks-loopback", title: "The keys of a software are not read at the bank's own machine", rules: []string{validate.RuleSSAJWKSEndpointHost},
		needs: []Need{NeedMint}, changes: with(claim("software_jwks_endpoint", "https://127.0.0.1:1/keys.jwks"))},
	{id: "other-software", title: "A statement that names another software than the request is refused", needs: []Need{NeedMint},
		rules: []string{validate.RuleIssIsSoftwareID, validate.RuleSoftwareIDMatchesSSA, validate.RuleCertificateBinding},
		changes: func(p *play) []change {
			return []change{claim("software_id", "obdcrOtherSoftware"), set("/iss", p.issuer()), set("/software_id", p.issuer())}
		}},
}

// issuer is the iss of a good request.
func (p *play) issuer() string {
	iss, _ := p.goodClaims(p.software(), nil)["iss"].(string)
	return iss
}

// tokenParts are the parts of the software's statement.
func tokenParts(p *play) []string {
	part := strings.Split(p.software().Statement, ".")
	if len(part) != 3 {
		p.notRun("the statement is no compact JWS")
	}
	return part
}

// ofStatement changes the parts of the statement.
func ofStatement(edit func(p *play, part []string) []string) func(*play) []change {
	return func(p *play) []change {
		return []change{set("/software_statement", strings.Join(edit(p, tokenParts(p)), "."))}
	}
}

// plain decodes a part of a token.
func plain(p *play, part string) string {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		p.notRun("the statement cannot be decoded")
	}
	return string(text)
}

// headOf sets a member of a header, and claimOf of a payload.
func headOf(p *play, part, name string, value any) string { return claimOf(p, part, name, value) }

func claimOf(p *play, part, name string, value any) string {
	all, err := objectOf([]byte(plain(p, part)))
	if err != nil {
		p.notRun("the statement cannot be decoded")
	}
	all[name] = value
	text, err := json.Marshal(all)
	if err != nil {
		p.broken("the statement cannot be written: %s", err)
	}
	return string(text)
}

// signedAgain signs a header and a payload with the software's own key.
func signedAgain(p *play, header, payload string) []string {
	token, err := signParts(encoded([]byte(header))+"."+encoded([]byte(payload)), p.software().Signer, false)
	if err != nil {
		p.broken("the statement cannot be signed: %s", err)
	}
	return strings.Split(token, ".")
}
