package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store"
)

// plans are settings of PostgreSQL under which it joins in each way that it has: by a hash, by
// order, and row by row, where it reads the inner side again for each row of the outer one. A way
// that is off costs so much that PostgreSQL would compile each such statement.
var plans = map[string]string{
	"its own":    "",
	"by a hash":  "&jit=off&enable_nestloop=off&enable_mergejoin=off",
	"by order":   "&jit=off&enable_nestloop=off&enable_hashjoin=off",
	"row by row": "&jit=off&enable_hashjoin=off&enable_mergejoin=off&enable_hashagg=off&enable_sort=off&enable_material=off",
}

// ended fills each table with rows that have ended, three of them at each time.
const ended = `
	INSERT INTO sessions (session_key, ends_at, ended) SELECT 'k' || i, i / 3, true FROM generate_series(1, 20) i;
	INSERT INTO leases (lease_key, ends_at, lasts, confirmed, change_id) SELECT sha256(i::text::bytea), i / 3, 1, true, '' FROM generate_series(1, 20) i;
	INSERT INTO reservations (reservation_key, ends_at, client_id) SELECT sha256(i::text::bytea), i / 3, '' FROM generate_series(1, 20) i;
	INSERT INTO access_tokens (token_hash, client_id, content, expires_at) SELECT sha256(i::text::bytea), '', '', i / 3 FROM generate_series(1, 20) i;
	INSERT INTO audit SELECT '0' || to_char(i, 'FM00'), 0, 'c' || i / 3, i, '', '', '', '', '', '', '', '', '', '', '', '', '', '[]' FROM generate_series(1, 20) i`

// TestNoMoreIsForgottenThanTheLimit, however PostgreSQL plans the statement. A row that a
// statement has deleted is skipped where it reads the rows once more.
func TestNoMoreIsForgottenThanTheLimit(t *testing.T) {
	t.Parallel()
	for name, options := range plans {
		t.Run(name, func(t *testing.T) {
			h, ok := homeOf(t, options)
			if !ok {
				return
			}
			s := h.seat(t, time.Now)
			conn, err := pgx.Connect(t.Context(), s.admin)
			require.NoError(t, err)
			defer func() { require.NoError(t, conn.Close(context.Background())) }()
			_, err = conn.Exec(t.Context(), ended)
			require.NoError(t, err)
			one := s.stores[0]
			n, err := one.PurgeSessions(t.Context(), 4)
			require.NoError(t, err)
			require.Equal(t, 4, n)
			gone, err := one.ForgetLeases(t.Context(), 5)
			require.NoError(t, err)
			require.EqualValues(t, 5, gone)
			done, err := one.Purge(t.Context(), store.Purge{AuditBefore: time.Now(), DeletedBefore: time.Now(), Limit: 6})
			require.NoError(t, err)
			require.Equal(t, store.Purged{Reservations: 6, Audit: 6, Deleted: 6}, done)
			require.NoError(t, one.KeepToken(t.Context(), [32]byte{1}, "a", nil, time.Now().Add(time.Hour), 1))
			for table, left := range map[string]int{"sessions": 16, "leases": 15, "reservations": 14, "audit": 8, "access_tokens": 18} {
				var held int
				require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&held))
				require.Equal(t, left, held, table)
			}
		})
	}
}
