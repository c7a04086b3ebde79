package dcr_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/validate"
)

// saidTokens answers each introspection in one way, and counts revocations.
type saidTokens struct {
	token.Tokens
	access  token.AccessToken
	err     error
	revoked int
	result  token.Revoked
	failure error
}

func (s *saidTokens) Introspect(context.Context, claims.Secret) (token.AccessToken, error) {
	return s.access, s.err
}

func (s *saidTokens) Revoke(context.Context, token.Revocation) (token.Revoked, error) {
	s.revoked++
	return s.result, s.failure
}

// ownProvisioner is an authorization server whose tokens name a client by another subject
// than its client_id.
type ownProvisioner struct{}

func (ownProvisioner) Provision(context.Context, dcr.Provisioning) (dcr.Provisioned, error) {
	return dcr.Provisioned{Subject: "service-account"}, nil
}
func (ownProvisioner) Deprovision(context.Context, dcr.Deprovisioning) error { return nil }

// otherCase changes the case of the first character of a client_id, which is a letter.
func otherCase(id string) string { return string(id[0]^0x20) + id[1:] }

func TestAClientIsManagedByItsOwnTokensAlone(t *testing.T) {
	isAccounts := func(a token.AccessToken) bool { return a.Subject == "by-function" && len(a.Scope) == 1 }
	for name, c := range map[string]struct {
		change  func(*dcr.Config)
		subject func(clientID string) string
		own     bool
	}{
		"without a subject":                {nil, func(string) string { return "" }, true},
		"of the client itself":             {nil, func(id string) string { return id }, true},
		"of a customer":                    {nil, func(string) string { return "customer" }, false},
		"of the client in another case":    {nil, otherCase, false},
		"of the subject that was told":     {func(c *dcr.Config) { c.Provisioner = ownProvisioner{} }, func(string) string { return "service-account" }, true},
		"of the client, with a subject":    {func(c *dcr.Config) { c.Provisioner = ownProvisioner{} }, func(id string) string { return id }, true},
		"of a customer, with a subject":    {func(c *dcr.Config) { c.Provisioner = ownProvisioner{} }, func(string) string { return "customer" }, false},
		"that the function takes":          {func(c *dcr.Config) { c.ClientToken = isAccounts }, func(string) string { return "by-function" }, true},
		"that the function does not take":  {func(c *dcr.Config) { c.ClientToken = isAccounts }, func(id string) string { return id }, false},
		"without a subject, by a function": {func(c *dcr.Config) { c.ClientToken = isAccounts }, func(string) string { return "" }, false},
	} {
		tokens := &saidTokens{}
		b := newOffice(t, nil, func(config *dcr.Config) {
			tokens.Tokens, config.Tokens = config.Tokens, tokens
			if c.change != nil {
				c.change(config)
			}
		})
		client := b.enrol(t, nil).Client
		by := b.caller(t, client.ID)
		tokens.access = token.AccessToken{ClientID: client.ClientID, CertificateSHA256: thumbprint(by.Certificate), IssuedAt: b.now,
			Subject: c.subject(client.ClientID), Scope: []string{"accounts"}}
		before := everything(t, b.records)
		if _, _, err := b.Application(t.Context(), by); err != nil {
			require.NoError(t, err, "%s: a customer's token opens the customer's data", name)
		}
		for _, verb := range []string{"get", "update", "delete"} {
			err := b.verbs(t)[verb](client.ClientID, by)
			if c.own {
				require.NoError(t, err, "%s, %s", name, verb)
				continue
			}
			require.Equal(t, [5]any{401, validate.Code(""), "the access token is not valid for this client and this certificate", time.Duration(0), invalidCode},
				wire(refusalOf(t, err)), "%s, %s: as each other token", name, verb)
			require.Equal(t, before, everything(t, b.records), "%s, %s", name, verb)
			require.Equal(t, 401, refusalOf(t, b.verbs(t)[verb]("another", by)).Status, "%s, %s", name, verb)
		}
		require.Zero(t, tokens.revoked, "%s: it stays good for what the customer granted", name)
	}
}

func TestATokenForAnotherAPIManagesNoClient(t *testing.T) {
	const here, elsewhere = "https://bank.example/register", "https://bank.example/accounts"
	for name, c := range map[string]struct {
		demanded string
		audience []string
		good     bool
	}{
		"none demanded":           {"", nil, true},
		"none demanded, some had": {"", []string{elsewhere}, true},
		"the one":                 {here, []string{here}, true},
		"one of several":          {here, []string{elsewhere, here}, true},
		"none":                    {here, nil, false},
		"another":                 {here, []string{elsewhere}, false},
		"one that begins with it": {here, []string{here + "/"}, false},
	} {
		tokens := &saidTokens{}
		b := newOffice(t, func(p *validate.Policy) { p.ManagementAudience = c.demanded }, func(config *dcr.Config) {
			tokens.Tokens, config.Tokens = config.Tokens, tokens
		})
		client := b.enrol(t, nil).Client
		by := b.caller(t, client.ID)
		tokens.access = token.AccessToken{ClientID: client.ClientID, CertificateSHA256: thumbprint(by.Certificate), IssuedAt: b.now, Audience: c.audience}
		_, _, err := b.Application(t.Context(), by)
		require.NoError(t, err, name)
		_, err = b.Get(t.Context(), client.ClientID, by)
		if c.good {
			require.NoError(t, err, name)
			continue
		}
		require.Equal(t, 401, refusalOf(t, err).Status, name)
		require.Equal(t, invalidCode, refusalOf(t, err).BearerError, name)
		require.Zero(t, tokens.revoked, name)
	}
}

