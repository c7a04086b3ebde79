package conform

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/obdcr/obdcr/internal/shown"
	"github.com/obdcr/obdcr/internal/text"
)

// maxDiffering is how much of a value that differs is told, in bytes.
const maxDiffering = 160

// told tells in what a message differs from a good request of its client: the documents before the changes are given.
func (m *message) told(p *play, owner *Registrant, header, claims []byte) []string {
	var all []string
	add := func(is bool, what string) {
		if is {
			all = append(all, what)
		}
	}
	add(m.as != owner, "sent by another software")
	all = append(all, differences("header of the JWS: ", header, asJSON(m.header))...)
	for _, name := range slices.Sorted(maps.Keys(m.ssaChanges)) {
		all = append(all, "statement: "+changed(name, m.ssaChanges[name], m.ssaChanges[name] == nil))
	}
	all = append(all, differences("", claims, asJSON(m.claims))...)
	add(m.unsigned, "without a signature")
	add(!m.unsigned && m.signer != m.as.Signer, "signed by another key")
	add(m.raw != nil, "the compact JWS is changed after it was signed")
	add(m.contentType != string(p.run.config.ContentType), fmt.Sprintf("Content-Type: %.100q", m.contentType))
	return all
}

// toldOfHTTP tells in what the HTTP request of a message about a client differs; nil for no client.
func (m *message) toldOfHTTP(c *client) []string {
	var all []string
	if m.certificate != nil {
		all = append(all, certified(m.certificate))
	}
	switch {
	case c == nil || m.token == unset || m.token == c.knownToken():
	case m.token == "":
		all = append(all, "without an access token of the client")
	default:
		all = append(all, "another access token")
	}
	if len(m.http) > 0 {
		all = append(all, "the HTTP request is changed, as its header fields show")
	}
	return all
}

func certified(c *tls.Certificate) string {
	if len(c.Certificate) == 0 {
		return "no client certificate"
	}
	return "another client certificate"
}

// asJSON is a document as JSON; nil where it cannot be written.
func asJSON(document any) []byte {
	data, err := json.Marshal(document)
	if err != nil {
		return nil
	}
	return data
}

// differences tells in which members one document differs from another, that which is sent.
func differences(of string, good, sent []byte) []string {
	was, is := fields(good), fields(sent)
	if is == nil {
		return []string{of + "no object: " + shown.Folded(shown.WithoutSignatures(string(sent)), maxDiffering)}
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if _, had := was[name]; !had || !same(was[name], is[name]) {
			pointer, value := oneEntry(name, was[name], is[name])
			all = append(all, of+changed(pointer, value, false))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		if _, has := is[name]; !has {
			all = append(all, of+changed(name, nil, true))
		}
	}
	return all
}

// oneEntry finds the one entry in which two lists of the same length differ.
func oneEntry(name string, was, is json.RawMessage) (string, json.RawMessage) {
	var before, now []json.RawMessage
	if json.Unmarshal(was, &before) != nil || json.Unmarshal(is, &now) != nil || len(before) != len(now) {
		return name, is
	}
	at := -1
	for i := range now {
		if !same(before[i], now[i]) {
			if at >= 0 {
				return name, is
			}
			at = i
		}
	}
	if at < 0 {
		return name, is
	}
	return name + "/" + strconv.Itoa(at), now[at]
}

// same reports whether two values are written alike, but for blanks.
func same(a, b json.RawMessage) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}

func changed(pointer string, value any, removed bool) string {
	if removed {
		return "/" + pointer + " left out"
	}
	document := shown.WithoutSignatures(string(asJSON(value)))
	return "/" + pointer + ": " + shown.FoldedBeginning(text.Clip(document, 4*maxDiffering), maxDiffering, len(document))
}
