package stores

import (
	"context"
	"fmt"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store/sqlite"
)

// TablesVersion says how far the tables of a store are.
type TablesVersion struct {
	Version int64 // of the tables; 0 where there are none
	Known   int64 // what this program makes of them
}

// Tables returns how far the tables of a store are. It changes nothing. A file of SQLite that
// is not there has none.
func Tables(ctx context.Context, named claims.Secret) (TablesVersion, error) {
	name := named.Reveal()
	v, err := sqlite.Status(ctx, name)
	return TablesVersion{Version: v.Version, Known: v.Known}, err
}

// Migrate makes the tables of a store, or brings them up to date. It makes a file of SQLite
// that is not there.
func Migrate(ctx context.Context, named claims.Secret) error {
	name := named.Reveal()
	s, err := sqlite.Open(ctx, sqlite.Config{Path: name})
	if err != nil {
		return fmt.Errorf("the store %s: %w", text.Echo(name), err)
	}
	return s.Close()
}

// Script returns the SQL that brings the tables of a store of that kind up to date, and the
// version that they have then. It opens no store.
func Script(named claims.Secret, after int64) (script string, known int64, err error) {
	script, err = sqlite.Script(after)
	if err != nil {
		return "", 0, err
	}
	known, err = sqlite.KnownVersion()
	return script, known, err
}
