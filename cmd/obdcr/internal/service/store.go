package service

import (
	"context"
	"log/slog"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/metrics"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/stores"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
)

// OpenStore opens the store that a configuration names, and brings its tables up to date,
// unless somebody else does (Store.MadeByHand). A nil clock is time.Now, a nil log logs nothing. The error is a *ConfigError or a *FileError
// where the DSN cannot be had, and else that of stores.Open, which is unreachable or newer than
// this program. No error holds a password.
func OpenStore(ctx context.Context, c *Config, clock func() time.Time, log *slog.Logger) (stores.Opened, error) {
	name, err := c.StoreName(log)
	if err != nil {
		return nil, err
	}
	return stores.Open(ctx, name, stores.Options{NoMigrate: c.Store.MadeByHand, Clock: clock, Logger: log})
}

// StoreName returns the path or the DSN of the store, as stores.Open takes it. A nil log logs
// nothing. The error is a *ConfigError or wraps a *FileError.
func (c *Config) StoreName(log *slog.Logger) (claims.Secret, error) {
	switch {
	case c.Store.Path != "":
		return claims.NewSecret(c.file(c.Store.Path)), nil
	case c.Store.DSN != "":
		return claims.NewSecret(c.Store.DSN), nil
	}
	dsn, err := c.secret(orDiscard(log), "store/dsn", c.Store.Ref)
	if err == nil && !stores.IsPostgres(dsn.Reveal()) {
		at := "store/dsn_file"
		if c.Store.Ref.File == "" {
			at = "store/dsn_env"
		}
		err = c.faultAt(at, "names what is no address of PostgreSQL: write postgres://USER:PASSWORD@HOST/DATABASE there")
	}
	return dsn, err
}

// Key returns the key that seals secrets in the store; zero where the configuration names
// none. A nil log logs nothing. The error is a *ConfigError or wraps a *FileError.
func (c *Config) Key(log *slog.Logger) (claims.Secret, error) { return c.sealingKey(orDiscard(log)) }

// Registrar makes the registrar of the bank over a store that was opened, for what an
// operator asks for beside the servers: with its policy, hooks and authorization server. The
// caller calls done at the end. A nil log logs nothing. The error is that of Check.
func (c *Config) Registrar(clients store.Store, log *slog.Logger) (r *dcr.Registrar, done func(), err error) {
	bank, _, err := c.bank(parts{store: clients, log: orDiscard(log), metrics: metrics.New()})
	if err != nil {
		return nil, nil, err
	}
	return bank.Registrar(), bank.Close, nil
}

func orDiscard(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}
