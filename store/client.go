package store

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/obdcr/obdcr/claims"
)

// ByClientID returns the version of a client that is in force (Client.Visible). It asks
// Get for the record whose ID is the client_id first. Only where there is none, or where
// that record has another ClientID, it asks GetByClientID of a store that has it. What Get
// says of an ID stands: a store that wraps another one and hides a record in its Get hides
// it here too. ErrNotFound also stands for a record of which nobody may see anything.
func ByClientID(ctx context.Context, s Store, clientID string) (Client, error) {
	record, err := s.Get(ctx, clientID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Client{}, err
	}
	if finder, ok := s.(ClientIDs); ok && (err != nil || record.ClientID != clientID) {
		found, lookup := finder.GetByClientID(ctx, clientID)
		switch {
		case lookup == nil && found.ID != clientID:
			record, err = found, nil
		case lookup != nil && !errors.Is(lookup, ErrNotFound):
			return Client{}, lookup
		}
	}
	if err != nil {
		return Client{}, err
	}
	client, visible := record.Visible()
	if !visible {
		return Client{}, ErrNotFound
	}
	if client.ClientID == "" {
		client.ClientID = client.ID // of a store that does not keep the ClientID
	}
	if client.ClientID != clientID {
		return Client{}, ErrNotFound
	}
	return client, nil
}

// Request returns the registered members of the client (OBIE DCR, data dictionary): a
// request without iss, iat, nbf, exp, aud and jti. It returns an error if the Metadata is
// no such object, which means that another program wrote the record.
func (c Client) Request() (*claims.Request, error) {
	request, err := claims.ParseRequest(c.Metadata)
	if err != nil {
		return nil, fmt.Errorf("store: the metadata of client %.64q: %w", c.ID, err)
	}
	return request, nil
}

// JWKSURI returns the address of the software's key set: software_jwks_endpoint of the
// statement. It is "" if the statement has none. A record that was stored before there was
// a JWKSAddress is answered from its statement, by the standard name of the claim.
func (c Client) JWKSURI() string {
	if c.JWKSAddress != "" {
		return c.JWKSAddress
	}
	_, rest, _ := strings.Cut(c.SoftwareStatement, ".")
	encoded, _, _ := strings.Cut(rest, ".")
	payload, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return ""
	}
	statement, _, err := claims.DecodeSSA(payload, nil)
	if err != nil {
		return ""
	}
	return statement.SoftwareJWKSEndpoint.Or("")
}
