package input

import (
	"errors"
	"strings"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
)

// looksSigned reports whether a text may be a token, also a damaged one: a header in base64
// begins with ey, and its parts have dots between.
func looksSigned(s string) bool {
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	dots := strings.Count(s, ".")
	return strings.HasPrefix(s, "ey") || dots == 2 && len(s) > 32
}

// isTokenByte reports whether a character may stand in a token, also in a damaged one.
func isTokenByte(c byte) bool {
	return text.IsLetter(c) || '-' <= c && c <= '9' || c == '_' || c == '=' || c == '+' || c == '\r' || c == '\n'
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
		_, f.unsound = errors.AsType[*jsonscan.SyntaxError](err)
		return
	}
	f.Kind = OtherToken
	if hasStatement(signed.UnverifiedPayload()) {
		f.Kind = Request
		return
	}
	payload, err := jsonscan.Parse(signed.UnverifiedPayload())
	if err != nil || payload.Kind() != jsonscan.Object {
		f.opaque = true
		return
	}
	switch claimsKind(payload) {
	case RequestClaims:
		f.Kind = Request
	case StatementClaims:
		f.Kind = Statement
	}
}

// hasStatement reports whether a payload has a member software_statement, without a look at
// the rest: lint recognises many files.
func hasStatement(payload string) bool {
	_, behind, found := strings.Cut(payload, `"software_statement"`)
	return found && strings.HasPrefix(strings.TrimLeft(behind, " \t\r\n"), ":")
}
