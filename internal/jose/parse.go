package jose

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// encoding is base64url without padding whose unused last bits are zero
// (RFC 7515 section 2, RFC 4648 sections 3.5 and 5).
var encoding = base64.RawURLEncoding.Strict()

// JWS is a well-formed compact JWS. Nothing it holds has been verified. Only
// Parse makes one; the zero JWS is refused by Gate and Verify.
type JWS struct {
	input     string // what is signed: the token up to its second dot
	header    string
	payload   string
	signature []byte
	refused   error // what Gate has against the header's members, if anything
	alg       string
	kid       string
	hasKid    bool
}

// Parse splits a compact JWS (RFC 7515 section 7.1) and decodes its three parts.
// Each must be canonical base64url, the header one JSON object without duplicate
// names. Gate, and not Parse, judges whether the header is acceptable, so that a
// diagnosis can show what was refused. The error is an *Error of kind
// ErrMalformed, and the JWS then nil.
func Parse(token string) (*JWS, error) {
	if len(token) > MaxTokenSize {
		return nil, fail(ErrMalformed, "the token is longer than "+strconv.Itoa(MaxTokenSize)+" bytes")
	}
	first, second, err := findDots(token)
	if err != nil {
		return nil, err
	}
	// The room stays on the stack; a token that does not fit moves to the heap.
	var room [4 << 10]byte
	buf, ends := slices.Grow(room[:0], encoding.DecodedLen(len(token))), [3]int{}
	for i, part := range [3]string{token[:first], token[first+1 : second], token[second+1:]} {
		start := len(buf)
		buf, err = encoding.AppendDecode(buf, []byte(part))
		// The decoder skips line breaks. A part with one gives fewer octets than its
		// length says, or has a length that no octets encode to.
		if err != nil || len(part)%4 == 1 || len(buf)-start != encoding.DecodedLen(len(part)) {
			return nil, fail(ErrMalformed, misspelt(token, part, partNames[i]))
		}
		ends[i] = len(buf)
	}
	// Header and payload share one string, which nobody can change.
	decoded := string(buf[:ends[1]])
	j := &JWS{input: token[:second], header: decoded[:ends[0]], payload: decoded[ends[0]:],
		signature: bytes.Clone(buf[ends[1]:])}
	if err := j.readHeader(); err != nil {
		return nil, err
	}
	return j, nil
}

var partNames = [3]string{"header", "payload", "signature"}

// findDots finds the two dots. The decoder checks all else.
func findDots(token string) (first, second int, err error) {
	first = strings.IndexByte(token, '.')
	second = first + 1 + strings.IndexByte(token[first+1:], '.')
	switch {
	case first < 0 || second == first:
		return 0, 0, fail(ErrMalformed, few(token))
	case strings.IndexByte(token[second+1:], '.') >= 0:
		return 0, 0, fail(ErrMalformed, many(token))
	}
	return first, second, nil
}

const parts = "; a compact JWS has header, payload and signature"

// few says what a text is that has fewer than three parts.
func few(token string) string {
	switch {
	case token == "":
		return "the token is empty"
	case strings.HasPrefix(strings.TrimLeft(token, " \t\r\n"), "{"):
		return "JSON, and not a token in three parts; the JSON forms of a JWS are not taken"
	}
	return "fewer than three parts" + parts
}

// many says what a text is that has more than three parts.
func many(token string) string {
	if strings.Count(token, ".") == 4 {
		return "five parts, as an encrypted token (JWE) has" + parts
	}
	return "more than three parts" + parts
}

// misspelt says why a part of a token is not canonical base64url. Editors and shells add
// most of what stands there, and nobody sees it.
func misspelt(token, part, name string) string {
	switch {
	case strings.HasPrefix(token, "\uFEFF"):
		return "the token begins with a byte order mark; send it without"
	case strings.IndexByte(part, 0) >= 0:
		return "the " + name + " holds octets of zero, as UTF-16 has; send ASCII"
	case strings.TrimRight(part, "\r\n") != part && strings.HasSuffix(token, part):
		return "the token ends with a line break; send it without"
	case strings.ContainsAny(part, "\r\n"):
		return "the " + name + " holds a line break; send the token in one line"
	case strings.ContainsAny(part, " \t"):
		return "the " + name + " holds white space; send the token alone"
	case strings.HasSuffix(part, "="):
		return "the " + name + " is padded; leave the = out"
	case strings.ContainsAny(part, "+/"):
		return "the " + name + " is base64, not base64url; write - for + and _ for /"
	}
	return "the " + name + " is not canonical base64url (one line, A-Z a-z 0-9 - _, no padding, unused bits zero)"
}

