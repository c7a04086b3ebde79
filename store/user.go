package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// User is a person who has signed in at the bank's portal. Its times are whole seconds, UTC.
type User struct {
	// Email is the key: the address as the directory tells it, in lower case. Two users differ
	// by its bytes. At most 1,000 bytes.
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
	// ForSignIn says what is stored, and what is refused.
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

// maxKey is how many bytes an ID, or another key, has at most.
const maxKey = 1000

// ForSignIn returns the user that SignIn writes for u where there is none with its Email: times
// are whole seconds of UTC, and CreatedAt is SeenAt. Where there is one, SignIn writes the same
// with the CreatedAt of that one. An error means a user that no store can have: without an
// Email or a SeenAt, with an Email of more than 1,000 bytes, or with a text that has a NUL or is
// no UTF-8.
func ForSignIn(u User) (User, error) {
	switch {
	case u.Email == "" || len(u.Email) > maxKey:
		return User{}, fmt.Errorf("store: a user needs an Email of at most %d bytes", maxKey)
	case u.SeenAt.IsZero():
		return User{}, errors.New("store: a sign-in needs a SeenAt")
	}
	for _, text := range append([]string{u.Email, u.Name, u.Issuer, u.Subject}, u.Organisations...) {
		if !isText(text) {
			return User{}, errors.New("store: a text of the user has a NUL or is no UTF-8")
		}
	}
	u = u.Clone()
	if len(u.Organisations) == 0 {
		u.Organisations = nil
	}
	u.SeenAt = wholeSeconds(u.SeenAt)
	u.CreatedAt = u.SeenAt
	return u, nil
}

// isText reports whether each store can keep a text.
func isText(text string) bool { return utf8.ValidString(text) && !strings.Contains(text, "\x00") }
