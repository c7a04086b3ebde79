package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/token"
)

func TestAConfigurationThatCannotWorkNamesTheMember(t *testing.T) {
	text, err := os.ReadFile("bank.json")
	require.NoError(t, err)
	folder := t.TempDir()
	for name, c := range map[string]struct{ from, to, says string }{
		"as it stands, without the sandbox's files": {"", "", "server_ca"},
		"an unknown member":                         {`"realm"`, `"reaml"`, "reaml"},
		"no https":                                  {"https://127.0.0.1:8543", "http://127.0.0.1:8543", "keycloak.address"},
		"a slash":                                   {"https://127.0.0.1:8543", "https://127.0.0.1:8543/", "keycloak.address"},
		"no realm":                                  {`"bank"`, `""`, "keycloak.realm"},
		"the realm of administrators":               {`"bank"`, `"master"`, "-setup makes the realm"},
		"an unknown environment":                    {`"sandbox"`, `"test"`, "environment"},
		"no address":                                {`"127.0.0.1:9443"`, `""`, "address"},
		"no issuer":                                 {`"https://127.0.0.1:9443"`, "null", "issuer"},
		"a number":                                  {`"bank"`, "5", "keycloak.realm cannot be a JSON number"},
		"a text for a switch":                       {`"keycloak":`, `"end_misused_tokens": "yes", "keycloak":`, "end_misused_tokens cannot be a JSON string"},
		"an object for a word":                      {`"sandbox"`, "{}", "environment"},
		"an array":                                  {string(text), "[]", "the whole cannot be a JSON array"},
		"a member twice":                            {`"realm"`, `"realm": "other", "realm"`, "realm is there twice"},
		"a member twice, in capitals":               {`"issuer"`, `"ISSUER": "other", "issuer"`, "issuer is there twice"},
		"text behind it":                            {string(text), string(text) + "{}", "behind"},
		"no JSON":                                   {"{", "", "bank.json"},
	} {
		file := filepath.Join(folder, "bank.json")
		require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), c.from, c.to, 1)), 0o600))
		_, err := readConfig(file)
		require.ErrorContains(t, err, c.says, name)
		require.ErrorContains(t, err, file, name)
		require.NotContains(t, err.Error(), "Go ", name)
	}
	_, err = readConfig(filepath.Join(folder, "missing.json"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, run(t.Context(), []string{"-config", filepath.Join(folder, "missing.json")}), "missing.json")
}

func TestTheSecretIsMadeOnce(t *testing.T) {
	c := &config{Keycloak: keycloakConfig{SecretFile: filepath.Join(t.TempDir(), "secret")}}
	_, err := c.secret(false)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "-setup")
	made, err := c.secret(true)
	require.NoError(t, err)
	for _, create := range []bool{true, false} {
		again, err := c.secret(create)
		require.NoError(t, err)
		require.Equal(t, made.Reveal(), again.Reveal())
	}
	require.NoError(t, os.WriteFile(c.Keycloak.SecretFile, []byte("\n"), 0o600))
	_, err = c.secret(true)
	require.Error(t, err)
	c.Keycloak.SecretFile = filepath.Join(t.TempDir(), "no such folder", "secret")
	_, err = c.secret(true)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NotContains(t, err.Error(), "-setup", "which has just failed to make it")
}

func TestFlagsThatDoNotGoTogetherAreRefused(t *testing.T) {
	for line, good := range map[string]bool{
		"":                            true,
		"-setup":                      true,
		"-setup=false":                true,
		"-reprovision -after x":       true,
		"-remove x -reason y":         true,
		"-remove=":                    false,
		"-remove= -reason y":          false,
		"-reprovision -remove x":      false,
		"-setup -remove x":            false,
		"-setup -reprovision":         false,
		"-reason y":                   false,
		"-reprovision -reason y":      false,
		"-after x":                    false,
		"-reprovision=false -after x": false,
		"-unknown":                    false,
		"word":                        false,
	} {
		_, _, err := parse(strings.Fields(line))
		require.Equal(t, good, err == nil, "%q: %v", line, err)
	}
	_, help, err := parse([]string{"-h"})
	require.NoError(t, err)
	require.True(t, help)
}

// connected is a connection to the fake, by a configuration.
func connected(t *testing.T, f *fake, a *admin, c config) *connection {
	t.Helper()
	c.roots = x509.NewCertPool()
	c.roots.AddCert(f.Certificate())
	c.Keycloak = keycloakConfig{Address: f.URL, Realm: "bank", ClientID: "registration"}
	made, err := c.connect(claims.NewSecret("secret"))
	require.NoError(t, err)
	made.clients.admin = a
	return made
}

func TestAMisusedTokenEndsIfTheBankWantsThat(t *testing.T) {
	for _, wanted := range []bool{false, true} {
		f, a := newFake(t)
		f.answers["GET /clients"] = answer{200, `[{"id": "1", "attributes": {"obdcr.environment": "sandbox"}}]`}
		f.answers["PUT /clients/1"] = answer{204, ""}
		c := connected(t, f, a, config{EndMisusedTokens: wanted})
		out, err := c.tokens.Revoke(t.Context(), token.Revocation{Token: claims.NewSecret("t"), Access: token.AccessToken{ClientID: "abc", IssuedAt: f.now}})
		require.NoError(t, err)
		require.Equal(t, wanted, out.Ended)
		require.Equal(t, wanted, len(f.calls) == 1)
	}
}

func TestTheRightsOfTheBanksClientAreLookedAt(t *testing.T) {
	for name, found := range map[string]answer{
		"no role":        {403, `{"error": "HTTP 403 Forbidden"}`},
		"view-clients":   {200, `[{"id": "1", "access": {"view": true, "manage": false}}]`},
		"another client": {200, `[]`},
		"no realm":       {404, `{"error": "Realm not found."}`},
	} {
		f, a := newFake(t)
		f.answers["GET /clients"] = found
		require.ErrorContains(t, connected(t, f, a, config{}).check(t.Context()), "run -setup", name)
	}
}

func TestTheBankWaitsForKeycloak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines bytes.Buffer
		began, tries := time.Now(), 0
		await(t.Context(), slog.New(slog.NewTextHandler(&lines, nil)), func(context.Context) error {
			if tries++; tries < 4 {
				return errors.New("out")
			}
			return nil
		})
		require.Equal(t, 3*checkPause, time.Since(began))
		require.Equal(t, 4, strings.Count(lines.String(), "\n"))

		ctx, cancel := context.WithTimeout(t.Context(), checkPause/2)
		defer cancel()
		await(ctx, slog.New(slog.NewTextHandler(io.Discard, nil)), func(context.Context) error { return errors.New("out") })
		require.Equal(t, 3*checkPause+checkPause/2, time.Since(began), "its end is not waited for")
	})
}
