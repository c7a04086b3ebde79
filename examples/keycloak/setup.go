package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// realmManagement is the client of each realm that has the roles of the admin API.
const realmManagement = "realm-management"

// registrationPolicy is the provider type of the policies of Keycloak's own registration.
const registrationPolicy = "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy"

// setup brings a realm into the state that this program needs. It changes nothing that is
// so already, and may be run again. a has the rights of an administrator of Keycloak.
//
//   - the realm, which signs by PS256;
//   - a client scope for each of scopes;
//   - the bank's own client, with the roles manage-clients and view-clients;
//   - Keycloak's own registration without initial access token: closed.
func setup(ctx context.Context, a *admin, clientID, secret string, scopes []string) error {
	steps := []struct {
		name string
		do   func() error
	}{
		{"the realm", func() error { return setupRealm(ctx, a) }},
		{"the client scopes", func() error { return setupScopes(ctx, a, scopes) }},
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
	realm := map[string]any{"realm": a.realm, "defaultSignatureAlgorithm": "PS256"}
	err := a.call(ctx, http.MethodPut, "", realm, nil)
	if !answered(err, http.StatusNotFound) {
		return err
	}
	realm["enabled"], realm["sslRequired"] = true, "all"
	return a.callServer(ctx, http.MethodPost, "", realm, nil)
}

func setupScopes(ctx context.Context, a *admin, scopes []string) error {
	var has []named
	if err := a.call(ctx, http.MethodGet, "/client-scopes", nil, &has); err != nil {
		return err
	}
	for _, name := range scopes {
		if name == "openid" || slices.ContainsFunc(has, func(s named) bool { return s.Name == name }) {
			continue
		}
		scope := map[string]any{"name": name, "protocol": "openid-connect", "attributes": map[string]string{"include.in.token.scope": "true"}}
		if err := a.call(ctx, http.MethodPost, "/client-scopes", scope, nil); err != nil {
			return err
		}
	}
	return nil
}

// setupBank makes the client by which this program calls Keycloak, and gives it the two
// roles that it needs.
func setupBank(ctx context.Context, a *admin, clientID, secret string) error {
	bank := map[string]any{
		"clientId": clientID, "secret": secret, "clientAuthenticatorType": "client-secret", "publicClient": false,
		"serviceAccountsEnabled": true, "standardFlowEnabled": false, "implicitFlowEnabled": false, "directAccessGrantsEnabled": false,
		"name": "Client registration", "description": "makes, changes and removes the clients of TPPs; introspects their access tokens",
	}
	id, err := clientNamed(ctx, a, clientID)
	switch {
	case err != nil:
		return err
	case id != "":
		err = a.call(ctx, http.MethodPut, clientPath(id), bank, nil)
	default:
		if err = a.call(ctx, http.MethodPost, "/clients", bank, nil); err == nil {
			id, err = clientNamed(ctx, a, clientID)
		}
	}
	if err != nil {
		return err
	}
	var account named
	if err := a.call(ctx, http.MethodGet, clientPath(id)+"/service-account-user", nil, &account); err != nil {
		return err
	}
	return grantRoles(ctx, a, account.ID, "manage-clients", "view-clients")
}

// grantRoles gives a user roles of the admin API. One that the user has stays.
func grantRoles(ctx context.Context, a *admin, user string, roles ...string) error {
	management, err := clientNamed(ctx, a, realmManagement)
	if err != nil {
		return err
	}
	var granted []named
	for _, name := range roles {
		var role named
		if err := a.call(ctx, http.MethodGet, clientPath(management)+"/roles/"+url.PathEscape(name), nil, &role); err != nil {
			return err
		}
		granted = append(granted, role)
	}
	return a.call(ctx, http.MethodPost, "/users/"+url.PathEscape(user)+"/role-mappings/clients/"+url.PathEscape(management), granted, nil)
}

// clientNamed returns the id at Keycloak of the client with a clientId, or "".
func clientNamed(ctx context.Context, a *admin, clientID string) (string, error) {
	var found []named
	err := a.call(ctx, http.MethodGet, "/clients?clientId="+url.QueryEscape(clientID), nil, &found)
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0].ID, nil
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
