package validate

import (
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jsonform"
)

// The names of members of a request, and of those of a discovery document that announce
// their values.
var (
	idTokenNames           = []string{"id_token_signed_response_alg", "id_token_signing_alg_values_supported"}
	requestObjectNames     = []string{"request_object_signing_alg", "request_object_signing_alg_values_supported"}
	tokenEndpointAuthNames = []string{"token_endpoint_auth_signing_alg", "token_endpoint_auth_signing_alg_values_supported"}
	backchannelNames       = []string{
		"backchannel_authentication_request_signing_alg", "backchannel_authentication_request_signing_alg_values_supported"}
)

// memberAlgorithmTable has one row for each field of MemberAlgorithms.
var memberAlgorithmTable = jsonform.Table[MemberAlgorithms]{
	{
		Name:  "id_token",
		Other: idTokenNames,
		Field: jsonform.At(func(m *MemberAlgorithms) *[]claims.Algorithm { return &m.IDToken },
			jsonform.Texts[claims.Algorithm]{Known: signingAlgorithms, Filled: true, Once: true}),
		Doc:     "The values of `id_token_signed_response_alg`.",
		Example: `["PS256"]`,
	},
	{
		Name:  "request_object",
		Other: requestObjectNames,
		Field: jsonform.At(func(m *MemberAlgorithms) *[]claims.Algorithm { return &m.RequestObject },
			jsonform.Texts[claims.Algorithm]{Known: signingAlgorithms, Filled: true, Once: true}),
		Doc:     "The values of `request_object_signing_alg`.",
		Example: `["ES256"]`,
	},
	{
		Name:  "token_endpoint_auth",
		Other: tokenEndpointAuthNames,
		Field: jsonform.At(func(m *MemberAlgorithms) *[]claims.Algorithm { return &m.TokenEndpointAuth },
			jsonform.Texts[claims.Algorithm]{Known: signingAlgorithms, Filled: true, Once: true}),
		Doc:     "The values of `token_endpoint_auth_signing_alg`.",
		Example: `["PS256"]`,
	},
	{
		Name:  "backchannel",
		Other: backchannelNames,
		Field: jsonform.At(func(m *MemberAlgorithms) *[]claims.Algorithm { return &m.Backchannel },
			jsonform.Texts[claims.Algorithm]{Known: []claims.Algorithm{claims.PS256, claims.ES256}, Once: true}),
		Doc:     "The values of `backchannel_authentication_request_signing_alg`; it may be empty where `grant_types` lacks CIBA.",
		Example: `["PS256"]`,
	},
}

// attributeTable has one row for each field of claims.AttributeDeclaration.
var attributeTable = jsonform.Table[claims.AttributeDeclaration]{
	{
		Name:    "name",
		Field:   jsonform.At(func(d *claims.AttributeDeclaration) *string { return &d.Name }, jsonform.Text[string]{}),
		Doc:     "The name of the attribute, without the environment.",
		Example: `"software_id"`,
	},
	{
		Name:    "claim",
		Field:   jsonform.At(func(d *claims.AttributeDeclaration) *string { return &d.Claim }, jsonform.Text[string]{}),
		Doc:     "The claim of the software statement that gives its value.",
		Example: `"software_id"`,
	},
	{
		Name:    "description",
		Field:   jsonform.At(func(d *claims.AttributeDeclaration) *string { return &d.Description }, jsonform.Text[string]{}),
		Doc:     "What it is, for people.",
		Example: `"identifier of the software at the directory"`,
	},
	{
		Name:    "required",
		Field:   jsonform.At(func(d *claims.AttributeDeclaration) *bool { return &d.Required }, jsonform.Bool{}),
		Doc:     "A software statement without the claim is refused.",
		Example: `true`,
	},
	{
		Name: "required_in",
		Field: jsonform.At(func(d *claims.AttributeDeclaration) *[]claims.Environment { return &d.RequiredIn },
			jsonform.Texts[claims.Environment]{Known: []claims.Environment{claims.Sandbox, claims.Production}, Once: true}),
		Doc:     "The environments in which a software statement without the claim is refused. `required` means all of them.",
		Example: `["production"]`,
	},
}
