// Command quickstart is the whole of a registration in one process: a directory
// issues a software statement, a TPP builds and signs a request and posts it over
// mutual TLS, and a bank verifies, judges and registers it. Then the TPP makes
// three mistakes at once.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

func main() {
	if _, err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// outcome is what the two posts led to, for the test.
type outcome struct {
	bank    *bank
	good    answer
	faulty  answer
	rules   []string // what lint found in the faulty request
	request claims.Request
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

	b, err := openBank(directory)
	if err != nil {
		return nil, err
	}
	defer b.server.Close()
	fmt.Fprintln(out, "3. bank       trusts that directory and registers at", b.server.URL+path)

	o := &outcome{bank: b, request: software.Request(ssatest.DefaultAudience)}
	token, err := tpp.BuildRequest(o.request, software.SigningKey, software.SigningKeyID, claims.PS256)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "4. TPP        builds and signs a request of %d bytes with kid %s\n", len(token), software.SigningKeyID)
	if o.good, err = b.post(ctx, directory, software, token); err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "5. TPP        posts it over mutual TLS; the bank answers %d\n", o.good.status)
	if err := printClient(ctx, out, b, o.good); err != nil {
		return nil, err
	}
	return o, o.mistakes(ctx, out, directory, software)
}

func printClient(ctx context.Context, out io.Writer, b *bank, a answer) error {
	client, err := b.store.Get(ctx, a.clientID)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "6. bank       stored client %s of application %q with the attributes\n", client.ID, client.Application.Name)
	for _, attribute := range client.Application.Attributes {
		fmt.Fprintf(out, "                %s = %v\n", attribute.Name, attribute.Values)
	}
	return nil
}

// mistakes sends a request with three faults: a redirect URI that the SSA does not
// list, an algorithm outside FAPI, and a lifetime of a day.
func (o *outcome) mistakes(ctx context.Context, out io.Writer, d *ssatest.Directory, s *ssatest.EnrolledSoftware) error {
	faulty := s.Request(ssatest.DefaultAudience)
	faulty.RedirectURIs = claims.Some([]string{"https://elsewhere.example.com/cb"})
	faulty.IDTokenSignedResponseAlg = claims.Some(claims.RS256)
	faulty.Expiry = claims.Some(faulty.IssuedAt.Or(0) + 24*60*60)
	token, err := tpp.BuildRequest(faulty, s.SigningKey, s.SigningKeyID, claims.PS256)
	if err != nil {
		return err
	}
	if o.faulty, err = o.bank.post(ctx, d, s, token); err != nil {
		return err
	}
	fmt.Fprintf(out, "7. TPP        posts a request with three mistakes; the bank answers %d %s\n", o.faulty.status, o.faulty.code)
	result, err := tpp.Lint(ctx, tpp.LintInput{Request: token, Validator: o.bank.validator, Now: o.bank.now(),
		StatementKey: d.Anchor().Keys, SoftwareKey: d.Resolver()})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "8. TPP        lints it instead of guessing: %d errors at once\n", len(result.Report.Violations))
	for _, v := range result.Report.Violations {
		o.rules = append(o.rules, v.Rule)
		fmt.Fprintf(out, "                %-32s %s\n                  %s\n                  fix: %s\n", v.Rule, v.Pointer, v.Message, v.Fix)
	}
	return nil
}
