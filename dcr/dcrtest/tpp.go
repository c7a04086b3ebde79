package dcrtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// TPP is a software that is enrolled at the directory of a Bank, and registers there. Only
// Bank.NewTPP and TPP.At make one. It is safe for concurrent use.
type TPP struct {
	t        testing.TB
	bank     *Bank
	software *ssatest.EnrolledSoftware
	options  []func(*tpp.RequestOptions)
	http     *http.Client

	mu   sync.Mutex
	last []*Exchange
}

// TPPOption changes one thing of a TPP.
type TPPOption struct{ apply func(*tppSettings) }

type tppSettings struct {
	fault    string // an option without its function
	software ssatest.SoftwareOptions
	options  []func(*tpp.RequestOptions)
}

// WithSoftware changes what software it is: its identifiers, roles, redirect URIs, algorithm.
func WithSoftware(change func(*ssatest.SoftwareOptions)) TPPOption {
	return TPPOption{func(s *tppSettings) {
		if change == nil {
			s.fault = "WithSoftware"
			return
		}
		change(&s.software)
	}}
}

// WithRequest changes what the software asks for in each request, such as another
// authentication method.
func WithRequest(change func(*tpp.RequestOptions)) TPPOption {
	return TPPOption{func(s *tppSettings) {
		if change == nil {
			s.fault = "WithRequest"
			return
		}
		s.options = append(s.options, change)
	}}
}

// NewTPP enrols a software at the directory of the bank, with keys that everybody has (ssatest).
func (b *Bank) NewTPP(t testing.TB, options ...TPPOption) *TPP {
	t.Helper()
	s := &tppSettings{}
	for _, o := range options {
		if o.apply != nil { // the zero TPPOption changes nothing
			o.apply(s)
		}
	}
	if s.fault != "" {
		t.Fatalf("dcrtest: %s gets nil: give it a function, or leave it out", s.fault)
	}
	software, err := b.directory.NewSoftware(s.software)
	if err != nil {
		t.Fatalf("dcrtest: no software is enrolled: %v", err)
	}
	return newTPP(t, b, software, s.options)
}

// At is the same software at another bank, which has to trust the same directory
// (WithDirectory).
func (p *TPP) At(other *Bank) *TPP {
	p.t.Helper()
	if other == nil || other.directory != p.bank.directory {
		p.t.Fatalf("dcrtest: the other bank trusts another directory: start it by NewBank(t, WithDirectory(bank.Directory()))")
	}
	return newTPP(p.t, other, p.software, p.options)
}

func newTPP(t testing.TB, b *Bank, software *ssatest.EnrolledSoftware, options []func(*tpp.RequestOptions)) *TPP {
	p := &TPP{t: t, bank: b, software: software, options: options, http: tpp.MutualTLS(software.TransportCertificate, b.roots)}
	t.Cleanup(p.http.CloseIdleConnections)
	t.Cleanup(p.dump)
	return p
}

// Software has the keys, the certificates and the identifiers.
func (p *TPP) Software() *ssatest.EnrolledSoftware { return p.software }

// Bank is the bank that the TPP registers at.
func (p *TPP) Bank() *Bank { return p.bank }

// HTTP is a client with the software's certificate that trusts the bank and its directory.
func (p *TPP) HTTP() *http.Client { return p.http }

// Client is a tpp.Client of the software, for what the methods here do not do.
func (p *TPP) Client() (*tpp.Client, error) { return p.client(p.http) }

func (p *TPP) client(over *http.Client) (*tpp.Client, error) {
	metadata, err := p.bank.Metadata()
	if err != nil {
		return nil, err
	}
	return tpp.NewClient(tpp.Config{HTTP: over, Metadata: metadata, Signer: p.software.SigningKey, KeyID: p.software.SigningKeyID,
		Algorithm: p.software.Algorithm, Certificate: p.software.TransportCertificate.Leaf, Clock: p.bank.Now})
}

