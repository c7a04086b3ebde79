package dcr

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/validate"
)

//go:embed openapi.yaml.tmpl
var openAPITemplate string

// OpenAPI returns the OpenAPI 3.1 document, in YAML, of a registration endpoint with the
// validator's profile, rules and policy: which members a request must have and which values
// they may have, every status, header and body. The endpoint in it is /register of an
// example's host and offers all verbs; [Handler.OpenAPI] has those of a bank. A TPP can
// generate a client from it. The error is for a nil or zero Validator.
func OpenAPI(v *validate.Validator) ([]byte, error) {
	if v == nil {
		return nil, errNoValidator
	}
	pending := v.Policy().PendingChanges
	d := openAPI{Server: "https://bank.example", Path: "/register", methods: verbs[:], Limited: true, Approves: true,
		PendsCreate: slices.Contains(pending, validate.PendingCreate), PendsDelete: slices.Contains(pending, validate.PendingDelete)}
	return d.render(v)
}

// OpenAPI returns the document of this endpoint: that of the function [OpenAPI], with the
// path, the verbs and the answers of this Handler. It is the same for the life of the
// Handler. A bank can publish it at an address of the endpoint's host.
func (h *Handler) OpenAPI() ([]byte, error) {
	r := h.registrar
	d := openAPI{Server: "/", Path: h.path, methods: h.methods, Limited: h.limiter != nil, Approves: r.hooks.Approve != nil,
		PendsCreate: r.mayWait(OpCreate), PendsDelete: r.mayWait(OpDelete)}
	return d.render(r.verifier.Validator)
}

var errNoValidator = errors.New("dcr: the OpenAPI document needs a Validator of validate.New")

// openAPI is what the template of the document reads.
type openAPI struct {
	Server, Path string
	Limited      bool // 429 is an answer
	Approves     bool // the bank may refuse a deletion
	PendsCreate  bool // a registration may wait for a person: 202
	PendsDelete  bool // a deletion may

	Profile validate.Profile
	Policy  validate.Policy
	known   validate.Policy // the widest of the profile
	methods []string

	Required            []string // members of each request
	Answered            []string // members of each answer
	NeedsTokenAlgorithm bool     // token_endpoint_auth_signing_alg is required of who signs assertions
	AnyUUID             bool     // jti is a UUID of any version
}

func (d *openAPI) render(v *validate.Validator) ([]byte, error) {
	if v == nil || !v.Profile().Valid() {
		return nil, errNoValidator
	}
	d.Profile, d.Policy, d.known = v.Profile(), v.Policy(), widest(v.Profile())
	signing := claims.Request{TokenEndpointAuthMethod: claims.Some(claims.PrivateKeyJWT)}
	d.Required, d.NeedsTokenAlgorithm = lacking(v, &claims.Request{}), breaks(v, &signing, "token_endpoint_auth_signing_alg")
	d.AnyUUID = !breaks(v, &claims.Request{JWTID: claims.Some("c232ab00-9414-11ec-b3c8-9f6bdeced846")}, "jti")
	lasting := d.Policy
	lasting.RequiredMembers = nil // older clients may be without them
	rules, err := validate.New(validate.Config{Profile: d.Profile, Policy: lasting, Rules: v.Rules()})
	if err != nil {
		return nil, err
	}
	d.Answered = append([]string{"client_id", "client_id_issued_at"}, slices.DeleteFunc(claims.RequestMembers(), func(name string) bool {
		filled := name == "redirect_uris" || name == "scope" // where a request lacks them
		return slices.Contains(ofRequestAlone, name) || !filled && !breaks(rules, &claims.Request{}, name)
	})...)
	document, err := template.New("openapi").Funcs(template.FuncMap{"json": flow}).Parse(openAPITemplate)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = document.Execute(&out, d)
	return out.Bytes(), err
}

// ofRequestAlone are the members of a request that no answer repeats.
var ofRequestAlone = []string{"iss", "iat", "exp", "nbf", "aud", "jti", "client_id"}

// lacking returns the members that r lacks and that the validator's rules require.
func lacking(v *validate.Validator, r *claims.Request) []string {
	return slices.DeleteFunc(claims.RequestMembers(), func(name string) bool {
		return r.Member(name).Present() || !breaks(v, r, name)
	})
}

// breaks reports whether a member of r, or its absence, is an error by the validator's rules.
func breaks(v *validate.Validator, r *claims.Request, name string) bool {
	pointer := r.Member(name).Pointer()
	return slices.ContainsFunc(v.Judge(&validate.Input{Request: r, Now: time.Unix(0, 0)}).Violations, func(found validate.Violation) bool {
		return found.Severity == validate.SeverityError && found.Pointer == pointer
	})
}

