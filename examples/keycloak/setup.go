package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// registrationPolicy is the provider type of the policies of Keycloak's own registration.
const registrationPolicy = "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy"

// setup brings a realm into the state that this program needs. It changes nothing that is
// so already, and may be run again. a has the rights of an administrator of Keycloak.
//
//   - the realm: enabled, over https alone, signing by PS256;
//   - a client scope for each of scopes, which tokens name;
//   - the client policy that forbids tokens from the authorization endpoint;
//   - the bank's own client, with the roles manage-clients and view-clients and no other;
//   - Keycloak's own registration without initial access token: closed.
func setup(ctx context.Context, a *admin, clientID, secret string, scopes []string) error {
	steps := []struct {
		name string
		do   func() error
	}{
		{"the realm", func() error { return setupRealm(ctx, a) }},
		{"the client scopes", func() error { return setupScopes(ctx, a, scopes) }},
		{"the client policy", func() error { return setupPolicy(ctx, a) }},
		{"the bank's client", func() error { return setupBank(ctx, a, clientID, secret) }},
		{"Keycloak's own registration", func() error { return closeRegistration(ctx, a) }},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			return fmt.Errorf("setup of %s: %w", step.name, err)
		}
	}
	return nil
}

func setupRealm(ctx context.Context, a *admin) error {
	wanted := map[string]any{"realm": a.realm, "enabled": true, "defaultSignatureAlgorithm": "PS256"}
	var has struct {
		SSL string `json:"sslRequired"`
	}
	err := a.call(ctx, http.MethodGet, "", nil, &has)
	if answered(err, http.StatusNotFound) {
		wanted["sslRequired"] = "all"
		return a.callServer(ctx, http.MethodPost, "", wanted, nil)
	}
	if err != nil {
		return err
	}
	if has.SSL == "none" { // "external" is a choice of the bank's, for addresses of its own network
		wanted["sslRequired"] = "all"
	}
	return a.call(ctx, http.MethodPut, "", wanted, nil)
}

// inToken is the attribute of a client scope that tokens name.
const inToken = "include.in.token.scope"

func setupScopes(ctx context.Context, a *admin, scopes []string) error {
	type clientScope struct {
		ID         string            `json:"id,omitempty"`
		Name       string            `json:"name"`
		Protocol   string            `json:"protocol"`
		Attributes map[string]string `json:"attributes"`
	}
	var has []clientScope
	if err := a.call(ctx, http.MethodGet, "/client-scopes", nil, &has); err != nil {
		return err
	}
	find := func(name string) int {
		return slices.IndexFunc(has, func(s clientScope) bool { return s.Name == name })
	}
	for _, name := range defaultScopes() {
		if find(name) < 0 {
			return fmt.Errorf("the realm has no client scope %q: Keycloak makes it in each new realm, from version 25 on", name)
		}
	}
	for _, name := range scopes {
		wanted := clientScope{Name: name, Protocol: "openid-connect", Attributes: map[string]string{inToken: "true"}}
		method, path, at := http.MethodPost, "/client-scopes", find(name)
		switch {
		case name == "openid":
			continue
		case at >= 0 && has[at].Protocol == wanted.Protocol && has[at].Attributes[inToken] != "false":
			continue
		case at >= 0:
			method, path = http.MethodPut, path+"/"+url.PathEscape(has[at].ID)
		}
		if err := a.call(ctx, method, path, wanted, nil); err != nil {
			return err
		}
	}
	return nil
}

// policyName is that of the client policy and of its profile.
const policyName = "obdcr"

// setupPolicy forbids access tokens from the authorization endpoint, which would be bound to
// no certificate. Keycloak's switch for code id_token, the implicit flow, admits token and
// id_token token too. Clients that have it get code id_token, and code with JARM, and nothing
// else (FAPI 1.0 part 2, 5.2.2, number 2). Clients of plain code have no such switch, and the
// policy leaves them alone. So it does the bank's own client and portals.
func setupPolicy(ctx context.Context, a *admin) error {
	profile := map[string]any{"name": policyName, "description": "No access tokens from the authorization endpoint",
		"executors": []any{map[string]any{"executor": "secure-response-type", "configuration": map[string]bool{"auto-configure": true, "allow-token-response-type": false}}}}
	if err := putNamed(ctx, a, "profiles", profile); err != nil {
		return err
	}
	hybrid := fmt.Sprintf(`[{"key": %q, "value": "true"}]`, attributeHybrid)
	return putNamed(ctx, a, "policies", map[string]any{"name": policyName, "description": profile["description"], "enabled": true, "profiles": []string{policyName},
		"conditions": []any{map[string]any{"condition": "client-attributes", "configuration": map[string]string{"attributes": hybrid}}}})
}

// putNamed puts one into the realm's list of client profiles or client policies. The others
// stay.
func putNamed(ctx context.Context, a *admin, kind string, one map[string]any) error {
	path, lists := "/client-policies/"+kind, map[string][]map[string]any{}
	if err := a.call(ctx, http.MethodGet, path, nil, &lists); err != nil {
		return err
	}
	others := slices.DeleteFunc(lists[kind], func(other map[string]any) bool { return other["name"] == one["name"] })
	return a.call(ctx, http.MethodPut, path, map[string]any{kind: append(others, one)}, nil)
}

// closeRegistration lets Keycloak's own registration endpoint take no client that comes
// without a token of an administrator: the number of clients at which it stops is none.
func closeRegistration(ctx context.Context, a *admin) error {
	type component struct {
		ID           string              `json:"id,omitempty"`
		Name         string              `json:"name"`
		ProviderID   string              `json:"providerId"`
		ProviderType string              `json:"providerType"`
		SubType      string              `json:"subType"`
		ParentID     string              `json:"parentId"`
		Config       map[string][]string `json:"config"`
	}
	var realm named
	if err := a.call(ctx, http.MethodGet, "", nil, &realm); err != nil {
		return err
	}
	var found []component
	if err := a.call(ctx, http.MethodGet, "/components?type="+registrationPolicy, nil, &found); err != nil {
		return err
	}
	none := map[string][]string{"max-clients": {"0"}}
	for _, c := range found {
		if c.ProviderID == "max-clients" && c.SubType == "anonymous" {
			c.Config = none
			return a.call(ctx, http.MethodPut, "/components/"+url.PathEscape(c.ID), c, nil)
		}
	}
	return a.call(ctx, http.MethodPost, "/components", component{Name: "No clients", ProviderID: "max-clients",
		ProviderType: registrationPolicy, SubType: "anonymous", ParentID: realm.ID, Config: none}, nil)
}
