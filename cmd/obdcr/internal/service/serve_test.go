package service_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/service"
)

func TestServeWalksThroughTheLifeOfAClient(t *testing.T) {
	w := newWorld(t)
	s := w.serve(t, w.Config()+"store: {path: clients.db}\ntokens: {own_endpoint: true}\nadmin: {listen: 127.0.0.1:0}\n")
	client := w.Client(t, w.Software, s.address)
	registered, err := w.Register(t, client)
	require.NoError(t, err)
	access, err := client.AccessToken(t.Context(), registered.Credentials())
	require.NoError(t, err)
	read, err := client.Get(t.Context(), registered.ClientID, access)
	require.NoError(t, err)
	require.Equal(t, registered.ClientID, read.ClientID)
	require.NoError(t, client.Delete(t.Context(), registered.ClientID, access))
	for path, want := range map[string]int{"/metrics": http.StatusOK, "/healthz": http.StatusOK, "/readyz": http.StatusOK, "/register": http.StatusNotFound} {
		require.Equal(t, want, status(t, "http://"+s.admin+path), path)
	}
	require.FileExists(t, filepath.Join(w.Folder, "clients.db"), "beside the configuration")
}

func TestAnotherProgramOpensTheStoreOfAConfiguration(t *testing.T) {
	w := newWorld(t)
	c := w.load(t, w.Config()+"store: {path: clients.db}\ntokens: {own_endpoint: true}\n")
	s, err := service.OpenStore(t.Context(), c, nil, nil)
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

// TestAListenerForOperatorsThatEachNetworkReachesIsTold: the metrics are nobody else's.
func TestAListenerForOperatorsThatEachNetworkReachesIsTold(t *testing.T) {
	w := newWorld(t)
	for address, told := range map[string]bool{"127.0.0.1:9090": false, ":9090": true, "0.0.0.0:9090": true, "'[::]:9090'": true, "'[::1]:9090'": false} {
		var log bytes.Buffer
		c := w.load(t, w.Config()+goodStore+"admin: {listen: "+address+"}\n")
		require.NoError(t, c.Check(slog.New(slog.NewTextHandler(&log, nil))))
		require.Equal(t, told, strings.Contains(log.String(), "admin.listen"), "%s: %s", address, log.String())
	}
}
