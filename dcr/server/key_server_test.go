package server_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/ssa"
)

// keyServer answers at the path of a software's key set as it is told, and passes all else on.
type keyServer struct {
	path, body, media string
	status            int // 0: err
	err               error
	next              http.RoundTripper
}

func (k *keyServer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path != k.path {
		return k.next.RoundTrip(r)
	}
	if k.status == 0 {
		return nil, k.err
	}
	return &http.Response{StatusCode: k.status, Header: http.Header{"Content-Type": {k.media}},
		Body: io.NopCloser(strings.NewReader(k.body)), ContentLength: int64(len(k.body)), Request: r}, nil
}

// What a TPP is told whose key server answers so: 400 where only the TPP can mend it, and 503
// where the answer may be another one in a moment.
func TestWhatATPPIsToldOfItsKeyServer(t *testing.T) {
	const none = "no key is published at the address of the key set in the software statement, as read at "
	const down = "the key set of the software cannot be read at the moment"
	for name, c := range map[string]struct {
		server keyServer
		status int
		says   string
		retry  string
		log    string // the cause of 503
	}{
		"an empty set": {keyServer{status: 200, body: `{"keys":[]}`}, 400, none, "", ""},
		"410":          {keyServer{status: 410}, 400, none, "", ""},
		"404":          {keyServer{status: 404}, 503, down, "5", "the status of the answer is 404"},
		"a page":       {keyServer{status: 200, body: "<html>", media: "text/html"}, 503, down, "10", "it is not of one Content-Type that is JSON or admitted"},
		"301":          {keyServer{status: 301}, 503, down, "10", "its status is 301, not 200; redirects are not followed"},
		"500":          {keyServer{status: 500}, 503, down, "10", `its status is 500, not 200"`},
		"503":          {keyServer{status: 503}, 503, down, "10", `its status is 503, not 200"`},
		"nothing":      {keyServer{err: context.DeadlineExceeded}, 503, down, "10", "it took too long"},
		"a reset":      {keyServer{err: syscall.ECONNRESET}, 503, down, "10", "the connection failed"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			server := c.server
			server.path, server.next = strings.TrimPrefix(w.software.JWKSURL(), w.directory.URL()), w.directory.Client().Transport
			if server.media == "" {
				server.media = "application/json"
			}
			keys, err := ssa.NewRemoteKeys(ssa.RemoteConfig{Transport: &server,
				Sources: []ssa.RemoteSource{{Hosts: w.directory.RemoteSource().Hosts}}})
			require.NoError(t, err)
			t.Cleanup(keys.Close)
			w.config.Keys.Resolver = keys
			var log logged
			w.config.Logger = slog.New(slog.NewTextHandler(&log, nil))
			_, client, bank := w.serve(t, w.bank(t))
			answer, err := client.Post(bank+"/register", "application/jwt", strings.NewReader(sent{}.token(t, w)))
			require.NoError(t, err)
			defer answer.Body.Close()
			require.Equal(t, c.status, answer.StatusCode)
			require.Equal(t, c.retry, answer.Header.Get("Retry-After"))
			body, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			require.Contains(t, string(body), c.says)
			if c.status == http.StatusServiceUnavailable {
				require.Regexp(t, `level=ERROR msg="a request failed".*error=.*`+w.directory.RemoteSource().Hosts[0]+": .*"+c.log, log.text())
			}
			if c.status == http.StatusBadRequest {
				require.Contains(t, string(body), `"invalid_client_metadata"`)
				require.Contains(t, string(body), "only the TPP can mend it: publish the signing key, then send again from ")
				require.Contains(t, string(body), "(request.key.found)")
			}
			clients, err := w.store.List(context.Background(), "", 1)
			require.NoError(t, err)
			require.Empty(t, clients)
		})
	}
}
