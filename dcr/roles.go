package dcr

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
)

// rolesAttribute of an application holds its software roles, with the environment
// behind it. It is among claims.DefaultAttributes.
const rolesAttribute = "software_roles"

// Decision says whether an application may subscribe to an API, and why.
type Decision struct {
	Allowed bool
	Role    claims.Role // of the application, that opened the API; "" where none was needed or none did
	Reason  string      // one line, for logs and portals
}

// MaySubscribe decides whether an application may subscribe to an API that carries
// the roles, any one of which opens it. An API without roles is closed: one that
// needs none stands in APIRoles.Open. The application's roles are those of its
// attribute software_roles of the environment; CD_x counts as x. A role that is not
// one of the specification's opens nothing, whoever has it.
func MaySubscribe(app claims.Application, env claims.Environment, api []claims.Role) Decision {
	if len(api) == 0 {
		return Decision{Reason: "the API carries no role, and is not listed as open"}
	}
	if env != claims.Sandbox && env != claims.Production {
		return Decision{Reason: "the environment is neither sandbox nor production"}
	}
	held, ok := rolesIn(app, env)
	if !ok {
		return Decision{Reason: "the application has not one attribute " + rolesAttribute + "_" + string(env)}
	}
	for _, role := range held {
		plain := claims.Role(strings.TrimPrefix(string(role), "CD_"))
		if known(plain) && slices.Contains(api, plain) {
			return Decision{Allowed: true, Role: role, Reason: "the application has the role " + string(role)}
		}
	}
	return Decision{Reason: "the application has none of the API's roles"}
}

// rolesIn are the roles of an application in an environment. Two attributes of the
// name contradict each other.
func rolesIn(app claims.Application, env claims.Environment) (roles []claims.Role, ok bool) {
	for _, a := range app.Attributes {
		if a.Name != rolesAttribute+"_"+string(env) {
			continue
		}
		if ok {
			return nil, false
		}
		ok = true
		values := a.Values
		if !a.List && len(values) == 1 { // a directory may write them with blanks between
			values = strings.Fields(values[0])
		}
		for _, v := range values {
			roles = append(roles, claims.Role(v))
		}
	}
	return roles, ok
}

func known(role claims.Role) bool {
	switch role {
	case claims.AISP, claims.PISP, claims.CBPII, claims.ASPSP:
		return true
	}
	return false
}

// APIRoles is a bank's table of which roles open which API. An API that it does not
// name is closed.
type APIRoles struct {
	Roles map[string][]claims.Role `json:"roles"`          // API name to roles, any one of which opens it
	Open  []string                 `json:"open,omitempty"` // names of APIs that need no role
}

// Check refuses a table that names a role which is none of AISP, PISP, CBPII and
// ASPSP, an API without a name or without roles, and one that is open as well.
func (a APIRoles) Check() error {
	for _, name := range slices.Sorted(maps.Keys(a.Roles)) {
		switch roles := a.Roles[name]; {
		case name == "":
			return errors.New("dcr: a table of API roles has an API without a name")
		case len(roles) == 0:
			return fmt.Errorf("dcr: API %.64q carries no role: list it as open, or leave it out", name)
		case slices.Contains(a.Open, name):
			return fmt.Errorf("dcr: API %.64q carries roles and is open", name)
		}
		for _, role := range a.Roles[name] {
			if !known(role) {
				return fmt.Errorf("dcr: API %.64q carries %.20q, which is none of AISP, PISP, CBPII and ASPSP", name, string(role))
			}
		}
	}
	if slices.Contains(a.Open, "") {
		return errors.New("dcr: a table of API roles opens an API without a name")
	}
	return nil
}

// MaySubscribe decides by the table whether an application may subscribe to the API
// of this name.
func (a APIRoles) MaySubscribe(app claims.Application, env claims.Environment, api string) Decision {
	if slices.Contains(a.Open, api) {
		return Decision{Allowed: true, Reason: "the API needs no role"}
	}
	return MaySubscribe(app, env, a.Roles[api])
}

// RoleLookup finds the application that a request comes from, and its environment,
// by the access token say; [Registrar.RoleLookup] makes one. A nil error vouches for
// both. An *Error with a status from 400 to 599 is answered with that, any other error
// with 503.
type RoleLookup func(*http.Request) (claims.Application, claims.Environment, error)

// RequireRole makes a middleware that lets through only the requests of applications
// that may subscribe to the API of this name. Others get 403 with the error
// insufficient_scope (RFC 6750 section 3.1). It is an error that the table is not
// sound, that it does not name the API, or that lookup is nil.
func RequireRole(table APIRoles, api string, lookup RoleLookup) (func(http.Handler) http.Handler, error) {
	if lookup == nil {
		return nil, errors.New("dcr: role middleware needs a look-up of the application")
	}
	if err := table.Check(); err != nil {
		return nil, err
	}
	roles, open := slices.Clone(table.Roles[api]), slices.Contains(table.Open, api)
	if !open && len(roles) == 0 {
		return nil, fmt.Errorf("dcr: the table of API roles does not name API %.64q", api)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			app, env, err := lookup(r)
			switch {
			case err != nil:
				refuseLookup(w, r, err)
			case open || MaySubscribe(app, env, roles).Allowed:
				next.ServeHTTP(w, r)
			default:
				protect(w.Header())
				writeError(w, &Error{Status: http.StatusForbidden, Challenge: `Bearer error="insufficient_scope"`,
					Description: "the application has not the role that this API needs"}, true)
			}
		})
	}, nil
}

// refuseLookup answers where it is not known who asks.
func refuseLookup(w http.ResponseWriter, r *http.Request, err error) {
	var e *Error
	if !errors.As(err, &e) || e == nil || e.Status < 400 || e.Status > 599 {
		e = unavailable(err, "the application cannot be looked up at the moment")
	}
	answer, tokenSent := *e, bearerToken(r.Header) != ""
	if answer.Status == http.StatusUnauthorized {
		answer.Challenge = apiChallenge(challengeOf(e, tokenSent))
	}
	if answer.Description == "" {
		answer.Description = http.StatusText(answer.Status)
	}
	protect(w.Header())
	writeError(w, &answer, tokenSent)
}

// apiChallenge is a challenge at an API: its realm is not that of the registration.
func apiChallenge(text string) string {
	switch text {
	case challenge:
		return "Bearer"
	case challengeInvalidToken:
		return `Bearer error="invalid_token"`
	}
	return text
}
