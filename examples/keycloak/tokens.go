package main

import (
	"context"
	"net/http"
	"net/url"

	"github.com/obdcr/obdcr/dcr/token"
)

// endTokens ends a misused access token by the not-before time of its client. Keycloak lets
// nobody revoke another client's token by RFC 7009. The not-before time ends every token
// that the client got up to the second of this one, refresh tokens of its users included.
// It leaves clients alone that the registration has not made, such as the bank's own.
func (p *provisioner) endTokens(ctx context.Context, misused token.Revocation) (token.Revoked, error) {
	var found []struct {
		ID              string            `json:"id"`
		NotBefore       int64             `json:"notBefore"` // seconds since 1970; 0 for none
		ServiceAccounts bool              `json:"serviceAccountsEnabled"`
		Attributes      map[string]string `json:"attributes"`
	}
	clientID := misused.Access.ClientID
	if err := p.admin.call(ctx, http.MethodGet, "/clients?clientId="+url.QueryEscape(clientID), nil, &found); err != nil {
		return token.Revoked{}, err
	}
	if len(found) != 1 || found[0].Attributes[attributeOurs] == "" {
		return token.Revoked{}, nil
	}
	ended := misused.Access.IssuedAt.Unix() + 1
	if found[0].NotBefore < ended {
		// Keycloak leaves alone what a change does not name, but for the service account: it
		// removes that, and a later one has another sub.
		change := map[string]any{"clientId": clientID, "notBefore": ended, "serviceAccountsEnabled": found[0].ServiceAccounts}
		err := p.admin.call(ctx, http.MethodPut, clientPath(found[0].ID), change, nil)
		if err != nil && !answered(err, http.StatusNotFound) { // 404: the client is gone, and its tokens with it
			return token.Revoked{}, err
		}
	}
	return token.Revoked{Ended: true}, nil
}
