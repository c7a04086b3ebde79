package realtest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAPostgresKeepsItsDataThroughEveryEnd(t *testing.T) {
	t.Parallel()
	if !Long(t) {
		return
	}
	p, ok := StartPostgres(t, FastPostgres)
	if !ok {
		return
	}
	db := p.Database(t)
	require.Contains(t, p.DSN(db), p.Address()+"/"+db)
	p.SQL(t, db, "CREATE TABLE kept (n int)")
	for n, end := range []func(){
		func() { p.Restart(t, Fast) },
		func() { p.Restart(t, Immediate) },
		func() { p.Kill(); p.Start(t) },
	} {
		p.SQL(t, db, fmt.Sprintf("INSERT INTO kept VALUES (%d)", n))
		end()
		require.Equal(t, strconv.Itoa(n+1), p.SQL(t, db, "SELECT count(*) FROM kept"))
	}
	p.Stop(t, Fast)
	_, err := p.TrySQL(db, "SELECT 1")
	require.Error(t, err)
}

func TestAStandbyHasWhatItsPrimaryHasAnswered(t *testing.T) {
	t.Parallel()
	if !Long(t) {
		return
	}
	first, ok := StartPostgres(t, FastPostgres)
	if !ok {
		return
	}
	db := first.Database(t)
	first.SQL(t, db, "CREATE TABLE kept (n int)")
	second := first.Standby(t)
	for n := range 2 {
		first.SQL(t, db, fmt.Sprintf("INSERT INTO kept VALUES (%d)", n))
		first.Kill()
		second.Promote(t)
		require.Equal(t, strconv.Itoa(n+1), second.SQL(t, db, "SELECT count(*) FROM kept"))
		first.Follow(t, second)
		_, err := first.TrySQL(db, "INSERT INTO kept VALUES (9)")
		require.ErrorContains(t, err, "read-only")
		first, second = second, first
	}
}

func TestTestsShareAPostgres(t *testing.T) {
	if !Long(t) {
		return
	}
	p, ok := SharedPostgres(t)
	if !ok {
		return
	}
	again, _ := SharedPostgres(t)
	require.Same(t, p, again)
	var name string
	t.Run("a test with a database", func(t *testing.T) {
		name = p.Database(t)
		require.Equal(t, "1", p.SQL(t, name, "SELECT 1"))
	})
	_, err := p.TrySQL(name, "SELECT 1")
	require.ErrorContains(t, err, "does not exist")
}

func TestAPoolerStandsBeforeAPostgres(t *testing.T) {
	p, ok := SharedPostgres(t)
	if !ok {
		return
	}
	b, ok := StartPgBouncer(t, p, "transaction")
	if !ok {
		return
	}
	db := p.Database(t)
	out, err := exec.CommandContext(t.Context(), p.bin+"/psql", "-X", "-A", "-t", "-c", "SELECT current_user", b.DSN(db)).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, application+"\n", string(out))
	require.Positive(t, p.TerminateBackends(t), "the pooler keeps its connection")
}

// TestAPostgresThatIsLeftBehind runs in another process, for the test below.
func TestAPostgresThatIsLeftBehind(t *testing.T) {
	if os.Getenv("REALTEST_LEAVES_BEHIND") == "" {
		return
	}
	p, ok := StartPostgres(t, FastPostgres)
	require.True(t, ok)
	fmt.Println("folder", p.dir, p.server.cmd.Process.Pid)
	time.Sleep(time.Minute) // it is killed long before
}

func TestAPostgresEndsWithATestThatIsKilled(t *testing.T) {
	if !Long(t) {
		return
	}
	if _, ok := postgresPrograms(); !ok {
		Missing(t, "there is no PostgreSQL")
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestAPostgresThatIsLeftBehind$", "-test.v")
	cmd.Env = append(cmd.Environ(), "REALTEST_LEAVES_BEHIND=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var folder string
	lines := bufio.NewScanner(out)
	for folder == "" && lines.Scan() {
		if words := strings.Fields(lines.Text()); len(words) == 3 && words[0] == "folder" {
			folder = words[1]
		}
	}
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	require.NotEmpty(t, folder)
	t.Cleanup(func() { _ = os.RemoveAll(folder) }) // the guard cannot where the folder around is root's alone
	require.Eventually(t, func() bool {
		_, err := os.Stat(folder + "/data")
		return os.IsNotExist(err)
	}, 30*time.Second, 20*time.Millisecond, "the guard has stopped the server and removed its data")
}
