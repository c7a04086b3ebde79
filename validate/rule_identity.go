package validate

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/rule"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/internal/uri"
)

// maxAudienceID is the greatest length of the identifier that the directory gives a bank.
const maxAudienceID = 18

// identityRules are the rows about the iss and the jti of a request.
var identityRules = []Rule{
	{
		ID:       rule.IssRequired,
		Summary:  "iss is present.",
		Reason:   "It says which software registers.",
		Bad:      "without iss",
		Good:     `{"iss": "9b5usDpbNtmxDcTzs7GzKp"}`,
		Citation: dictionary("iss"),
		Basis:    BasisMust,
		Fix:      "set iss to the software_id of the software statement",
		Check:    func(c *Case) { requireMember(c, c.Req().Issuer.Present(), "/iss") },
	},
	{
		ID:       rule.IssFormat,
		Summary:  "iss consists of letters and digits alone, or has another shape that the bank's policy admits.",
		Reason:   "The directory's identifiers are base62; a name or an address is none.",
		Bad:      `{"iss": "WSO2 TPP"}`,
		Good:     `{"iss": "9b5usDpbNtmxDcTzs7GzKp"}`,
		Citation: dictionary("iss"),
		Basis:    BasisMust,
		Fix:      "set iss to the software_id of the software statement",
		Check:    func(c *Case) { checkIDFormat(c, c.Req().Issuer, "/iss") },
	},
	{
		ID:       rule.IssLength,
		Summary:  "iss has 1 to 22 characters, or another shape that the bank's policy admits.",
		Reason:   "The directory's identifiers are no longer than that.",
		Bad:      `{"iss": "9b5usDpbNtmxDcTzs7GzKp9b5usDpb"}`,
		Good:     `{"iss": "9b5usDpbNtmxDcTzs7GzKp"}`,
		Citation: dictionary("iss"),
		Basis:    BasisMust,
		Fix:      "set iss to the software_id of the software statement",
		Check:    func(c *Case) { checkIDLength(c, c.Req().Issuer, "/iss") },
	},
	{
		// For an SSA of a directory, iss is the software_id.
		ID:       rule.IssIsSoftwareID,
		Summary:  "iss is the software_id of the statement, or its org_id where the bank's policy says so.",
		Reason:   "The statement's software sends the request, and nobody on its behalf.",
		Bad:      `{"iss": "0015800001041RHAAY"}`,
		Good:     `{"iss": "9b5usDpbNtmxDcTzs7GzKp"}`,
		Citation: dictionary("iss"),
		Basis:    BasisMust,
		Fix:      "set iss to the software_id of the software statement",
		When:     hasSSA,
		Check:    checkIssuer,
	},
	{
		ID:       rule.JTIRequired,
		Summary:  "jti is present.",
		Reason:   "It keeps a request from being sent twice.",
		Bad:      "without jti",
		Good:     `{"jti": "4f1cc1b1-a9b8-4f77-a3c7-d2d5b9a3c111"}`,
		Citation: dictionary("jti"),
		Basis:    BasisMust,
		Fix:      "put a fresh random UUID (version 4) into each request",
		Check:    func(c *Case) { requireMember(c, c.Req().JWTID.Present(), "/jti") },
	},
	{
		// The specification's text has a pattern of upper case, its OpenAPI takes both.
		ID:       rule.JTIUUIDv4,
		Summary:  "jti is a UUID of version 4, in either case.",
		Reason:   "Two random identifiers of 122 bits do not collide. The data dictionary has a pattern of upper case, the OpenAPI document takes both.",
		Bad:      `{"jti": "4f1cc1b1a9b84f77a3c7d2d5b9a3c111"}`,
		Good:     `{"jti": "4f1cc1b1-a9b8-4f77-a3c7-d2d5b9a3c111"}`,
		Citation: dictionary("jti"),
		Basis:    BasisMust,
		Profiles: profilesOBIE(),
		Fix:      "use a random UUID with hyphens, version 4, such as 4f1cc1b1-a9b8-4f77-a3c7-d2d5b9a3c111",
		Check: func(c *Case) {
			if jti, ok := c.Req().JWTID.Get(); ok && !isUUIDv4(jti) {
				c.ReportValue("/jti", jti, "a UUID of version 4", "is not a UUID of version 4")
			}
		},
	},
	{
		ID:       rule.JTIUUID,
		Summary:  "jti is a UUID of any version, in either case.",
		Reason:   "Another identifier may be used twice by chance. The vendor's sample has a UUID of version 1.",
		Bad:      `{"jti": "1234567890"}`,
		Good:     `{"jti": "5f0c1b72-6c5e-11ee-8c99-0242ac120002"}`,
		Citation: vendorDocument("jti"),
		Basis:    BasisStricter,
		Stricter: "The text takes any identifier.",
		Profiles: profilesWSO2(),
		Fix:      "use a random UUID with hyphens, such as 4f1cc1b1-a9b8-4f77-a3c7-d2d5b9a3c111",
		Check: func(c *Case) {
			if jti, ok := c.Req().JWTID.Get(); ok && !isUUID(jti) {
				c.ReportValue("/jti", jti, "a UUID", "is not a UUID")
			}
		},
	},
}

