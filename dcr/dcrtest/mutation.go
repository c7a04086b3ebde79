package dcrtest

import (
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// Mutation changes one thing of what a TPP sends. Set, Remove, Edit and Bytes change the claims
// of the registration request, or of the client assertion where a token is asked for. Inside
// of Header they change its header, inside of Statement the software statement in it. Mutations
// are made in their order; those of the statement go before those of the request, and those of
// HTTP come last.
type Mutation struct {
	name  string
	apply func(*draft)
}

// Set puts a value at an RFC 6901 pointer, such as /redirect_uris/0: in place of what is
// there, as a new member, or, with the pointer of an array and /- behind it, as a new last
// entry. The value is written as JSON, and a json.RawMessage as it is, also with a name that
// stands twice or half a character. nil is null.
func Set(pointer string, value any) Mutation {
	return edit(fmt.Sprintf("Set(%q)", pointer), pointer, func(any, bool) (any, bool, error) {
		if raw, ok := value.(json.RawMessage); ok {
			if !json.Valid(raw) {
				return nil, false, errors.New("the json.RawMessage is no JSON: use Bytes")
			}
			return raw, true, nil // decoded, it would lose what Go's reader does not keep
		}
		text, err := json.Marshal(value)
		if err != nil {
			return nil, false, err
		}
		next, err := decode(text)
		return next, true, err
	})
}

// Remove takes away what an RFC 6901 pointer names. It is a fault of the test if nothing is
// there.
func Remove(pointer string) Mutation {
	return edit(fmt.Sprintf("Remove(%q)", pointer), pointer, func(_ any, there bool) (any, bool, error) {
		if !there {
			return nil, false, errors.New("there is nothing to remove")
		}
		return nil, false, nil
	})
}

// edit makes the mutation of what a pointer names.
func edit(name, pointer string, do change) Mutation {
	return Mutation{name, func(d *draft) {
		at := d.document()
		at.edits = append(at.edits, func(document any) (any, error) {
			path, err := tokens(pointer)
			if err == nil {
				document, err = edited(document, path, do)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			return document, nil
		})
	}}
}

// Edit changes the members of an object freely. Numbers in it are json.Number.
func Edit(change func(members map[string]any)) Mutation {
	return edit("Edit", "", func(document any, _ bool) (any, bool, error) {
		members, ok := document.(map[string]any)
		if !ok {
			return nil, false, errors.New("the document is no object any more")
		}
		change(members)
		return members, true, nil
	}).needs(change != nil)
}

// Bytes changes a document as it is written, after Set, Remove and Edit and before it is
// signed: for a member twice, for white space, for what is no JSON.
func Bytes(change func(document []byte) []byte) Mutation {
	return Mutation{"Bytes", func(d *draft) {
		at := d.document()
		at.bytes = append(at.bytes, change)
	}}.needs(change != nil)
}

// All makes one mutation of several.
func All(mutations ...Mutation) Mutation {
	return Mutation{inWords(mutations), func(d *draft) { d.mutate(mutations) }}
}

// inWords are the names of mutations, as a test has them.
func inWords(mutations []Mutation) string {
	all := make([]string, len(mutations))
	for i, m := range mutations {
		all[i] = m.name
	}
	return strings.Join(all, ", ")
}

// needs has a mutation without the function that it needs fail the test.
func (m Mutation) needs(there bool) Mutation {
	if there {
		return m
	}
	return Mutation{m.name, func(d *draft) {
		d.faults = append(d.faults, fmt.Errorf("%s gets nil: give it a function, a key or a certificate", m.name))
	}}
}

// Header has Set, Remove, Edit and Bytes change the header of the JWS. The signature goes by the
// alg of the header: RS256 where it says so, and else what the type of the key gives.
func Header(mutations ...Mutation) Mutation {
	return Mutation{"Header(" + inWords(mutations) + ")", func(d *draft) {
		before := d.inHeader
		d.inHeader = true
		d.mutate(mutations)
		d.inHeader = before
	}}
}

// Statement has the mutations change the software statement. The request stays as it would be
// with the good one.
func Statement(mutations ...Mutation) Mutation {
	return Mutation{"Statement(" + inWords(mutations) + ")", func(d *draft) {
		at, inHeader := d.at, d.inHeader
		d.at, d.inHeader = &d.statement, false
		d.mutate(mutations)
		d.at, d.inHeader = at, inHeader
	}}
}

// KeyID names another key in the header.
func KeyID(kid string) Mutation { return Header(Set("/kid", kid)) }

// Algorithm names another algorithm in the header. With RS256 the signature is of that kind,
// with HS256 it needs SignedWithSecret, and none needs Unsigned.
func Algorithm(alg claims.Algorithm) Mutation { return Header(Set("/alg", alg)) }

// SignedBy signs with another key, such as the ForgedKey of the directory.
func SignedBy(key crypto.Signer) Mutation {
	return forge("SignedBy", func(f *ssatest.Forgery) { f.Key = key }).needs(key != nil)
}

// SignedWithSecret signs by HMAC with SHA-256, as HS256 does.
func SignedWithSecret(secret []byte) Mutation {
	return forge("SignedWithSecret", func(f *ssatest.Forgery) { f.Secret = secret })
}

// SaltLength is that of the signature by PS256, 32 bytes where it is right.
func SaltLength(bytes int) Mutation {
	return forge("SaltLength", func(f *ssatest.Forgery) { f.SaltLength = bytes })
}

// Unsigned leaves the signature empty, and alg as it is.
func Unsigned() Mutation { return forge("Unsigned", func(f *ssatest.Forgery) { f.Unsigned = true }) }

func forge(name string, change func(*ssatest.Forgery)) Mutation {
	return Mutation{name, func(d *draft) { change(&d.at.forgery) }}
}

// Signature changes the bytes of the signature.
func Signature(change func(signature []byte) []byte) Mutation {
	return Mutation{"Signature", func(d *draft) { d.at.signature = append(d.at.signature, change) }}.needs(change != nil)
}

// JWS changes the compact form at last: what it returns is sent, whatever it is.
func JWS(change func(compact string) string) Mutation {
	return Mutation{"JWS", func(d *draft) { d.at.compact = append(d.at.compact, change) }}.needs(change != nil)
}

// Exactly sends a compact JWS that the test has made, or what it has in its place.
func Exactly(compact string) Mutation { return JWS(func(string) string { return compact }) }

// StatementOf puts in a statement that the test has made. The mutations of Statement do not
// reach it.
func StatementOf(compact string) Mutation { return Statement(Exactly(compact)) }

// StatementBy has another directory sign the statement, by its own name and its own key.
func StatementBy(other *ssatest.Directory) Mutation {
	return Statement(Mutation{"StatementBy", func(d *draft) {
		d.mutate([]Mutation{Set("/iss", other.Anchor().Issuer), KeyID(other.KeyID())})
		d.at.by = other.SignWith
	}}.needs(other != nil))
}
