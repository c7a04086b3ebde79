package text_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/obdcr/obdcr/internal/text"
)

func TestATypIsThatOfAJWTInAnyCaseWithAndWithoutThePrefix(t *testing.T) {
	for _, typ := range []string{"JWT", "jwt", "Jwt", "application/jwt", "application/JWT", "APPLICATION/JWT"} {
		assert.True(t, text.IsJWT(typ), typ)
	}
	for _, typ := range []string{"", "at+jwt", "application/at+jwt", "JOSE", "jwt ", " jwt", "application/jwt;v=1", "/jwt", "text/jwt", "jwts", "JWT\x00"} {
		assert.False(t, text.IsJWT(typ), typ)
	}
}
