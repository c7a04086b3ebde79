package validate

import (
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
)

// maxHints is how many values one rule compares with what they may have been meant to be. It
// bounds the cost of an input full of faults.
const maxHints = 12

// hint reports whether the rule may make one more comparison.
func (c *Case) hint() bool {
	if c.hinting != c.rule {
		c.hinting, c.hints = c.rule, 0
	}
	c.hints++
	return c.hints <= maxHints
}

// unseen says how a word differs that holds characters that cannot be seen.
const unseen = "characters that cannot be seen"

// seen returns what people see of a word: zero-width and control characters are left out.
func seen(word string) string {
	if len(word) > maxPointerName || !strings.ContainsFunc(word, text.Hidden) {
		return word
	}
	return strings.Map(func(r rune) rune {
		if text.Hidden(r) {
			return -1
		}
		return r
	}, word)
}

// likeness returns the allowed word that a word may have been meant to be, "" if there is
// none, and how the two differ, if that has a name.
type likeness func(word string, allowed []string) (near, differs string)

// sameButSpelling finds a word that differs in case, in the characters between its letters,
// or in the order of its parts.
func sameButSpelling(word string, allowed []string) (near, differs string) {
	for _, a := range allowed {
		switch {
		case strings.EqualFold(a, word):
			return a, "upper and lower case"
		case lettersOf(a) == lettersOf(word):
			return a, "the characters between its letters"
		case strings.Contains(a, " ") && sortedWords(a) == sortedWords(word):
			return a, "the order of its words"
		}
	}
	return "", ""
}

// nearest finds a word that differs in spelling or in a few letters.
func nearest(word string, allowed []string) (near, differs string) {
	const fewLetters = 3 // a shorter word is like every other
	if near, differs = sameButSpelling(word, allowed); near != "" || len(word) < fewLetters {
		return near, differs
	}
	found := text.Nearest(word, allowed)
	if len(found) == 0 || len(word) < 2*fewLetters && !strings.EqualFold(found[0][:1], word[:1]) {
		return "", "" // of two short words that differ in the first letter none is meant to be the other
	}
	return found[0], ""
}

// lettersOf returns the letters and digits of a word, in lower case.
func lettersOf(word string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && (text.IsLetter(byte(r)) || text.IsDigit(byte(r))) {
			return r
		}
		return -1
	}, strings.ToLower(word))
}

func sortedWords(s string) string {
	words := strings.Fields(s)
	slices.Sort(words)
	return strings.Join(words, " ")
}

// reportUnlisted reports a value that is none of the allowed ones. The message names the one
// that it is like, or else all.
func (c *Case) reportUnlisted(pointer, value string, allowed []string, like likeness, message string) {
	want, fix, near, differs := joined(allowed), "", "", ""
	if c.hint() {
		plain := seen(value)
		if near, differs = like(Echo(plain), allowed); plain != value {
			differs = unseen
		}
	}
	switch {
	case near != "" && near != value:
		near = Echo(near)
		message, fix = message+"; near: "+near, "write "+near
		if c.document() == DocSSA || c.document() == DocSSAHeader {
			fix = "have the directory write " + near + ", and fetch a new SSA"
		}
		if differs != "" {
			message += " (differs by " + differs + ")"
		}
	case want != "":
		message += "; allowed: " + want
	}
	c.reportFix(pointer, value, want, message, fix)
}

// What a name or a role that nobody knows may have been meant to be.
var (
	requestMembers   = claims.RequestMembers()
	statementMembers = claims.SSAMembers()
	knownRoles       = text.Strings(claims.PlainRoles())
)

// requestNames and statementNames are names that other specifications and directories have
// for members of a request and for claims of a statement.
var (
	requestNames = map[string]string{
		"callback_uris": "redirect_uris", "callback_urls": "redirect_uris", "ssa": "software_statement", "scopes": "scope",
		"tls_client_auth_dn": "tls_client_auth_subject_dn", "id_token_signing_alg": "id_token_signed_response_alg",
		"request_object_signing_algorithm": "request_object_signing_alg", "auth_method": "token_endpoint_auth_method",
	}
	statementNames = map[string]string{
		"software_jwks_uri": "software_jwks_endpoint", "jwks_uri": "software_jwks_endpoint",
		"software_jwks_inactive_uri": "software_jwks_revoked_endpoint", "org_jwks_uri": "org_jwks_endpoint",
		"org_jwks_inactive_uri": "org_jwks_revoked_endpoint", "software_statement_roles": "software_roles", "roles": "software_roles",
		"redirect_uris": "software_redirect_uris", "client_name": "software_client_name", "client_description": "software_client_description",
		"organisation_id": "org_id", "organization_id": "org_id", "organisation_name": "org_name", "organization_name": "org_name",
		"logo_uri": "software_logo_uri", "policy_uri": "software_policy_uri", "tos_uri": "software_tos_uri", "client_uri": "software_client_uri",
	}
)

