package dialect_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/validate/dialect"
)

func TestEachFileIsReadByItsName(t *testing.T) {
	names := dialect.Names()
	require.NotEmpty(t, names)
	for _, name := range names {
		d, err := dialect.Load(name)
		require.NoError(t, err, name)
		require.Equal(t, name, d.Name)
	}
}
