package main

import (
	"crypto/tls"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/hangtest"
)

// TestASignalEndsALintOfManyFilesWithAWholeReport: the files wait for a key set that never
// comes.
func TestASignalEndsALintOfManyFilesWithAWholeReport(t *testing.T) {
	directory, software := newSoftware(t)
	own, err := directory.ServerCertificate("127.0.0.1")
	require.NoError(t, err)
	token, err := minter{directory, software}.mint("request", nil)
	require.NoError(t, err)
	for _, format := range []string{"json", "sarif", "junit"} {
		arrived := make(chan struct{})
		var once sync.Once
		silent := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			once.Do(func() { close(arrived) })
			hangtest.Hang(w, r)
		}))
		silent.TLS = &tls.Config{Certificates: []tls.Certificate{own}}
		silent.StartTLS()
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "ca.pem"), directory.CAPEM(), 0o600))
		for i := range 20 {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "r"+strconv.Itoa(i)+".jwt"), []byte(token), 0o600))
		}
		r := &running{dir: dir, out: newOutput(), err: newOutput(), ended: make(chan struct{})}
		r.cmd = exec.Command(program(t, "obdcr"), "lint", ".", "-o", format, "--ssa-jwks", silent.URL+"/keys.jwks", "--ca", "ca.pem")
		r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = dir, r.out, r.err
		r.run(t)
		r.interrupt(t, arrived)
		silent.Close()
		require.Contains(t, r.err.String(), "interrupted: ")
		if format == "junit" {
			require.NoError(t, xml.Unmarshal([]byte(r.out.String()), new(struct{})), r.out.String())
			continue
		}
		require.True(t, json.Valid([]byte(r.out.String())), r.out.String())
		if format == "sarif" {
			require.Contains(t, r.out.String(), `"executionSuccessful": false`)
		}
	}
}
