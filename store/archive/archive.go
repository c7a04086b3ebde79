// Package archive writes a register to a file and reads it back into another store: clients with
// their subscriptions, reservations, the audit trail and the mark up to which reservations were
// forgotten. The people who signed in at a portal and their sessions are no part of a register:
// who comes back signs in, and is known again. [Export]
// writes a file, [Import] reads one, [Verify] only looks at it. Both ends are a [Register],
// which the stores of this module are. It moves a bank from one store to another, and is a
// copy that no version of a database has to read.
//
// A file is JSON Lines: UTF-8, one object a line, each line ends in a line feed. The member
// "kind" says what a line is:
//
//	header       the first line: format, version, when and from what it was exported
//	client       a record with its subscriptions, in the order of their IDs
//	reservation  a jti that was used, by its hash, in the order of their keys
//	audit        an entry of the audit trail, in the order of their IDs
//	mark         up to which end reservations were forgotten, in seconds since 1970
//	check        how many lines come before it, and the SHA-256 of their bytes
//	end          the last line: how many there are of each kind, and the SHA-256 again
//
// A check comes at least every 500 lines. An import takes what lies between two checks in one
// transaction, and only once the second one is right, so that a file that was cut off or
// changed is noticed before it does anything. The SHA-256 tells damage, and no forger: whoever
// can write a file can write its checksums too, so a bank keeps its files as it keeps its
// database.
//
// A file has hashes of client secrets and no secret in the clear. What is sealed with the
// bank's key goes along only where both ends have that key, see [Sealing].
//
// A file has a version. This package writes version 2 and reads version 1 as well, which has no
// subscriptions and no notes. A program that knows version 1 alone refuses a file of version 2
// with ErrVersion, and writes nothing.
//
// An export of a store that is written to meanwhile is no snapshot: each record is as it was
// at one moment, and different records are of different moments. Clients are read before
// reservations and these before the mark, so the jti of each client of the file is used in the
// file too, or forgotten. To move a bank, stop its servers first.
package archive

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// The faults of a file, or of what it is imported into, for errors.Is.
var (
	// ErrDamaged means that the file is not as Export wrote it: a line is missing, doubled,
	// altered, out of order or no line of an archive, or the end is missing.
	ErrDamaged = newFault("the file is damaged")
	// ErrCut is an ErrDamaged where only the end of the file is missing.
	ErrCut error = &fault{ErrDamaged, "its end is missing", nil}
	// ErrVersion means that another version of this package wrote the file.
	ErrVersion = newFault("the file has another version")
	// ErrUnfit means that the file has subscriptions, and that the store is no
	// store.Subscriptions.
	ErrUnfit = newFault("the store cannot keep what the file has")
	// ErrSealed means that a record has what is sealed with the bank's key, and that this end
	// has not that key.
	ErrSealed = newFault("a record has sealed secrets")
	// ErrForeign means that the store has something that the file does not have.
	ErrForeign = newFault("the store has records of its own")
	// ErrCheckpoint means that an import cannot go on from a Checkpoint: it is of another file,
	// or the store lacks what was imported up to there.
	ErrCheckpoint = newFault("the import cannot go on from there")
)

// Register is a store that can be exported and imported into. Subscriptions are part of it where
// it is a store.Subscriptions too.
type Register interface {
	store.Lister
	store.Auditor
	store.Transfer
}

// LineError is the error of Import, Verify and ResumeExport about a line of the file.
type LineError struct {
	First int   // the first line that it is about, from 1
	Last  int   // the last one
	Err   error // wraps ErrDamaged, ErrVersion, ErrUnfit, ErrSealed, ErrForeign, ErrCheckpoint or an error of the store
}

// Error is the detail behind the name of the package.
func (e *LineError) Error() string { return "archive: " + e.Detail() }

// Detail names the line, or the lines, and what is wrong.
func (e *LineError) Detail() string {
	if e.First == e.Last {
		return fmt.Sprintf("line %d: %s", e.First, text.Detail(e.Err))
	}
	return fmt.Sprintf("lines %d to %d: %s", e.First, e.Last, text.Detail(e.Err))
}

// Unwrap returns the cause.
func (e *LineError) Unwrap() error { return e.Err }

// Sealing says what becomes of SealedSecret and UpstreamState, which are sealed with the
// bank's key. A record that has one of them is an ErrSealed for the zero Sealing.
type Sealing struct {
	// KeyID is the KeyID of the key that this end seals with; "" for none. The header of a file
	// has that of the exporting end. Both have to be the same.
	KeyID string
	// Opens returns an error where the key does not open what the record has sealed. It is
	// asked for each record that is exported or imported with something sealed. Nil takes the
	// KeyID's word.
	Opens func(store.Client) error
	// LeaveOut exports and imports records without what they have sealed, and counts them.
	// Their clients cannot use client_secret_jwt any more, and an authorization server that gave
	// an UpstreamState cannot be told of their changes.
	LeaveOut bool
}

// Summary is how much an export or an import has dealt with so far.
type Summary struct {
	Clients      int // lines of the file
	Reservations int // lines of the file
	Audit        int // lines of the file
	Sealed       int // records with something that is sealed
	LeftOut      int // records without what they had sealed, see Sealing.LeaveOut
	// Subscriptions is how many the records have.
	Subscriptions int
	// Imported is what an import wrote. What the store had already, exactly so, is not in it.
	Imported store.Imported
}

// Checkpoint is a place in a file, between two batches.
type Checkpoint struct {
	Line   int    `json:"line"`   // of the check
	SHA256 string `json:"sha256"` // that the check has
}

// IsZero reports whether it is the place before the first batch.
func (c Checkpoint) IsZero() bool { return c == Checkpoint{} }

// KeyID returns a text by which two ends find out that they seal with the same key: an
// HMAC-SHA256 with the key, which tells nothing about it. It is "" for no key.
func KeyID(key claims.Secret) string {
	if key.IsZero() {
		return ""
	}
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	mac.Write([]byte("obdcr sealing key"))
	return hex.EncodeToString(mac.Sum(nil))
}

// Limits of a file, which keep the memory of a reader constant.
const (
	formatName    = "obdcr register"
	formatVersion = 2
	firstVersion  = 1 // of those that a reader knows

	pageSize   = 200      // records that Export asks for at once
	checkLines = 500      // lines between two checks, at most
	checkBytes = 4 << 20  // bytes after which a check comes
	maxLine    = 8 << 20  // bytes of a line, with its end
	maxBatch   = 16 << 20 // bytes between two checks: less than checkBytes, and one line
)

// fault is one of the errors above, with what is wrong.
type fault struct {
	kind  error
	why   string
	cause error // nil for none
}

func newFault(is string) error { return text.Named{Package: "archive", Err: errors.New(is)} }

// because returns an error of a kind with a reason.
func because(kind error, format string, args ...any) error {
	return &fault{kind, fmt.Sprintf(format, args...), nil}
}

// damaged returns an ErrDamaged with a reason.
func damaged(format string, args ...any) error { return because(ErrDamaged, format, args...) }

// Error is the detail behind the name of the package.
func (f *fault) Error() string { return "archive: " + f.Detail() }

// Detail says of which kind the fault is, what is wrong, and why.
func (f *fault) Detail() string {
	if f.cause != nil {
		return text.Detail(f.kind) + ": " + f.why + ": " + text.Detail(f.cause)
	}
	return text.Detail(f.kind) + ": " + f.why
}

// Unwrap returns the kind and the cause.
func (f *fault) Unwrap() []error {
	if f.cause == nil {
		return []error{f.kind}
	}
	return []error{f.kind, f.cause}
}
