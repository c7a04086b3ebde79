package tpp

import (
	"fmt"
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
)

// NotAnnouncedError means that a request asks for values of which a bank does not announce
// one. An Override of the member goes before what the bank announces.
type NotAnnouncedError struct {
	Member string   // of the request, such as grant_types
	List   string   // of the bank's discovery document, such as grant_types_supported
	Asked  []string // all values asked for
	Value  string   // the one that is not announced
	Near   string   // the announced one that may have been meant; "" if there is none
}

// Error returns the detail: BuildFor and BuildPayload wrap it, with the name of the package.
func (e *NotAnnouncedError) Error() string { return e.Detail() }

// Detail names the value and the list.
func (e *NotAnnouncedError) Detail() string {
	meant := ""
	if e.Near != "" {
		meant = "; near: " + text.Echo(e.Near)
	}
	return fmt.Sprintf("the bank does not announce %q in %s%s", text.Echo(e.Value), e.List, meant)
}

// requestMembers are the members of a request by the list that says what a bank takes there.
var requestMembers = map[string]string{
	memberAuthMethods: "token_endpoint_auth_method", memberAuthSigningAlgs: "token_endpoint_auth_signing_alg",
	memberRequestObjectAlgs: "request_object_signing_alg", memberIDTokenAlgs: "id_token_signed_response_alg",
	memberResponseTypes: "response_types", memberGrantTypes: "grant_types", memberScopes: "scope",
}

// replaced reports whether an Override stands in the place of the values of a list.
func (o *RequestOptions) replaced(list string) bool {
	_, is := o.Override[requestMembers[list]]
	return is
}

// announced returns an error if the bank announces values and one of those asked for is none
// of them. It lets pass what an Override replaces.
func announced[T ~string](o *RequestOptions, member string, list []T, asked ...T) error {
	if list == nil || o.replaced(member) {
		return nil
	}
	for _, value := range asked {
		if slices.Contains(list, value) {
			continue
		}
		e := &NotAnnouncedError{Member: requestMembers[member], List: member, Asked: text.Strings(asked), Value: string(value)}
		if near := text.Nearest(e.Value, text.Strings(list)); len(near) > 0 {
			e.Near = near[0]
		}
		return e
	}
	return nil
}

// wanted returns the values asked for; the bank must announce all of them. If none were
// asked for, it returns the usual values that the bank announces. member is the name of the
// bank's list.
func wanted[T ~string](m *Metadata, o *RequestOptions, member string, asked, list []T, usual ...T) (claims.Optional[[]T], error) {
	if asked == nil && o.replaced(member) {
		return claims.Some(usual), nil
	}
	if asked == nil {
		if m.faulty(member) {
			return claims.Optional[[]T]{}, fmt.Errorf("the bank's %s cannot be read: tell which values to ask for", member)
		}
		if asked = usual; list != nil {
			asked = text.Keep(usual, list)
		}
		if len(asked) == 0 {
			return claims.Optional[[]T]{}, fmt.Errorf("the bank announces none of the usual values in %s", member)
		}
	}
	if err := announced(o, member, list, asked...); err != nil {
		return claims.Optional[[]T]{}, err
	}
	return claims.Some(slices.Clone(asked)), nil
}
