package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/internal/text"
)

// refusedByDirectory is an answer of a directory for tests that says no.
type refusedByDirectory struct {
	path   string
	status int
	said   string
}

// Error tells the answer.
func (r *refusedByDirectory) Error() string {
	return fmt.Sprintf("POST %s was answered %d: %s", r.path, r.status, text.Echo(r.said))
}

// useCertificates has --test-directory issue the certificates that the chosen cases need. A
// directory that does not, or not for this software, leaves those cases out.
func (a *app) useCertificates(ctx context.Context, d *testDirectory, c *conform.Config, cases []conform.Case) error {
	c.Certificates = map[string]tls.Certificate{}
	for _, kind := range conform.CertificateKinds() {
		if !slices.ContainsFunc(cases, func(one conform.Case) bool { return one.ID == "certificate."+kind }) {
			continue
		}
		bad, err := d.certificate(ctx, c.Software.Certificate, kind)
		var refused *refusedByDirectory
		if errors.As(err, &refused) {
			a.note("warning: --test-directory issues no certificates that a bank must refuse, so that their cases are not run:\n"+indented+"%s", detail(err))
			return nil
		}
		if err != nil {
			return a.directoryError(err)
		}
		c.Certificates[kind] = bad
	}
	return nil
}

// certificate asks for a certificate like a good one, by POST /certificates. It is of the same
// key unless the answer has another one.
func (d *testDirectory) certificate(ctx context.Context, good tls.Certificate, kind string) (tls.Certificate, error) {
	made, err := d.post(ctx, "/certificates?kind="+kind, "application/pem-certificate-chain",
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: good.Certificate[0]}))
	if err != nil {
		return tls.Certificate{}, err
	}
	var answer struct{ Certificate, Key string }
	if err := json.Unmarshal(made, &answer); err != nil {
		return tls.Certificate{}, errors.New("the answer to POST /certificates is no JSON object")
	}
	if answer.Key != "" {
		bad, err := tls.X509KeyPair([]byte(answer.Certificate), []byte(answer.Key))
		if err != nil {
			return bad, errors.New("the answer to POST /certificates is no certificate with its key in PEM")
		}
		return bad, nil
	}
	block, _ := pem.Decode([]byte(answer.Certificate))
	if block == nil {
		return tls.Certificate{}, errors.New("the answer to POST /certificates is no certificate in PEM")
	}
	return tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: good.PrivateKey}, nil
}
