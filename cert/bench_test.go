package cert_test

import (
	"context"
	"testing"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
)

// BenchmarkCheck judges the certificate of one connection again and again, as a
// Registrar does for its requests.
func BenchmarkCheck(b *testing.B) {
	p := newPKI(b)
	leaf := p.issuing.transport(b)
	checker, err := cert.NewChecker(cert.CheckerConfig{Bindings: []cert.Binding{cert.ByPublicKey}, Clock: clock})
	if err != nil {
		b.Fatal(err)
	}
	software := cert.Software{Environment: claims.Sandbox, Keys: published(keyOf("a", leaf))}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := checker.Check(context.Background(), leaf, software); err != nil {
			b.Fatal(err)
		}
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
