package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/obieconfig"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// party is the sandbox's TPP, whose files are in tpp/.
type party struct {
	org, software      string
	transport, signing pair
	kid                string // the kid of the signing key
	jwks               []byte
	make               maker
}

// openTPP reads the TPP's keys and certificates, and makes those that are missing.
func openTPP(a *authority, f folder, s *state) (*party, error) {
	p := &party{org: s.OrgID, software: s.SoftwareID, make: a.make}
	var err error
	if p.transport, err = a.keep(f, "tpp/transport", placeTransport, transportTemplate(p.org, p.software)); err != nil {
		return nil, err
	}
	if p.signing, err = a.keep(f, "tpp/signing", placeSigning, signingTemplate(p.org, p.software)); err != nil {
		return nil, err
	}
	p.kid = keyID(p.signing.cert)
	if err := f.write("tpp/signing.kid", []byte(p.kid), public); err != nil {
		return nil, err
	}
	if p.jwks, err = softwareKeys(p.signing, p.transport); err != nil {
		return nil, err
	}
	if err := p.writeForms(f, a.cert); err != nil {
		return nil, err
	}
	return p, f.write("tpp/software.jwks", append(bytes.Clone(p.jwks), '\n'), public)
}

// writeFiles writes a new statement, a new request and the configuration of the
// conformance tool: the old ones may have expired. It logs a warning if the bank's policy
// refuses the request. It returns the flags that register needs beside the configuration.
func (p *party) writeFiles(ctx context.Context, c *Config, f folder, d *directory, ca *authority, ready *Ready, s *sampler) ([]string, error) {
	statement, payload, err := d.mint(d.newStatementID(), nil)
	if err != nil {
		return nil, failure("statement: %w", err)
	}
	options := s.options(p)
	request, err := tpp.BuildFor(s.metadata, statement, options)
	if err != nil {
		return nil, usage("--policy: no request can be made for it: %v", err)
	}
	s.complete(&request)
	if c.Seed != "" {
		request.JWTID = claims.Some(p.make.uuid(fmt.Sprintf("request %d", d.state.Starts)))
	}
	token, err := tpp.BuildRequest(request, p.make.signer(p.signing.key), p.kid, claims.PS256)
	if err != nil {
		return nil, err
	}
	if rules, why := s.refusals(ctx, token); why != "" {
		c.Logger.Warn("the bank's policy refuses tpp/request.jwt", "rules", rules, "why", why)
	}
	if err := p.writeTokens(f, statement, payload, token); err != nil {
		return nil, err
	}
	config, err := p.configuration(c, ca, ready, s, statement)
	if err != nil {
		return nil, err
	}
	text, err := config.Marshal()
	if err != nil {
		return nil, failure("conformance.json: %w", err)
	}
	return p.judgeConfiguration(ctx, c, s, config, options), f.write("conformance.json", text, private)
}

// judgeConfiguration logs a warning if the policy refuses the request that register makes
// from conformance.json alone, or the one that the conformance tool makes. It returns the
// flags with which register makes one that the policy accepts.
func (p *party) judgeConfiguration(ctx context.Context, c *Config, s *sampler, config *obieconfig.Config, options tpp.RequestOptions) []string {
	var flags []string
	for _, by := range []struct {
		name     string
		lifetime time.Duration
	}{{"register", 0}, {"the conformance tool", toolLifetime}} {
		usual, rules, why := p.ofConfiguration(ctx, s, config, by.lifetime)
		if why == "" {
			continue
		}
		attributes := []any{"rules", rules, "why", why}
		if by.lifetime == 0 {
			if flags = s.flags(options, usual); len(flags) > 0 {
				attributes = append(attributes, "register_with", strings.Join(flags, " "))
			}
		}
		c.Logger.Warn("the bank's policy refuses what "+by.name+" makes of conformance.json alone", attributes...)
	}
	return flags
}

// ofConfiguration makes a request from conformance.json alone, and returns the rules that
// it breaks. request is nil if none can be made; why then has the reason.
func (p *party) ofConfiguration(
	ctx context.Context, s *sampler, config *obieconfig.Config, lifetime time.Duration,
) (request *claims.Request, rules, why string) {
	made, err := s.fromConfiguration(config, lifetime)
	if err != nil {
		return nil, "", err.Error()
	}
	token, err := tpp.BuildRequest(made, p.signing.key, p.kid, claims.PS256)
	if err != nil {
		return nil, "", err.Error()
	}
	rules, why = s.refusals(ctx, token)
	return &made, rules, why
}

// writeTokens writes the statement, its claims for people, and the request.
func (p *party) writeTokens(f folder, statement string, payload []byte, request string) error {
	var indented bytes.Buffer
	if err := json.Indent(&indented, payload, "", "  "); err != nil {
		return failure("statement: %w", err)
	}
	indented.WriteByte('\n')
	// Tokens end without a newline, so that the files can be sent as they are.
	for _, file := range []struct {
		name string
		data []byte
	}{{"tpp/ssa.jwt", []byte(statement)}, {"tpp/ssa.json", indented.Bytes()}, {"tpp/request.jwt", []byte(request)}} {
		if err := f.write(file.name, file.data, public); err != nil {
			return err
		}
	}
	return nil
}

// configuration makes the configuration of the OBIE DCR conformance tool.
func (p *party) configuration(c *Config, ca *authority, ready *Ready, s *sampler, statement string) (*obieconfig.Config, error) {
	signingKey, err := marshalKey(p.signing.key)
	if err != nil {
		return nil, err
	}
	transportKey, err := marshalKey(p.transport.key)
	if err != nil {
		return nil, err
	}
	version := "3.3" // the tool knows no later one
	if c.Profile == validate.OBIE32 || c.Profile == validate.WSO2 {
		version = "3.2"
	}
	return &obieconfig.Config{
		SpecVersion: version, Profile: string(c.Profile), WellknownEndpoint: ready.Discovery, SSA: statement, Kid: p.kid, Aud: ready.Audience,
		RedirectURIs: s.redirectURIs(), Issuer: s.issuer(p), PrivateKey: string(signingKey),
		TransportRootCAs: []string{string(marshalCertificate(ca.cert))},
		TransportCert:    string(marshalCertificate(p.transport.cert)), TransportKey: string(transportKey),
		GetImplemented: true, PutImplemented: true, DeleteImplemented: true,
		Environment: "sandbox", Brand: "obdcr sandbox",
		DirectoryURL: ready.Directory, DirectoryTokenEndpoint: ready.Directory + ssatest.TokenPath,
	}, nil
}
