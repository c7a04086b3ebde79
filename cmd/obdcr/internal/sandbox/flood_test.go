package sandbox_test

import (
	"bytes"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/sandbox"
	"github.com/obdcr/obdcr/internal/fulltest"
)

// TestAStartAmidManyHandshakesRefusesNobody: bank, directory and clients share one
// processor. No key set is read yet when all connect at once.
func TestAStartAmidManyHandshakesRefusesNobody(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	w := start(t, sandbox.Config{})
	requests := make([]string, fulltest.Rounds(20))
	statement := string(w.file("tpp/ssa.jwt"))
	for i := range requests {
		requests[i] = w.sign(w.request(statement))
	}
	clients := make([]*http.Client, len(requests))
	for i := range clients {
		clients[i] = w.mutual()
		clients[i].Timeout = 5 * time.Minute
	}
	statuses := make(chan int, len(requests))
	var all sync.WaitGroup
	for i, request := range requests {
		all.Go(func() {
			r, err := clients[i].Post(w.Ready.RegistrationEndpoint, "application/jwt", strings.NewReader(request))
			if err == nil {
				statuses <- r.StatusCode
				err = r.Body.Close()
			}
			if err != nil {
				t.Log(err) // a machine that is slow enough meets the limit of a handshake
				statuses <- 0
			}
		})
	}
	all.Wait()
	close(statuses)
	answered := map[int]int{}
	for status := range statuses {
		answered[status]++
	}
	served := answered[http.StatusCreated]
	delete(answered, http.StatusCreated)
	delete(answered, 0)
	require.Empty(t, answered, "whoever is answered is registered")
	require.GreaterOrEqual(t, served, len(requests)/2)
}

// TestBothServersLogAFloodInSummary: connections that say nothing, to the bank and to the
// directory.
func TestBothServersLogAFloodInSummary(t *testing.T) {
	var out bytes.Buffer // read after the end of the sandbox
	w := start(t, sandbox.Config{Logger: slog.New(slog.NewTextHandler(&out, nil))})
	const each = 30
	for _, address := range []string{w.Ready.Bank, w.Ready.Directory} {
		for range each {
			c, err := net.Dial("tcp", strings.TrimPrefix(address, "https://"))
			require.NoError(t, err)
			require.NoError(t, c.(*net.TCPConn).CloseWrite())
			_, _ = c.Read(make([]byte, 1)) // until the server has ended it
			require.NoError(t, c.Close())
		}
	}
	w.stop()
	told := strings.Count(out.String(), "msg=connection ")
	require.Less(t, told, each)
	for _, left := range regexp.MustCompile(`left_out=(\d+)`).FindAllStringSubmatch(out.String(), -1) {
		n, err := strconv.Atoi(left[1])
		require.NoError(t, err)
		told += n
	}
	require.Equal(t, 2*each, told)
}
