package server_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/tpp"
)

// fewDescriptors is set for the process of a bank that may open few files.
const fewDescriptors = "BANK_WITH_FEW_DESCRIPTORS"

// TestABankThatMayOpenFewFiles runs in another process, for the test below.
func TestABankThatMayOpenFewFiles(t *testing.T) {
	if os.Getenv(fewDescriptors) == "" {
		return
	}
	w := newWorld(t)
	w.config.Logger = slog.New(slog.NewJSONHandler(os.Stderr, nil))
	s := w.bank(t).HTTPServer()
	s.ReadHeaderTimeout = time.Second / 2
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 64, Max: 64}))
	served := make(chan error, 1)
	go func() { served <- s.ServeTLS(l, "", "") }()
	fmt.Fprintln(os.Stderr, `{"msg":"serves","address":"`+l.Addr().String()+`"}`)
	_, _ = io.Copy(io.Discard, os.Stdin) // until the other process closes it
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(t, s.Shutdown(ctx))
	require.ErrorIs(t, <-served, http.ErrServerClosed)
}

// TestABankOutOfDescriptorsSaysSoAndRecovers: 200 connections that say nothing meet a bank
// that may have 64 files open.
func TestABankOutOfDescriptorsSaysSoAndRecovers(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestABankThatMayOpenFewFiles$")
	cmd.Env = append(cmd.Environ(), fewDescriptors+"=1")
	end, err := cmd.StdinPipe()
	require.NoError(t, err)
	said, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(said)
	until := func(msg, level string) (found struct{ Msg, Level, Address, Error, Do string }) {
		for lines.Scan() {
			if json.Unmarshal(lines.Bytes(), &found) == nil && strings.HasPrefix(found.Msg, msg) && found.Level == level {
				return found
			}
		}
		require.Fail(t, "the bank has ended", lines.Text())
		return found
	}
	address := until("serves", "").Address
	for range 200 {
		c, err := net.Dial("tcp", address)
		require.NoError(t, err)
		defer func() { _ = c.Close() }()
	}
	failed := until("connection", "ERROR")
	require.Contains(t, failed.Error, "too many open files")
	require.Contains(t, failed.Do, "raise the limit")
	client := tpp.MutualTLS(tls.Certificate{}, nil)
	client.Transport.(*http.Transport).TLSClientConfig.InsecureSkipVerify = true // its CA is in the other process
	answeredInTheEnd(t, client, "https://"+address)
	require.NoError(t, end.Close())
	rest := 0
	for lines.Scan() {
		rest++
	}
	require.Less(t, rest, 50, "the log is bounded")
	require.NoError(t, cmd.Wait(), "it has lived on")
}
