package main

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/validate"
)

// config is the configuration file, such as bank.json. Its files are found from the folder
// of the configuration file.
type config struct {
	Address       string             `json:"address"`                  // where to listen
	Issuer        string             `json:"issuer"`                   // the same, as TPPs reach it
	Organisation  string             `json:"organisation"`             // what requests name as aud
	Environment   claims.Environment `json:"environment"`              // sandbox or production: which Open Banking Directory is believed
	DirectoryJWKS string             `json:"directory_jwks,omitempty"` // in place of that directory, to try
	Certificate   string             `json:"certificate"`              // the bank's own, for TLS: a file
	Key           string             `json:"key"`                      // of the certificate: a file
	ClientCA      string             `json:"client_ca"`                // the CAs of client certificates: a file
	ServerCA      string             `json:"server_ca,omitempty"`      // that of Keycloak and of directory_jwks: a file; "" those of the system
	Database      string             `json:"database"`                 // a file
	Policy        string             `json:"policy,omitempty"`         // a file; "" the default policy
	// EndMisusedTokens also ends a token that is used at another client's address, with all
	// that its client got until then: see endTokens.
	EndMisusedTokens bool           `json:"end_misused_tokens,omitempty"`
	Keycloak         keycloakConfig `json:"keycloak"`

	folder string
	roots  *x509.CertPool // of ServerCA; nil: those of the system
}

type keycloakConfig struct {
	Address    string `json:"address"`
	Realm      string `json:"realm"`
	ClientID   string `json:"client_id"`   // of this program
	SecretFile string `json:"secret_file"` // its client secret; -setup makes the file
}

// readConfig reads a configuration file. It refuses a member that it does not know.
func readConfig(file string) (*config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	c := &config{folder: filepath.Dir(file)}
	if err := decode(text, c); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, path := range []*string{&c.Certificate, &c.Key, &c.ClientCA, &c.ServerCA, &c.Database, &c.Policy, &c.Keycloak.SecretFile} {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(c.folder, *path)
		}
	}
	if c.ServerCA == "" {
		return c, nil
	}
	if text, err = os.ReadFile(c.ServerCA); err != nil {
		return nil, fmt.Errorf("%s: server_ca: %w", file, err)
	}
	if c.roots = x509.NewCertPool(); !c.roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: server_ca: %s has no certificate in PEM", file, c.ServerCA)
	}
	return c, nil
}

// decode reads JSON strictly: members that are known, each once, and nothing behind them.
func decode(text []byte, c *config) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(c)
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind):
		return fmt.Errorf("%s cannot be a JSON %s", cmp.Or(kind.Field, "the whole"), kind.Value)
	case err != nil:
		return errors.New(strings.TrimPrefix(err.Error(), "json: ")) // names an unknown member
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is text behind the closing brace")
	}
	if name := doubled(json.NewDecoder(bytes.NewReader(text))); name != "" {
		return fmt.Errorf("the member %s is there twice", name)
	}
	return nil
}

// doubled returns the name of a member that an object has twice, or "". The document has no
// arrays.
func doubled(d *json.Decoder) string {
	if begin, _ := d.Token(); begin != json.Delim('{') {
		return ""
	}
	seen := map[string]bool{}
	for d.More() {
		name, _ := d.Token()
		text := strings.ToLower(fmt.Sprint(name)) // encoding/json does not look at the case
		if seen[text] {
			return text
		}
		seen[text] = true
		if inner := doubled(d); inner != "" {
			return inner
		}
	}
	_, _ = d.Token()
	return ""
}

// check looks for members that are missing, and for contradictions.
func (c *config) check() error {
	for _, member := range []struct{ name, value string }{
		{"address", c.Address}, {"issuer", c.Issuer}, {"organisation", c.Organisation}, {"environment", string(c.Environment)},
		{"certificate", c.Certificate}, {"key", c.Key}, {"client_ca", c.ClientCA}, {"database", c.Database},
		{"keycloak.address", c.Keycloak.Address}, {"keycloak.realm", c.Keycloak.Realm},
		{"keycloak.client_id", c.Keycloak.ClientID}, {"keycloak.secret_file", c.Keycloak.SecretFile},
	} {
		if member.value == "" {
			return fmt.Errorf("%s is missing or empty", member.name)
		}
	}
	switch at, err := url.Parse(c.Keycloak.Address); {
	case err != nil || at.Scheme != "https" || at.Host == "" || strings.HasSuffix(c.Keycloak.Address, "/"):
		return errors.New("keycloak.address is no https address without a slash at its end")
	case c.Keycloak.Realm == "master":
		return errors.New("keycloak.realm is master, whose users administer all realms: choose another name, -setup makes the realm")
	case c.Environment != claims.Sandbox && c.Environment != claims.Production:
		return fmt.Errorf("environment is %q, not sandbox or production", c.Environment)
	}
	return nil
}

// client reaches Keycloak. It follows no redirect: that would carry a token elsewhere.
func (c *config) client() *http.Client {
	client := tpp.MutualTLS(tls.Certificate{}, c.roots)
	client.Timeout = 30 * time.Second
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return client
}

// at is an address below one of Keycloak's realms.
func (c *config) at(realm, path string) string {
	return c.Keycloak.Address + "/realms/" + url.PathEscape(realm) + path
}

const tokenPath = "/protocol/openid-connect/token"

// asBank calls the admin API by the bank's own client.
func (c *config) asBank(secret claims.Secret) *admin {
	return &admin{base: c.Keycloak.Address, realm: c.Keycloak.Realm, http: c.client(), now: time.Now,
		tokenURL: c.at(c.Keycloak.Realm, tokenPath), grant: url.Values{"grant_type": {"client_credentials"}},
		user: url.UserPassword(c.Keycloak.ClientID, secret.Reveal())}
}

// asAdministrator calls the admin API by a person's name and password.
func (c *config) asAdministrator(name, password string) *admin {
	return &admin{base: c.Keycloak.Address, realm: c.Keycloak.Realm, http: c.client(), now: time.Now,
		tokenURL: c.at("master", tokenPath),
		grant:    url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {name}, "password": {password}}}
}

// secret reads the client secret. With create it makes the file if there is none.
func (c *config) secret(create bool) (claims.Secret, error) {
	file := c.Keycloak.SecretFile
	text, err := os.ReadFile(file)
	missing := errors.Is(err, fs.ErrNotExist)
	if create && missing {
		text = []byte(rand.Text())
		err = os.WriteFile(file, append(text, '\n'), 0o600)
	}
	secret := strings.TrimSpace(string(text))
	switch {
	case err != nil && missing && !create:
		return claims.Secret{}, fmt.Errorf("keycloak.secret_file: %w; -setup makes it", err)
	case err != nil:
		return claims.Secret{}, fmt.Errorf("keycloak.secret_file: %w", err)
	case secret == "":
		return claims.Secret{}, fmt.Errorf("keycloak.secret_file: %s is empty; remove it, -setup makes it anew", file)
	}
	return claims.NewSecret(secret), nil
}

// policy reads the bank's policy, or makes the default one.
func (c *config) policy() (*validate.Policy, error) {
	policy := validate.DefaultPolicy(validate.OBIE33)
	if c.Policy != "" {
		text, err := os.ReadFile(c.Policy)
		if err != nil {
			return nil, err
		}
		if policy, err = validate.ParsePolicy(text, validate.OBIE33); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Policy, err)
		}
	}
	return &policy, nil
}
