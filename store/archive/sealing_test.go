package archive_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/archive"
)

var otherKey = archive.KeyID(claims.NewSecret(strings.Repeat("o", 32)))

// What is sealed goes along only where both ends have the key; else it is an error before
// anything is written, or it is left out where both agree.
func TestWhatIsSealedGoesAlongOnlyWithTheKey(t *testing.T) {
	from := memory()
	fill(t, from, 60)
	sealed := 0
	for _, c := range read(t, from).clients {
		if c.SealedSecret != nil {
			sealed++
		}
	}
	require.Positive(t, sealed)
	var file bytes.Buffer
	_, err := archive.Export(t.Context(), &file, archive.ExportConfig{From: from})
	require.ErrorIs(t, err, archive.ErrSealed)
	assert.Contains(t, err.Error(), `"client-00000": give the sealing key`)
	assert.NotContains(t, file.String(), `"end"`)

	whole := export(t, from)
	for _, end := range []archive.Sealing{{}, {KeyID: otherKey}, {KeyID: key, Opens: func(store.Client) error { return errors.New("it does not open") }}} {
		to := memory()
		_, err := archive.Import(t.Context(), bytes.NewReader(whole), archive.ImportConfig{To: to, Sealing: end})
		require.ErrorIs(t, err, archive.ErrSealed)
		assert.Contains(t, err.Error(), "line 2: ")
		requireSame(t, contents{}, read(t, to))
	}

	// The importing end leaves it out, or the exporting one.
	to := memory()
	s, err := archive.Import(t.Context(), bytes.NewReader(whole), archive.ImportConfig{To: to, Sealing: archive.Sealing{LeaveOut: true}})
	require.NoError(t, err)
	assert.Equal(t, sealed, s.LeftOut)
	assert.Equal(t, sealed, s.Sealed)
	file.Reset()
	s, err = archive.Export(t.Context(), &file, archive.ExportConfig{From: from, Sealing: archive.Sealing{LeaveOut: true, KeyID: key}})
	require.NoError(t, err)
	assert.Equal(t, sealed, s.LeftOut)
	assert.NotContains(t, file.String(), `"sealed_secret"`)
	assert.NotContains(t, file.String(), `"upstream_state"`)
	assert.NotContains(t, file.String(), key)
	second := memory()
	s, err = into(t.Context(), second, file.Bytes())
	require.NoError(t, err)
	assert.Equal(t, sealed, s.LeftOut, "the file says so")
	requireSame(t, read(t, to), read(t, second))
	for _, c := range read(t, to).clients {
		assert.Nil(t, c.SealedSecret)
		assert.Nil(t, c.UpstreamState)
		if c.Previous != nil {
			assert.Nil(t, c.Previous.SealedSecret)
		}
	}
	requireSame(t, read(t, from), read(t, from))
}

func TestAKeyThatDoesNotOpenEndsTheExport(t *testing.T) {
	from := memory()
	fill(t, from, 6)
	why := errors.New("it is of another key")
	_, err := archive.Export(t.Context(), &bytes.Buffer{}, archive.ExportConfig{From: from,
		Sealing: archive.Sealing{KeyID: key, Opens: func(store.Client) error { return why }}})
	require.ErrorIs(t, err, archive.ErrSealed)
	require.ErrorIs(t, err, why)
}

func TestAHeaderThatHidesWhatIsSealedIsDamage(t *testing.T) {
	from := memory()
	fill(t, from, 6)
	file := string(export(t, from))
	hidden := seal(strings.Replace(file, `,"sealing_key":"`+key+`"`, "", 1))
	_, err := into(t.Context(), memory(), hidden)
	require.ErrorIs(t, err, archive.ErrDamaged)
}

func TestATextThatIsNoUTF8IsNotExportedAsAnother(t *testing.T) {
	from := memory()
	c := record(1)
	c.OrgID = "org \xff"
	require.NoError(t, from.Create(t.Context(), c, store.Change{}))
	_, err := archive.Export(t.Context(), &bytes.Buffer{}, archive.ExportConfig{From: from})
	require.ErrorContains(t, err, `client "client-00001": "org \xff" is no UTF-8`)
}

func TestARecordThatIsTooLongForALineIsNamed(t *testing.T) {
	from := memory()
	c := record(1)
	c.SoftwareStatement = strings.Repeat("x", 9<<20)
	require.NoError(t, from.Create(t.Context(), c, store.Change{}))
	_, err := archive.Export(t.Context(), &bytes.Buffer{}, archive.ExportConfig{From: from})
	require.ErrorContains(t, err, `client "client-00001": `)
	require.ErrorContains(t, err, "more than 8 MiB")
}