func TestATokenNeedsTheScopeOfThePolicy(t *testing.T) {
	s := newSite(t, func(p *validate.Policy) { p.ManagementScope = "registration extra" })
	server := s.start(t, nil, nil)
	id := s.client(t)
	ask := func(path string, scope ...string) answer {
		access, err := s.tokens.Issue(t.Context(), id, thumbprint(s.certificate(t, s.software)), scope, time.Minute)
		require.NoError(t, err)
		r := s.request(t, http.MethodGet, path, nil)
		r.Header.Set("Authorization", "Bearer "+access.Reveal())
		return server.send(t, r)
	}
	own := "/register/" + id
	require.Equal(t, 200, ask(own, "accounts", "extra", "registration").status)
	for _, scope := range [][]string{nil, {"registration"}, {"extra"}, {"accounts"}, {"registration extra"}, {"Registration", "extra"}} {
		a := ask(own, scope...)
		require.Equal(t, 403, a.status, scope)
		require.Equal(t, `Bearer realm="registration", error="insufficient_scope", scope="registration extra"`, a.header.Get("WWW-Authenticate"))
		require.Contains(t, a.body, "registration extra")
		require.Equal(t, 401, ask("/register/another", scope...).status, "nobody learns which clients exist")
	}
	by := dcr.Caller{Token: claims.NewSecret(s.accessToken(t, id)), Certificate: s.certificate(t, s.software)}
	_, _, err := s.registrar.Application(t.Context(), by)
	require.NoError(t, err, "another API has its own scopes")
}

// errUnboundToken is the error of an introspection that names no certificate.
var errUnboundToken = fmt.Errorf("%w: the introspection names no certificate", token.ErrUnbound)

func TestTheFirstUnboundTokenIsAFaultOfTheBank(t *testing.T) {
	var log bytes.Buffer
	tokens := &saidTokens{err: fmt.Errorf("%w: too old", token.ErrInvalid)}
	b := newOffice(t, nil, func(c *dcr.Config) {
		tokens.Tokens, c.Tokens = c.Tokens, tokens
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	client := b.enrol(t, nil).Client
	by := b.caller(t, client.ID)
	get := func() {
		_, err := b.Get(t.Context(), client.ClientID, by)
		require.Equal(t, 401, refusalOf(t, err).Status)
		require.ErrorIs(t, err, token.ErrInvalid)
	}
	get()
	require.NotContains(t, log.String(), "level=ERROR")
	tokens.err = errUnboundToken
	for range 3 {
		get()
	}
	require.Equal(t, 1, strings.Count(log.String(), "level=ERROR"))
	require.Contains(t, log.String(), "RFC 8705")
	require.NotContains(t, log.String(), by.Token.Reveal())
}

func TestTheLogSaysWhatBecomesOfAMisusedToken(t *testing.T) {
	errRefused := errors.New("the token was issued to another client")
	for name, c := range map[string]struct {
		result  token.Revoked
		failure error
		level   slog.Level
		says    string
	}{
		"it is revoked":         {token.Revoked{Ended: true}, nil, slog.LevelWarn, "is revoked"},
		"the server refuses":    {token.Revoked{}, errRefused, slog.LevelError, "not revoked"},
		"the bank chose not to": {token.Revoked{}, nil, slog.LevelInfo, "not revoked"},
	} {
		for misuse, used := range map[string]struct {
			issuedTo, at string // "" is the client itself
			says         string
		}{
			"at an address without a client": {"", "another", "address of another client, or of none"},
			"of a client without a record":   {"nobody", "", "its client has no record"},
		} {
			t.Run(name+" "+misuse, func(t *testing.T) {
				var log bytes.Buffer
				tokens := &saidTokens{result: c.result, failure: c.failure}
				b := newOffice(t, nil, func(config *dcr.Config) {
					tokens.Tokens, config.Tokens = config.Tokens, tokens
					config.Logger = slog.New(slog.NewTextHandler(&log, nil))
				})
				client := b.enrol(t, nil).Client
				by := b.caller(t, client.ID)
				issuedTo := cmp.Or(used.issuedTo, client.ClientID)
				tokens.access = token.AccessToken{ClientID: issuedTo, CertificateSHA256: thumbprint(by.Certificate), IssuedAt: b.now}
				_, err := b.Get(t.Context(), cmp.Or(used.at, client.ClientID), by)
				require.Equal(t, 401, refusalOf(t, err).Status)
				require.Equal(t, 1, tokens.revoked)
				requireLogged(t, &log, c.level, c.says, issuedTo, used.says)
				require.Equal(t, 1, strings.Count(log.String(), "a misused access token"))
				require.NotContains(t, log.String(), by.Token.Reveal())
			})
		}
	}
}
