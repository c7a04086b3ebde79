package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/jose"
	"github.com/obdcr/obdcr/internal/obieconfig"
	"github.com/obdcr/obdcr/validate"
)

// tpp is the TPP whose files are in tpp/.
type tpp struct {
	org, software      string
	transport, signing pair
	kid                string // of the signing key
	jwks               []byte
}

// openTPP reads the TPP's keys and certificates, or makes what is missing.
func openTPP(a *authority, f folder, s *state) (*tpp, error) {
	p := &tpp{org: s.OrgID, software: s.SoftwareID}
	var err error
	if p.transport, err = a.keep(f, "tpp/transport", transportTemplate(p.org, p.software)); err != nil {
		return nil, err
	}
	if p.signing, err = a.keep(f, "tpp/signing", signingTemplate(p.org, p.software)); err != nil {
		return nil, err
	}
	p.kid = keyID(p.signing.cert)
	if err := f.write("tpp/signing.kid", []byte(p.kid), public); err != nil {
		return nil, err
	}
	p.jwks, err = jose.MarshalJWKS([]jose.Key{
		{ID: p.kid, Use: "sig", Public: p.signing.cert.PublicKey, Certificates: [][]byte{p.signing.cert.Raw}},
		{ID: keyID(p.transport.cert), Use: "tls", Public: p.transport.cert.PublicKey, Certificates: [][]byte{p.transport.cert.Raw}},
	})
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	return p, nil
}

// writeTokens mints a statement and a request afresh. It returns the statement.
func (p *tpp) writeTokens(c *Config, f folder, d *directory, policy validate.Policy, ready *Ready) (string, error) {
	statement, payload, err := d.mint(nil)
	if err != nil {
		return "", fmt.Errorf("sandbox: statement: %w", err)
	}
	request, err := p.request(c, statement, policy, ready)
	if err != nil {
		return "", err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, payload, "", "  "); err != nil {
		return "", fmt.Errorf("sandbox: statement: %w", err)
	}
	indented.WriteByte('\n')
	// Tokens end without a newline, so that the files can be sent as they are.
	for _, file := range []struct {
		name string
		data []byte
	}{{"tpp/ssa.jwt", []byte(statement)}, {"tpp/ssa.json", indented.Bytes()}, {"tpp/request.jwt", []byte(request)}} {
		if err := f.write(file.name, file.data, public); err != nil {
			return "", err
		}
	}
	return statement, nil
}

// request is a registration request that the bank's policy admits.
func (p *tpp) request(c *Config, statement string, policy validate.Policy, ready *Ready) (string, error) {
	bank := &dcr.Metadata{
		Issuer: ready.Bank, RegistrationEndpoint: ready.RegistrationEndpoint, TokenEndpoint: ready.TokenEndpoint,
		AuthMethods: policy.AuthMethods, AuthSigningAlgorithms: policy.MemberAlgorithms.TokenEndpointAuth,
		RequestObjectAlgorithms: policy.MemberAlgorithms.RequestObject, IDTokenAlgorithms: policy.MemberAlgorithms.IDToken,
		ResponseTypes: policy.ResponseTypes, GrantTypes: policy.GrantTypes, Scopes: policy.Scopes,
	}
	options := dcr.RequestOptions{
		Audience: policy.Audiences[0], Certificate: p.transport.cert, Lifetime: policy.MaxLifetime, Now: c.Clock(),
	}
	if !slices.Contains(policy.IssuerKinds, validate.IssuerSoftwareID) {
		options.Issuer = p.org
	}
	asked, err := dcr.BuildFor(bank, statement, options)
	if err != nil {
		return "", usage("--policy: no request can be made for it: %v", err)
	}
	return dcr.BuildRequest(asked, p.signing.key, p.kid, claims.PS256)
}

// writeConformance writes the configuration of the OBIE DCR conformance tool.
func (p *tpp) writeConformance(c *Config, f folder, a *authority, ready *Ready, statement string) error {
	signingKey, err := marshalKey(p.signing.key)
	if err != nil {
		return err
	}
	transportKey, err := marshalKey(p.transport.key)
	if err != nil {
		return err
	}
	version := "3.3"
	if c.Profile == validate.OBIE32 {
		version = "3.2"
	}
	text, err := (&obieconfig.Config{
		SpecVersion: version, WellknownEndpoint: ready.Discovery, SSA: statement, Kid: p.kid, Aud: ready.Audience,
		RedirectURIs: redirectURIs(), Issuer: p.software, PrivateKey: string(signingKey),
		TransportRootCAs: []string{string(marshalCertificate(a.cert))},
		TransportCert:    string(marshalCertificate(p.transport.cert)), TransportKey: string(transportKey),
		GetImplemented: true, PutImplemented: true, DeleteImplemented: true,
		Environment: "sandbox", Brand: "obdcr sandbox",
	}).Marshal()
	if err != nil {
		return fmt.Errorf("sandbox: conformance.json: %w", err)
	}
	return f.write("conformance.json", text, private)
}
