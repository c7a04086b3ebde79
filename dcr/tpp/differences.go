package tpp

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/dn"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
)

// Difference is a member that a bank registered otherwise than it was asked for. A bank may
// replace what it does not support, and has to say so in its answer (RFC 7591 section
// 3.2.1).
type Difference struct {
	Member string
	// Asked is the value in the request as JSON. It is "" if the request has none, and
	// there is no default.
	Asked string
	// Default: the request leaves the member out, and Asked is what the specification then
	// means: RFC 7591 section 2, OIDC Registration section 2, OBIE DCR for redirect_uris and
	// response_types.
	Default bool
	// Registered is the value in the answer as JSON, "" if the answer leaves the member out.
	Registered string
}

// String tells the difference in one line, with at most 64 characters of each value.
func (d Difference) String() string {
	asked, registered := "asked for "+text.Echo(d.Asked), "registered "+text.Echo(d.Registered)
	switch {
	case d.Default:
		asked = "not asked for, which means " + text.Echo(d.Asked)
	case d.Asked == "":
		asked = "not asked for"
	}
	if d.Registered == "" {
		registered = "not in the bank's answer"
	}
	return text.Echo(d.Member) + ": " + asked + "; " + registered
}

// Differences compares a signed request with the bank's answer to it. The order of lists and
// of the words of scope does not matter, nor whether scope is an array, nor how a
// distinguished name is spelled. It leaves out the claims about the request itself (iss, iat,
// exp, nbf, aud, jti), client_id, and members of the answer that nobody asked for and that
// OBIE DCR does not name. The differences are in the order of OBIE DCR's members. It verifies
// nothing; an error means that the request or the answer is no strict JSON.
func Differences(request string, answer *ClientInformation) ([]Difference, error) {
	signed, err := ssa.ParseSigned(request)
	if err != nil {
		return nil, failure("the request is no compact JWS")
	}
	asked, err := objectMembers(signed.UnverifiedPayload())
	if err != nil {
		return nil, failure("the payload of the request: %w", err)
	}
	registered, err := objectMembers(answer.Document.Reveal())
	if err != nil {
		return nil, failure("the bank's answer: %w", err)
	}
	statement := &claims.SSA{}
	if token, ok := asked["software_statement"].Text(); ok {
		if parsed, err := ssa.Parse(token); err == nil {
			statement = parsed.UnverifiedClaims()
		}
	}
	var found []Difference
	for _, name := range comparedMembers(asked) {
		if d := compare(name, asked[name], registered[name], statement); d != nil {
			found = append(found, *d)
		}
	}
	return found, nil
}

// notCompared are members about the request itself, and those that the bank chooses.
var notCompared = append([]string{"iss", "iat", "exp", "nbf", "aud", "jti", "client_id", "client_id_issued_at", "client_secret_expires_at",
	"registration_client_uri"}, SecretMembers()...)

// comparedMembers are the members that OBIE DCR names, and after them those asked for beside
// them.
func comparedMembers(asked map[string]jsonscan.Value) []string {
	names := claims.RequestMembers()
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(notCompared, name) })
}

func objectMembers(document string) (map[string]jsonscan.Value, error) {
	object, err := jsonscan.Parse(document)
	if err != nil {
		return nil, err
	}
	return maps.Collect(object.Members()), nil
}

// compare returns the difference of one member, nil if there is none.
func compare(name string, asked, registered jsonscan.Value, statement *claims.SSA) *Difference {
	d := &Difference{Member: name, Asked: shownJSON(asked), Registered: shownJSON(registered)}
	meant := asked
	if d.Asked == "" {
		meant = usualValue(name, statement)
		d.Asked = shownJSON(meant)
		d.Default = d.Asked != ""
		if d.Registered == "" {
			return nil // neither side names it
		}
	}
	if sameValue(name, meant, registered) {
		return nil
	}
	return d
}

// shownJSON returns a value as JSON that a terminal can show; "" for null and for no value.
func shownJSON(v jsonscan.Value) string {
	if v.Kind() == jsonscan.Invalid || v.Kind() == jsonscan.Null {
		return ""
	}
	return text.Visible(oneLine(v.Raw()))
}

// usualValue returns what a request means that leaves a member out; no value if that is the
// bank's choice. The answer repeats the software_id of the statement.
func usualValue(name string, statement *claims.SSA) jsonscan.Value {
	var value any
	switch name {
	case "redirect_uris":
		value = statement.SoftwareRedirectURIs.Or(nil)
	case "software_id":
		value = statement.SoftwareID.Or("")
	case "response_types":
		value = []claims.ResponseType{claims.CodeIDToken}
	case "grant_types":
		value = []claims.GrantType{claims.AuthorizationCode}
	case "token_endpoint_auth_method":
		value = claims.ClientSecretBasic
	case "application_type":
		value = claims.Web
	case "id_token_signed_response_alg":
		value = claims.RS256
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return jsonscan.Value{}
	}
	parsed, _ := jsonscan.Parse(string(encoded))
	return parsed
}

// sameValue reports whether two values of a member mean the same.
func sameValue(name string, a, b jsonscan.Value) bool {
	if name == "tls_client_auth_subject_dn" {
		left, errLeft := dn.Parse(textOf(a))
		right, errRight := dn.Parse(textOf(b))
		if errLeft == nil && errRight == nil {
			return dn.EqualEither(left, right)
		}
	}
	if left, ok := wordsOf(name, a); ok {
		right, ok := wordsOf(name, b)
		return ok && slices.Equal(left, right)
	}
	return canonical(a) == canonical(b)
}

func textOf(v jsonscan.Value) string {
	s, _ := v.Text()
	return s
}

// wordsOf returns the texts of a list, or the words of scope, sorted and each once. ok is
// false for any other value.
func wordsOf(name string, v jsonscan.Value) (words []string, ok bool) {
	if v.Kind() == jsonscan.String && name == "scope" {
		words = strings.Fields(textOf(v))
	} else if v.Kind() != jsonscan.Array {
		return nil, false
	}
	for _, element := range v.Elements() {
		word, clean := element.Text()
		if !clean {
			return nil, false
		}
		if name == "response_types" { // the order of its words does not matter either
			parts := strings.Fields(word)
			slices.Sort(parts)
			word = strings.Join(parts, " ")
		}
		words = append(words, word)
	}
	slices.Sort(words)
	return slices.Compact(words), true
}

// canonical spells a value in one way: members sorted, numbers and texts as encoding/json
// writes them.
func canonical(v jsonscan.Value) string {
	if v.Kind() == jsonscan.Invalid {
		return ""
	}
	var value any
	if json.Unmarshal([]byte(v.Raw()), &value) != nil {
		return v.Raw()
	}
	spelled, err := json.Marshal(value)
	if err != nil {
		return v.Raw()
	}
	return string(spelled)
}
