package main

import (
	"crypto"
	"encoding/json"

	"github.com/obdcr/obdcr/ssa/ssatest"
)

// forgery is what is done to the bytes of a token, beside what its documents say. A nil one
// changes nothing.
type forgery struct {
	statement       bool                     // of the software statement; else of the request
	header, payload func(json string) string // the texts that are signed; nil: as they are
	jws             func(compact string) string
	unsigned        bool                         // the signature is empty
	key             func(w *world) crypto.Signer // signs instead of the rightful one
	algorithm       string                       // RS256: so signed, whatever the header says
	salt            int                          // length of that of PS256; 0: 32
}

// texts returns header and payload as they are signed.
func (f *forgery) texts(header, payload document) (h, p string, err error) {
	for _, part := range []struct {
		of     document
		to     *string
		change func(*forgery) func(string) string
	}{
		{header, &h, func(f *forgery) func(string) string { return f.header }},
		{payload, &p, func(f *forgery) func(string) string { return f.payload }},
	} {
		text, err := json.Marshal(part.of)
		if err != nil {
			return "", "", err
		}
		*part.to = string(text)
		if f != nil && part.change(f) != nil {
			*part.to = part.change(f)(*part.to)
		}
	}
	return h, p, nil
}

// sent returns what is sent for a token.
func (f *forgery) sent(token string) string {
	if f == nil || f.jws == nil {
		return token
	}
	return f.jws(token)
}

// amend adds to how a token is signed.
func (f *forgery) amend(w *world, how *ssatest.Forgery) {
	if f == nil {
		return
	}
	if f.key != nil {
		how.Key = f.key(w)
	}
	if f.algorithm != "" {
		how.Algorithm = f.algorithm
	}
	how.Unsigned = how.Unsigned || f.unsigned
	how.SaltLength = f.salt
}
