package validate

import (
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/rule"
	"github.com/obdcr/obdcr/internal/uri"
)

// The members of CIBA.
const (
	memberMode     = "backchannel_token_delivery_mode"
	memberEndpoint = "backchannel_client_notification_endpoint"
	memberCIBAAlg  = "backchannel_authentication_request_signing_alg"
	memberUserCode = "backchannel_user_code_parameter_supported"
)

// The requests of the examples: one that asks for CIBA by poll, one by ping, and the
// address that the bank notifies, as JSON.
const (
	cibaGrants = `{"grant_types": ["client_credentials", "authorization_code", "urn:openid:params:grant-type:ciba"], `
	asksByPoll = cibaGrants + `"backchannel_token_delivery_mode": "poll", "backchannel_authentication_request_signing_alg": "PS256"}`
	asksByPing = cibaGrants + `"backchannel_token_delivery_mode": "ping", "backchannel_authentication_request_signing_alg": "PS256", ` +
		`"backchannel_client_notification_endpoint": ` + notifyHere + `}`
	notifyHere = `"https://app.example.com/ciba"`
)

// cibaRules are the rows about CIBA's members, without the endpoint.
func cibaRules() []Rule {
	rows := []Rule{
		{
			ID:       rule.BackchannelVersion,
			Summary:  "Members of CIBA are ignored in versions before 3.3.",
			Reason:   "Version 3.2 has no CIBA.",
			Bad:      `{"backchannel_token_delivery_mode": "poll"}`,
			Good:     "without backchannel_token_delivery_mode",
			Citation: dictionary32(""),
			Basis:    BasisNotice,
			Profiles: profilesBefore33(),
			Fix:      "leave the member out, or ask the bank for version 3.3",
			Check: func(c *Case) {
				for _, name := range [...]string{memberMode, memberEndpoint, memberCIBAAlg, memberUserCode} {
					if m := c.Req().Member(name); m.Present() {
						c.Report(m.Pointer(), "belongs to version 3.3 and is ignored")
					}
				}
			},
		},
		cibaRequired(rule.BackchannelTokenDeliveryModeRequired, memberMode, "poll or ping", hasCIBA, `"poll"`, asksForCIBA),
		cibaForbidden(rule.BackchannelTokenDeliveryModeForbidden, memberMode, `"poll"`, lacksCIBA, doesNotAskForCIBA),
		{
			// Poll or ping, never push (FAPI-CIBA).
			ID:       rule.BackchannelTokenDeliveryModeKnown,
			Summary:  "backchannel_token_delivery_mode is poll or ping, never push.",
			Reason:   "Push sends tokens to an address; FAPI-CIBA forbids it.",
			Bad:      `{"backchannel_token_delivery_mode": "push"}`,
			Good:     `{"backchannel_token_delivery_mode": "poll"}`,
			Given:    Given{Request: asksByPoll},
			Citation: fapiCIBA("5.2.2"),
			Basis:    BasisMust,
			Profiles: profilesSince33(),
			Fix:      "use poll or ping",
			When:     func(c *Case) bool { return asksForCIBA(c.Req()) },
			Check: func(c *Case) {
				m, ok := c.Req().BackchannelTokenDeliveryMode.Get()
				if ok && m != claims.Poll && m != claims.Ping {
					c.ReportValue("/"+memberMode, string(m), "poll or ping", "is not poll or ping")
				}
			},
		},
		cibaRequired(rule.BackchannelAuthenticationRequestSigningAlgRequired, memberCIBAAlg, "PS256 or ES256", hasCIBA, `"PS256"`, asksForCIBA),
		cibaForbidden(rule.BackchannelAuthenticationRequestSigningAlgForbidden, memberCIBAAlg, `"PS256"`, lacksCIBA, doesNotAskForCIBA),
	}
	// PS256 or ES256.
	for _, row := range [...]Rule{
		algorithmRow(rule.BackchannelAuthenticationRequestSigningAlgAlgorithm, &cibaAlg, fapiCIBA("7.6")),
		algorithmSupportRow(rule.BackchannelAuthenticationRequestSigningAlgSupported, &cibaAlg, "backchannel", dictionary(memberCIBAAlg)),
	} {
		row.Profiles, row.Given.Request = profilesSince33(), asksByPoll
		when := row.When
		row.When = func(c *Case) bool { return asksForCIBA(c.Req()) && (when == nil || when(c)) }
		rows = append(rows, row)
	}
	return append(rows,
		cibaForbidden(rule.BackchannelUserCodeParameterSupportedForbidden, memberUserCode, "false", lacksCIBA, doesNotAskForCIBA),
		Rule{
			// The member is sent only with ciba, and then it is false.
			ID:       rule.BackchannelUserCodeParameterSupportedFalse,
			Summary:  "backchannel_user_code_parameter_supported, if sent, is false.",
			Reason:   "These banks identify users without a user code.",
			Bad:      `{"backchannel_user_code_parameter_supported": true}`,
			Good:     `{"backchannel_user_code_parameter_supported": false}`,
			Given:    Given{Request: asksByPoll},
			Citation: dictionary(memberUserCode),
			Basis:    BasisMust,
			Profiles: profilesSince33(),
			Fix:      "set it to false or leave it out",
			When:     func(c *Case) bool { return asksForCIBA(c.Req()) },
			Check: func(c *Case) {
				if c.Req().BackchannelUserCodeParameterSupported.Or(false) {
					c.ReportValue("/"+memberUserCode, "true", "false", "is true, must be false")
				}
			},
		},
	)
}

