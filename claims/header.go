package claims

import (
	"strconv"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

var headerFields = table(
	word("alg", func(h *Header) *Optional[string] { return &h.Algorithm }),
	word("kid", func(h *Header) *Optional[string] { return &h.KeyID }),
	word("typ", func(h *Header) *Optional[string] { return &h.Type }),
)

// DecodeHeader reads a decoded JOSE header, as DecodeRequest reads a payload. It
// judges nothing: package validate has the rules about the header, and package ssa
// refuses by itself what must never be trusted. Of x5t and x5t#S256 it keeps no more than
// the name, since nobody may choose a key by them.
func DecodeHeader[Text ~string | ~[]byte](header Text) (*Header, []Fault, error) {
	h := Header{Members: make([]string, 0, 4)}
	var r reader
	_, err := parseObject(string(header), func(name string, v jsonscan.Value) {
		h.Members = append(h.Members, name)
		if i, ok := headerFields.index[name]; ok {
			headerFields.rows[i].decode(&r, &h, name, v)
		} else if size := text.DigestSize(name); size > 0 {
			r.enter(name)
			if digest, ok := r.text(v, false); ok && !text.IsDigest(digest, size) {
				r.fault("string of another form", "digest of "+strconv.Itoa(size)+" octets in base64url")
			}
			r.leave()
		}
	})
	if err != nil {
		return nil, nil, err
	}
	return &h, r.faults, nil
}
