package dcrtest

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
)

// AuthorizationServer is a dcr.Provisioner that keeps its clients in memory and misbehaves on
// demand. Only NewAuthorizationServer makes one. Give it to banks by WithProvisioner.
type AuthorizationServer struct {
	ended chan struct{}

	mu          sync.Mutex
	clients     map[string]store.Client // by client_id
	provision   ProvisionFault
	deprovision ProvisionFault
	calls       int
}

// ProvisionFault is how an AuthorizationServer misbehaves. What is not set is as it should be.
type ProvisionFault struct {
	Delay  time.Duration // before all else
	Hang   bool          // no answer until the bank gives up
	Err    error         // the answer: a *dcr.Refusal is for good, any other an outage
	AndYet bool          // with Hang and Err: the server has done what it was asked for
	Times  int           // after so many calls the fault is over; 0: it lasts
}

// NewAuthorizationServer makes an AuthorizationServer. Calls that hang end with the test.
func NewAuthorizationServer(t testing.TB) *AuthorizationServer {
	a := &AuthorizationServer{ended: make(chan struct{}), clients: map[string]store.Client{}}
	t.Cleanup(func() { close(a.ended) })
	return a
}

// OnProvision sets the fault of Provision. The zero ProvisionFault ends it.
func (a *AuthorizationServer) OnProvision(f ProvisionFault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.provision = f
}

// OnDeprovision sets the fault of Deprovision. The zero ProvisionFault ends it.
func (a *AuthorizationServer) OnDeprovision(f ProvisionFault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.deprovision = f
}

// ClientIDs are the clients that the server has, sorted.
func (a *AuthorizationServer) ClientIDs() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Keys(a.clients))
}

// Client is the record of a client as the bank gave it. ok tells whether the server has it.
func (a *AuthorizationServer) Client(clientID string) (record store.Client, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	record, ok = a.clients[clientID]
	return record.Clone(), ok
}

// Calls is how often the bank has called the server.
func (a *AuthorizationServer) Calls() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls
}

// Provision implements dcr.Provisioner.
func (a *AuthorizationServer) Provision(ctx context.Context, p dcr.Provisioning) (dcr.Provisioned, error) {
	return dcr.Provisioned{}, a.do(ctx, &a.provision, func() {
		record := p.Client.Clone()
		record.ClientID = p.ClientID
		a.clients[p.ClientID] = record
	})
}

// Deprovision implements dcr.Provisioner.
func (a *AuthorizationServer) Deprovision(ctx context.Context, d dcr.Deprovisioning) error {
	return a.do(ctx, &a.deprovision, func() { delete(a.clients, d.ClientID) })
}

// do does a piece of work as a fault says.
func (a *AuthorizationServer) do(ctx context.Context, fault *ProvisionFault, work func()) error {
	a.mu.Lock()
	a.calls++
	f := *fault
	if fault.Times > 0 {
		if fault.Times--; fault.Times == 0 {
			*fault = ProvisionFault{}
		}
	}
	a.mu.Unlock()
	if f.Delay > 0 {
		if err := a.wait(ctx, time.After(f.Delay)); err != nil {
			return err
		}
	}
	if !f.Hang && f.Err == nil || f.AndYet {
		a.mu.Lock()
		work()
		a.mu.Unlock()
	}
	if f.Hang {
		return a.wait(ctx, nil)
	}
	return f.Err
}

// wait waits for a time, the end of the context or that of the test.
func (a *AuthorizationServer) wait(ctx context.Context, over <-chan time.Time) error {
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-a.ended:
		return context.Canceled
	}
}
