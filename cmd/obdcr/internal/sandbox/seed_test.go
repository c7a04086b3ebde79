package sandbox_test

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/portaltest"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/sandbox"
	"github.com/obdcr/obdcr/internal/realtest"
)

// aTime is where the clock of a sandbox starts in these tests.
var aTime = time.Date(2035, 6, 7, 8, 9, 10, 0, time.UTC)

// onPorts is a Config by which two sandboxes have the same addresses, one after the other.
func onPorts(t *testing.T) func(seed string, at time.Time) sandbox.Config {
	t.Helper()
	bank, portal, directory := realtest.FreeAddress(t), realtest.FreeAddress(t), realtest.FreeAddress(t)
	return func(seed string, at time.Time) sandbox.Config {
		return sandbox.Config{Dir: filepath.Join(t.TempDir(), "sandbox"), Listen: bank, Portal: portal, Directory: directory, Seed: seed, StartAt: at}
	}
}

// contents returns the files of a folder.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, path))
		all[path] = string(data)
		return err
	}))
	return all
}

// TestTheSameSeedAndClockGiveTheSameFiles, to the byte, and only a seed and a clock together
// give the same tokens.
func TestTheSameSeedAndClockGiveTheSameFiles(t *testing.T) {
	config := onPorts(t)
	run := func(seed string, at time.Time) map[string]string {
		w := start(t, config(seed, at))
		w.stop()
		return contents(t, w.dir)
	}
	first := run("a test", aTime)
	require.Greater(t, len(first), 20)
	require.Equal(t, first, run("a test", aTime))
	sameKeys := run("a test", time.Time{})
	other := run("another", aTime)
	for name, text := range first {
		switch name {
		case "tpp/ssa.jwt", "tpp/ssa.json", "tpp/request.jwt", "conformance.json":
			assert.NotEqual(t, text, sameKeys[name], "%s has the time", name)
		default:
			assert.Equal(t, text, sameKeys[name], name)
		}
		switch name {
		case "tpp/p12.password", "state/lock", "policy.json", "directory.json":
		default:
			assert.NotEqual(t, text, other[name], name)
		}
	}
}

// TestASecondStartWithASeedMakesNewTokens: the jti of the request may have been used up.
func TestASecondStartWithASeedMakesNewTokens(t *testing.T) {
	c := onPorts(t)("x", aTime)
	c.Store = sandbox.StoreSQLite
	var before map[string]string
	for range 2 {
		w := start(t, c)
		require.Equal(t, http.StatusCreated, w.register(w.mutual(), string(w.file("tpp/request.jwt"))).status)
		w.stop()
		after := contents(t, w.dir)
		require.NotEqual(t, before["tpp/request.jwt"], after["tpp/request.jwt"])
		if before != nil {
			require.Equal(t, before["tpp/signing.p12"], after["tpp/signing.p12"])
			require.Equal(t, before["ca.pem"], after["ca.pem"])
		}
		before = after
	}
}

func TestAFolderKeepsItsSeed(t *testing.T) {
	seeded, drawn := t.TempDir(), folderWithKeys(t)
	start(t, sandbox.Config{Dir: seeded, Seed: "one"}).stop()
	start(t, sandbox.Config{Dir: drawn}).stop()
	for name, c := range map[string]sandbox.Config{
		"another": {Dir: seeded, Seed: "two"}, "none": {Dir: seeded}, "a seed where there was none": {Dir: drawn, Seed: "one"},
	} {
		before := contents(t, c.Dir)
		_, err := sandbox.Start(t.Context(), c)
		var usage *sandbox.UsageError
		require.ErrorAs(t, err, &usage, name)
		require.Contains(t, usage.Reason, c.Dir)
		require.Contains(t, usage.Reason, "--seed")
		require.Equal(t, before, contents(t, c.Dir), name)
	}
	start(t, sandbox.Config{Dir: seeded, Seed: "one"}).stop()
}

func TestAWrongSeedOrClockIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	for name, c := range map[string]sandbox.Config{
		"a newline":               {Seed: "a\nb"},
		"a null byte":             {Seed: "a\x00b"},
		"no UTF-8":                {Seed: "\xff"},
		"a huge seed":             {Seed: strings.Repeat("s", 201)},
		"public keys for all":     {Seed: "s", Expose: []string{"bank"}},
		"nothing to expose":       {Seed: "s", ExposePublicKeys: true},
		"no seed to expose":       {Expose: []string{"bank"}, ExposePublicKeys: true},
		"1969":                    {StartAt: time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC)},
		"the first day of all":    {StartAt: time.Date(1970, 1, 1, 23, 59, 59, 0, time.UTC)},
		"the last day of 2099":    {StartAt: time.Date(2099, 12, 31, 0, 0, 0, 0, time.UTC)},
		"2100":                    {StartAt: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)},
		"the first year of years": {StartAt: time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC)},
	} {
		c.Dir = dir
		_, err := sandbox.Start(t.Context(), c)
		var usage *sandbox.UsageError
		require.ErrorAs(t, err, &usage, name)
		require.NoDirExists(t, dir, name)
	}
	start(t, sandbox.Config{Seed: strings.Repeat("ü", 100), Dir: t.TempDir()}).stop()
	start(t, sandbox.Config{Seed: "s", Expose: []string{"bank.test"}, ExposePublicKeys: true, Dir: t.TempDir()}).stop()
}

// TestEverythingGoesByTheClock: statements, requests, tokens, the portal's sessions and
// health, for clients whose own clock is the real one, at the ends of the range too.
func TestEverythingGoesByTheClock(t *testing.T) {
	for name, c := range map[string]sandbox.Config{
		"the first time":  {StartAt: time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC), Seed: "s"},
		"the last time":   {StartAt: time.Date(2099, 12, 30, 23, 59, 59, 0, time.UTC), Seed: "s"},
		"without a seed":  {StartAt: aTime, Dir: folderWithKeys(t)},
		"kept in SQLite":  {StartAt: aTime, Seed: "s", Store: sandbox.StoreSQLite},
		"long ago, 2020s": {StartAt: time.Date(2021, 2, 3, 4, 5, 6, 0, time.UTC), Seed: "s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.Dir == "" {
				c.Dir = t.TempDir()
			}
			w := start(t, c)
			var statement struct {
				IssuedAt int64 `json:"iat"`
			}
			w.json("tpp/ssa.json", &statement)
			require.Equal(t, c.StartAt.Unix(), statement.IssuedAt, "the clock stands until the sandbox is up")
			r := w.register(w.mutual(), string(w.file("tpp/request.jwt")))
			require.Equal(t, http.StatusCreated, r.status, r.body)
			for _, address := range []string{w.Ready.Bank + "/readyz", w.Ready.Portal + "/readyz", w.Ready.Directory + "/keys.jwks", w.Ready.Bank + "/nothing"} {
				r := send(t, w.client(), http.MethodGet, address, "")
				at, err := http.ParseTime(r.header.Get("Date"))
				require.NoError(t, err)
				require.WithinRange(t, at, c.StartAt, c.StartAt.Add(time.Hour), address)
			}
			b := portaltest.New(t, w.roots(), func(address string) string { return address })
			b.SignIn(w.Ready.Portal, "ada@tpp.example", "sandbox", "123456")
			require.Equal(t, http.StatusOK, b.Status, b.Body)
			b.Get(w.Ready.Portal + "/")
			require.Equal(t, http.StatusOK, b.Status, b.Body)
			require.Contains(t, b.Body, "Ada Contact", "the session is there")
			b.Add(w.Ready.Portal, w.ssa(`{"software_id": "another"}`))
			require.Equal(t, http.StatusOK, b.Status, b.Body)
		})
	}
}

// TestAClockNeedsCertificatesOfItsTime: a folder of a start without --clock has a CA that is
// valid for 20 years, and certificates of 13 months, which are issued anew.
func TestAClockNeedsCertificatesOfItsTime(t *testing.T) {
	dir := folderWithKeys(t)
	start(t, sandbox.Config{Dir: dir}).stop()
	for _, at := range []time.Time{time.Now().AddDate(-1, 0, 0), time.Now().AddDate(30, 0, 0)} {
		_, err := sandbox.Start(t.Context(), sandbox.Config{Dir: dir, StartAt: at})
		var usage *sandbox.UsageError
		require.ErrorAs(t, err, &usage)
		require.Contains(t, usage.Reason, "ca.pem")
	}
	w := start(t, sandbox.Config{Dir: dir, StartAt: time.Now().AddDate(5, 0, 0)})
	require.Equal(t, 1970, w.certificate("tpp/transport.pem").NotBefore.Year())
	require.Equal(t, http.StatusCreated, w.register(w.mutual(), string(w.file("tpp/request.jwt"))).status)
	w.stop()
	w = start(t, sandbox.Config{Dir: dir})
	require.Equal(t, http.StatusCreated, w.register(w.mutual(), string(w.file("tpp/request.jwt"))).status)
}