// checkIssuer compares iss with the identifiers of the statement that the policy
// admits. The format rules report an iss that is no identifier at all.
func checkIssuer(c *Case) {
	iss, ok := c.Req().Issuer.Get()
	if !ok || !c.Policy().softwareIDFits(iss) {
		return
	}
	var want, whose string
	for _, kind := range c.Policy().IssuerKinds {
		id, ok := softwareID(c)
		if kind == IssuerOrgID {
			id, ok = c.SSA().OrgID.Get()
		}
		if !ok {
			continue
		}
		if id == iss {
			return
		}
		if want, whose = id, "software"; kind == IssuerOrgID {
			whose = "organisation"
		}
	}
	if want != "" {
		c.ReportValue("/iss", iss, Echo(want), "is not the "+whose+" of the software statement, "+Echo(want))
	}
}

// softwareID returns the software_id that counts. That is the statement's. Where the
// statement has none and the policy takes the request's as a hint, it is the request's.
func softwareID(c *Case) (string, bool) {
	if id, ok := c.SSA().SoftwareID.Get(); ok {
		return id, true
	}
	if c.Policy().SoftwareIDFrom == SoftwareIDFromHint && !c.SSA().SoftwareID.Present() && c.Req() != nil {
		return c.Req().SoftwareID.Get()
	}
	return "", false
}

// softwareIDRules are the rows about the request's software_id.
var softwareIDRules = []Rule{
	{
		ID:       rule.SoftwareIDFormat,
		Summary:  "software_id consists of letters and digits alone, or has another shape that the bank's policy admits.",
		Reason:   "The directory's identifiers are base62.",
		Bad:      `{"software_id": "my-software"}`,
		Good:     `{"software_id": "9b5usDpbNtmxDcTzs7GzKp"}`,
		Citation: dictionary("software_id"),
		Basis:    BasisMust,
		Fix:      "copy software_id from the software statement, or leave it out",
		Check:    func(c *Case) { checkIDFormat(c, c.Req().SoftwareID, "/software_id") },
	},
	{
		ID:       rule.SoftwareIDLength,
		Summary:  "software_id has 1 to 22 characters, or another shape that the bank's policy admits.",
		Reason:   "The directory's identifiers are no longer than that.",
		Bad:      `{"software_id": "9b5usDpbNtmxDcTzs7GzKp9b5usDpb"}`,
		Good:     `{"software_id": "9b5usDpbNtmxDcTzs7GzKp"}`,
		Citation: dictionary("software_id"),
		Basis:    BasisMust,
		Fix:      "copy software_id from the software statement, or leave it out",
		Check:    func(c *Case) { checkIDLength(c, c.Req().SoftwareID, "/software_id") },
	},
	{
		ID:       rule.SoftwareIDMatchesSSA,
		Summary:  "software_id is the one of the software statement.",
		Reason:   "Only the directory says which software it is.",
		Bad:      `{"software_id": "aaaaaaaaaaaaaaaaaaaaaa"}`,
		Good:     `{"software_id": "9b5usDpbNtmxDcTzs7GzKp"}`,
		Citation: dictionary("software_id"),
		Basis:    BasisMust,
		Fix:      "copy software_id from the software statement, or leave it out",
		When:     hasSSA,
		Check: func(c *Case) {
			got, ok := c.Req().SoftwareID.Get()
			want, known := c.SSA().SoftwareID.Get()
			if ok && known && got != want && c.Policy().softwareIDFits(got) {
				c.ReportValue("/software_id", got, Echo(want), "is not the software of the software statement, "+Echo(want))
			}
		},
	},
}

