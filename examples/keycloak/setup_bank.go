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

// attributeBank marks the client of this program. -setup changes no other client.
const attributeBank = "obdcr.registration"

// ownRoles are the roles of the admin API that this program needs.
func ownRoles() []string { return []string{"manage-clients", "view-clients"} }

// setupBank makes the client by which this program calls Keycloak, with the roles that it
// needs and no others. It refuses a client that it has not made.
func setupBank(ctx context.Context, a *admin, clientID, secret string) error {
	bank := map[string]any{
		"clientId": clientID, "secret": secret, "clientAuthenticatorType": "client-secret", "publicClient": false, "bearerOnly": false, "enabled": true,
		"serviceAccountsEnabled": true, "standardFlowEnabled": false, "implicitFlowEnabled": false, "directAccessGrantsEnabled": false, "fullScopeAllowed": true,
		"name": "Client registration", "description": "makes, changes and removes the clients of TPPs; introspects their access tokens",
		"attributes": map[string]string{attributeBank: "true"},
	}
	has, err := clientNamed(ctx, a, clientID)
	switch {
	case err != nil:
		return err
	case has.ID != "" && has.Attributes[attributeBank] != "true":
		return fmt.Errorf("the realm has a client %q that -setup has not made: choose another keycloak.client_id", clientID)
	case has.ID != "":
		err = a.call(ctx, http.MethodPut, clientPath(has.ID), bank, nil)
	default:
		if err = a.call(ctx, http.MethodPost, "/clients", bank, nil); err == nil {
			has, err = clientNamed(ctx, a, clientID)
		}
	}
	if err != nil {
		return err
	}
	var account named
	if err := a.call(ctx, http.MethodGet, clientPath(has.ID)+"/service-account-user", nil, &account); err != nil {
		return err
	}
	return setRoles(ctx, a, account.ID)
}

// setRoles gives the bank's service account its roles, and takes all others but the realm's
// default ones.
func setRoles(ctx context.Context, a *admin, account string) error {
	management, err := clientNamed(ctx, a, realmManagement)
	if err != nil {
		return err
	}
	path := "/users/" + url.PathEscape(account) + "/role-mappings"
	var has struct {
		Realm   []named `json:"realmMappings"`
		Clients map[string]struct {
			ID    string  `json:"id"`
			Roles []named `json:"mappings"`
		} `json:"clientMappings"`
	}
	if err := a.call(ctx, http.MethodGet, path, nil, &has); err != nil {
		return err
	}
	var wanted []named
	for _, name := range ownRoles() {
		var role named
		if err := a.call(ctx, http.MethodGet, clientPath(management.ID)+"/roles/"+url.PathEscape(name), nil, &role); err != nil {
			return err
		}
		wanted = append(wanted, role)
	}
	extra := map[string][]named{"/realm": slices.DeleteFunc(has.Realm, func(r named) bool { return r.Name == "default-roles-"+a.realm })}
	for name, of := range has.Clients {
		if name == realmManagement {
			of.Roles = without(of.Roles, wanted)
		}
		extra["/clients/"+url.PathEscape(of.ID)] = of.Roles
	}
	for below, roles := range extra {
		if len(roles) == 0 {
			continue
		}
		if err := a.call(ctx, http.MethodDelete, path+below, roles, nil); err != nil {
			return err
		}
	}
	return a.call(ctx, http.MethodPost, path+"/clients/"+url.PathEscape(management.ID), wanted, nil)
}

// client is what is read of a client at Keycloak.
type client struct {
	ID         string            `json:"id"`
	Attributes map[string]string `json:"attributes"`
	Access     struct {
		Manage bool `json:"manage"` // the caller may change it
	} `json:"access"`
}

// clientNamed returns the client with a clientId. Its ID is "" if there is none.
func clientNamed(ctx context.Context, a *admin, clientID string) (client, error) {
	var found []client
	err := a.call(ctx, http.MethodGet, "/clients?clientId="+url.QueryEscape(clientID), nil, &found)
	if err != nil || len(found) == 0 {
		return client{}, err
	}
	return found[0], nil
}
