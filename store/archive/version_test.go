package archive_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/archive"
)

// TestAFileOfTheFirstVersionIsImported: testdata has one, as the program wrote it that knew neither
// subscriptions nor notes.
func TestAFileOfTheFirstVersionIsImported(t *testing.T) {
	file, err := os.ReadFile("testdata/version1.jsonl")
	require.NoError(t, err)
	to := memory()
	s, err := into(t.Context(), to, file)
	require.NoError(t, err)
	all := read(t, to)
	require.Equal(t, sizeOf(all), s.Imported)
	require.Len(t, all.clients, 20)
	require.Empty(t, all.subscribed)
	anew := memory()
	_, err = into(t.Context(), anew, export(t, to))
	require.NoError(t, err)
	requireSame(t, all, read(t, anew))

	from := memory()
	fill(t, from, 24)
	later := string(export(t, from))
	_, err = into(t.Context(), memory(), seal(strings.Replace(later, `"version":2,"created"`, `"version":1,"created"`, 1)))
	require.ErrorIs(t, err, archive.ErrDamaged)
	require.ErrorContains(t, err, "no subscriptions")
}

// TestAnExportOfTheFirstVersionIsBegunAnew: one file has one version.
func TestAnExportOfTheFirstVersionIsBegunAnew(t *testing.T) {
	file, err := os.ReadFile("testdata/version1.jsonl")
	require.NoError(t, err)
	lines := strings.SplitAfter(string(file), "\n")
	begun := seal(strings.Join(lines[:7], "") + `{"kind":"check","lines":7,"sha256":""}` + "\n")
	f, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	_, err = f.Write(begun)
	require.NoError(t, err)
	from := memory()
	fill(t, from, 24)
	_, err = archive.ResumeExport(t.Context(), f, archive.ExportConfig{From: from, Sealing: archive.Sealing{KeyID: key}, Clock: clock})
	require.ErrorIs(t, err, archive.ErrVersion)
	require.ErrorContains(t, err, "begin anew")
	after, err := os.ReadFile(f.Name())
	require.NoError(t, err)
	require.Equal(t, begun, after)
}

// TestAStoreWithoutSubscriptionsTakesNoFileWithSome, and gives one without any.
func TestAStoreWithoutSubscriptionsTakesNoFileWithSome(t *testing.T) {
	from := memory()
	fill(t, from, 24)
	file := export(t, from)
	to := memory()
	_, err := archive.Import(t.Context(), bytes.NewReader(file), archive.ImportConfig{To: struct{ archive.Register }{to}, Sealing: archive.Sealing{KeyID: key}})
	require.ErrorIs(t, err, archive.ErrUnfit)
	require.Empty(t, read(t, to).clients, "nothing was written")
	_, err = into(t.Context(), to, export(t, struct{ archive.Register }{from}))
	require.NoError(t, err)
	require.Empty(t, read(t, to).subscribed)
	require.Len(t, read(t, to).clients, len(read(t, from).clients))
}

// TestAStoreWithSubscriptionsOfItsOwnTakesNoFile, unless it is told to merge.
func TestAStoreWithSubscriptionsOfItsOwnTakesNoFile(t *testing.T) {
	from := memory()
	fill(t, from, 24)
	file := export(t, from)
	to := memory()
	_, err := into(t.Context(), to, file)
	require.NoError(t, err)
	own := store.Subscription{Client: read(t, to).subscribed[0].Client, API: "own", Since: start}
	_, err = to.Import(t.Context(), store.Batch{Subscriptions: []store.Subscription{own}})
	require.NoError(t, err)
	_, err = into(t.Context(), to, file)
	require.ErrorIs(t, err, archive.ErrForeign)
	require.ErrorContains(t, err, "line 2: ")
	_, err = archive.Import(t.Context(), bytes.NewReader(file), archive.ImportConfig{To: to, Merge: true, Sealing: archive.Sealing{KeyID: key}})
	require.NoError(t, err)
	other := strings.Replace(string(file), `"by":"who`, `"by":"another`, 1)
	_, err = archive.Import(t.Context(), bytes.NewReader(seal(other)), archive.ImportConfig{To: to, Merge: true, Sealing: archive.Sealing{KeyID: key}})
	require.ErrorIs(t, err, store.ErrExists)
}
