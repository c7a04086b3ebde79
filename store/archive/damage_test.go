package archive_test

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/archive"
)

// piped hides that a file can seek.
type piped struct{ io.Reader }

// swap exchanges two lines, counted from 1.
func swap(file string, a, b int) string {
	lines := strings.SplitAfter(file, "\n")
	lines[a-1], lines[b-1] = lines[b-1], lines[a-1]
	return strings.Join(lines, "")
}

func doubled(file string, n int) string {
	lines := strings.SplitAfter(file, "\n")
	return strings.Join(lines[:n], "") + lines[n-1] + strings.Join(lines[n:], "")
}

func without(file string, n int) string {
	lines := strings.SplitAfter(file, "\n")
	return strings.Join(lines[:n-1], "") + strings.Join(lines[n:], "")
}

// lineOf returns the number of the first line of a kind.
func lineOf(file, kind string) int {
	at := strings.Index(file, `{"kind":"`+kind+`"`)
	return 1 + strings.Count(file[:at], "\n")
}

type wrong struct {
	name string
	make func(file string) string
	is   error
	line string // of the message
}

// wrongs are files that are damaged, those with right checksums too.
func wrongs() []wrong {
	once := func(old, with string) func(string) string {
		return func(file string) string { return strings.Replace(file, old, with, 1) }
	}
	sealed := func(change func(string) string) func(string) string {
		return func(file string) string { return string(seal(change(file))) }
	}
	long := 9 << 20 // more than a line may have
	if fulltest.Asked() {
		long = 100 << 20
	}
	return []wrong{
		{"an altered value", once("App ü", "Abb ü"), archive.ErrDamaged, "line 500: .*not as it was written"},
		{"a line is missing", func(f string) string { return without(f, 7) }, archive.ErrDamaged, "line 499: .*counts 499 lines"},
		{"a line is doubled", func(f string) string { return doubled(f, 7) }, archive.ErrDamaged, "line 8: .*doubled"},
		{"two lines are exchanged", func(f string) string { return swap(f, 7, 8) }, archive.ErrDamaged, "line 8: .*doubled or out of order"},
		{"a check is missing", func(f string) string { return without(f, 500) }, archive.ErrDamaged, "line 501: .*no check"},
		{"it is cut off in a line", func(f string) string { return f[:len(f)-7] }, archive.ErrCut, "line is cut off"},
		{"its end is missing", func(f string) string { return without(f, strings.Count(f, "\n")) }, archive.ErrCut, "not that of an export that ended"},
		{"it is empty", func(string) string { return "" }, archive.ErrCut, "line 1: .*empty"},
		{"something follows", func(f string) string { return f + "{}\n" }, archive.ErrDamaged, "behind the end"},
		{"it is twice there", func(f string) string { return f + f }, archive.ErrDamaged, "behind the end"},
		{"another file", func(string) string { return "#!/bin/sh\n" }, archive.ErrDamaged, "line 1: "},
		{"another JSON file", func(string) string { return "{\"a\":1}\n" }, archive.ErrDamaged, "line 1: .*another file"},
		{"it has no header", func(f string) string { return without(f, 1) }, archive.ErrDamaged, "line 1: .*another file"},
		{"invalid UTF-8", once("App ü", "App \xff"), archive.ErrDamaged, "line 2: .*UTF-8"},
		{"a NUL", once("App ü", "App \x00"), archive.ErrDamaged, "line 2: "},
		{"a line that is too long", once("App ü", strings.Repeat("x", long)), archive.ErrDamaged, "line 2: .*more than 8 MiB"},
		{"no line ends", func(string) string { return strings.Repeat("x", long) }, archive.ErrDamaged, "line 1: .*more than 8 MiB"},
		{"lines end as on Windows", func(f string) string { return strings.ReplaceAll(f, "\n", "\r\n") }, archive.ErrDamaged, "line 500: "},
		{"an empty line", once("\n", "\n\n"), archive.ErrDamaged, "line 2: "},
		{"a later version", once(`"version":2,"created"`, `"version":3,"created"`), archive.ErrVersion, "line 1: .*another version: 3, and this program reads 1 and 2"},
		{"another format", once("obdcr register", "other"), archive.ErrDamaged, "line 1: .*format"},
		{"an unknown member", sealed(once(`{"kind":"client",`, `{"kind":"client","colour":"red",`)), archive.ErrDamaged, "line 2: .*unknown field"},
		{"an unknown kind", sealed(once(`"kind":"client"`, `"kind":"customer"`)), archive.ErrDamaged, `line 2: .*"customer" is no kind`},
		{"a member stands twice", sealed(once(`{"kind":"client",`, `{"kind":"client","id":"a",`)), archive.ErrDamaged, "line 2: "},
		{"a doubled client", sealed(func(f string) string { return doubled(f, 7) }), archive.ErrDamaged, "line 8: .*doubled"},
		{"clients out of order", sealed(func(f string) string { return swap(f, 7, 8) }), archive.ErrDamaged, "line 8: .*out of order"},
		{"a client behind the reservations", sealed(func(f string) string { return swap(f, 499, lineOf(f, "reservation")+20) }), archive.ErrDamaged, "out of order"},
		{"a reservation before the last client", sealed(func(f string) string {
			first := lineOf(f, "reservation")
			return swap(f, first-1, first)
		}), archive.ErrDamaged, "a client stands behind what comes after all of them"},
		{"a second header", sealed(func(f string) string { return doubled(f, 1) }), archive.ErrDamaged, "line 2: .*header stands here again"},
		{"a key that is none", sealed(func(f string) string {
			return regexp.MustCompile(`"key":"[0-9a-f]{64}"`).ReplaceAllString(f, `"key":"AA"`)
		}), archive.ErrDamaged, "key AA is not 32 bytes"},
		{"a subscription is doubled", sealed(once(`"subscriptions":[`, `"subscriptions":[{"api":"accounts <ü>","since":1},`)), archive.ErrDamaged, "doubled or out of order"},
		{"a subscription of nothing", sealed(once(`{"api":"payments","role":"AISP"`, `{"api":"","role":"AISP"`)), archive.ErrDamaged, "out of order"},
		{"a subscription since never", sealed(once(`"since":1767323045,"by"`, `"since":-62135596800,"by"`)), store.ErrState, "subscription"},
		{"wrong counts of subscriptions", once(`"subscriptions":234,`, `"subscriptions":1234,`), archive.ErrDamaged, "it counts 1234 subscriptions"},
		{"wrong counts", once(`{"kind":"end","clients":`, `{"kind":"end","clients":1`), archive.ErrDamaged, "it counts 1"},
		{"a state that is none", sealed(once(`"state":"active"`, `"state":"asleep"`)), store.ErrState, `client-00000`},
		{"a version that is none", sealed(once(`"version":2,"state"`, `"version":0,"state"`)), store.ErrState, `client-00001`},
		{"a number for a text", sealed(once(`"org_id":"0015800001041RHAAY"`, `"org_id":7`)), archive.ErrDamaged, "line 2: "},
	}
}

