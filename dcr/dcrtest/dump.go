package dcrtest

import (
	"fmt"
	"testing"
)

// String shows what was sent and what came back.
func (e *Exchange) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return fmt.Sprintf("sent: %s\nanswer: %d", e.verb, e.status)
}

// dump logs the last exchanges of a test that failed.
func (p *TPP) dump() {
	if !p.t.Failed() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.last {
		p.t.Log(e)
	}
}

func (b *Bank) dump(t testing.TB) {
	if t.Failed() {
		t.Log(b.Log())
	}
}
