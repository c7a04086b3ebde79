package store

import (
	"context"
	"slices"
	"time"
)

// User is a person who has signed in at the bank's portal. Its times are whole seconds, UTC.
type User struct {
	// Email is the key: the address as the directory tells it, in lower case. Two users differ
	// by its bytes.
	Email         string
	Name          string
	Issuer        string   // iss of who vouched for the person at the last sign-in
	Subject       string   // sub at that issuer
	Organisations []string // org_id of those that the person acted for at the last sign-in
	Operator      bool     // whether the person was an operator of the bank at the last sign-in
	CreatedAt     time.Time
	SeenAt        time.Time // of the last sign-in
}

// Clone returns a copy that shares no memory with u.
func (u User) Clone() User {
	u.Organisations = slices.Clone(u.Organisations)
	return u
}

// Users keeps the people who signed in at a portal.
type Users interface {
	// SignIn stores the user as of a sign-in at u.SeenAt, and returns what is stored. A first
	// sign-in makes the record, and CreatedAt is then that time; later ones leave CreatedAt as
	// it is and replace the rest. first tells them apart: of two at once one is the first.
	SignIn(ctx context.Context, u User) (stored User, first bool, err error)
	// GetUser returns the user of an address, or ErrNotFound.
	GetUser(ctx context.Context, email string) (User, error)
	// ListUsers returns at most limit users whose Email is greater than after, in the order of
	// its bytes. It returns none where limit is below 1.
	ListUsers(ctx context.Context, after string, limit int) ([]User, error)
	// ForgetUser removes a user; ErrNotFound where there is none. What the user did is still
	// told by the audit trail, which names a contact by a hash.
	ForgetUser(ctx context.Context, email string) error
}