// A damaged file changes nothing where it can be looked at first.
func TestADamagedFileChangesNothing(t *testing.T) {
	from := memory()
	fill(t, from, 700)
	file := string(export(t, from))
	for _, w := range wrongs() {
		t.Run(w.name, func(t *testing.T) {
			broken := w.make(file)
			to := memory()
			s, err := into(t.Context(), to, []byte(broken))
			require.ErrorIs(t, err, w.is)
			assert.Regexp(t, w.line, err.Error())
			assert.Less(t, len(err.Error()), 500)
			assert.Equal(t, store.Imported{}, s.Imported)
			requireSame(t, contents{}, read(t, to))
			if !errors.Is(w.is, store.ErrState) {
				_, err = archive.Verify(t.Context(), strings.NewReader(broken), nil)
				require.ErrorIs(t, err, w.is)
			}
		})
	}
}

// What cannot be looked at first is imported up to the last batch that is right, and the
// import of the good file goes on from there.
func TestADamagedStreamIsImportedUpToTheFault(t *testing.T) {
	from := memory()
	fill(t, from, 700)
	file := export(t, from)
	want := read(t, from)
	for i, w := range wrongs() {
		if i%4 > 0 && !fulltest.Asked() {
			continue // a file that is looked at first is tried with each
		}
		t.Run(w.name, func(t *testing.T) {
			to := memory()
			s, err := archive.Import(t.Context(), piped{strings.NewReader(w.make(string(file)))},
				archive.ImportConfig{To: to, Sealing: archive.Sealing{KeyID: key}})
			require.ErrorIs(t, err, w.is)
			var at *archive.LineError
			require.ErrorAs(t, err, &at)
			got := read(t, to)
			require.Equal(t, s.Imported, sizeOf(got))
			if at.Last <= 500 {
				requireSame(t, contents{}, got)
			}
			_, err = into(t.Context(), to, file)
			require.NoError(t, err)
			requireSame(t, want, read(t, to))
		})
	}
}