// cibaEndpointRules are the rows about the notification endpoint. A bank does not
// contact it at registration.
func cibaEndpointRules() []Rule {
	endpoint := func(id, summary, reason, bad, fix, stricter string, faults uri.Fault) Rule {
		basis := BasisMust
		if stricter != "" {
			basis = BasisStricter
		}
		return Rule{
			ID:       id,
			Summary:  summary,
			Reason:   reason,
			Bad:      Example(`{"` + memberEndpoint + `": "` + bad + `"}`),
			Good:     `{"` + memberEndpoint + `": ` + notifyHere + `}`,
			Given:    Given{Request: asksByPing},
			Citation: dictionary(memberEndpoint),
			Basis:    basis,
			Stricter: stricter,
			Profiles: profilesSince33(),
			Fix:      fix,
			When:     func(c *Case) bool { return asksForCIBA(c.Req()) && !polls(c.Req()) },
			Check: func(c *Case) {
				u, ok := c.Req().BackchannelClientNotificationEndpoint.Get()
				if !ok {
					return
				}
				if f := uri.Scan(u, faults); f != 0 {
					c.ReportValue("/"+memberEndpoint, u, "", uriMessage(u, f))
				}
			},
		}
	}
	return []Rule{
		// The endpoint is present exactly with ciba and a mode other than poll.
		cibaRequired(rule.BackchannelClientNotificationEndpointRequired, memberEndpoint, "an https address",
			hasCIBA+" and backchannel_token_delivery_mode is ping", notifyHere, func(r *claims.Request) bool {
				return asksForCIBA(r) && r.BackchannelTokenDeliveryMode.Or("") == claims.Ping
			}),
		cibaForbidden(rule.BackchannelClientNotificationEndpointForbidden, memberEndpoint, notifyHere,
			lacksCIBA+", and where backchannel_token_delivery_mode is poll", func(r *claims.Request) bool { return !asksForCIBA(r) || polls(r) }),
		endpoint(rule.BackchannelClientNotificationEndpointHTTPS, "The notification endpoint is an absolute https URI.",
			"The bank sends the client's notification token there, which must not travel in the clear.",
			"http://app.example.com/ciba",
			"write the whole address, starting with https://", "", uri.Relative|uri.NotHTTPS),
		endpoint(rule.BackchannelClientNotificationEndpointLength, "The notification endpoint has at most 256 characters.",
			"The data dictionary sets that limit.", "https://app.example.com/a{240}",
			"shorten the address", "", uri.TooLong),
		endpoint(rule.BackchannelClientNotificationEndpointHost,
			"The notification endpoint keeps the grammar of redirect URIs: a public host name, no user, fragment or wildcard.",
			"The bank posts there from inside its network, so the host is judged like that of a redirect URI.",
			"https://127.0.0.1/ciba",
			"use a public host name and a plain path", "The text wants a valid https URL, and names no host.", uri.Any&^(uri.Relative|uri.NotHTTPS|uri.TooLong)),
	}
}

// The conditions of the members of CIBA, in words.
const (
	hasCIBA   = "grant_types has " + string(claims.CIBA)
	lacksCIBA = "grant_types lacks " + string(claims.CIBA)
)

// cibaRequired is the row that requires a member of CIBA wherever when holds, which where
// says in words.
func cibaRequired(id, name, want, where, good string, when func(*claims.Request) bool) Rule {
	member, given := claims.RequestMember(name), Example(asksByPoll)
	if name == memberEndpoint {
		given = asksByPing
	}
	return Rule{
		ID:       id,
		Summary:  name + " is present where " + where + ".",
		Reason:   "The bank cannot serve the CIBA grant without it.",
		Bad:      Example("without " + name),
		Good:     Example(`{"` + name + `": ` + good + `}`),
		Given:    Given{Request: given},
		Citation: dictionary(name),
		Basis:    BasisMust,
		Profiles: profilesSince33(),
		Fix:      "set " + name + " to " + want + ", or leave the CIBA grant type out",
		When:     func(c *Case) bool { return when(c.Req()) },
		Check:    func(c *Case) { requires(c, member(c.Req())) },
	}
}

// cibaForbidden is the row that refuses a member of CIBA wherever when holds, which where
// says in words.
func cibaForbidden(id, name, bad, where string, when func(*claims.Request) bool) Rule {
	member := claims.RequestMember(name)
	return Rule{
		ID:       id,
		Summary:  name + " is absent where " + where + ".",
		Reason:   "A member without effect hides a mistake in grant_types or in the delivery mode.",
		Bad:      Example(`{"` + name + `": ` + bad + `}`),
		Good:     Example("without " + name),
		Citation: dictionary(name),
		Basis:    BasisMust,
		Profiles: profilesSince33(),
		Fix:      "leave " + name + " out, or ask for the CIBA grant type and a mode that uses it",
		When:     func(c *Case) bool { return c.Req().GrantTypes.Valid() && when(c.Req()) },
		Check: func(c *Case) {
			if m := member(c.Req()); m.Valid() {
				c.Report(m.Pointer(), "is there, but nothing asked for uses it")
			}
		},
	}
}

// asksForCIBA and doesNotAskForCIBA report whether the request asks for the CIBA grant type.
func asksForCIBA(r *claims.Request) bool       { return slices.Contains(r.GrantTypes.Or(nil), claims.CIBA) }
func doesNotAskForCIBA(r *claims.Request) bool { return !asksForCIBA(r) }

// polls reports whether the delivery mode is poll, which needs no endpoint.
func polls(r *claims.Request) bool { return r.BackchannelTokenDeliveryMode.Or("") == claims.Poll }
