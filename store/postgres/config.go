package postgres

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/obdcr/obdcr/claims"
)

const (
	maxConns       = 10
	connectTimeout = 2 * time.Second
)

// parse reads a DSN. The parameter pooler is ours, and the driver never sees it.
func parse(dsn claims.Secret) (*pgxpool.Config, error) {
	text := dsn.Reveal()
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("the DSN is empty: it says where the database is, such as postgres://user@host:5432/name")
	}
	config, err := pgxpool.ParseConfig(text)
	if err != nil {
		// The error of the driver shows the DSN, and hides a password only where it finds one.
		return nil, errors.New("the DSN cannot be read: it is a URL as postgres://user:password@host:5432/name, where a password " +
			"with signs is percent-encoded, or pairs as host=... user=..., and each member has a value that libpq knows")
	}
	conn := config.ConnConfig
	pooler := conn.RuntimeParams["pooler"]
	delete(conn.RuntimeParams, "pooler")
	switch pooler {
	case "transaction":
		conn.DefaultQueryExecMode = pgx.QueryExecModeExec
	case "", "session":
		setDefaults(conn.RuntimeParams, map[string]string{
			"application_name": "obdcr",
			// A node that vanishes in a change holds its locks no longer than this.
			"idle_in_transaction_session_timeout": milliseconds(2 * changeWait),
			"lock_timeout":                        milliseconds(2 * changeWait),
		})
	default:
		return nil, errors.New("the DSN: pooler is neither transaction nor session")
	}
	if !strings.Contains(text, "pool_max_conns") {
		config.MaxConns = maxConns
	}
	if conn.ConnectTimeout <= 0 || !strings.Contains(text, "connect_timeout") {
		conn.ConnectTimeout = connectTimeout
	}
	if hosts(config) > 1 && !strings.Contains(text, "target_session_attrs") && conn.ValidateConnect == nil {
		conn.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	return config, nil
}

func setDefaults(params, defaults map[string]string) {
	for name, value := range defaults {
		if _, set := params[name]; !set {
			params[name] = value
		}
	}
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// hosts returns how many hosts a DSN names: the driver tries each with TLS and without.
func hosts(config *pgxpool.Config) int {
	named := map[string]bool{address(config.ConnConfig.Host, config.ConnConfig.Port): true}
	for _, other := range config.ConnConfig.Fallbacks {
		named[address(other.Host, other.Port)] = true
	}
	return len(named)
}

func address(host string, port uint16) string { return fmt.Sprintf("%s:%d", host, port) }
