package input

import (
	"strings"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
)

// looksSigned reports whether a text may be a token, also a damaged one: a header in base64
// begins with ey, and its parts have dots between.
func looksSigned(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case text.IsLetter(c), text.IsDigit(c), strings.IndexByte("-_.=+/\r\n", c) >= 0:
		default:
			return false
		}
	}
	dots := strings.Count(s, ".")
	return strings.HasPrefix(s, "ey") || dots == 2 && len(s) > 32
}

// recogniseToken tells what a token is about.
func (f *File) recogniseToken() {
	f.token = f.text
	if strings.Count(f.text, ".") == 4 {
		f.Kind = EncryptedToken
		return
	}
	signed, err := ssa.ParseSigned(f.token)
	if err != nil {
		f.Kind, f.reason = DamagedToken, text.Detail(err)
		return
	}
	f.Kind = OtherToken
	payload, err := jsonscan.Parse(signed.UnverifiedPayload())
	if err != nil || payload.Kind() != jsonscan.Object {
		return
	}
	switch claimsKind(payload) {
	case RequestClaims:
		f.Kind = Request
	case StatementClaims:
		f.Kind = Statement
	}
}