// Register registers the software, by a request with the mutations. A bank that refuses it gives
// a *Refusal, one that lets a person decide a *tpp.PendingError, and one that does not answer a
// *tpp.NoAnswerError. A mutation that cannot be made fails the test.
func (p *TPP) Register(mutations ...Mutation) (*Client, error) {
	d := newDraft(mutations)
	request, err := p.request(d, "")
	if err != nil {
		return nil, err
	}
	var made *tpp.ClientInformation
	err = p.call("register", d, func(ctx context.Context, c *tpp.Client) (err error) {
		made, err = c.Register(ctx, request)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &Client{ClientInformation: made, tpp: p}, nil
}

// MustRegister is Register for a test that is about something else: a refusal ends it.
func (p *TPP) MustRegister(mutations ...Mutation) *Client {
	p.t.Helper()
	c, err := p.Register(mutations...)
	if err != nil {
		p.t.Fatalf("dcrtest: the software is not registered: %v", err)
	}
	return c
}

// Request is a signed registration request with the mutations, as Register sends it.
func (p *TPP) Request(mutations ...Mutation) (string, error) {
	return p.request(newDraft(mutations), "")
}

// Statement is a software statement with the mutations, as Statement makes them.
func (p *TPP) Statement(mutations ...Mutation) (string, error) {
	return p.statement(&newDraft([]Mutation{Statement(mutations...)}).statement)
}

// statement makes the statement of a draft.
func (p *TPP) statement(d *tokenDraft) (string, error) {
	good, err := json.Marshal(p.software.Claims())
	if err != nil {
		return "", err
	}
	directory := p.bank.directory
	statement, err := d.sign(good, string(directory.Anchor().Algorithms[0]), directory.KeyID(), directory.SignWith)
	if err != nil {
		err = fmt.Errorf("inside of Statement: %w", err)
	}
	return statement, p.misused(err)
}

// request makes the request of a draft, an update where there is a client.
func (p *TPP) request(d *draft, clientID string) (string, error) {
	if err := errors.Join(d.faults...); err != nil {
		return "", p.misused(err)
	}
	metadata, err := p.bank.Metadata()
	if err != nil {
		return "", err
	}
	good, err := p.unchanged(d)
	if err != nil {
		return "", err
	}
	options := tpp.RequestOptions{Audience: p.bank.audience(), Now: p.bank.Now(), ClientID: clientID, Algorithm: p.software.Algorithm,
		Certificate: p.software.TransportCertificate.Leaf}
	for _, change := range p.options {
		change(&options)
	}
	payload, err := tpp.BuildPayload(metadata, good, options)
	if err != nil {
		return "", p.misused(err)
	}
	if d.statement.touched() {
		other, err := p.statement(&d.statement)
		if err != nil {
			return "", err
		}
		swap := &documentDraft{edits: []func(any) (any, error){func(document any) (any, error) {
			return edited(document, []string{"software_statement"}, func(any, bool) (any, bool, error) { return other, true, nil })
		}}}
		if payload, err = swap.written(payload); err != nil {
			return "", err
		}
	}
	request, err := d.request.sign(payload, string(p.software.Algorithm), p.software.SigningKeyID, p.software.SignWith)
	return request, p.misused(err)
}

// unchanged is a statement to build a request of. Where the draft changes the statement, another
// one takes its place, and it has the quickest of signatures.
func (p *TPP) unchanged(d *draft) (string, error) {
	if d.statement.touched() {
		return p.software.SSAWith(nil, ssatest.Forgery{Secret: []byte("replaced")})
	}
	return p.software.SSA(nil)
}

// audience is the first of the policy.
func (b *Bank) audience() string {
	if all := b.server.Policy().Audiences; len(all) > 0 {
		return all[0]
	}
	return Audience
}

// misused fails the test for a mutation that cannot be made. It may be called on any goroutine.
func (p *TPP) misused(err error) error {
	if err == nil {
		return nil
	}
	if _, told := errors.AsType[*misuse](err); told {
		return err
	}
	p.t.Helper()
	p.t.Errorf("dcrtest: the request cannot be made: %v", err)
	return &misuse{err}
}

// misuse is an error that the test has been told of.
type misuse struct{ err error }

// Error returns what is wrong.
func (m *misuse) Error() string { return "dcrtest: the request cannot be made: " + m.err.Error() }

// Unwrap returns the cause.
func (m *misuse) Unwrap() error { return m.err }

// call makes one exchange.
func (p *TPP) call(verb string, d *draft, do func(context.Context, *tpp.Client) error) error {
	if len(d.faults) > 0 {
		return p.misused(errors.Join(d.faults...))
	}
	if p.bank.context.Err() != nil {
		return p.misused(errors.New("the bank has ended: start another one"))
	}
	e := &Exchange{verb: verb, mutations: d.name}
	own := p.software.TransportCertificate
	base := p.http
	if d.certificate != nil {
		other, err := d.certificate(p)
		if err != nil {
			return p.misused(err)
		}
		own, base = other, tpp.MutualTLS(other, p.bank.roots)
		defer base.CloseIdleConnections()
	}
	e.certificate = leafOf(own)
	client, err := p.client(&http.Client{Transport: &recorder{tpp: p, base: base.Transport, d: d, e: e}})
	if err != nil {
		return p.misused(err)
	}
	p.remember(e)
	return refusal(e, do(p.bank.context, client))
}

// remembered is how many exchanges a dump shows.
const remembered = 5

func (p *TPP) remember(e *Exchange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last = append(p.last, e); len(p.last) > remembered {
		p.last = p.last[1:]
	}
}

// Last is the last exchange with the bank; nil if there was none.
func (p *TPP) Last() *Exchange {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.last) == 0 {
		return nil
	}
	return p.last[len(p.last)-1]
}

// assertion signs a client assertion again, as a draft says.
func (p *TPP) assertion(by tpp.Credentials) func([]byte, *tokenDraft) (string, error) {
	return func(payload []byte, d *tokenDraft) (string, error) {
		alg, sign := string(p.software.Algorithm), p.software.SignWith
		changed := *d
		if by.Method == claims.ClientSecretJWT && changed.forgery.Secret == nil && changed.forgery.Key == nil {
			alg, changed.forgery.Secret = "HS256", []byte(by.Secret.Reveal())
		}
		token, err := changed.sign(payload, alg, p.software.SigningKeyID, sign)
		if err != nil {
			return "", fmt.Errorf("the client assertion: %w", p.misused(err))
		}
		return token, nil
	}
}
