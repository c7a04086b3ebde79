package validate

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/rule"
)

// maxPointerName is the greatest length of a sender's own member name in a
// pointer.
const maxPointerName = 128

// memberRules are the rows about members as such: of the wrong type, unknown,
// not meant for requests, or narrowed by the bank's policy.
var memberRules = []Rule{
	{
		ID:       rule.RequestMemberType,
		Summary:  "Each member has the JSON type that the data dictionary gives it.",
		Reason:   "A member of another type cannot be read, so no other rule looks at it.",
		Example:  `{"exp": "1700003600"}`,
		Citation: dictionary("types"),
		Fix:      "send the member with the type that is wanted",
		Check: func(c *Case) {
			reportFaults(c, DocRequest, func(p string) bool {
				return !within(p, "/redirect_uris") && !within(p, "/software_statement")
			})
		},
	},
	{
		ID:       rule.RedirectURIsType,
		Summary:  "redirect_uris is an array of strings.",
		Reason:   "A list that cannot be read must not count as an empty or absent one.",
		Example:  `{"redirect_uris": "https://app.example.com/cb"}`,
		Citation: dictionary("redirect_uris"),
		Code:     InvalidRedirectURI,
		Fix:      "send redirect_uris as an array of strings",
		Check: func(c *Case) {
			reportFaults(c, DocRequest, func(p string) bool { return within(p, "/redirect_uris") })
		},
	},
	{
		// client_secret and its like are never in a request.
		ID:       rule.RequestResponseMember,
		Summary:  "Members of the response alone are not in a request.",
		Reason:   "The server sets client_secret, client_id_issued_at, client_secret_expires_at and registration_*; it ignores them here.",
		Example:  `{"client_secret": "s3cr3t"}`,
		Citation: rfc("7591", "3.2.1"),
		Severity: SeverityNotice,
		Fix:      "leave the member out",
		Check: func(c *Case) {
			for _, m := range c.Req().Unknown {
				if responseMember(m.Name) {
					c.Report(pointerTo(m.Name), "belongs to the response and is ignored")
				}
			}
		},
	},
	{
		ID:       rule.RequestUnknownMember,
		Summary:  "Members that the data dictionary does not name are ignored.",
		Reason:   "A misspelt member has no effect, and the sender should know.",
		Example:  `{"redirect_uri": "https://app.example.com/cb"}`,
		Citation: rfc("7591", "2"),
		Severity: SeverityNotice,
		Fix:      "leave the member out, or correct its name",
		Check: func(c *Case) {
			for _, m := range c.Req().Unknown {
				if !responseMember(m.Name) {
					c.Report(pointerTo(m.Name), "is not known and is ignored")
				}
			}
		},
	},
	{
		// A TPP may ask for a client_id; a bank may ignore it.
		ID:       rule.ClientIDIgnored,
		Summary:  "client_id in a request is a wish that the bank may ignore.",
		Reason:   "The authorization server gives out client identifiers.",
		Example:  `{"client_id": "my-client"}`,
		Citation: dictionary("client_id"),
		Severity: SeverityNotice,
		Fix:      "take the client_id from the response",
		Check: func(c *Case) {
			if c.Req().ClientID.Valid() {
				c.Report("/client_id", "is a wish that the bank may ignore")
			}
		},
	},
	{
		ID:       rule.RequestRequiredByPolicy,
		Summary:  "Each member that the bank's policy requires is present.",
		Reason:   "The bank cannot register a client without it.",
		Example:  `{"required_members": ["software_id"]}`,
		Citation: rfc("7591", "2"),
		Fix:      "add the member",
		When:     func(c *Case) bool { return len(c.Policy().RequiredMembers) > 0 },
		Check: func(c *Case) {
			for _, name := range c.Policy().RequiredMembers {
				if !requiredElsewhere(c, name) && !hasMember(c.Req(), name) {
					c.Report(pointerTo(name), "is missing, and this bank requires it")
				}
			}
		},
	},
	{
		// A bank that does not support a value refuses it or changes it.
		ID:       rule.RequestAllowedByPolicy,
		Summary:  "Each value is among those that the bank's policy allows for its member.",
		Reason:   "The bank supports no other value.",
		Example:  `{"allowed_values": {"response_types": ["code"]}}`,
		Citation: rfc("7591", "2"),
		Fix:      "send one of the values that the bank allows, or leave the member out",
		When:     func(c *Case) bool { return len(c.Policy().AllowedValues) > 0 },
		Check:    checkAllowedValues,
	},
}

// reportFaults reports the members of document d that are of the wrong type and
// that mine picks by pointer.
func reportFaults(c *Case, d Document, mine func(pointer string) bool) {
	for _, f := range c.Faults(d) {
		if mine(f.Pointer) {
			c.ReportValue(f.Pointer, f.Got, f.Want, "is of the wrong type")
		}
	}
}

