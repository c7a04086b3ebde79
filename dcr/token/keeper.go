package token

import (
	"context"
	"time"

	"github.com/obdcr/obdcr/claims"
)

// Issuer issues access tokens and knows those that it has issued. Memory is one, Kept another.
type Issuer interface {
	Tokens
	// IssueToken makes a token, as Memory.IssueToken does.
	IssueToken(ctx context.Context, t AccessToken, life time.Duration) (claims.Secret, error)
}

// Keeper keeps the access tokens that an Issuer has issued where several processes share
// them, such as in a database. store/postgres has one, and NewKept makes an Issuer over it. It
// never sees a token, only its hash. All methods are safe for concurrent use. An error means
// that the Keeper cannot answer now; that of a context that ended means the same. Package
// tokentest has this contract as a test.
type Keeper interface {
	// KeepToken keeps what is known of a token until the expiry, in whole seconds, by the hash
	// of the token. Where the client then has more than most tokens that have not expired, it
	// forgets those that expire first, but never the one that it was called for. Where calls
	// meet, a client may have more until the next one.
	KeepToken(ctx context.Context, hash [32]byte, clientID string, content []byte, expiry time.Time, most int) error
	// KeptToken returns what is known of a token, as it was given; nil where the token is not
	// kept, or has expired by the Keeper's clock.
	KeptToken(ctx context.Context, hash [32]byte) (content []byte, err error)
	// EndToken forgets a token. It does nothing where the token is not kept.
	EndToken(ctx context.Context, hash [32]byte) error
	// EndTokensOf forgets all tokens of a client. It does nothing where the client has none.
	EndTokensOf(ctx context.Context, clientID string) error
}
