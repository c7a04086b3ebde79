package bench

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
)

const (
	tailStore  = "OBDCR_BENCH_STORE" // of the server process: memory or sqlite
	tailRounds = 4
	tailConns  = 32
)

// TestMain is the server of BenchmarkTails if the environment names a store.
func TestMain(m *testing.M) {
	kind, served := os.LookupEnv(tailStore)
	if !served {
		os.Exit(m.Run())
	}
	if err := serveTails(context.Background(), kind); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// tailBank is what the server process tells of itself.
type tailBank struct {
	Address, Request string
	CA, Key          []byte
	Chain            [][]byte
}

// renewing gives each registration a jti of its own, so that one signed request serves for
// all: signing takes longer than registering.
type renewing struct {
	store.Store
	last atomic.Int64
}

func (r *renewing) Create(ctx context.Context, c store.Client, with store.Change) error {
	with.Reservation.JTI = strconv.FormatInt(r.last.Add(1), 10)
	return r.Store.Create(ctx, c, with)
}

// serveTails is a bank with mutual TLS, until standard input ends.
func serveTails(ctx context.Context, kind string) error {
	directory, err := ssatest.New(ssatest.Options{})
	if err != nil {
		return err
	}
	defer directory.Close()
	software, err := directory.NewSoftware(ssatest.SoftwareOptions{})
	if err != nil {
		return err
	}
	own, err := directory.ServerCertificate("127.0.0.1")
	if err != nil {
		return err
	}
	clients, closeStore, err := tailClients(ctx, kind)
	if err != nil {
		return err
	}
	defer closeStore()
	anchor := directory.Anchor()
	anchor.Algorithms, anchor.MaxAge = nil, 0
	bank, err := server.New(server.Config{Issuer: "https://bank.example", Audiences: []string{ssatest.DefaultAudience}, Anchors: []ssa.Anchor{anchor},
		Keys: server.KeyConfig{Resolver: directory.Resolver()}, Store: &renewing{Store: clients}, TokenEndpoint: true,
		Clients: server.CertificateConfig{Server: []tls.Certificate{own},
			Trust: cert.TrustPolicy{Authorities: map[claims.Environment][]*x509.Certificate{claims.Sandbox: {directory.CA}}}}})
	if err != nil {
		return err
	}
	defer bank.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	told := tailBank{Address: "https://" + listener.Addr().String() + "/register", CA: directory.CA.Raw, Chain: software.TransportCertificate.Certificate}
	request := software.Request(ssatest.DefaultAudience)
	if told.Request, err = software.Sign(&request); err != nil {
		return err
	}
	if told.Key, err = x509.MarshalPKCS8PrivateKey(software.TransportCertificate.PrivateKey); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	go func() { // the parent closes the other end, or is gone
		defer stop()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	if err := gob.NewEncoder(os.Stdout).Encode(told); err != nil {
		return err
	}
	return bank.Serve(ctx, listener)
}

func tailClients(ctx context.Context, kind string) (store.Store, func(), error) {
	if kind == "memory" {
		return store.NewMemory(nil), func() {}, nil
	}
	folder, err := os.MkdirTemp("", "tails")
	if err != nil {
		return nil, nil, err
	}
	clients, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(folder, "clients.db")})
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(folder))
	}
	return clients, func() { _ = errors.Join(clients.Close(), os.RemoveAll(folder)) }, nil
}

// BenchmarkTails registers clients over 32 connections with mutual TLS at a server process of
// one processor (GOMAXPROCS=1), which the sender keeps busy all the time: with the store in
// memory and in SQLite by turns, each time at a new process. It reports how long requests
// took, of each store, and the tail of SQLite as a multiple of that of memory.
func BenchmarkTails(b *testing.B) {
	took := map[string][]time.Duration{}
	for range tailRounds {
		for _, kind := range []string{"memory", "sqlite"} {
			took[kind] = append(took[kind], measureTails(b, kind, max(b.N/tailRounds, 4*tailConns))...)
		}
	}
	at := func(kind string, part float64) float64 {
		slices.Sort(took[kind])
		return float64(took[kind][int(part*float64(len(took[kind])-1))]) / float64(time.Millisecond)
	}
	b.ReportMetric(0, "ns/op") // a mean says nothing here
	for _, kind := range []string{"memory", "sqlite"} {
		for name, part := range map[string]float64{"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1} {
			b.ReportMetric(at(kind, part), kind+"-"+name+"-ms")
		}
		b.ReportMetric(at(kind, 1)/at(kind, 0.99), kind+"-max-of-p99")
	}
	b.ReportMetric(at("sqlite", 0.999)/at("memory", 0.999), "p99.9-of-memory")
}

// measureTails starts a server, sends n requests and returns how long each took. The first of
// each connection, with its handshake, does not count.
func measureTails(b *testing.B, kind string, n int) []time.Duration {
	b.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	process := exec.Command(os.Args[0])
	process.Env = append(os.Environ(), tailStore+"="+kind, "GOMAXPROCS=1")
	process.Stderr = os.Stderr
	input, err := process.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	output, err := process.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := process.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := errors.Join(input.Close(), process.Wait()); err != nil {
			b.Fatal(err)
		}
	}()
	var bank tailBank
	if err := gob.NewDecoder(output).Decode(&bank); err != nil {
		b.Fatal(err)
	}
	var sent atomic.Int64
	var mu sync.Mutex
	var all []time.Duration
	var senders sync.WaitGroup
	for range tailConns {
		senders.Go(func() {
			client, close := bank.client()
			defer close()
			var mine []time.Duration
			for first := true; sent.Add(1) <= int64(n); first = false {
				start := time.Now()
				if err := bank.post(client); err != nil {
					b.Error(err)
					return
				}
				if !first {
					mine = append(mine, time.Since(start))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, mine...)
		})
	}
	senders.Wait()
	return all
}

// client makes a connection of its own.
func (bank *tailBank) client() (*http.Client, func()) {
	roots := x509.NewCertPool()
	if ca, err := x509.ParseCertificate(bank.CA); err == nil {
		roots.AddCert(ca)
	}
	key, _ := x509.ParsePKCS8PrivateKey(bank.Key) // a fault shows in the first handshake
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots,
		Certificates: []tls.Certificate{{Certificate: bank.Chain, PrivateKey: key}}}}
	return &http.Client{Transport: transport, Timeout: time.Minute}, transport.CloseIdleConnections
}

func (bank *tailBank) post(client *http.Client) error {
	answer, err := client.Post(bank.Address, "application/jwt", strings.NewReader(bank.Request))
	if err != nil {
		return err
	}
	body, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusCreated {
		return fmt.Errorf("%d: %s", answer.StatusCode, body)
	}
	return nil
}