// audienceRules are the rows about aud.
var audienceRules = []Rule{
	{
		ID:       rule.AudRequired,
		Summary:  "aud is present and names somebody.",
		Reason:   "A request made for one bank must not be usable at another.",
		Bad:      "without aud",
		Good:     `{"aud": "0015800001041REAAY"}`,
		Citation: dictionary("aud"),
		Basis:    BasisMust,
		Fix:      "set aud to the bank's identifier at the directory",
		Check: func(c *Case) {
			aud, ok := c.Req().Audience.Get()
			requireMember(c, c.Req().Audience.Present() && (!ok || len(aud.Values) > 0), "/aud")
		},
	},
	{
		ID:       rule.AudSingle,
		Summary:  "aud is a string, not an array, unless the bank's policy takes both.",
		Reason:   "The data dictionary has one identifier there.",
		Bad:      `{"aud": ["0015800001041REAAY"]}`,
		Good:     `{"aud": "0015800001041REAAY"}`,
		Citation: dictionary("aud"),
		Basis:    BasisMust,
		Fix:      "send aud as a string",
		Check: func(c *Case) {
			if aud, ok := c.Req().Audience.Get(); ok && aud.List && !slices.Contains(c.Policy().AudienceKinds, AudienceList) {
				c.ReportValue("/aud", "array", "string", wrongType("array", "string"))
			}
		},
	},
	{
		// The bank's identifier at the directory: base62, up to 18.
		ID:       rule.AudFormat,
		Summary:  "aud is an identifier of the directory (base62, up to 18 characters), or of the shape that the bank's policy names.",
		Reason:   "The directory knows banks by such identifiers; many banks take their issuer URL instead, by policy.",
		Bad:      `{"aud": "https://auth.bank.example"}`,
		Good:     `{"aud": "0015800001041REAAY"}`,
		Given:    Given{Policy: `{"audience_kinds": ["id"]}`},
		Citation: dictionary("aud"),
		Basis:    BasisMust,
		Fix:      "set aud to the bank's identifier at the directory, 18 letters and digits, or ask the bank what it takes",
		Check: func(c *Case) {
			aud, ok := c.Req().Audience.Get()
			for _, v := range aud.Values {
				if ok && !audienceShape(c.Policy(), v) {
					want := audienceWords(c.Policy())
					c.ReportValue("/aud", v, want, "has a shape that this bank does not take; it takes "+want)
					return
				}
			}
		},
	},
	{
		// The bank may insist on it.
		ID:       rule.AudIsBank,
		Summary:  "aud names this bank.",
		Reason:   "A request made for another bank is not for this one.",
		Bad:      `{"aud": "0015800001041RHAAY"}`,
		Good:     `{"aud": "0015800001041REAAY"}`,
		Given:    Given{Policy: `{"audiences": ["0015800001041REAAY"]}`},
		Citation: dictionary("aud"),
		Basis:    BasisPolicy,
		Fix:      "set aud to the identifier that the bank publishes",
		When:     func(c *Case) bool { return len(c.Policy().Audiences) > 0 },
		Check:    checkAudience,
	},
}

// checkAudience reports an aud without any of the bank's identifiers. The rule
// aud.format reports an aud of the wrong shape.
func checkAudience(c *Case) {
	aud, ok := c.Req().Audience.Get()
	if !ok || len(aud.Values) == 0 {
		return
	}
	for _, v := range aud.Values {
		if slices.Contains(c.Policy().Audiences, v) {
			return
		}
	}
	for _, v := range aud.Values {
		if !audienceShape(c.Policy(), v) {
			return
		}
	}
	const message = "does not name this bank, which is "
	if near, d := c.nearestURI(aud.Values[0], c.Policy().Audiences); d.Slip() {
		near = shownURI(near)
		c.reportFix("/aud", aud.Values[0], near, message+near+" (differs by "+text.And(d.Words)+")", "set aud to "+near)
		return
	}
	want := joined(c.Policy().Audiences)
	c.ReportValue("/aud", aud.Values[0], want, message+want)
}

// audienceWords says which shapes of aud the policy admits.
func audienceWords(p *Policy) string {
	var words []string
	for _, kind := range p.AudienceKinds {
		switch kind {
		case AudienceID:
			words = append(words, "an identifier of 1 to "+strconv.Itoa(maxAudienceID)+" letters and digits")
		case AudienceURL:
			words = append(words, "an https URL")
		}
	}
	return strings.Join(words, " or ")
}

// audienceShape reports whether the policy admits the shape of v.
func audienceShape(p *Policy, v string) bool {
	for _, kind := range p.AudienceKinds {
		switch kind {
		case AudienceID:
			if isBase62(v) && len(v) <= maxAudienceID {
				return true
			}
		case AudienceURL:
			if uri.Scan(v, uri.Relative|uri.NotHTTPS|uri.Characters|uri.TooLong|uri.Fragment) == 0 {
				return true
			}
		}
	}
	return false
}

// checkIDFormat reports an identifier that has no shape which the policy admits. The rule
// about the length reports one that is empty, or of letters and digits and too long.
func checkIDFormat(c *Case, member claims.Optional[string], pointer string) {
	s, ok := member.Get()
	if !ok || s == "" || c.Policy().softwareIDFits(s) {
		return
	}
	if !slices.Contains(c.Policy().IDShapes, IDShapeOBIE) {
		c.ReportValue(pointer, s, c.Policy().softwareIDWords(), "has a shape that this bank does not take")
	} else if !isBase62(s) {
		c.ReportValue(pointer, s, c.Policy().softwareIDWords(), "has characters other than letters and digits")
	}
}

// checkIDLength reports an identifier that is empty, or too long for the OBIE directory and
// of no other shape which the policy admits.
func checkIDLength(c *Case, member claims.Optional[string], pointer string) {
	s, ok := member.Get()
	tooLong := utf8.RuneCountInString(s) > maxSoftwareID && slices.Contains(c.Policy().IDShapes, IDShapeOBIE) && !c.Policy().otherIDFits(s)
	if ok && (s == "" || tooLong) {
		c.ReportValue(pointer, s, c.Policy().softwareIDWords(), lengthMessage(s, maxSoftwareID))
	}
}

// isUUIDv4 reports whether s is a UUID of version 4 with hyphens (RFC 9562 section
// 5.4), in either case.
func isUUIDv4(s string) bool {
	return isUUID(s) && s[14] == '4' && strings.IndexByte("89abAB", s[19]) >= 0
}
