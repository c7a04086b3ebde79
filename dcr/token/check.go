package token

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// SetupFault is one thing that Check finds wrong: at the authorization server, in what it says
// of itself, or in the configuration here.
type SetupFault struct {
	// Subject is what is wrong: a member of the server's metadata or of an introspection,
	// or one of "metadata", "introspection", "revocation" and "token" (the sample) for
	// something that cannot be had.
	Subject string
	Detail  string // how it is wrong
	Fix     string // what to do
	Err     error  // the cause, or the sentinel that calls will fail with; may be nil
}

// Error returns all of it in one line, but Err.
func (f *SetupFault) Error() string {
	return fmt.Sprintf("token: check: %s: %s; %s", f.Subject, f.Detail, f.Fix)
}

// Unwrap returns Err.
func (f *SetupFault) Unwrap() error { return f.Err }

const memberBound = "tls_client_certificate_bound_access_tokens"

// fixOf returns what to do about a member of an introspection.
func fixOf(member string) string {
	switch member {
	case "cnf":
		return "switch on certificate-bound access tokens for each client, and cnf in introspections (RFC 8705 sections 3.2 and 3.3)"
	case "client_id":
		return "let introspections name client_id (RFC 7662 section 2.2)"
	case "iat":
		return "let introspections name iat, a whole number of seconds (RFC 7662 section 2.2)"
	case "token_type":
		return "let SampleToken return an access token of type Bearer"
	}
	return "let introspections write it as RFC 7662 section 2.2 has it"
}

// Check asks the authorization server whether it fits, for the start of a program and for
// monitoring. It reads the metadata, if there is a MetadataURL: certificate-bound tokens
// must be on, and the endpoints and the way to authenticate must not contradict the
// configuration. A member that the metadata leaves out contradicts nothing, but for
// tls_client_certificate_bound_access_tokens. Check then introspects the token of
// SampleToken, which must be active and have all that Introspect demands. Without
// SampleToken it introspects a token that nobody issued, and looks whether the server takes
// the bank's credentials and calls it inactive. For RevokeAsBank it also revokes such a
// token. Check ends no real token, and does not find out whether the server ends one.
//
// The error joins a *SetupFault for each thing that is wrong (errors.Join). It wraps ErrUnbound
// if the server does not bind tokens, and ErrUnauthenticated if it refuses the credentials.
func (i *Introspection) Check(ctx context.Context) error {
	faults := slices.Concat(i.checkMetadata(ctx), i.checkIntrospection(ctx), i.checkRevocation(ctx))
	errs := make([]error, len(faults))
	for n, f := range faults {
		errs[n] = f
	}
	return errors.Join(errs...)
}

func (i *Introspection) checkMetadata(ctx context.Context) []*SetupFault {
	if i.config.MetadataURL == "" {
		return nil
	}
	object, err := i.metadata(ctx)
	if err != nil {
		return []*SetupFault{{Subject: "metadata", Detail: err.Error(), Err: err,
			Fix: "set MetadataURL to the address of the authorization server's own metadata (RFC 8414 section 3)"}}
	}
	var faults []*SetupFault
	if bound, _ := object.Member(memberBound); !bound.Bool() {
		faults = append(faults, &SetupFault{Subject: memberBound,
			Detail: "the authorization server does not announce that it binds access tokens to certificates",
			Fix:    "switch that on (RFC 8705 section 3.3); no client can use a token here otherwise", Err: ErrUnbound})
	}
	faults = append(faults, i.checkEndpoint(object, "introspection_endpoint", i.config.IntrospectionURL, true)...)
	if i.config.RevocationURL != "" {
		faults = append(faults, i.checkEndpoint(object, "revocation_endpoint", i.config.RevocationURL, i.config.Revocation.kind == revokeAsBank)...)
	}
	return faults
}

func (i *Introspection) metadata(ctx context.Context) (jsonscan.Value, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, i.config.MetadataURL, http.NoBody)
	if err != nil {
		return jsonscan.Value{}, err
	}
	a, err := i.send(r)
	if err != nil {
		return jsonscan.Value{}, err
	}
	if a.status != http.StatusOK {
		return jsonscan.Value{}, fmt.Errorf("the authorization server answered %d", a.status)
	}
	return a.object()
}

