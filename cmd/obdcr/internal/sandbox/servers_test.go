package sandbox

import (
	"context"
	"crypto/tls"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTheServersHaveTheLimitsOfABank: directory and portal are as open to strangers as the bank.
func TestTheServersHaveTheLimitsOfABank(t *testing.T) {
	s, err := Start(context.Background(), Config{Dir: t.TempDir(), Seed: "s", Listen: "127.0.0.1:0", Directory: "127.0.0.1:0"})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close(context.Background())) }()
	require.Len(t, s.servers, 3)
	for _, server := range s.servers {
		require.Equal(t, []time.Duration{10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute},
			[]time.Duration{server.ReadHeaderTimeout, server.ReadTimeout, server.WriteTimeout, server.IdleTimeout})
		require.Equal(t, 64<<10, server.MaxHeaderBytes)
	}
	for _, at := range []string{s.bankAt.Addr().String(), s.keysAt.Addr().String(), s.portalAt.Addr().String()} {
		for suite, taken := range map[uint16]bool{
			tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: true, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: true,
			tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: false, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: false,
		} {
			connection, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}})
			require.Equal(t, taken, err == nil, "%s, %s: %v", at, tls.CipherSuiteName(suite), err)
			if err == nil {
				require.NoError(t, connection.Close())
			}
		}
	}
}
