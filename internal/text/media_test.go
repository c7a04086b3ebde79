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

func TestADigestHasTheOctetsOfItsHashInBase64URL(t *testing.T) {
	const sha1, sha256 = "NT1mRdvCV0u1WgoxA7YQR0PyTL4", "nlQ0-6k5tkw-qqz2lCZ_A7wSkQzcNbgbRlTzaTdCZrA"
	assert.Equal(t, 20, text.DigestSize("x5t"))
	assert.Equal(t, 32, text.DigestSize("x5t#S256"))
	assert.Zero(t, text.DigestSize("x5t#s256"))
	assert.True(t, text.IsDigest(sha1, 20))
	assert.True(t, text.IsDigest(sha256, 32))
	for _, s := range []string{"", sha256, sha1 + "=", sha1[:26] + "5", sha1[:26] + "+", sha1[:23] + "\n\n\n\n"} {
		assert.False(t, text.IsDigest(s, 20), s)
	}
	assert.False(t, text.IsDigest(sha1, 32))
}
