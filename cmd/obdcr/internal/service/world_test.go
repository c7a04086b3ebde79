package service_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/service"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/servicetest"
)

// world is what a bank is made from.
type world struct{ *servicetest.World }

func newWorld(t *testing.T) *world { return &world{servicetest.New(t)} }

// served is a bank that serves in this process.
type served struct {
	address, admin, portal string
	log                    *journal
	reload                 chan os.Signal
	stop                   context.CancelFunc
	ended                  chan error
}

// journal is a log that a test reads while the bank writes it.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (w *world) load(t *testing.T, config string) *service.Config {
	t.Helper()
	w.Write(t, "bank.yaml", config)
	c, err := service.Load(w.Path("bank.yaml"))
	require.NoError(t, err)
	return c
}

// serve serves a configuration until the end of the test.
func (w *world) serve(t *testing.T, config string) *served {
	t.Helper()
	s := &served{log: &journal{}, reload: make(chan os.Signal, 1), ended: make(chan error, 1)}
	c := w.load(t, config)
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	ready := make(chan struct{})
	go func() {
		s.ended <- service.Run(ctx, c, service.Options{Log: s.log, Reload: s.reload, Ready: func(at service.Addresses) {
			s.address, s.admin, s.portal = at.Bank, at.Admin, at.Portal
			close(ready)
		}})
	}()
	select {
	case <-ready:
	case err := <-s.ended:
		require.NoError(t, err)
	}
	t.Cleanup(func() { stop(); assert.NoError(t, <-s.ended) })
	return s
}

// status asks for an address over plain HTTP.
func status(t *testing.T, address string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(t, err)
	answer, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return answer.StatusCode
}

// metric is the line of /metrics that begins with a name and its labels.
func metric(t *testing.T, admin, name string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+admin+"/metrics", http.NoBody)
	require.NoError(t, err)
	answer, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	defer func() { assert.NoError(t, answer.Body.Close()) }()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, name) {
			return line
		}
	}
	require.Fail(t, "not served", name)
	return ""
}

// replaceOnce replaces a text that stands there once.
func replaceOnce(t *testing.T, s, old, next string) string {
	t.Helper()
	require.Equal(t, 1, strings.Count(s, old), "%q", old)
	return strings.Replace(s, old, next, 1)
}
