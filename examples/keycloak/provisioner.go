package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/obdcr/obdcr/dcr"
)

// provisioner makes the registered clients in Keycloak. It implements dcr.Provisioner.
type provisioner struct{ admin *admin }

var _ dcr.Provisioner = (*provisioner)(nil)

// Provision makes the client, or replaces it. The Subject that it returns is the sub of the
// tokens that the client gets for itself.
func (p *provisioner) Provision(ctx context.Context, in dcr.Provisioning) (dcr.Provisioned, error) {
	request, err := in.Client.Request()
	if err != nil {
		return dcr.Provisioned{}, err
	}
	client, err := newRepresentation(in, request)
	if err != nil {
		return dcr.Provisioned{}, err
	}
	path := clientPath(client.ID)
	err = p.admin.call(ctx, http.MethodPut, path, client, nil)
	if answered(err, http.StatusNotFound) {
		err = p.admin.call(ctx, http.MethodPost, "/clients", client, nil)
	}
	if err != nil {
		return dcr.Provisioned{}, refusal(err)
	}
	// Keycloak reads the scopes of a client only where it makes the client.
	err = errors.Join(p.setScopes(ctx, path+"/default-client-scopes", defaultScopes()),
		p.setScopes(ctx, path+"/optional-client-scopes", optionalScopes(request)))
	if err != nil || !client.ServiceAccounts {
		return dcr.Provisioned{}, err
	}
	var account named
	err = p.admin.call(ctx, http.MethodGet, path+"/service-account-user", nil, &account)
	return dcr.Provisioned{Subject: account.ID}, err
}

// Deprovision removes the client. Its tokens and grants end with it.
func (p *provisioner) Deprovision(ctx context.Context, in dcr.Deprovisioning) error {
	err := p.admin.call(ctx, http.MethodDelete, clientPath(in.ID), nil, nil)
	if answered(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// refusal makes Keycloak's no a *dcr.Refusal. That is 400, by which a client policy of the
// realm refuses a client, and the check of its addresses. All else is a fault of the bank's:
// an outage, a missing right, a realm that is not there.
func refusal(err error) error {
	var said *statusError
	if errors.As(err, &said) && said.Status == http.StatusBadRequest {
		return &dcr.Refusal{Reason: "the authorization server refuses the client: " + said.Reason}
	}
	return err
}

// setScopes gives the client these client scopes of one kind, and no others.
func (p *provisioner) setScopes(ctx context.Context, path string, wanted []string) error {
	var has []named
	if err := p.admin.call(ctx, http.MethodGet, path, nil, &has); err != nil {
		return err
	}
	var realm []named
	for _, name := range wanted {
		if slices.ContainsFunc(has, func(s named) bool { return s.Name == name }) {
			continue
		}
		if realm == nil {
			if err := p.admin.call(ctx, http.MethodGet, "/client-scopes", nil, &realm); err != nil {
				return err
			}
		}
		at := slices.IndexFunc(realm, func(s named) bool { return s.Name == name })
		if at < 0 {
			return fmt.Errorf("keycloak: the realm has no client scope %q: add it, or run -setup", name)
		}
		if err := p.admin.call(ctx, http.MethodPut, path+"/"+url.PathEscape(realm[at].ID), nil, nil); err != nil {
			return err
		}
	}
	for _, s := range has {
		if slices.Contains(wanted, s.Name) {
			continue
		}
		if err := p.admin.call(ctx, http.MethodDelete, path+"/"+url.PathEscape(s.ID), nil, nil); err != nil {
			return err
		}
	}
	return nil
}