// Any byte that is changed, and any cut, is found. The test looks at some of them.
func TestEachChangedByteIsFound(t *testing.T) {
	from := memory()
	fill(t, from, 12)
	file := export(t, from)
	for i := 0; i < len(file); i += 1 + 53/fulltest.Rounds(1) {
		broken := bytes.Clone(file)
		broken[i] ^= 0x04
		_, err := archive.Verify(t.Context(), bytes.NewReader(broken), nil)
		if !errors.Is(err, archive.ErrDamaged) && !errors.Is(err, archive.ErrVersion) {
			require.Fail(t, "a changed byte was not found", "byte %d: %v", i, err)
		}
		_, err = archive.Verify(t.Context(), bytes.NewReader(file[:i]), nil)
		require.ErrorIs(t, err, archive.ErrCut)
	}
}

func TestAStoreWithRecordsOfItsOwnTakesNoFile(t *testing.T) {
	from := memory()
	fill(t, from, 700)
	file := export(t, from)
	for name, own := range map[string]func(full) error{
		"a client before all":    func(s full) error { return s.Create(t.Context(), store.Client{ID: "a"}, store.Change{}) },
		"a client behind all":    func(s full) error { return s.Create(t.Context(), store.Client{ID: "z"}, store.Change{}) },
		"a client between":       func(s full) error { return s.Create(t.Context(), store.Client{ID: "client-00003x"}, store.Change{}) },
		"an entry of the trail":  func(s full) error { return auditAlone(t, s) },
		"a reservation, no more": func(s full) error { return reservationAlone(t, s) },
	} {
		to := memory()
		require.NoError(t, own(to), name)
		before := read(t, to)
		s, err := into(t.Context(), to, file)
		require.ErrorIs(t, err, archive.ErrForeign, name)
		require.Equal(t, len(before.clients)+s.Imported.Clients, len(read(t, to).clients), name)
		_, err = archive.Import(t.Context(), bytes.NewReader(file), archive.ImportConfig{To: to, Sealing: archive.Sealing{KeyID: key}, Merge: true})
		require.NoError(t, err, name)
		require.Equal(t, len(before.clients)+len(read(t, from).clients), len(read(t, to).clients), name)
	}
}

func auditAlone(t *testing.T, s full) error {
	t.Helper()
	require.NoError(t, s.Create(t.Context(), store.Client{ID: "gone"}, store.Change{}))
	return s.Delete(t.Context(), "gone", 1, store.Change{Audit: because(1, "delete").Audit})
}

func reservationAlone(t *testing.T, s full) error {
	t.Helper()
	require.NoError(t, s.Create(t.Context(), store.Client{ID: "gone"}, store.Change{Reservation: because(9999, "own").Reservation}))
	return s.Delete(t.Context(), "gone", 1, store.Change{})
}

func TestAConflictNamesTheLineAndTheClient(t *testing.T) {
	from, to := memory(), memory()
	fill(t, from, 700)
	other := record(6)
	other.OrgID = "another"
	require.NoError(t, to.Create(t.Context(), other, store.Change{}))
	_, err := into(t.Context(), to, export(t, from))
	require.ErrorIs(t, err, store.ErrExists)
	assert.Regexp(t, `^archive: line 7: client "client-00006" is in the store with another content: `, err.Error()) // client-00002 was deleted
	require.Len(t, read(t, to).clients, 1)

	// Another client with the unique key is a conflict of the batch.
	to = memory()
	require.NoError(t, to.Create(t.Context(), store.Client{ID: "client-00003x", UniqueKey: other.UniqueKey}, store.Change{}))
	_, err = archive.Import(t.Context(), bytes.NewReader(export(t, from)),
		archive.ImportConfig{To: to, Sealing: archive.Sealing{KeyID: key}, Merge: true})
	require.ErrorIs(t, err, store.ErrExists)
	assert.Regexp(t, `^archive: lines 1 to 500: `, err.Error())
	require.Len(t, read(t, to).clients, 1)
}