// checkEndpoint compares an endpoint, and the bank's way to authenticate there, with the
// metadata. byBank tells that the bank is the one who authenticates.
func (i *Introspection) checkEndpoint(metadata jsonscan.Value, name, configured string, byBank bool) (faults []*SetupFault) {
	plain, _ := metadata.MemberText(name)
	aliases, _ := metadata.Member("mtls_endpoint_aliases")
	alias, _ := aliases.MemberText(name)
	method := i.bank.method()
	switch {
	case plain == "" && alias == "": // not announced
	case configured != plain && configured != alias:
		announced := alias
		if plain != "" {
			announced = plain
		}
		faults = append(faults, &SetupFault{Subject: name, Fix: "configure the address that is announced",
			Detail: fmt.Sprintf("%s is configured, and %s is announced", text.Quote(configured), text.Quote(announced))})
	case byBank && method == claims.TLSClientAuth && alias != "" && configured != alias:
		faults = append(faults, &SetupFault{Subject: name, Detail: "the configured address is not the one for certificates, " + text.Quote(alias),
			Fix: "configure that one (mtls_endpoint_aliases, RFC 8705 section 5)"})
	}
	if !byBank || method == "" {
		return faults
	}
	methods := name + "_auth_methods_supported"
	if list, said := metadata.Member(methods); said && !has(list, string(method)) &&
		(method != claims.TLSClientAuth || !has(list, "self_signed_tls_client_auth")) {
		faults = append(faults, &SetupFault{Subject: methods, Detail: fmt.Sprintf("%s is configured, and not announced", method),
			Fix: "configure one of the methods that are announced"})
	}
	algorithms := name + "_auth_signing_alg_values_supported"
	if list, said := metadata.Member(algorithms); said && i.bank.Key != nil && !has(list, string(i.bank.Key.Algorithm)) {
		faults = append(faults, &SetupFault{Subject: algorithms, Detail: fmt.Sprintf("%s is configured, and not announced", i.bank.Key.Algorithm),
			Fix: "configure a key for one of the algorithms that are announced"})
	}
	return faults
}

// has reports whether a list has a text.
func has(list jsonscan.Value, word string) bool {
	for _, element := range list.Elements() {
		if one, _ := element.Text(); one == word {
			return true
		}
	}
	return false
}

func (i *Introspection) checkIntrospection(ctx context.Context) []*SetupFault {
	token, err := i.sample(ctx)
	if err != nil {
		return []*SetupFault{{Subject: "token", Detail: "there is no token to look at: " + err.Error(), Fix: "see why SampleToken fails", Err: err}}
	}
	t, err := i.introspect(ctx, token)
	real := i.config.SampleToken != nil
	switch {
	case err != nil:
		return []*SetupFault{{Subject: "introspection", Detail: err.Error(), Err: err,
			Fix: "without introspection all tokens are refused with 503; compare address and credentials with the authorization server's"}}
	case !real && t.active:
		return []*SetupFault{{Subject: "introspection", Detail: "the authorization server calls a token active that nobody issued",
			Fix: "see what answers at IntrospectionURL"}}
	case !real:
		return nil
	case !t.active:
		return []*SetupFault{{Subject: "token", Detail: "the authorization server does not call the sample active", Err: ErrInvalid,
			Fix: "let SampleToken return a token that is good now, and let the bank's client introspect the tokens of all clients"}}
	}
	var faults []*SetupFault
	for _, f := range t.faults {
		fault := &SetupFault{Subject: f.member, Detail: f.detail, Fix: fixOf(f.member), Err: ErrInvalid}
		if f.unbound {
			fault.Err = ErrUnbound
		}
		faults = append(faults, fault)
	}
	return faults
}

// sample returns the token of SampleToken, or one that nobody issued.
func (i *Introspection) sample(ctx context.Context) (claims.Secret, error) {
	if i.config.SampleToken == nil {
		return i.unissued()
	}
	token, err := i.config.SampleToken(ctx)
	if err == nil && !text.IsBearer(token.Reveal(), MaxLength) {
		err = fmt.Errorf("it is no b64token of at most %d characters", MaxLength)
	}
	return token, err
}

// unissued returns a random text in place of a token.
func (i *Introspection) unissued() (claims.Secret, error) {
	id, err := claims.NewJTI(i.config.Random)
	return claims.NewSecret(id), err
}

// checkRevocation revokes a token that nobody issued, as the bank. A server answers 200
// (RFC 7009 section 2.2).
func (i *Introspection) checkRevocation(ctx context.Context) []*SetupFault {
	if i.config.Revocation.kind != revokeAsBank {
		return nil
	}
	token, err := i.unissued()
	if err == nil {
		var a answer
		if a, err = i.post(ctx, i.config.RevocationURL, token, i.bank); err == nil {
			err = a.refusal()
		}
	}
	if err == nil {
		return nil
	}
	return []*SetupFault{{Subject: "revocation", Detail: err.Error(), Err: err,
		Fix: "compare address and credentials with the authorization server's, or choose another Revocation"}}
}
