package validate

import (
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jsonform"
)

// memberAlgorithmTable has one row for each field of MemberAlgorithms.
var memberAlgorithmTable = jsonform.Table[MemberAlgorithms]{
	{
		Name: "id_token",
		Field: jsonform.At(func(m *MemberAlgorithms) *[]claims.Algorithm { return &m.IDToken },
			jsonform.Texts[claims.Algorithm]{Known: signingAlgorithms, Filled: true, Once: true}),
		Doc:     "The values of `id_token_signed_response_alg`.",
		Example: `["PS256"]`,
	},
	{
		Name: "request_object",
		Field: jsonform.At(func(m *MemberAlgorithms) *[]claims.Algorithm { return &m.RequestObject },
			jsonform.Texts[claims.Algorithm]{Known: signingAlgorithms, Filled: true, Once: true}),
		Doc:     "The values of `request_object_signing_alg`.",
		Example: `["ES256"]`,
	},
	{
		Name: "token_endpoint_auth",
		Field: jsonform.At(func(m *MemberAlgorithms) *[]claims.Algorithm { return &m.TokenEndpointAuth },
			jsonform.Texts[claims.Algorithm]{Known: signingAlgorithms, Filled: true, Once: true}),
		Doc:     "The values of `token_endpoint_auth_signing_alg`.",
		Example: `["PS256"]`,
	},
	{
		Name: "backchannel",
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