// everyMember picks every pointer.
func everyMember(string) bool { return true }

// within says whether pointer is member itself or something in it.
func within(pointer, member string) bool {
	rest, ok := strings.CutPrefix(pointer, member)
	return ok && (rest == "" || rest[0] == '/')
}

// responseMember says whether only a response has the member.
func responseMember(name string) bool {
	switch name {
	case "client_secret", "client_id_issued_at", "client_secret_expires_at":
		return true
	}
	return strings.HasPrefix(name, "registration_")
}

// memberNames are the members of the data dictionary, in its order.
var memberNames = [...]string{
	"iss", "iat", "exp", "aud", "nbf", "jti", "redirect_uris", "token_endpoint_auth_method",
	"token_endpoint_auth_signing_alg", "tls_client_auth_subject_dn", "grant_types", "response_types",
	"software_id", "scope", "software_statement", "application_type", "id_token_signed_response_alg",
	"request_object_signing_alg", "backchannel_token_delivery_mode", "backchannel_client_notification_endpoint",
	"backchannel_authentication_request_signing_alg", "backchannel_user_code_parameter_supported", "client_id",
}

// requiredElsewhere says whether a rule of its own requires the member here.
func requiredElsewhere(c *Case, name string) bool {
	r := c.Req()
	switch name {
	case "iss", "iat", "exp", "aud", "jti", "redirect_uris", "token_endpoint_auth_method", "grant_types",
		"software_statement", "id_token_signed_response_alg", "request_object_signing_alg":
		return true
	case "scope", "application_type":
		return c.Profile() != WSO2
	case "token_endpoint_auth_signing_alg":
		return signsAssertions(r)
	case "tls_client_auth_subject_dn":
		return usesTLSClientAuth(r)
	case "backchannel_token_delivery_mode", "backchannel_authentication_request_signing_alg":
		return knowsCIBA(c) && asksForCIBA(r)
	case "backchannel_client_notification_endpoint":
		return knowsCIBA(c) && asksForCIBA(r) && r.BackchannelTokenDeliveryMode.Or("") == claims.Ping
	}
	return false
}

// hasMember says whether the request has the member, be it of the wrong type.
func hasMember(r *claims.Request, name string) bool {
	switch name {
	case "iat":
		return r.IssuedAt.Present()
	case "exp":
		return r.Expiry.Present()
	case "nbf":
		return r.NotBefore.Present()
	case "backchannel_user_code_parameter_supported":
		return r.BackchannelUserCodeParameterSupported.Present()
	case "redirect_uris":
		return r.RedirectURIs.Present()
	case "grant_types":
		return r.GrantTypes.Present()
	case "response_types":
		return r.ResponseTypes.Present()
	case "scope":
		return r.Scope.Present()
	case "aud":
		return r.Audience.Present()
	case "token_endpoint_auth_method":
		return r.TokenEndpointAuthMethod.Present()
	case "application_type":
		return r.ApplicationType.Present()
	case "backchannel_token_delivery_mode":
		return r.BackchannelTokenDeliveryMode.Present()
	}
	if m, ok := textMember(r, name); ok {
		return m.Present()
	}
	if m, ok := algorithmMember(r, name); ok {
		return m.Present()
	}
	return slices.ContainsFunc(r.Unknown, func(m claims.Member) bool { return m.Name == name })
}

// textMember returns the member of that name if it is plain text.
func textMember(r *claims.Request, name string) (claims.Optional[string], bool) {
	switch name {
	case "iss":
		return r.Issuer, true
	case "jti":
		return r.JWTID, true
	case "client_id":
		return r.ClientID, true
	case "software_id":
		return r.SoftwareID, true
	case "software_statement":
		return r.SoftwareStatement, true
	case "tls_client_auth_subject_dn":
		return r.TLSClientAuthSubjectDN, true
	case "backchannel_client_notification_endpoint":
		return r.BackchannelClientNotificationEndpoint, true
	}
	return claims.Optional[string]{}, false
}

// algorithmMember returns the member of that name if it names an algorithm.
func algorithmMember(r *claims.Request, name string) (claims.Optional[claims.Algorithm], bool) {
	switch name {
	case "token_endpoint_auth_signing_alg":
		return r.TokenEndpointAuthSigningAlg, true
	case "id_token_signed_response_alg":
		return r.IDTokenSignedResponseAlg, true
	case "request_object_signing_alg":
		return r.RequestObjectSigningAlg, true
	case "backchannel_authentication_request_signing_alg":
		return r.BackchannelAuthenticationRequestSigningAlg, true
	}
	return claims.Optional[claims.Algorithm]{}, false
}

