package row

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/obdcr/obdcr/store"
)

// UserColumns are those of a user, in the order of UserValues and ScanUser.
const UserColumns = "email, name, issuer, subject, organisations, is_operator, created_at, seen_at"

// UserValues returns the values of the UserColumns for a user that store.ForSignIn returned:
// int64, string or bool. The error is that of json.Marshal.
func UserValues(u store.User) ([]any, error) {
	organisations, err := json.Marshal(u.Organisations)
	if err != nil {
		return nil, fmt.Errorf("organisations: %w", err)
	}
	return []any{u.Email, u.Name, u.Issuer, u.Subject, string(organisations), u.Operator, u.CreatedAt.Unix(), u.SeenAt.Unix()}, nil
}

// ScanUser reads a row that UserValues made. The error is that of the Scanner, or tells of a row
// that another program wrote.
func ScanUser(row Scanner) (store.User, error) {
	var (
		u             store.User
		organisations []byte
		created, seen int64
	)
	if err := row.Scan(&u.Email, &u.Name, &u.Issuer, &u.Subject, &organisations, &u.Operator, &created, &seen); err != nil {
		return store.User{}, err
	}
	if err := json.Unmarshal(organisations, &u.Organisations); err != nil {
		return store.User{}, fmt.Errorf("organisations of a user: %w", err)
	}
	u.CreatedAt, u.SeenAt = time.Unix(created, 0).UTC(), time.Unix(seen, 0).UTC()
	return u, nil
}
