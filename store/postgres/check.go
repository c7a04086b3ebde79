package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/obdcr/obdcr/store/internal/row"
)

// tables are those that a store works on, with the columns and the rights that it needs.
var tables = []struct{ name, columns, rights string }{
	{"clients", written, "SELECT, INSERT, UPDATE, DELETE"},
	{"unique_keys", "unique_key, client_id", "SELECT, INSERT, DELETE"},
	{"reservations", "reservation_key, ends_at, client_id", "SELECT, INSERT, UPDATE, DELETE"},
	{"reservation_marks", "name, ends_at", "SELECT, INSERT, UPDATE"},
	{"audit", noteColumns, "SELECT, INSERT"},
	{"leases", "lease_key, ends_at, lasts, confirmed, change_id", "SELECT, INSERT, UPDATE, DELETE"},
	{"access_tokens", "token_hash, client_id, content, expires_at", "SELECT, INSERT, UPDATE, DELETE"},
	{"users", userColumns, "SELECT, INSERT, UPDATE, DELETE"},
	{"sessions", sessionColumns, "SELECT, INSERT, UPDATE, DELETE"},
	{"subscriptions", subscriptionColumns, "SELECT, INSERT, DELETE"},
	{"probes", "id, written_at, written", "SELECT, INSERT, UPDATE, DELETE"},
}

const (
	selectIsolation = "SHOW default_transaction_isolation"
	selectRight     = "SELECT has_table_privilege($1, $2)"
)

// check looks whether the store can work on the tables, and with the connections that it gets.
func (s *Store) check(ctx context.Context) error {
	return s.read(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		status, err := statusOf(func(query string) row.Scanner { return conn.QueryRow(ctx, query) })
		if err != nil {
			return err
		}
		if err := status.usable(); err != nil {
			return err
		}
		var level string
		if err := conn.QueryRow(ctx, selectIsolation).Scan(&level); err != nil {
			return err
		}
		if level == "repeatable read" {
			return errors.New("default_transaction_isolation is repeatable read, at which a jti could be used twice: " +
				"set read committed or serializable, in the DSN or for the user")
		}
		return checkTables(ctx, conn, status.Version)
	})
}

func checkTables(ctx context.Context, conn *pgxpool.Conn, version int64) error {
	var lacking []string
	b := &pgx.Batch{}
	for _, table := range tables {
		for right := range strings.SplitSeq(table.rights, ", ") {
			b.Queue(selectRight, table.name, right).QueryRow(func(row pgx.Row) error {
				var granted bool
				err := row.Scan(&granted)
				if !granted {
					lacking = append(lacking, right+" on "+table.name)
				}
				return err
			})
		}
	}
	err := conn.SendBatch(ctx, b).Close()
	if err != nil {
		return inPart(version, err)
	}
	if len(lacking) > 0 {
		return fmt.Errorf("the user of the DSN lacks a right: grant %s", strings.Join(lacking, ", "))
	}
	b = &pgx.Batch{}
	for _, table := range tables {
		b.Queue("SELECT " + table.columns + " FROM " + table.name + " WHERE false")
	}
	return inPart(version, conn.SendBatch(ctx, b).Close())
}
