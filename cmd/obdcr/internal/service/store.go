package service

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
)

// ClientStore is a store of clients that was opened. Its further interfaces, such as
// store.Lister, are found by type assertion.
type ClientStore interface {
	store.Store
	// Close ends the use of the store, once nobody uses it any more.
	Close() error
}

// OpenStore opens the store that a configuration names, and brings its tables up to date. A
// nil clock is time.Now, a nil log logs nothing. The error is a *ConfigError or a *FileError
// where the DSN cannot be had, and else that of the store, which is unreachable or newer than
// this program. No error holds a password.
func OpenStore(ctx context.Context, c *Config, clock func() time.Time, log *slog.Logger) (ClientStore, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if c.Store.Path != "" {
		path := c.file(c.Store.Path)
		s, err := sqlite.Open(ctx, sqlite.Config{Path: path, Clock: clock, Logger: log})
		if err != nil {
			return nil, fmt.Errorf("the store %s cannot be opened: %w", text.Echo(path), err)
		}
		return s, nil
	}
	return nil, fmt.Errorf("not built")
}
