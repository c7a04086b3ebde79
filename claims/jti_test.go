package claims_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
)

func TestAJTIIsARandomUUIDOfVersionFour(t *testing.T) {
	jti, err := claims.NewJTI(bytes.NewReader(bytes.Repeat([]byte{0xff}, 16)))
	require.NoError(t, err)
	assert.Equal(t, "ffffffff-ffff-4fff-bfff-ffffffffffff", jti)
	jti, err = claims.NewJTI(bytes.NewReader(make([]byte, 16)))
	require.NoError(t, err)
	assert.Equal(t, "00000000-0000-4000-8000-000000000000", jti)
	one, err := claims.NewJTI(nil)
	require.NoError(t, err)
	other, err := claims.NewJTI(nil)
	require.NoError(t, err)
	assert.NotEqual(t, one, other)
	_, err = claims.NewJTI(bytes.NewReader(make([]byte, 15)))
	assert.Error(t, err)
}
