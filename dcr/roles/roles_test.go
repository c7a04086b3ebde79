package roles_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/roles"
)

// withRoles is an application with roles in the sandbox.
func withRoles(roles ...string) claims.Application {
	return claims.Application{Attributes: []claims.Attribute{{Name: "software_roles_sandbox", Values: roles, List: true}}}
}

func TestAnAPIOpensForARoleThatItCarriesAndForNothingElse(t *testing.T) {
	aisp := []claims.Role{claims.AISP}
	twice := withRoles("AISP")
	twice.Attributes = append(twice.Attributes, twice.Attributes...)
	asText := withRoles("PISP AISP")
	asText.Attributes[0].List = false
	for name, c := range map[string]struct {
		app  claims.Application
		env  claims.Environment
		api  []claims.Role
		role claims.Role // "" where it stays closed
	}{
		"the role":                             {withRoles("PISP", "AISP"), claims.Sandbox, aisp, claims.AISP},
		"one of several":                       {withRoles("CBPII"), claims.Sandbox, []claims.Role{claims.PISP, claims.CBPII}, claims.CBPII},
		"a Crown Dependency's":                 {withRoles("CD_AISP"), claims.Sandbox, aisp, "CD_AISP"},
		"roles as one text":                    {asText, claims.Sandbox, aisp, claims.AISP},
		"another role":                         {withRoles("PISP"), claims.Sandbox, aisp, ""},
		"no role of the API's":                 {withRoles("AISP", "PISP", "CBPII"), claims.Sandbox, nil, ""},
		"an empty list":                        {withRoles("AISP"), claims.Sandbox, []claims.Role{}, ""},
		"no role of the application's":         {withRoles(), claims.Sandbox, aisp, ""},
		"no attribute":                         {claims.Application{}, claims.Sandbox, aisp, ""},
		"the attribute of another environment": {withRoles("AISP"), claims.Production, aisp, ""},
		"no environment":                       {withRoles("AISP"), "", aisp, ""},
		"the attribute twice":                  {twice, claims.Sandbox, aisp, ""},
		"a role in lower case":                 {withRoles("aisp"), claims.Sandbox, aisp, ""},
		"an unknown role that both have":       {withRoles("EVERYTHING"), claims.Sandbox, []claims.Role{"EVERYTHING"}, ""},
		"an empty role that both have":         {withRoles(""), claims.Sandbox, []claims.Role{""}, ""},
		"an element with a blank in it":        {withRoles("PISP AISP"), claims.Sandbox, aisp, ""},
	} {
		decision := roles.MaySubscribe(c.app, c.env, c.api)
		require.Equal(t, c.role != "", decision.Allowed, name)
		require.Equal(t, c.role, decision.Role, name)
		require.NotEmpty(t, decision.Reason, name)
	}
}

func TestAnAPIThatNobodyNamesIsClosed(t *testing.T) {
	table := roles.Table{Roles: map[string][]claims.Role{"accounts": {claims.AISP}}, Open: []string{"directory"}}
	require.NoError(t, table.Check())
	app := withRoles("AISP", "PISP", "CBPII")
	require.True(t, table.MaySubscribe(app, claims.Sandbox, "accounts").Allowed)
	require.True(t, table.MaySubscribe(claims.Application{}, claims.Sandbox, "directory").Allowed)
	for _, api := range []string{"payments", "Accounts", ""} {
		require.False(t, table.MaySubscribe(app, claims.Sandbox, api).Allowed)
	}
	require.False(t, roles.Table{}.MaySubscribe(app, claims.Sandbox, "accounts").Allowed)
}

func TestATableThatMeansNothingIsRefused(t *testing.T) {
	lookup := func(*http.Request) (claims.Application, claims.Environment, error) {
		return claims.Application{}, "", nil
	}
	aisp := []claims.Role{claims.AISP}
	for name, table := range map[string]roles.Table{
		"no role":        {Roles: map[string][]claims.Role{"accounts": {}}},
		"no name":        {Roles: map[string][]claims.Role{"": aisp}},
		"an unknown one": {Roles: map[string][]claims.Role{"accounts": {"AIPS"}}},
		"a CD role":      {Roles: map[string][]claims.Role{"accounts": {"CD_AISP"}}},
		"role and open":  {Roles: map[string][]claims.Role{"accounts": aisp}, Open: []string{"accounts"}},
		"open, no name":  {Open: []string{""}},
	} {
		require.Error(t, table.Check(), name)
		_, err := roles.Require(table, "accounts", lookup)
		require.Error(t, err, name)
	}
	_, err := roles.Require(roles.Table{Roles: map[string][]claims.Role{"accounts": aisp}}, "payments", lookup)
	require.Error(t, err, "an API that the table does not name")
	_, err = roles.Require(roles.Table{Open: []string{"accounts"}}, "accounts", nil)
	require.Error(t, err)
}

func TestTheMiddlewareLetsThroughWhoHasTheRole(t *testing.T) {
	table := roles.Table{Roles: map[string][]claims.Role{"accounts": {claims.AISP}}, Open: []string{"directory"}}
	for name, c := range map[string]struct {
		api       string
		app       claims.Application
		err       error
		status    int
		challenge string
		retry     string
	}{
		"the role":          {"accounts", withRoles("AISP"), nil, 204, "", ""},
		"another role":      {"accounts", withRoles("PISP"), nil, 403, `Bearer error="insufficient_scope"`, ""},
		"an open API":       {"directory", withRoles(), nil, 204, "", ""},
		"nobody":            {"directory", withRoles(), &dcr.Error{Status: 401}, 401, "Bearer", ""},
		"a look-up is out":  {"accounts", withRoles("AISP"), errors.New("connection refused"), 503, "", "10"},
		"with its own time": {"accounts", withRoles("AISP"), &dcr.Error{Status: 503, RetryAfter: 1500 * time.Millisecond}, 503, "", "2"},
	} {
		require, err := roles.Require(table, c.api, func(*http.Request) (claims.Application, claims.Environment, error) {
			return c.app, claims.Sandbox, c.err
		})
		if err != nil {
			t.Fatal(name, err)
		}
		answer := httptest.NewRecorder()
		require(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })).
			ServeHTTP(answer, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/", nil))
		got := [3]any{answer.Code, answer.Header().Get("WWW-Authenticate"), answer.Header().Get("Retry-After")}
		if want := [3]any{c.status, c.challenge, c.retry}; got != want {
			t.Errorf("%s: %v instead of %v", name, got, want)
		}
	}
}

func ExampleMaySubscribe() {
	app := claims.Application{Name: "Budget", Attributes: []claims.Attribute{
		{Name: "software_roles_production", Values: []string{"AISP"}, List: true}}}
	fmt.Println(roles.MaySubscribe(app, claims.Production, []claims.Role{claims.AISP}).Reason)
	fmt.Println(roles.MaySubscribe(app, claims.Production, []claims.Role{claims.PISP}).Reason)
	// Output:
	// the application has the role AISP
	// the application has none of the API's roles
}
