package service

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/dcr/server"
)

// TestTheServerForOperatorsLogsConnectionsAsTheBank: out of descriptors is an error, which a
// flood does not repeat.
func TestTheServerForOperatorsLogsConnectionsAsTheBank(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	bank := dcrtest.NewBank(t, dcrtest.WithServerConfig(func(c *server.Config) { c.Logger = log })).Server()
	s := (&running{config: &Config{}, bank: bank, log: log}).adminServer()
	for range 100 {
		s.ErrorLog.Print("http: Accept error: accept tcp 127.0.0.1:9090: accept4: too many open files; retrying in 5ms")
	}
	require.Equal(t, 5, strings.Count(out.String(), "level=ERROR"))
	require.Contains(t, out.String(), "LimitNOFILE")
	bank.Close()
	require.Contains(t, out.String(), "left_out=95")
}
