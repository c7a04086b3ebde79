package claims

import "github.com/obdcr/obdcr/internal/jsonscan"

var requestFields = table(
	word("iss", func(r *Request) *Optional[string] { return &r.Issuer }),
	integer("iat", func(r *Request) *Optional[int64] { return &r.IssuedAt }),
	integer("exp", func(r *Request) *Optional[int64] { return &r.Expiry }),
	integer("nbf", func(r *Request) *Optional[int64] { return &r.NotBefore }),
	row("aud", func(r *Request) *Optional[StringOrList] { return &r.Audience }, readStringOrList, writeStringOrList,
		several(func(a StringOrList) []string { return a.Values })),
	word("jti", func(r *Request) *Optional[string] { return &r.JWTID }),
	word("client_id", func(r *Request) *Optional[string] { return &r.ClientID }),
	words("redirect_uris", func(r *Request) *Optional[[]string] { return &r.RedirectURIs }),
	word("token_endpoint_auth_method", func(r *Request) *Optional[AuthMethod] { return &r.TokenEndpointAuthMethod }),
	word("token_endpoint_auth_signing_alg", func(r *Request) *Optional[Algorithm] { return &r.TokenEndpointAuthSigningAlg }),
	word("tls_client_auth_subject_dn", func(r *Request) *Optional[string] { return &r.TLSClientAuthSubjectDN }),
	words("grant_types", func(r *Request) *Optional[[]GrantType] { return &r.GrantTypes }),
	words("response_types", func(r *Request) *Optional[[]ResponseType] { return &r.ResponseTypes }),
	word("software_id", func(r *Request) *Optional[string] { return &r.SoftwareID }),
	row("scope", func(r *Request) *Optional[Scope] { return &r.Scope }, readScope, writeScope,
		several(func(s Scope) []string { return s.Words })),
	word("software_statement", func(r *Request) *Optional[string] { return &r.SoftwareStatement }),
	word("application_type", func(r *Request) *Optional[ApplicationType] { return &r.ApplicationType }),
	word("id_token_signed_response_alg", func(r *Request) *Optional[Algorithm] { return &r.IDTokenSignedResponseAlg }),
	word("request_object_signing_alg", func(r *Request) *Optional[Algorithm] { return &r.RequestObjectSigningAlg }),
	word("backchannel_token_delivery_mode", func(r *Request) *Optional[DeliveryMode] { return &r.BackchannelTokenDeliveryMode }),
	word("backchannel_client_notification_endpoint", func(r *Request) *Optional[string] { return &r.BackchannelClientNotificationEndpoint }),
	word("backchannel_authentication_request_signing_alg",
		func(r *Request) *Optional[Algorithm] { return &r.BackchannelAuthenticationRequestSigningAlg }),
	boolean("backchannel_user_code_parameter_supported",
		func(r *Request) *Optional[bool] { return &r.BackchannelUserCodeParameterSupported }),
)

// DecodeRequest reads the payload of a registration request. It reports every member
// of the wrong type and leaves it invalid. An integer may have any spelling of JSON, but
// no fraction. It returns an error, and no request, only where the payload is not one
// strict JSON object of at most 2,000 values.
func DecodeRequest[Text ~string | ~[]byte](payload Text) (*Request, []Fault, error) {
	var r Request
	faults, err := requestFields.decode(string(payload), nil, &r, &r.Unknown)
	if err != nil {
		return nil, nil, err
	}
	return &r, faults, nil
}

// ParseRequest is DecodeRequest for callers who accept no fault. With any fault it
// returns a nil request and a *FaultError that holds all faults.
func ParseRequest[Text ~string | ~[]byte](payload Text) (*Request, error) {
	r, faults, err := DecodeRequest(payload)
	if err != nil {
		return nil, err
	}
	if len(faults) > 0 {
		return nil, &FaultError{Faults: faults}
	}
	return r, nil
}

// MarshalJSON writes the members that are valid, in a fixed order, and then the
// unknown ones.
func (r *Request) MarshalJSON() ([]byte, error) { return requestFields.encode(r, r.Unknown) }

func readStringOrList(r *reader, v jsonscan.Value) (StringOrList, bool) {
	if v.Kind() == jsonscan.Array {
		list, ok := listOf[string](r, v)
		return StringOrList{Values: list, List: true}, ok
	}
	s, ok := r.text(v, true)
	return StringOrList{Values: []string{s}}, ok
}

func writeStringOrList(s StringOrList) any {
	if s.List || len(s.Values) != 1 {
		return append([]string{}, s.Values...)
	}
	return s.Values[0]
}

func readScope(r *reader, v jsonscan.Value) (Scope, bool) {
	if v.Kind() == jsonscan.Array {
		list, ok := listOf[string](r, v)
		return Scope{Words: list, List: true}, ok
	}
	words, ok := wordsOf[string](r, v)
	return Scope{Words: words}, ok
}

func writeScope(s Scope) any {
	if s.List {
		return append([]string{}, s.Words...)
	}
	return s.String()
}