// meantBy returns the member that an unknown one may have been meant to be, "" if there is
// none. It is cheap, because an unknown member is no fault.
func (c *Case) meantBy(name string, known []string, others map[string]string) (meant string) {
	plain := seen(name)
	switch {
	case others[plain] != "":
		return others[plain]
	case slices.Contains(known, name): // our name of a claim that the directory has by another
		return ""
	case !c.hint():
		return ""
	case plain != name && slices.Contains(known, plain):
		return plain
	}
	name = plain
	fewest := len(name)
	for _, k := range known {
		if n := unshared(name, k); n < fewest && isMisspelt(n, k) {
			meant, fewest = k, n
		}
	}
	return meant
}

// isMisspelt reports whether a name that differs from a known one in n letters, all in one
// place, may have been meant to be that one. Half of all names are like a short one.
func isMisspelt(n int, known string) bool { return len(known) > 4 && n <= len(known)/3 }

// unshared counts the letters of the longer of two names that stand between what both begin
// with and what both end with. Upper case and the characters between words do not count.
func unshared(a, b string) int {
	i, j := 0, 0
	for {
		i, j = skipForward(a, i), skipForward(b, j)
		if i == len(a) || j == len(b) || a[i]|0x20 != b[j]|0x20 {
			break
		}
		i, j = i+1, j+1
	}
	p, q := len(a), len(b)
	for {
		p, q = skipBack(a, p, i), skipBack(b, q, j)
		if p == i || q == j || a[p-1]|0x20 != b[q-1]|0x20 {
			return max(p-i, q-j)
		}
		p, q = p-1, q-1
	}
}

func skipForward(s string, i int) int {
	for i < len(s) && (s[i] == '_' || s[i] == '-') {
		i++
	}
	return i
}

func skipBack(s string, i, start int) int {
	for i > start && (s[i-1] == '_' || s[i-1] == '-') {
		i--
	}
	return i
}

// reportUnknown reports a member that nobody reads, and the one that it may have been meant
// to be.
func (c *Case) reportUnknown(name string, known []string, others map[string]string, fix string) {
	const message = "is not known and is ignored"
	meant := c.meantBy(name, known, others)
	if meant == "" {
		c.foundAt(pointerTo(name), "", Violation{Message: message})
		return
	}
	near := "; near: " + meant
	if seen(name) != name {
		near += " (differs by " + unseen + ")"
	}
	c.foundAt(pointerTo(name), "", Violation{Want: meant, Message: message + near, Fix: fix + meant})
}

// reportMissing reports a member that was not sent, and one that is there in its place.
func (c *Case) reportMissing(pointer, message string) {
	instead, fix := c.inPlaceOf(strings.TrimPrefix(pointer, "/"))
	if instead != "" {
		message += ", but " + instead + " is there, which may be meant"
	}
	c.reportFix(pointer, "", "", message, fix)
}

// inPlaceOf returns an unknown member that may have been meant to be the given one, and what
// to do about it.
func (c *Case) inPlaceOf(member string) (name, fix string) {
	const most = 32 // names that are compared letter by letter
	unknown, others := c.unknownMembers()
	for i, name := range unknown {
		plain := seen(name)
		other := others[plain]
		if plain != member && other != member && (other != "" || i >= most || !isMisspelt(unshared(plain, member), member)) {
			continue
		}
		if plain != name {
			name = text.Quote(name) // with the escapes of what cannot be seen
		} else {
			name = Echo(name)
		}
		if c.document() == DocSSA {
			return name, "use a statement that has the claim as " + member + "; a bank can map " + name + " to it by claim_names of its policy"
		}
		return name, "rename " + name + " to " + member
	}
	return "", ""
}

// document returns the document of the rule that is being judged.
func (c *Case) document() Document { return c.report.validator.rules[c.rule].Document }

// unknownMembers returns the unknown members of the document of the rule, and the other names
// that members of it have elsewhere.
func (c *Case) unknownMembers() (names []string, others map[string]string) {
	switch c.document() {
	case DocRequest:
		for _, m := range c.Req().Unknown {
			names = append(names, m.Name)
		}
		return names, requestNames
	case DocSSA:
		for _, m := range c.SSA().Unknown {
			names = append(names, m.Name)
		}
		return names, statementNames
	}
	return nil, nil
}
