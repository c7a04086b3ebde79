package service

import (
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/internal/jsonform"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// SchemaID is the $id of Schema.
const SchemaID = "https://raw.githubusercontent.com/obdcr/obdcr/main/docs/serve.schema.json"

// Schema returns the JSON Schema, draft 2020-12, of files of configuration, for editors. It
// cannot express checks over several members, so Load refuses some files that it accepts.
func Schema() []byte {
	return table.Schema(SchemaID, "Configuration of obdcr serve", jsonform.Default[Config]{Value: defaults()})
}

// line is a text without bounds, and lines a list of such.
type (
	line  = jsonform.Text[string]
	lines = jsonform.Texts[string]
)

func word[T any](at func(*T) *string) jsonform.Field[T]    { return jsonform.At(at, line{}) }
func words[T any](at func(*T) *[]string) jsonform.Field[T] { return jsonform.At(at, lines{Once: true}) }
func flag[T any](at func(*T) *bool) jsonform.Field[T]      { return jsonform.At(at, jsonform.Bool{}) }

// span binds a duration within bounds.
func span[T any](low, high time.Duration, at func(*T) *time.Duration) jsonform.Field[T] {
	return jsonform.At[T, time.Duration](at, duration{low, high})
}

// maybe binds an object that a file may leave out.
func maybe[T, V any](table jsonform.Table[V], defaults func() V, at func(*T) **V) jsonform.Field[T] {
	return jsonform.At[T, *V](at, optional[V]{table, defaults})
}

// shorts are the names of the well-known directories.
func shorts() []string {
	var all []string
	for _, d := range ssa.KnownDirectories() {
		all = append(all, d.Short)
	}
	return all
}

// table has one row for each field of Config. It is the one source for the reader, the
// writer, the JSON Schema and the comments of --print-config.
var table = jsonform.Table[Config]{
	{Name: "issuer", Field: word(func(c *Config) *string { return &c.Issuer }), Example: `"https://bank.example"`,
		Doc: "The https address at which TPPs reach the bank: the origin alone. Required."},
	{Name: "profile",
		Field:   jsonform.At(func(c *Config) *validate.Profile { return &c.Profile }, jsonform.Text[validate.Profile]{Known: validate.Profiles()}),
		Example: `"obie-3.3"`, Doc: "The version of the specification."},
	{Name: "policy_file", Field: word(func(c *Config) *string { return &c.PolicyFile }), Example: `"policy.json"`,
		Doc: "The bank's policy, a JSON file as obdcr policy print writes it. Without policy_file and policy it is the default of the profile."},
	{Name: "policy", Field: jsonform.At[Config, string](func(c *Config) *string { return &c.Policy }, document{"policy", validate.PolicySchema}),
		Example: `{"grant_types": ["client_credentials", "authorization_code"]}`,
		Doc:     "The policy itself, in the place of policy_file: the members that differ from the default (docs/policy.md)."},
	{Name: "audiences", Other: []string{"audience", "aud"}, Field: words(func(c *Config) *[]string { return &c.Audiences }),
		Example: `["0015800001HQQrZAAX"]`, Doc: "What requests name as aud: the bank's identifiers. Required here or in the policy."},
	{Name: "directories", Other: []string{"directory"},
		Field:   jsonform.At(func(c *Config) *[]string { return &c.Directories }, lines{Known: shorts(), Once: true}),
		Example: `["uk"]`, Doc: "The well-known directories that the bank believes. Required, or anchors."},
	{Name: "anchors", Field: jsonform.At(func(c *Config) *[]Anchor { return &c.Anchors }, jsonform.Objects[Anchor]{Table: anchorTable}),
		Example: `[{"issuer": "My directory", "environment": "sandbox", "jwks_url": "https://keys.example/own.jwks", "jwks_hosts": ["keys.example"]}]`,
		Doc:     "Directories that the bank describes itself."},
	{Name: "keys", Field: jsonform.At(func(c *Config) *Keys { return &c.Keys }, jsonform.Object[Keys]{Table: keysTable}),
		Example: `{"ca_files": ["directory-ca.pem"]}`, Doc: "How the key sets of directories and software are fetched."},
	{Name: "listen", Other: []string{"address", "addr"}, Field: word(func(c *Config) *string { return &c.Listen }), Example: `":8443"`,
		Doc: "The TCP address that clients, or the proxy, connect to: HOST:PORT, every host where it is left out. Port 0 picks a free one."},
	{Name: "tls", Field: maybe(pairTable, func() Pair { return Pair{} }, func(c *Config) **Pair { return &c.TLS }),
		Example: `{"certificate_file": "bank.pem", "key_file": "bank.key"}`,
		Doc: "The bank's own certificate. Required, unless a proxy ends TLS: then the proxy is spoken to in TLS if it is given, " +
			"and in plain HTTP if not."},
	{Name: "clients", Field: jsonform.At(func(c *Config) *Clients { return &c.Clients }, jsonform.Object[Clients]{Table: clientsTable}),
		Example: `{"authorities": {"sandbox": ["ca.pem"]}}`, Doc: "Which client certificates the bank believes."},
	{Name: "proxy", Field: maybe(proxyTable, defaultProxy, func(c *Config) **Proxy { return &c.Proxy }),
		Example: `{"header": "X-SSL-Client-Cert", "form": "escaped_pem", "peers": ["10.0.0.5/32"]}`,
		Doc:     "The proxies that end the TLS of the clients and pass their certificates on in a header."},
	{Name: "store", Other: []string{"database", "db"},
		Field:   jsonform.At(func(c *Config) *Store { return &c.Store }, jsonform.Object[Store]{Table: storeTable}),
		Example: `{"path": "clients.db"}`,
		Doc:     "Where clients are kept: SQLite (path) for one process, PostgreSQL (dsn, dsn_file, dsn_env) for many. Required."},
	{Name: "sealing_key_file", Field: word(func(c *Config) *string { return &c.SealingKey.File }), Example: `"sealing.key"`,
		Doc: "The key that seals secrets in the store, 32 random bytes: as they are, in hexadecimal (openssl rand -hex 32) or in base64. " +
			"client_secret_jwt, upstream and hooks.provision need it."},
	{Name: "sealing_key_env", Field: word(func(c *Config) *string { return &c.SealingKey.Env }), Example: `"OBDCR_SEALING_KEY"`,
		Doc: "The variable of the environment with that key, in hexadecimal or base64, in the place of sealing_key_file."},
	{Name: "tokens", Field: jsonform.At(func(c *Config) *Tokens { return &c.Tokens }, jsonform.Object[Tokens]{Table: tokensTable}),
		Example: `{"own_endpoint": true}`,
		Doc:     "Who issues the access tokens by which clients are managed. With neither member clients can be registered, and nothing else."},
	{Name: "discovery", Field: jsonform.At(func(c *Config) *Discovery { return &c.Discovery }, jsonform.Object[Discovery]{Table: discoveryTable}),
		Example: `{"token_endpoint": "https://as.bank.example/token"}`,
		Doc:     "The endpoints of the bank's authorization server for the discovery document, or where its own document is."},
	{Name: "upstream", Field: maybe(upstreamTable, defaultUpstream, func(c *Config) **Upstream { return &c.Upstream }),
		Example: `{"registration_endpoint": "https://as.bank.example/register", "initial_access_token_file": "iat.txt"}`,
		Doc:     "The authorization server at whose registration endpoint (RFC 7591) the bank makes its clients. It excludes hooks.provision."},
	{Name: "hooks", Field: maybe(hooksTable, defaultHooks, func(c *Config) **Hooks { return &c.Hooks }),
		Example: `{"url": "https://hooks.bank.example/dcr"}`, Doc: "The bank's own server, asked about each change by HTTP (docs/serve.md, Hooks)."},
	{Name: "portal", Field: maybe(portalTable, defaultPortal, func(c *Config) **Portal { return &c.Portal }),
		Example: `{"address": "https://portal.bank.example", "tls": {"certificate_file": "portal.pem", "key_file": "portal.key"}, ` +
			`"sign_in": {"issuer": "https://auth.directory.example", "client_id": "bank", "client_secret_file": "portal.secret"}}`,
		Doc: "The portal, where the contacts of TPPs register applications by hand, and operators decide (docs/portal.md)."},
	{Name: "rate_limit", Field: maybe(rateTable, defaultRate, func(c *Config) **Rate { return &c.Rate }),
		Example: `{"per_second": 10, "burst": 50}`,
		Doc:     "How many requests each client certificate may send to each process. Without it, any number."},
	{Name: "paths", Field: jsonform.At(func(c *Config) *server.Paths { return &c.Paths }, jsonform.Object[server.Paths]{Table: pathsTable}),
		Example: `{"registration": "/open-banking/v3.3/register"}`, Doc: "The paths of the bank's endpoints."},
	{Name: "methods",
		Field:   jsonform.At(func(c *Config) *[]string { return &c.Methods }, lines{Known: []string{"POST", "GET", "PUT", "DELETE"}, Once: true}),
		Example: `["POST", "GET"]`, Doc: "What the registration endpoint offers. None named: all that the bank can do."},
	{Name: "retention", Field: jsonform.At(func(c *Config) *Retention { return &c.Retention }, jsonform.Object[Retention]{Table: retentionTable}),
		Example: `{"audit": "2555d", "deleted": "730d"}`, Doc: "How long the audit trail is kept. The same in all processes of one store."},
	{Name: "change_timeout", Field: span(time.Second, 10*time.Minute, func(c *Config) *time.Duration { return &c.ChangeTimeout }),
		Example: `"30s"`, Doc: "How long hooks and provisioning may take for one change. The same in all processes of one store."},
	{Name: "admin", Field: jsonform.At(func(c *Config) *Admin { return &c.Admin }, jsonform.Object[Admin]{Table: adminTable}),
		Example: `{"listen": "127.0.0.1:9090"}`,
		Doc:     "A second listener, plain HTTP, for operators: /metrics for Prometheus, and the paths of health and readiness."},
	{Name: "log", Field: jsonform.At(func(c *Config) *Log { return &c.Log }, jsonform.Object[Log]{Table: logTable}),
		Example: `{"format": "json"}`, Doc: "The log, on standard error."},
	{Name: "reload_every", Field: span(time.Second, day, func(c *Config) *time.Duration { return &c.ReloadEvery }), Example: `"1m"`,
		Doc: "How often the files of certificates, CAs and revocation lists are looked at. SIGHUP has them read at once."},
}

var anchorTable = jsonform.Table[Anchor]{
	{Name: "name", Field: word(func(a *Anchor) *string { return &a.Name }), Example: `"My directory"`, Doc: "For people and logs."},
	{Name: "issuer", Field: word(func(a *Anchor) *string { return &a.Issuer }), Example: `"My directory"`,
		Doc: "iss of its statements, compared exactly. Required."},
	{Name: "environment", Field: jsonform.At(func(a *Anchor) *claims.Environment { return &a.Environment },
		jsonform.Text[claims.Environment]{Known: []claims.Environment{claims.Sandbox, claims.Production}}),
		Example: `"sandbox"`, Doc: "Of all that it vouches for. Required."},
	{Name: "jwks_url", Other: []string{"jwks_uri"}, Field: word(func(a *Anchor) *string { return &a.JWKSURL }),
		Example: `"https://keys.example/own.jwks"`, Doc: "The https address of its key set. Required, or jwks_file."},
	{Name: "jwks_file", Field: word(func(a *Anchor) *string { return &a.JWKSFile }), Example: `"directory.jwks"`,
		Doc: "Its key set, a file, in the place of jwks_url."},
	{Name: "jwks_hosts", Other: []string{"hosts"}, Field: words(func(a *Anchor) *[]string { return &a.JWKSHosts }),
		Example: `["keys.example"]`, Doc: "The hosts of the key sets of software, host or host:port. An empty list admits none."},
	{Name: "claim_names", Field: jsonform.At(func(a *Anchor) *map[string]string { return &a.ClaimNames }, jsonform.Map[string, string]{Of: line{}}),
		Example: `{"software_roles": "roles"}`, Doc: "Its names of claims, by those of the OBIE directory."},
}

var pairTable = jsonform.Table[Pair]{
	{Name: "certificate_file", Other: []string{"cert", "cert_file", "certificate"}, Field: word(func(p *Pair) *string { return &p.CertificateFile }),
		Example: `"bank.pem"`, Doc: "The certificate in PEM, followed by those that lead to its CA. Required."},
	{Name: "key_file", Other: []string{"key"}, Field: word(func(p *Pair) *string { return &p.KeyFile }), Example: `"bank.key"`,
		Doc: "Its key in PEM. Required."},
}

var clientsTable = jsonform.Table[Clients]{
	{Name: "bindings", Field: jsonform.At(func(c *Clients) *[]cert.Binding { return &c.Bindings },
		jsonform.Texts[cert.Binding]{Known: []cert.Binding{cert.ByPublicKey, cert.ByThumbprint, cert.BySubject}, Filled: true, Once: true}),
		Example: `["public_key"]`, Doc: "How a certificate belongs to a software; tried in this order."},
	{Name: "authorities", Other: []string{"ca", "cas", "ca_files"},
		Field: jsonform.At(func(c *Clients) *map[claims.Environment][]string { return &c.Authorities },
			jsonform.Map[claims.Environment, []string]{Of: lines{Filled: true, Once: true}}),
		Example: `{"production": ["root.pem", "issuing.pem"]}`,
		Doc:     "The root and issuing CAs of client certificates, PEM files by environment. Required, unless a proxy verifies the chains."},
	{Name: "crl_files", Other: []string{"crls", "crl"}, Field: words(func(c *Clients) *[]string { return &c.CRLFiles }),
		Example: `["issuing.crl"]`, Doc: "Revocation lists, DER or PEM files; one in date for each CA. None named: nobody looks for revocation."},
}

var proxyTable = jsonform.Table[Proxy]{
	{Name: "header", Field: word(func(p *Proxy) *string { return &p.Header }), Example: `"X-SSL-Client-Cert"`,
		Doc: "The header with the certificate, which the proxy removes or replaces in every request. Required."},
	{Name: "form",
		Field: jsonform.At(func(p *Proxy) *cert.Form { return &p.Form }, jsonform.Text[cert.Form]{Known: cert.Forms()}), Example: `"escaped_pem"`,
		Doc: "How the certificate is written there. Required."},
	{Name: "peers", Other: []string{"networks", "trusted"},
		Field:   jsonform.At(func(p *Proxy) *[]string { return &p.Peers }, lines{Filled: true, Once: true}),
		Example: `["10.0.0.5/32"]`, Doc: "The networks of the proxies, from which alone the header is believed. Required."},
	{Name: "authority_files", Field: words(func(p *Proxy) *[]string { return &p.AuthorityFiles }), Example: `["proxies-ca.pem"]`,
		Doc: "The CAs of the certificates by which the proxies prove who they are. None named: only the network stands for the proxy."},
}