func (j *JWS) readHeader() error {
	object, err := jsonscan.Scan(j.header, func(name string, value jsonscan.Value) {
		word, clean := value.Text()
		switch {
		case name == "alg" && clean:
			j.alg = word
		case name == "kid" && clean:
			j.kid, j.hasKid = word, true
		}
		if j.refused == nil {
			j.refused = checkMember(name, value)
		}
	})
	if err != nil {
		return &Error{Kind: ErrMalformed, detail: "the header is not strict JSON: " + jsonscan.ReasonIn(j.header, err), cause: err}
	}
	if object.Kind() != jsonscan.Object {
		return fail(ErrMalformed, "the header is a JSON "+object.Kind().String()+", not an object")
	}
	return nil
}

// HeaderJSON is the decoded header, one strict JSON object.
func (j *JWS) HeaderJSON() string { return j.header }

// Payload is the decoded payload. It may be believed only after Verify has
// returned nil.
func (j *JWS) Payload() string { return j.payload }

// Algorithm is the header's alg, "" when it is absent or not a string.
func (j *JWS) Algorithm() string { return j.alg }

// KeyID is the header's kid, and whether there is one that is a string.
func (j *JWS) KeyID() (string, bool) { return j.kid, j.hasKid }

// refusedMembers are the header members that change what is signed or bring a
// key along, and that no profile of ours knows (RFC 7515 section 4.1, RFC 7516,
// RFC 7797). checkMember also refuses each name that begins with x5, but for the digests
// x5t and x5t#S256.
var refusedMembers = map[string]string{
	"crit": "extensions are not supported",
	"b64":  "unencoded payloads are not supported",
	"zip":  "compression is not supported",
	"enc":  "encrypted tokens are not supported",
	"jwk":  "the key comes from the signer's registered key set, never from the token",
	"jku":  "the key comes from the signer's registered key set, never from the token",
}

// Gate judges the header:
//   - alg is one of allowed, and one that this package knows. An empty allowed refuses
//     everything.
//   - crit, b64, zip, enc, jwk, jku and all names that begin with x5 are absent, but for
//     x5t and x5t#S256. Those are absent, or 20 and 32 octets in base64url. Nothing
//     chooses a key by them: a digest of a certificate is no key (RFC 7515 sections 4.1.7 and 4.1.8).
//   - typ is absent, or JWT or application/jwt in any case.
//   - kid is absent or a string of 1 to 128 bytes.
//
// The error is an *Error of kind ErrAlgorithm or ErrHeader.
func (j *JWS) Gate(allowed []string) error {
	if err := checkAlgorithm(j.alg, allowed); err != nil {
		return err
	}
	return j.refused
}

func checkMember(name string, value jsonscan.Value) error {
	reason, refused := refusedMembers[name]
	switch {
	case refused:
		return fail(ErrHeader, name+" must not be present: "+reason)
	case text.DigestSize(name) > 0:
		size := text.DigestSize(name)
		if digest, clean := value.Text(); !clean || !text.IsDigest(digest, size) {
			return fail(ErrHeader, name+" must be a digest of "+strconv.Itoa(size)+" octets in base64url, or absent")
		}
	case strings.HasPrefix(name, "x5"):
		return fail(ErrHeader, text.Quote(name)+" must not be present: the key comes from the signer's registered key set, never from the token")
	case name == "typ":
		if typ, clean := value.Text(); !clean || !text.IsJWT(typ) {
			return fail(ErrHeader, "typ must be JWT or application/jwt, in any case, or absent")
		}
	case name == "kid":
		if kid, clean := value.Text(); !clean || kid == "" || len(kid) > MaxKeyIDSize {
			return fail(ErrHeader, "kid must be a string of 1 to "+strconv.Itoa(MaxKeyIDSize)+" bytes")
		}
	}
	return nil
}