// widest returns the policy of a profile that takes whatever a client of that profile can
// be registered with.
func widest(p validate.Profile) validate.Policy {
	known, all := validate.DefaultPolicy(p), []claims.Algorithm{claims.PS256, claims.ES256, claims.RS256}
	known.AuthMethods = claims.AuthMethods()
	known.MemberAlgorithms.IDToken, known.MemberAlgorithms.RequestObject, known.MemberAlgorithms.TokenEndpointAuth = all, all, all
	return known
}

// Offers reports whether the endpoint offers a verb.
func (d *openAPI) Offers(method string) bool { return slices.Contains(d.methods, method) }

// Takes returns the values that a request may have in a member. Values that the bank leaves
// out instead of refusing them are among them.
func (d *openAPI) Takes(member string) []string {
	p := &d.Policy
	if p.CanAdjust(member) {
		p = &d.known
	}
	values, _ := p.Supported(member)
	return values
}

// Has returns the values that an answer may have in a member, under whatever policy the
// client was registered.
func (d *openAPI) Has(member string) []string {
	values, _ := d.known.Supported(member)
	return values
}

// narrowed is a member that allowed_values narrows and that no other list limits.
type narrowed struct {
	Name   string
	Array  bool
	Values []string
}

// Narrowed returns those members. It leaves out aud, whose values may stand in an array, and
// the one that is no text.
func (d *openAPI) Narrowed() []narrowed {
	var all []narrowed
	for _, name := range slices.Sorted(maps.Keys(d.Policy.AllowedValues)) {
		_, limited := d.Policy.Supported(name)
		if limited || name == "aud" || name == "backchannel_user_code_parameter_supported" {
			continue
		}
		all = append(all, narrowed{name, new(claims.Request).Member(name).IsArray(), d.Policy.AllowedValues[name]})
	}
	return all
}

// Version is the version of the specification that the profile is of.
func (d *openAPI) Version() string {
	switch d.Profile {
	case validate.OBIE33:
		return "3.3.0"
	case validate.OBIE34:
		return "3.4.0"
	}
	return "3.2.0"
}

// Specification names the text that the profile is of.
func (d *openAPI) Specification() string {
	if d.Profile == validate.WSO2 {
		return "WSO2 Open Banking, Dynamic Client Registration v3.2"
	}
	return "OBIE Dynamic Client Registration " + strings.TrimSuffix(d.Version(), ".0")
}

// MaxSubjectDN is the greatest length of tls_client_auth_subject_dn.
func (d *openAPI) MaxSubjectDN() int {
	if d.Profile == validate.OBIE34 {
		return 512
	}
	return 128
}

// CIBA reports whether a request may ask for the CIBA grant, KnowsCIBA whether some client
// may have it.
func (d *openAPI) CIBA() bool { return slices.Contains(d.Takes("grant_types"), string(claims.CIBA)) }

// KnowsCIBA: see CIBA.
func (d *openAPI) KnowsCIBA() bool {
	return slices.Contains(d.Has("grant_types"), string(claims.CIBA))
}

// ScopeWord is a regular expression for one word of scope in a request.
func (d *openAPI) ScopeWord() string {
	if d.Policy.CanAdjust("scope") {
		return `[\x21\x23-\x5B\x5D-\x7E]+`
	}
	words := d.Takes("scope")
	for i := range words {
		words[i] = regexp.QuoteMeta(words[i])
	}
	return "(" + strings.Join(words, "|") + ")"
}

// DefaultResponseType is what a client gets that asks for none.
func (d *openAPI) DefaultResponseType() claims.ResponseType {
	return defaultResponseTypes(&d.Policy)[0]
}

// Audience reports whether aud may have a shape.
func (d *openAPI) Audience(kind validate.AudienceKind) bool {
	return slices.Contains(d.Policy.AudienceKinds, kind)
}

// MaxSoftwareID is the greatest length of a software_id.
func (d *openAPI) MaxSoftwareID() int {
	most := 0
	for _, shape := range d.Policy.IDShapes {
		_, length := shape.SoftwareID()
		most = max(most, length)
	}
	return most
}

// SoftwareIDPattern is a regular expression for a software_id.
func (d *openAPI) SoftwareIDPattern() string {
	patterns := make([]string, len(d.Policy.IDShapes))
	for i, shape := range d.Policy.IDShapes {
		patterns[i], _ = shape.SoftwareID()
	}
	if len(patterns) == 1 {
		return "^" + patterns[0] + "$"
	}
	return "^(" + strings.Join(patterns, "|") + ")$"
}

// MaxBody is the greatest length of a request, in bytes.
func (d *openAPI) MaxBody() int { return MaxRequestBody }

// flow writes a text, or a list of texts, as JSON, which YAML takes as it stands.
func flow(value any) (string, error) {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return strings.ReplaceAll(strings.TrimSuffix(out.String(), "\n"), `","`, `", "`), err
}
