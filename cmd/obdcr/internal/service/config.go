package service

import (
	"os"
	"path/filepath"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/internal/jsonform"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// Config is a file of configuration that was read. Only Load makes one. Its tables, in this
// package, say what each member means.
type Config struct {
	Issuer      string
	Profile     validate.Profile
	PolicyFile  string
	Policy      string // JSON; "" where the file has none
	Audiences   []string
	Directories []string
	Anchors     []Anchor
	Keys        Keys

	Listen  string
	TLS     *Pair
	Clients Clients
	Proxy   *Proxy
	Admin   Admin
	Paths   server.Paths
	Methods []string
	Rate    *Rate

	Store         Store
	SealingKey    SecretRef
	Tokens        Tokens
	Discovery     Discovery
	Upstream      *Upstream
	Hooks         *Hooks
	Portal        *Portal
	Retention     Retention
	ChangeTimeout time.Duration
	ReloadEvery   time.Duration
	Log           Log

	path   string // of the file
	places map[string]position
}

// Anchor is a directory that the bank describes itself.
type Anchor struct {
	Name, Issuer string
	Environment  claims.Environment
	JWKSURL      string
	JWKSFile     string
	JWKSHosts    []string
	ClaimNames   map[string]string
}

// Keys says how the key sets of directories and software are fetched.
type Keys struct {
	CAFiles   []string
	Networks  []string
	NotPublic []string
	Limits    Limits
}

// Limits are ssa.RemoteLimits.
type Limits struct {
	MaxSets, MaxKeys, MaxBytes, MaxUnknownReads                                           int
	Timeout, MinFresh, MaxFresh, DefaultFresh, UnknownInterval, FailureMemory, StaleUntil time.Duration
}

// Pair is a certificate with its key, in PEM files.
type Pair struct{ CertificateFile, KeyFile string }

// Clients says which client certificates are believed.
type Clients struct {
	Bindings    []cert.Binding
	Authorities map[claims.Environment][]string
	CRLFiles    []string
}

// Proxy is the proxy that ends the TLS of the clients.
type Proxy struct {
	Header         string
	Form           cert.Form
	Peers          []string
	AuthorityFiles []string
}

// Admin is the listener for operators.
type Admin struct{ Listen string }

// Rate is server.Rate in whole numbers.
type Rate struct{ PerSecond, Burst int }

// Store says where the clients are kept: a file of SQLite, or PostgreSQL.
type Store struct {
	Path string
	DSN  string
	Ref  SecretRef // of the DSN

	MadeByHand bool // the tables of PostgreSQL
}

// SecretRef says where a secret is: in a file or in a variable of the environment.
type SecretRef struct{ File, Env string }

// Reach says how another server is reached.
type Reach struct {
	CAFiles         []string
	CertificateFile string
	KeyFile         string
}

// Tokens says who issues access tokens.
type Tokens struct {
	Own           bool
	Introspection *Introspection
}

// Introspection is the authorization server that knows the tokens (RFC 7662).
type Introspection struct {
	URL, RevocationURL, MetadataURL string
	ClientID                        string
	ClientSecret                    SecretRef
	Key                             *AssertionKey
	Reach                           Reach
	Timeout                         time.Duration
}

// AssertionKey is the key of private_key_jwt.
type AssertionKey struct {
	KeyFile, KeyID, Audience string
	Algorithm                claims.Algorithm
}

// Discovery has the endpoints of the bank's authorization server, or where its document is.
type Discovery struct {
	URL                                                     string
	Every                                                   time.Duration
	CAFiles                                                 []string
	TokenEndpoint, AuthorizationEndpoint, JWKSURI           string
	IntrospectionEndpoint, RevocationEndpoint, CIBAEndpoint string
}

// Upstream is the authorization server at whose registration endpoint clients are made.
type Upstream struct {
	RegistrationEndpoint string
	InitialAccessToken   SecretRef
	Server               string
	Mapping              Mapping
	LeftHosts            []string
	Reach                Reach
	Timeout              time.Duration
}

// Mapping adds to upstream.Mapping of the named server.
type Mapping struct {
	Rename                                       map[string]string
	Drop, DropScopes, Chosen, Widened            []string
	Const, Ensure                                map[string]string // values are JSON
	ImplicitGrant, DropBoundTokens, CreatedBy200 bool
	RecordID                                     string
}

// Hooks is the bank's own server that is asked about each change.
type Hooks struct {
	URL       string
	Approve   bool
	Provision bool
	Reach     Reach
	Timeout   time.Duration
}

// Retention says how long entries of the audit trail are kept; 0: for ever.
type Retention struct{ Audit, Deleted time.Duration }

// Log says how the log is written.
type Log struct{ Format, Level string }

// maxConfig is the greatest length of a file of configuration, in bytes.
const maxConfig = 1 << 20

// Load reads a file of configuration and judges what can be judged without other files. The
// error is a *ConfigError, which has all mistakes with line and column, or that of a file that
// cannot be read.
func Load(path string) (*Config, error) {
	data, err := readFile(path, maxConfig)
	if err != nil {
		return nil, err
	}
	return parse(path, string(data))
}

// parse reads the text of a file.
func parse(path, written string) (*Config, error) {
	doc, _ := text.Decode(written)
	c := defaults()
	c.path = path
	json, places, faults := toJSON(doc)
	if c.places = places; len(faults) > 0 {
		return nil, c.fault(faults)
	}
	v, found := jsonform.Open(json, 2*maxConfig)
	if len(found) == 0 {
		found = table.Read(v, &c)
	}
	if len(found) == 0 {
		found = table.Check(&c)
		c.check(&found)
	}
	for _, f := range found {
		faults = append(faults, Fault{Place: f.Place, Reason: f.Reason})
	}
	if err := c.fault(faults); err != nil {
		return nil, err
	}
	return &c, nil
}

// file returns the path of a file that the configuration names. A relative one begins at the
// folder of the configuration.
func (c *Config) file(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(c.path), name)
}

// secretMode are the bits of a file's mode that let others than its owner read it.
const secretMode os.FileMode = 0o077
