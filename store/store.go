// Package store keeps registered clients. [Store] is the contract that a bank's
// own store fulfils; [Memory] is one for tests and sandboxes.
//
// A registration burns the request's jti: Create and Update take the reservation
// and commit it together with the record, so that a fault leaves neither.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/obdcr/obdcr/claims"
)

// What a store answers, for errors.Is.
var (
	ErrNotFound = errors.New("store: no such client")
	ErrReplayed = errors.New("store: the jti was used before")
	ErrExists   = errors.New("store: a client with this unique key is registered")
	ErrConflict = errors.New("store: the record was changed meanwhile")
)

// Client is the record of a registered OAuth client.
type Client struct {
	ID                string             // client_id
	IssuedAt          time.Time          // client_id_issued_at, whole seconds
	Environment       claims.Environment // of the trust anchor that verified the statement
	SoftwareID        string
	OrgID             string
	Metadata          json.RawMessage    // the registered members: a claims.Request without iss, iat, nbf, exp, aud, jti
	SoftwareStatement string             // the SSA, byte for byte
	Application       claims.Application // name, id and attributes for portals and gateways
	UniqueKey         string             // what may be registered once only; "" for no limit
	SecretHash        []byte             // SHA-256 of the client secret; nil where there is none
	SealedSecret      []byte             // the secret sealed with the bank's key, for client_secret_jwt alone
	Version           int64              // counts up from 1 with each change
}

// Reservation is a jti that must not have been used before.
type Reservation struct {
	Namespace string    // what kind of token it was in, such as "request"
	Issuer    string    // iss of the token
	JTI       string    // in lower case
	Until     time.Time // when it may be forgotten: exp plus the clock skew
}

// Store keeps clients. All methods are safe for concurrent use; records go in and
// out by value, and a caller may change what it gets. An error that is none of the
// Err values means that the store cannot answer now, and that nothing was changed.
type Store interface {
	// Create commits the reservation and the record, with Version 1, in one
	// transaction. ErrReplayed: the jti was used before. ErrExists: its ID or
	// UniqueKey is taken. On any error neither is stored.
	Create(ctx context.Context, c Client, r Reservation) error
	// Get returns the client, or ErrNotFound.
	Get(ctx context.Context, id string) (Client, error)
	// Update replaces the record if its Version still is c.Version, and counts
	// that up; it commits the reservation with it. ErrNotFound, ErrConflict,
	// ErrReplayed, ErrExists change nothing.
	Update(ctx context.Context, c Client, r Reservation) error
	// Delete removes the client if its Version still is version: ErrNotFound,
	// ErrConflict.
	Delete(ctx context.Context, id string, version int64) error
}
