package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

var (
	// ErrUnknown is the error of a change whose connection was lost at its end, where nobody can
	// say whether it is made.
	ErrUnknown = errors.New("postgres: the connection was lost and the outcome of the change is unknown")

	// errAgain says that what a transaction met has gone meanwhile.
	errAgain = errors.New("another change ended meanwhile")
)

// Codes of PostgreSQL, by their names there.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	completionUnknown    = "40003"
	uniqueViolation      = "23505"
	undefinedTable       = "42P01"
	undefinedColumn      = "42703"
	duplicateTable       = "42P07"
	missingPrivilege     = "42501"
	readOnly             = "25006"
	diskFull             = "53100"
	tooManyConnections   = "53300"
	badText              = "22021"
	stalePlan            = "0A000"
	noStatement          = "26000"
	doubleStatement      = "42P05"
	lockTimeout          = "55P03"
	queryCanceled        = "57014"
	adminShutdown        = "57P01"
	crashShutdown        = "57P02"
	starting             = "57P03"
)

// codeOf returns the SQLSTATE of an error; "" where the database did not say it.
func codeOf(err error) string {
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		return ""
	}
	return said.Code
}

// transient reports whether a transaction that ended by the error, before COMMIT was sent, is
// worth another attempt.
func (s *Store) transient(err error) bool {
	switch code := codeOf(err); code {
	case "":
		return errors.Is(err, errAgain) || isLost(err)
	case serializationFailure, deadlockDetected, stalePlan, noStatement, adminShutdown, crashShutdown, starting, tooManyConnections:
		return true
	case readOnly:
		return s.several
	default:
		return strings.HasPrefix(code, "08") || code == completionUnknown
	}
}

// isLost reports whether there is no connection, or no more.
func isLost(err error) bool {
	var dial *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &dial) || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err) || errors.Is(err, pgconn.ErrConnClosed)
}

// endedInFull reports whether the database has said that a COMMIT failed.
func endedInFull(err error) bool {
	var said *pgconn.PgError
	return errors.As(err, &said) && said.SeverityUnlocalized == "ERROR" && said.Code != completionUnknown
}

// fault is an error of the database or of the connection to it. Its text has what a log should
// show: the code and what the bank can do, and neither SQL nor values.
type fault struct {
	text string
	err  error
}

func (f *fault) Error() string { return f.text }
func (f *fault) Unwrap() error { return f.err }

// explained returns the error as it may be logged, with advice where there is some.
func explained(err error) error {
	var done *fault
	if errors.As(err, &done) || errors.Is(err, context.Canceled) {
		return err
	}
	var said *pgconn.PgError
	text := "the connection to the database failed"
	var dial *pgconn.ConnectError
	isDial := errors.As(err, &dial)
	switch {
	case errors.As(err, &said):
		text = fmt.Sprintf("SQLSTATE %s, %s", said.Code, classOf(said.Code))
		if isDial {
			text = "no connection to the database: " + text
		}
		if what := adviceFor(said); what != "" {
			text += ": " + what
		}
	case isDial:
		text = fmt.Sprintf("no connection to the database: %s: see that it runs, and that the DSN names its host and port", strings.Join(reasons(dial), "; "))
	case errors.Is(err, context.DeadlineExceeded):
		text = "no answer in time: the database, the network to it or another change is slow, or all connections of the pool are in use"
	case !isLost(err) || errors.Is(err, errAgain):
		return err
	}
	return &fault{text: text, err: err}
}

// reasons returns why each host could not be reached, without the names of user and database.
func reasons(err *pgconn.ConnectError) []string {
	var all []string
	for line := range strings.Lines(err.Unwrap().Error()) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(all, line) {
			all = append(all, line)
		}
	}
	return all
}

// classOf names the class of a code, as the appendix of PostgreSQL does.
func classOf(code string) string {
	classes := map[string]string{
		"08": "connection exception", "0A": "feature not supported", "22": "data exception", "23": "integrity constraint violation",
		"25": "invalid transaction state", "26": "invalid statement name", "28": "invalid authorization", "3D": "invalid database name",
		"3F": "invalid schema name", "40": "transaction rollback", "42": "syntax error or access rule violation",
		"53": "insufficient resources", "54": "program limit exceeded", "55": "object not in the state for it",
		"57": "operator intervention", "58": "system error", "XX": "internal error",
	}
	if name, ok := classes[code[:min(2, len(code))]]; ok {
		return name
	}
	return "an error of the database"
}

// adviceFor says what the bank can do about an error of the database; "" where nothing is known.
func adviceFor(said *pgconn.PgError) string {
	switch said.Code {
	case readOnly:
		return "the database takes no changes: it is a standby or set read-only; name all hosts in the DSN, and the one that takes changes is found"
	case diskFull:
		return "the disk of the database is full: make room there; the store goes on by itself then"
	case tooManyConnections:
		return "the database has no connection left: lower pool_max_conns of each process, raise max_connections, or put PgBouncer between"
	case starting:
		return "the database is starting, stopping or recovering: wait"
	case adminShutdown, crashShutdown:
		return "the database has ended the connection"
	case missingPrivilege:
		return "the user of the DSN lacks a right to a table: grant it, see the operations guide"
	case undefinedTable, undefinedColumn:
		return "a table is not as this program needs it: a migration has not run, or in part, or search_path names another schema"
	case badText:
		return "a text holds a NUL or is no UTF-8, which the database cannot keep"
	case noStatement, doubleStatement:
		return "a pooler gives each transaction another connection: say pooler=transaction in the DSN"
	case lockTimeout, queryCanceled:
		return "the statement took too long: another change holds the row, or the database is slow"
	}
	switch {
	case strings.HasPrefix(said.Code, "28"):
		return "the user or the password is wrong, or pg_hba.conf does not admit it"
	case strings.HasPrefix(said.Code, "3D"):
		return "there is no such database: create it"
	}
	return ""
}
