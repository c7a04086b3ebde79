package input

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/secret"
)

func TestAStoreThatTakesTooLongIsGivenUp(t *testing.T) {
	end, never := make(chan time.Time, 1), make(chan struct{})
	defer close(never)
	end <- time.Time{}
	_, err := before(end, func() (*keyStore, error) { <-never; return nil, nil })
	require.ErrorIs(t, err, errStoreSlow)
}

func TestAStoreOnWhichTheReaderPanicsIsRefused(t *testing.T) {
	_, err := before(nil, func() (*keyStore, error) { panic("") })
	require.ErrorIs(t, err, errStoreForm)
}

func TestAnotherFormOfStoreIsRefused(t *testing.T) {
	_, err := openStore("0\x80", "")
	require.ErrorIs(t, err, errStoreForm)
}

func passwordOf(line string) *Password {
	return &Password{name: "password", text: secret.New(line)}
}