// checkAllowedValues holds each narrowed member against its list. What another
// rule refuses already is left to it.
func checkAllowedValues(c *Case) {
	for _, name := range memberNames {
		allowed, narrowed := c.Policy().AllowedValues[name]
		if !narrowed || c.Policy().CanAdjust(name) {
			continue
		}
		eachValue(c, name, func(i int, value string) {
			if slices.Contains(allowed, value) {
				return
			}
			pointer := "/" + name
			if i >= 0 {
				pointer = entry(pointer, i)
			}
			c.ReportValue(pointer, value, joined(allowed), "is not a value that this bank allows")
		})
	}
}

// eachValue calls f with each value of a member that no rule about supported
// values refuses, and its index, -1 outside arrays.
func eachValue(c *Case, name string, f func(i int, value string)) {
	r := c.Req()
	if m, ok := textMember(r, name); ok {
		if v, ok := m.Get(); ok {
			f(-1, v)
		}
		return
	}
	if m, ok := algorithmMember(r, name); ok {
		if v, ok := m.Get(); ok && supportsAlgorithm(c, name, v) {
			f(-1, string(v))
		}
		return
	}
	switch name {
	case "redirect_uris":
		eachOf(r.RedirectURIs.Or(nil), everyMember, f)
	case "grant_types":
		eachOf(r.GrantTypes.Or(nil), func(g claims.GrantType) bool { return slices.Contains(c.Policy().GrantTypes, g) }, f)
	case "response_types":
		eachOf(r.ResponseTypes.Or(nil), func(t claims.ResponseType) bool { return slices.Contains(c.Policy().ResponseTypes, t) }, f)
	case "aud":
		eachOf(r.Audience.Or(claims.StringOrList{}).Values, everyMember, func(_ int, v string) { f(-1, v) })
	case "scope":
		supported := func(w string) bool { return slices.Contains(c.Policy().Scopes, w) }
		eachOf(r.Scope.Or(claims.Scope{}).Words, supported, func(_ int, v string) { f(-1, v) })
	case "token_endpoint_auth_method":
		if v, ok := r.TokenEndpointAuthMethod.Get(); ok && slices.Contains(c.Policy().AuthMethods, v) {
			f(-1, string(v))
		}
	case "application_type":
		if v, ok := r.ApplicationType.Get(); ok && slices.Contains(c.Policy().ApplicationTypes, v) {
			f(-1, string(v))
		}
	case "backchannel_token_delivery_mode":
		if v, ok := r.BackchannelTokenDeliveryMode.Get(); ok && v != claims.Push {
			f(-1, string(v))
		}
	case "backchannel_user_code_parameter_supported":
		if v, ok := r.BackchannelUserCodeParameterSupported.Get(); ok {
			f(-1, strconv.FormatBool(v))
		}
	}
}

// eachOf calls f with the entries that pass, and their index.
func eachOf[T ~string](list []T, pass func(T) bool, f func(int, string)) {
	for i, v := range list {
		if pass(v) {
			f(i, string(v))
		}
	}
}

// pointerTo returns the RFC 6901 pointer to a member, shortened where a sender
// chose a very long name.
func pointerTo(name string) string {
	if len(name) > maxPointerName {
		name = strings.ToValidUTF8(name[:maxPointerName], "") + "..."
	}
	return jsonscan.AppendPointer("", name)
}

// entry returns the pointer to an entry of an array.
func entry(pointer string, i int) string { return pointer + "/" + strconv.Itoa(i) }

// joined lists values for a message.
func joined[T ~string](values []T) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = string(v)
	}
	return Echo(strings.Join(words, ", "))
}

// decimal and utc write numbers and times for a message.
func decimal(n int64) string { return strconv.FormatInt(n, 10) }
func utc(seconds int64) string {
	return time.Unix(seconds, 0).UTC().Format(time.RFC3339)
}

// checkLength reports text that is empty or longer than most characters.
func checkLength(c *Case, member claims.Optional[string], pointer string, most int) {
	s, ok := member.Get()
	if ok && (s == "" || len(s) > most && utf8.RuneCountInString(s) > most) {
		c.ReportValue(pointer, s, "1 to "+strconv.Itoa(most)+" characters", lengthMessage(s))
	}
}

// lengthMessage says how long s is.
func lengthMessage(s string) string {
	if s == "" {
		return "is empty"
	}
	return "has " + strconv.Itoa(utf8.RuneCountInString(s)) + " characters"
}

// listReport reports entries of one array. Behind as many violations as a report
// holds it builds no more pointers, so that a huge list stays cheap.
type listReport struct {
	c    *Case
	base string
	n    int
}

func (l *listReport) add(i int, got, want, message string) {
	pointer := l.base
	if l.n++; l.n <= MaxViolations {
		pointer = entry(l.base, i)
	}
	l.c.ReportValue(pointer, got, want, message)
}
