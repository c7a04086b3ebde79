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

// rolesAttribute is the attribute of an application that holds its software roles. The
// full name ends in the environment, as in software_roles_sandbox. It is among
// claims.DefaultAttributes.
const rolesAttribute = "software_roles"

// Decision is whether an application may subscribe to an API, and why.
type Decision struct {
	Allowed bool
	Role    claims.Role // the application's role that opened the API; "" if it needs none, or none did
	Reason  string      // one line, for logs and portals
}

// MaySubscribe decides whether an application may subscribe to an API. Any one of the
// roles in api opens it. An API without roles is closed: list one that needs none in
// Table.Open. The application's roles are those of its attribute software_roles in the
// environment; CD_x counts as x. A role that is none of the specification's opens no API.
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

// rolesIn returns the roles of an application in an environment. ok is false if the
// application has no such attribute, or two: they might contradict each other.
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
		if !a.List && len(values) == 1 { // some directories write the roles as one string with blanks
			values = strings.Fields(values[0])
		}
		for _, v := range values {
			roles = append(roles, claims.Role(v))
		}
	}
	return roles, ok
}

// Require makes a middleware that lets a request through only if its application may
// subscribe to the API of this name. It answers others with 403 and the error
// insufficient_scope (RFC 6750 section 3.1). Require returns an error if Table.Check
// does, if the table does not name the API, or if lookup is nil.
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
				refuse(w, &dcr.Error{Status: http.StatusForbidden, BearerError: "insufficient_scope",
					Description: "the application has not the role that this API needs"})
			}
		})
	}, nil
}

// refuseLookup answers a request whose application the Lookup did not find.
func refuseLookup(w http.ResponseWriter, r *http.Request, err error) {
	var e *dcr.Error
	if !errors.As(err, &e) || e == nil || e.Status < 400 || e.Status > 599 {
		e = dcr.Unavailable(err, "the application cannot be looked up at the moment")
	}
	answer := *e
	if answer.Status == http.StatusUnauthorized && answer.BearerError == "" && !token.FromHeader(r.Header).IsZero() {
		answer.BearerError = "invalid_token"
	}
	if answer.Description == "" {
		answer.Description = http.StatusText(answer.Status)
	}
	refuse(w, &answer)
}

// refuse writes an answer. The realm of the registration endpoint is not that of an API.
func refuse(w http.ResponseWriter, e *dcr.Error) {
	text.NoStore(w.Header())
	e.Answer(w, "")
}
