package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"unicode/utf8"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/validate"
)

// provisioner makes the registered clients in Keycloak. It implements dcr.Provisioner.
type provisioner struct{ admin *admin }

var _ dcr.Provisioner = (*provisioner)(nil)

// Provision makes the client, or replaces it. The Subject that it returns is the sub of the
// tokens that the client gets for itself.
func (p *provisioner) Provision(ctx context.Context, in dcr.Provisioning) (dcr.Provisioned, error) {
	client, scopes, err := p.plan(ctx, in)
	if err != nil {
		return dcr.Provisioned{Unchanged: true}, err
	}
	path := clientPath(client.ID)
	err = p.admin.call(ctx, http.MethodPut, path, client, nil)
	if answered(err, http.StatusNotFound) {
		err = p.admin.call(ctx, http.MethodPost, "/clients", client, nil)
	}
	if err != nil {
		return dcr.Provisioned{Unchanged: untouched(err)}, refusal(err, in.Recreate)
	}
	// Keycloak reads the scopes of a client only where it makes the client.
	for kind, wanted := range scopes {
		err = errors.Join(err, p.setScopes(ctx, path+kind, wanted))
	}
	if err != nil || !client.ServiceAccounts {
		return dcr.Provisioned{}, err
	}
	var account named
	err = p.admin.call(ctx, http.MethodGet, path+"/service-account-user", nil, &account)
	return dcr.Provisioned{Subject: account.ID}, err
}

// plan makes the representation of a client, and finds its client scopes in the realm: of each
// kind, which is their path below the client. It changes nothing at Keycloak.
//
// A client that Keycloak cannot keep is refused. One that the bank's set-up has no place for
// is an outage; an operator who repairs all clients is refused instead, and goes on.
func (p *provisioner) plan(ctx context.Context, in dcr.Provisioning) (*representation, map[string][]named, error) {
	request, err := in.Client.Request()
	if err != nil {
		return nil, nil, unfit(err, in.Recreate)
	}
	if err := fits(request); err != nil {
		return nil, nil, err
	}
	client, err := newRepresentation(in, request)
	if err != nil {
		return nil, nil, unfit(err, in.Recreate)
	}
	var realm []named
	if err := p.admin.call(ctx, http.MethodGet, "/client-scopes", nil, &realm); err != nil {
		return nil, nil, err
	}
	scopes := map[string][]named{}
	for kind, names := range map[string][]string{"/default-client-scopes": defaultScopes(), "/optional-client-scopes": optionalScopes(request)} {
		scopes[kind] = []named{}
		for _, name := range names {
			at := slices.IndexFunc(realm, func(s named) bool { return s.Name == name })
			if at < 0 {
				return nil, nil, unfit(fmt.Errorf("keycloak: the realm has no client scope %+.80q: run -setup", name), in.Recreate)
			}
			scopes[kind] = append(scopes[kind], realm[at])
		}
	}
	return client, scopes, nil
}

// maxColumn is how long a name and a redirect URI may be at Keycloak. It answers a longer one
// with 500.
const maxColumn = 255 // characters

// fits refuses what Keycloak has no room for.
func fits(r *claims.Request) error {
	redirects, _ := r.RedirectURIs.Get()
	for i, uri := range redirects {
		if has := utf8.RuneCountInString(uri); has > maxColumn {
			return &dcr.Refusal{Code: validate.InvalidRedirectURI,
				Reason: fmt.Sprintf("redirect_uris: number %d has %d characters; the authorization server keeps %d", i+1, has, maxColumn)}
		}
	}
	return nil
}

// cut shortens a name to what Keycloak has room for, in bytes: databases count differently.
func cut(name string) string {
	for len(name) > maxColumn {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}

// Deprovision removes the client. Its tokens and grants end with it.
func (p *provisioner) Deprovision(ctx context.Context, in dcr.Deprovisioning) error {
	err := p.admin.call(ctx, http.MethodDelete, clientPath(in.ID), nil, nil)
	if answered(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// refusal makes Keycloak's no to a client a *dcr.Refusal. That is 400 in the words of Keycloak,
// by which a client policy of the realm refuses a client, and the check of its addresses. All
// else is a fault of the bank's: an outage, the 400 of a proxy, a missing right, a realm that
// is not there. A clash with a client that was made by hand concerns one client only.
func refusal(err error, recreate bool) error {
	var said *statusError
	switch {
	case !errors.As(err, &said) || said.Reason == "":
		return err
	case said.Status == http.StatusBadRequest && said.Explained:
		return &dcr.Refusal{Reason: "the authorization server refuses the client: " + said.Reason}
	case said.Status == http.StatusConflict:
		return unfit(err, recreate)
	}
	return err
}

// unfit is the fault of one client that is no fault of its TPP. Reprovision counts it as
// failed, and goes on.
func unfit(err error, recreate bool) error {
	if recreate {
		return &dcr.Refusal{Reason: err.Error()}
	}
	return err
}

// untouched reports whether Keycloak certainly changed nothing: it was not reached, it gave no
// token, or it refused the call in its own words.
func untouched(err error) bool {
	var said *statusError
	var network *net.OpError
	switch {
	case errors.As(err, &said):
		refusals := []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict}
		return said.Reason != "" && slices.Contains(refusals, said.Status)
	case errors.As(err, &network):
		return network.Op == "dial"
	}
	return errors.Is(err, errNoToken)
}

// setScopes gives the client these client scopes of one kind, and no others.
func (p *provisioner) setScopes(ctx context.Context, path string, wanted []named) error {
	var has []named
	if err := p.admin.call(ctx, http.MethodGet, path, nil, &has); err != nil {
		return err
	}
	for _, s := range without(wanted, has) {
		if err := p.admin.call(ctx, http.MethodPut, path+"/"+url.PathEscape(s.ID), nil, nil); err != nil {
			return err
		}
	}
	for _, s := range without(has, wanted) {
		if err := p.admin.call(ctx, http.MethodDelete, path+"/"+url.PathEscape(s.ID), nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// without returns the elements of a whose name no element of b has.
func without(a, b []named) []named {
	return slices.DeleteFunc(slices.Clone(a), func(one named) bool {
		return slices.ContainsFunc(b, func(other named) bool { return other.Name == one.Name })
	})
}
