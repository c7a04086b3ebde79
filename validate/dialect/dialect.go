// Package dialect has the dialects of banks as data: what a bank wants, takes and answers
// otherwise than the profile of OBIE DCR that it follows, as the bank itself has published
// it. A dialect is a JSON file, which docs/dialects.md describes.
//
// [Names] lists the dialects that the package knows, and [Load] reads one of them. [Parse]
// reads the file of another bank. The Policy of a [Dialect] is for package validate; the
// other fields are for who builds, sends and compares.
//
// The files repeat facts of public pages, each with its address and the day on which it was
// read. A bank changes its mind without notice: its discovery document and its own words
// go before a dialect.
package dialect

import (
	"encoding/json"
	"slices"

	"github.com/obdcr/obdcr/validate"
)

// Version is the version of the form that [Parse] reads.
const Version = 1

// Dialect is what one bank or product differs in. Make one with [Load] or [Parse].
type Dialect struct {
	// Name is that of the file: lower-case letters, digits and hyphens.
	Name  string
	Title string // for people
	Date  string // when the file was last compared with its sources, as 2026-11-27
	// Sources are where the facts were read, at least one.
	Sources []Reference
	// Profile is the one that the bank follows.
	Profile validate.Profile
	// Policy is the bank's, whole: the default policy of Profile, and what the file has in its
	// place, with the claim names, the scope and the answers that the file tells. Where the file
	// says nothing about aud, an identifier and a URL may both stand there.
	Policy validate.Policy
	// ContentType is the media type of a request that the bank asks for: application/jwt or
	// application/jose. "": nothing is known, or the bank takes both.
	ContentType string
	// TokenScopes are what an access token for the client's address is asked for with; empty:
	// no scope.
	TokenScopes []string
	// ScopeAsArray: a request writes scope as an array, and the bank takes nothing else.
	ScopeAsArray bool
	// UpperCaseJTI: a request writes the letters of jti in upper case.
	UpperCaseJTI bool
	// Members are further members of a request that the bank wants, as JSON.
	Members map[string]json.RawMessage
	// Methods are those that the bank offers at the address of a client, of GET, PUT and DELETE.
	// A file that does not tell has all three.
	Methods []string
	// LeftOut are the members of a registered client that the bank's answers do not have.
	LeftOut []string
	// Quirks are what no other field can say.
	Quirks []Quirk
}

// Reference is a public page that has facts.
type Reference struct {
	URL   string // https address
	Title string
	Date  string // when it was read, as 2026-11-27
}

// Quirk is a fact in words.
type Quirk struct {
	Text   string
	Source string // the URL of one of the Sources
}

// Offers reports whether the bank offers a method at the address of a client.
func (d *Dialect) Offers(method string) bool { return slices.Contains(d.Methods, method) }

// Error is a fault of one member of a file.
type Error struct {
	// Place is the JSON name, followed by the path within the member, if there is one:
	// policy/audiences. It is empty for a document that is no JSON object.
	Place  string
	Reason string // what is wrong and what would be right
}

// Error returns the detail with the name of the package in front.
func (e *Error) Error() string { return "dialect: " + e.Detail() }

// Detail returns place and reason.
func (e *Error) Detail() string {
	if e.Place == "" {
		return e.Reason
	}
	return e.Place + ": " + e.Reason
}
