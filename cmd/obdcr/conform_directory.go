package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/obieconfig"
	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
)

// maxMinted is the greatest length of an answer of a directory for tests, in bytes.
const maxMinted = 1 << 20

// testDirectory is a directory that mints statements for tests, as the sandbox's does.
type testDirectory struct {
	address string
	http    *http.Client
}

// useTestDirectory has the cases mint statements at --test-directory, and makes a second software there unless
// --second has given one, and the certificates that the cases need.
func (a *app) useTestDirectory(ctx context.Context, o *conformOptions, c *conform.Config, cases []conform.Case) error {
	if !strings.HasPrefix(strings.ToLower(o.testDirectory), "https://") {
		return usageError("--test-directory: the address of a directory is an https URL")
	}
	d := &testDirectory{address: strings.TrimSuffix(o.testDirectory, "/"), http: tpp.MutualTLS(tls.Certificate{}, c.Roots)}
	d.http.Timeout = o.timeout
	own, err := claimsOf(c.Software.Statement)
	if err != nil {
		return usageError("--ssa: %s", detail(err))
	}
	c.Software.Mint = d.mint(own)
	if c.Second == nil {
		second, config, err := d.enrol(ctx)
		if err != nil {
			return a.directoryError(err)
		}
		c.Second, o.enrolled = second, config
	}
	if err := a.secondMints(d, c); err != nil {
		return err
	}
	return a.useCertificates(ctx, d, c, cases)
}

// secondMints has the second software mint statements too.
func (a *app) secondMints(d *testDirectory, c *conform.Config) error {
	own, err := claimsOf(c.Second.Statement)
	if err != nil {
		return usageError("the statement of the second software: %s", detail(err))
	}
	c.Second.Mint = d.mint(own)
	return nil
}

// directoryError gives the error of a directory for tests its exit code.
func (a *app) directoryError(err error) error {
	return ioError(fmt.Errorf("--test-directory: %s", detail(err)))
}

// enrol makes another software, by POST /tpp, and returns its configuration too.
func (d *testDirectory) enrol(ctx context.Context) (*conform.Registrant, json.RawMessage, error) {
	made, err := d.post(ctx, "/tpp", "application/json", []byte("{}"))
	if err != nil {
		return nil, nil, err
	}
	var answer struct {
		Configuration json.RawMessage `json:"conformance"`
	}
	if err := json.Unmarshal(made, &answer); err != nil {
		return nil, nil, errors.New("the answer to POST /tpp is no JSON object")
	}
	second, err := configured(answer.Configuration)
	return second, answer.Configuration, err
}

// configured is the software of a config.json.
func configured(data []byte) (*conform.Registrant, error) {
	config, err := obieconfig.Parse(data)
	if err != nil {
		return nil, err
	}
	return registrantOf(config)
}

// registrantOf is the software of a configuration.
func registrantOf(config *obieconfig.Config) (*conform.Registrant, error) {
	signer, err := obieconfig.ParseKey([]byte(config.PrivateKey))
	if err != nil {
		return nil, fmt.Errorf("private_key: %w", err)
	}
	pair, err := tls.X509KeyPair([]byte(config.TransportCert), []byte(config.TransportKey))
	if err != nil {
		return nil, errors.New("transport_cert and transport_key are no certificate with its key in PEM")
	}
	if config.SSA == "" || config.Kid == "" {
		return nil, errors.New("it needs ssa and kid")
	}
	return &conform.Registrant{Statement: config.SSA, Signer: signer, KeyID: config.Kid, Certificate: pair}, nil
}

// secondOf reads the software of --second; nil without it.
func (a *app) secondOf(name string) (*conform.Registrant, error) {
	if name == "" {
		return nil, nil
	}
	s := &settings{Config: &obieconfig.Config{}}
	if _, err := a.readConfig("--second", name, s); err != nil {
		return nil, err
	}
	second, err := registrantOf(s.Config)
	if err != nil {
		return nil, usageError("--second %s: %s", shownName(name), detail(err))
	}
	return second, nil
}

// claimsOf are the claims of a statement, but for those that each statement has of its own.
func claimsOf(statement string) (map[string]any, error) {
	parsed, err := ssa.Parse(statement)
	if err != nil {
		return nil, err
	}
	written, err := json.Marshal(parsed.UnverifiedClaims())
	if err != nil {
		return nil, err
	}
	var all map[string]any
	if err := json.Unmarshal(written, &all); err != nil {
		return nil, err
	}
	for _, own := range []string{"jti", "iat", "exp", "nbf"} {
		delete(all, own)
	}
	return all, nil
}

// mint asks for a statement of a software with other claims.
func (d *testDirectory) mint(own map[string]any) conform.StatementSource {
	return func(ctx context.Context, changes map[string]any) (string, error) {
		asked := maps.Clone(own)
		maps.Copy(asked, changes)
		body, err := json.Marshal(asked)
		if err != nil {
			return "", err
		}
		minted, err := d.post(ctx, "/ssa", "application/json", body)
		return strings.TrimSpace(string(minted)), err
	}
}

// post sends a document and returns the answer.
func (d *testDirectory) post(ctx context.Context, path, mediaType string, body []byte) ([]byte, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, d.address+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	q.Header.Set("Content-Type", mediaType)
	answer, err := d.http.Do(q)
	if err != nil {
		return nil, tpp.Lost("directory", false, err)
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(io.LimitReader(answer.Body, maxMinted))
	if err == nil && answer.StatusCode/100 != 2 {
		err = &refusedByDirectory{path: path, status: answer.StatusCode, said: string(said)}
	}
	return said, err
}
