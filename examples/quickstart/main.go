// Command quickstart shows a whole registration in one process. A directory issues a
// software statement. A TPP builds and signs a request and posts it over mutual TLS. A
// bank verifies and judges it and registers the client. Then the TPP makes three mistakes
// in one request.
package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

func main() {
	if _, err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// outcome has the results of both requests, for the test.
type outcome struct {
	bank       *bank
	registered *tpp.ClientInformation
	request    *claims.Request
	refused    *tpp.ResponseError // the faulty one
	rules      []string           // what lint found in it
}

func run(ctx context.Context, out io.Writer) (*outcome, error) {
	directory, err := ssatest.New(ssatest.Options{})
	if err != nil {
		return nil, err
	}
	defer directory.Close()
	fmt.Fprintln(out, "1. directory  runs at", directory.URL(), "and signs with kid", directory.KeyID())

	software, err := directory.NewSoftware(ssatest.SoftwareOptions{})
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "2. directory  enrols software %s of organisation %s with roles %v and issues its SSA\n",
		software.SoftwareID, software.OrgID, software.Roles)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := "https://" + listener.Addr().String()
	b, err := openBank(directory, address)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	defer b.Close()
	ctx, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- b.Serve(ctx, listener) }()
	fmt.Fprintln(out, "3. bank       trusts that directory and serves at", address)

	o := &outcome{bank: b}
	t := &thirdParty{directory: directory, software: software, out: out}
	if err = t.discover(ctx, address); err == nil {
		err = t.story(ctx, o)
	}
	t.http.CloseIdleConnections()
	stop()
	return o, errors.Join(err, <-served)
}

// thirdParty is a TPP with its software.
type thirdParty struct {
	directory *ssatest.Directory
	software  *ssatest.EnrolledSoftware
	out       io.Writer
	http      *http.Client
	client    *tpp.Client
}

// discover reads what the bank offers.
func (t *thirdParty) discover(ctx context.Context, bank string) error {
	roots := x509.NewCertPool()
	roots.AddCert(t.directory.CA)
	t.http = tpp.MutualTLS(t.software.TransportCertificate, roots)
	metadata, err := tpp.Discover(ctx, bank+"/.well-known/openid-configuration", t.http)
	if err != nil {
		return err
	}
	t.client, err = tpp.NewClient(tpp.Config{HTTP: t.http, Metadata: metadata, Signer: t.software.SigningKey, KeyID: t.software.SigningKeyID})
	return err
}

func (t *thirdParty) story(ctx context.Context, o *outcome) error {
	statement, err := t.software.SSA(nil)
	if err != nil {
		return err
	}
	token, err := t.client.Build(statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience})
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "4. TPP        builds and signs a request of %d bytes with kid %s\n", len(token), t.software.SigningKeyID)
	if o.registered, err = t.client.Register(ctx, token); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "5. TPP        posts it over mutual TLS, and is client %s\n", o.registered.ClientID)
	if err := t.look(ctx, o); err != nil {
		return err
	}
	return t.mistakes(ctx, o)
}

// look shows the client as the bank stores it, and as the TPP reads it.
func (t *thirdParty) look(ctx context.Context, o *outcome) error {
	client, err := o.bank.store.Get(ctx, o.registered.ClientID)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "6. bank       has stored the application %q with the attributes\n", client.Application.Name)
	for _, attribute := range client.Application.Attributes {
		fmt.Fprintf(t.out, "                %s = %v\n", attribute.Name, attribute.Values)
	}
	access, err := t.client.AccessToken(ctx, o.registered.Credentials())
	if err != nil {
		return err
	}
	read, err := t.client.Get(ctx, o.registered.ClientID, access)
	if err != nil {
		return err
	}
	o.request = read.Metadata
	fmt.Fprintln(t.out, "7. TPP        gets an access token and reads its client, with scope", read.Metadata.Scope.Or(claims.Scope{}))
	return nil
}

// mistakes sends a request with three faults: a redirect URI that the SSA does not
// list, an algorithm outside FAPI, and a lifetime of a day.
func (t *thirdParty) mistakes(ctx context.Context, o *outcome) error {
	faulty := t.software.Request(ssatest.DefaultAudience)
	faulty.RedirectURIs = claims.Some([]string{"https://elsewhere.example.com/cb"})
	faulty.IDTokenSignedResponseAlg = claims.Some(claims.RS256)
	faulty.Expiry = claims.Some(faulty.IssuedAt.Or(0) + 24*60*60)
	token, err := t.software.Sign(&faulty)
	if err != nil {
		return err
	}
	if _, err = t.client.Register(ctx, token); !errors.As(err, &o.refused) {
		return fmt.Errorf("the bank took a request with three mistakes: %w", err)
	}
	fmt.Fprintf(t.out, "8. TPP        posts a request with three mistakes; the bank answers %d %s\n", o.refused.Status, o.refused.Code)
	validator, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: o.bank.Policy()})
	if err != nil {
		return err
	}
	result, err := tpp.Lint(ctx, tpp.LintInput{Request: token, Validator: validator, Now: time.Now(),
		StatementKey: t.directory.Anchor().Keys, SoftwareKeys: t.directory.Resolver()})
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "9. TPP        lints it instead of guessing: %d errors at once\n", len(result.Report.Violations))
	for _, v := range result.Report.Violations {
		o.rules = append(o.rules, v.Rule)
		fmt.Fprintf(t.out, "                %-32s %s\n                  %s\n                  fix: %s\n", v.Rule, v.Pointer, v.Message, v.Fix)
	}
	return nil
}
