package cert_test

import (
	"context"
	"testing"

	"github.com/obdcr/obdcr/cert"
)

// BenchmarkCheck judges the certificate of one connection again and again, as a
// Registrar does for its requests: with the chain left to TLS, with one that the checker
// remembers, and with one that it sees for the first time.
func BenchmarkCheck(b *testing.B) {
	p := newPKI(b)
	leaf := p.issuing.transport(b)
	software := ownerOf(leaf)
	config := cert.CheckerConfig{Bindings: []cert.Binding{cert.ByPublicKey}, Clock: clock}
	chained := config
	chained.Authorities = p.authorities
	revocable := chained
	revocable.Revocation = p.lists(b)
	for _, c := range []struct {
		name   string
		config cert.CheckerConfig
		cold   bool
	}{
		{"no authorities", config, false}, {"warm", chained, false}, {"warm with CRLs", revocable, false}, {"cold", chained, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			checker, err := cert.NewChecker(c.config)
			b.ReportAllocs()
			for b.Loop() {
				if c.cold {
					checker, err = cert.NewChecker(c.config)
				}
				if err != nil {
					b.Fatal(err)
				}
				if _, err := checker.Check(context.Background(), leaf, software); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkIdentify(b *testing.B) {
	leaf := newPKI(b).issuing.transport(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := cert.Identify(leaf); err != nil {
			b.Fatal(err)
		}
	}
}
