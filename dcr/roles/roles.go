package roles

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/internal/text"
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
// needs none stands in Table.Open. The application's roles are those of its
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
		plain := role.Plain()
		if slices.Contains(known, plain) && slices.Contains(api, plain) {
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

// Require makes a middleware that lets through only the requests of applications
// that may subscribe to the API of this name. Others get 403 with the error
// insufficient_scope (RFC 6750 section 3.1). It is an error that the table is not
// sound, that it does not name the API, or that lookup is nil.
func Require(table Table, api string, lookup Lookup) (func(http.Handler) http.Handler, error) {
	if lookup == nil {
		return nil, errors.New("roles: a middleware needs a look-up of the application")
	}
	if err := table.Check(); err != nil {
		return nil, err
	}
	roles, open := slices.Clone(table.Roles[api]), slices.Contains(table.Open, api)
	if !open && len(roles) == 0 {
		return nil, fmt.Errorf("roles: the table of API roles does not name API %.64q", api)
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
				refuse(w, &dcr.Error{Status: http.StatusForbidden, Challenge: `Bearer error="insufficient_scope"`,
					Description: "the application has not the role that this API needs"})
			}
		})
	}, nil
}

// refuseLookup answers where it is not known who asks.
func refuseLookup(w http.ResponseWriter, r *http.Request, err error) {
	var e *dcr.Error
	if !errors.As(err, &e) || e == nil || e.Status < 400 || e.Status > 599 {
		e = dcr.Unavailable(err, "the application cannot be looked up at the moment")
	}
	answer := *e
	if answer.Status == http.StatusUnauthorized && answer.Challenge == "" {
		answer.Challenge = "Bearer"
		if !token.FromHeader(r.Header).IsZero() {
			answer.Challenge = `Bearer error="invalid_token"`
		}
	}
	if answer.Description == "" {
		answer.Description = http.StatusText(answer.Status)
	}
	refuse(w, &answer)
}

// refuse writes an answer whose challenge is complete. The realm of the registration
// endpoint is not that of an API.
func refuse(w http.ResponseWriter, e *dcr.Error) {
	text.NoStore(w.Header())
	e.Challenge = dcr.WithoutRealm(e.Challenge)
	e.Answer(w, false)
}
