// Command embedding puts registration into a bank's existing net/http API. The bank has
// its own authorization server: registration makes its clients there, and introspects and
// revokes tokens there (RFC 7662, RFC 7009). The roles of a software decide which APIs it
// may call.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

func main() {
	if _, err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "embedding:", err)
		os.Exit(1)
	}
}

// outcome has the results of the calls, for the test.
type outcome struct {
	clientID                          string
	provisioned, left                 int // clients in the authorization server, before and after the deletion
	accounts, payments, accountsAfter int // HTTP status
	doubled                           int // HTTP status of a path with two slashes
	misused, accountsAfterMisuse      int // HTTP status at another client's address, and of the token's own API afterwards
}

func run(ctx context.Context, out io.Writer) (*outcome, error) {
	directory, err := ssatest.New(ssatest.Options{})
	if err != nil {
		return nil, err
	}
	defer directory.Close()
	software, err := directory.NewSoftware(ssatest.SoftwareOptions{Roles: []claims.Role{claims.AISP}})
	if err != nil {
		return nil, err
	}
	authServer, err := openAuthServer(directory)
	if err != nil {
		return nil, err
	}
	defer authServer.server.Close()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := "https://" + listener.Addr().String()
	bank, err := newBank(ctx, directory, authServer, address)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	defer bank.Close()
	all, err := existingAPIBehind(bank)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	front, err := existingServer(directory, all)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	go func() {
		if err := front.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
			log.Println("embedding:", err)
		}
	}()
	defer front.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go bank.Run(ctx) // completes or undoes changes that stopped half-way
	fmt.Fprintln(out, "1. bank   serves its API and /register at", address, "with its authorization server at", authServer.server.URL)

	t := &thirdParty{http: tpp.MutualTLS(software.TransportCertificate, roots(directory)), bank: address}
	defer t.http.CloseIdleConnections()
	metadata, err := tpp.Discover(ctx, address+"/.well-known/openid-configuration", t.http)
	if err != nil {
		return nil, err
	}
	t.client, err = tpp.NewClient(tpp.Config{HTTP: t.http, Metadata: metadata, Signer: software.SigningKey, KeyID: software.SigningKeyID})
	if err != nil {
		return nil, err
	}
	statement, err := software.SSA(nil)
	if err != nil {
		return nil, err
	}
	return t.story(ctx, out, authServer, statement)
}

// thirdParty is an account information service.
type thirdParty struct {
	http   *http.Client
	client *tpp.Client
	bank   string
}

func (t *thirdParty) story(ctx context.Context, out io.Writer, a *authServer, statement string) (*outcome, error) {
	request, err := t.client.Build(statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience})
	if err != nil {
		return nil, err
	}
	registered, err := t.client.Register(ctx, request)
	if err != nil {
		return nil, err
	}
	o := &outcome{clientID: registered.ClientID, provisioned: a.count()}
	fmt.Fprintf(out, "2. TPP    registers as client %s; the authorization server has %d client\n", o.clientID, o.provisioned)

	token, err := t.client.AccessToken(ctx, registered.Credentials())
	if err != nil {
		return nil, err
	}
	if o.accounts, err = t.call(ctx, "/accounts", token); err != nil {
		return nil, err
	}
	if o.payments, err = t.call(ctx, "/payments", token); err != nil {
		return nil, err
	}
	if o.doubled, err = t.call(ctx, "//register/"+o.clientID, token); err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "3. TPP    has the role AISP: /accounts answers %d, /payments %d\n", o.accounts, o.payments)

	if o.misused, err = t.call(ctx, "/register/another-client", token); err != nil {
		return nil, err
	}
	if o.accountsAfterMisuse, err = t.call(ctx, "/accounts", token); err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "4. TPP    asks for another client, which answers %d and ends its tokens: /accounts answers %d\n", o.misused, o.accountsAfterMisuse)

	if token, err = t.client.AccessToken(ctx, registered.Credentials()); err != nil {
		return nil, err
	}
	if err := t.client.Delete(ctx, o.clientID, token); err != nil {
		return nil, err
	}
	o.left = a.count()
	if o.accountsAfter, err = t.call(ctx, "/accounts", token); err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "5. TPP    deletes the client; the authorization server has %d, and /accounts answers %d\n", o.left, o.accountsAfter)
	return o, nil
}

// call uses one of the bank's APIs.
func (t *thirdParty) call(ctx context.Context, path string, token tpp.BearerToken) (status int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, t.bank+path, nil)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+token.Value.Reveal())
	response, err := t.http.Do(r)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}
