package service

import (
	"math"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/internal/jsonform"
)

// reach are the rows of a Reach that is part of a T.
func reach[T any](of func(*T) *Reach) jsonform.Table[T] {
	return jsonform.Table[T]{
		{Name: "ca_files", Field: words(func(t *T) *[]string { return &of(t).CAFiles }), Example: `["internal-ca.pem"]`,
			Doc: "The CAs that the server's certificate must lead to, PEM files. None named: those of the system."},
		{Name: "certificate_file", Field: word(func(t *T) *string { return &of(t).CertificateFile }), Example: `"client.pem"`,
			Doc: "The certificate that the bank presents there, in PEM."},
		{Name: "key_file", Field: word(func(t *T) *string { return &of(t).KeyFile }), Example: `"client.key"`, Doc: "Its key in PEM."},
	}
}

var storeTable = jsonform.Table[Store]{
	{Name: "path", Other: []string{"file", "sqlite"}, Field: word(func(s *Store) *string { return &s.Path }), Example: `"clients.db"`,
		Doc: "A file of SQLite, made where there is none."},
	{Name: "dsn", Other: []string{"url", "postgres"},
		Field: word(func(s *Store) *string { return &s.DSN }), Example: `"postgres://obdcr@db1,db2/obdcr?target_session_attrs=read-write"`,
		Doc: "PostgreSQL, without a password: give one by dsn_file, dsn_env, or a .pgpass file."},
	{Name: "dsn_file", Field: word(func(s *Store) *string { return &s.Ref.File }), Example: `"dsn.txt"`, Doc: "A file with the DSN."},
	{Name: "dsn_env", Field: word(func(s *Store) *string { return &s.Ref.Env }), Example: `"OBDCR_DSN"`,
		Doc: "The variable of the environment with the DSN."},
	{Name: "made_by_hand", Field: flag(func(s *Store) *bool { return &s.MadeByHand }), Example: `true`,
		Doc: "Whether somebody else makes the tables of PostgreSQL, with obdcr migrate: a server makes and changes none then."},
}

var tokensTable = jsonform.Table[Tokens]{
	{Name: "own_endpoint", Field: flag(func(t *Tokens) *bool { return &t.Own }), Example: `true`,
		Doc: "Whether the bank issues the tokens itself, at paths.token, by the client_credentials grant."},
	{Name: "introspection",
		Field:   maybe(introspectionTable, defaultIntrospection, func(t *Tokens) **Introspection { return &t.Introspection }),
		Example: `{"url": "https://as.bank.example/introspect", "client_id": "obdcr", "client_secret_file": "introspection.secret"}`,
		Doc:     "The authorization server that issues them, asked by RFC 7662."},
}

var introspectionTable = append(jsonform.Table[Introspection]{
	{Name: "url", Field: word(func(i *Introspection) *string { return &i.URL }), Example: `"https://as.bank.example/introspect"`,
		Doc: "The introspection endpoint. Required."},
	{Name: "revocation_url", Field: word(func(i *Introspection) *string { return &i.RevocationURL }), Example: `"https://as.bank.example/revoke"`,
		Doc: "Where the bank ends a token of a client (RFC 7009). Without it none is ended: the client's tokens die with the client."},
	{Name: "metadata_url",
		Field: word(func(i *Introspection) *string { return &i.MetadataURL }), Example: `"https://as.bank.example/.well-known/openid-configuration"`,
		Doc: "The server's metadata. The bank compares it with this file at its start, and logs what does not fit."},
	{Name: "client_id", Field: word(func(i *Introspection) *string { return &i.ClientID }), Example: `"obdcr"`, Doc: "The bank's own client there."},
	{Name: "client_secret_file", Field: word(func(i *Introspection) *string { return &i.ClientSecret.File }), Example: `"introspection.secret"`,
		Doc: "A file with its secret (client_secret_basic)."},
	{Name: "client_secret_env", Field: word(func(i *Introspection) *string { return &i.ClientSecret.Env }), Example: `"OBDCR_INTROSPECTION_SECRET"`,
		Doc: "The variable of the environment with its secret."},
	{Name: "client_key",
		Field:   maybe(assertionTable, defaultAssertionKey, func(i *Introspection) **AssertionKey { return &i.Key }),
		Example: `{"key_file": "obdcr.key", "key_id": "obdcr-1", "audience": "https://as.bank.example"}`,
		Doc:     "Its key, in the place of a secret (private_key_jwt)."},
	{Name: "timeout", Field: span(time.Second, time.Minute, func(i *Introspection) *time.Duration { return &i.Timeout }),
		Example: `"5s"`,
		Doc:     "Of each call."},
}, reach(func(i *Introspection) *Reach { return &i.Reach })...)

var assertionTable = jsonform.Table[AssertionKey]{
	{Name: "key_file", Field: word(func(k *AssertionKey) *string { return &k.KeyFile }), Example: `"obdcr.key"`,
		Doc: "The private key in PEM. Required."},
	{Name: "key_id", Other: []string{"kid"}, Field: word(func(k *AssertionKey) *string { return &k.KeyID }), Example: `"obdcr-1"`,
		Doc: "Its kid there. Required."},
	{Name: "algorithm", Other: []string{"alg"}, Field: jsonform.At(func(k *AssertionKey) *claims.Algorithm { return &k.Algorithm },
		jsonform.Text[claims.Algorithm]{Known: []claims.Algorithm{claims.PS256, claims.ES256}}), Example: `"PS256"`, Doc: "Of the signature."},
	{Name: "audience", Other: []string{"aud"},
		Field: word(func(k *AssertionKey) *string { return &k.Audience }), Example: `"https://as.bank.example"`,
		Doc: "What the server takes as aud. Required."},
}

var discoveryTable = jsonform.Table[Discovery]{
	{Name: "url", Field: word(func(d *Discovery) *string { return &d.URL }), Example: `"https://as.bank.example/.well-known/openid-configuration"`,
		Doc: "The authorization server's own document: the bank serves it with its registration endpoint in it."},
	{Name: "every", Field: span(time.Second, day, func(d *Discovery) *time.Duration { return &d.Every }), Example: `"5m"`,
		Doc: "How often that document is read again."},
	{Name: "ca_files", Field: words(func(d *Discovery) *[]string { return &d.CAFiles }), Example: `["internal-ca.pem"]`,
		Doc: "The CAs of its server. None named: those of the system."},
	{Name: "token_endpoint", Field: word(func(d *Discovery) *string { return &d.TokenEndpoint }), Example: `"https://as.bank.example/token"`,
		Doc: "Required without tokens.own_endpoint and discovery.url, and excluded by each of them."},
	{Name: "authorization_endpoint", Field: word(func(d *Discovery) *string { return &d.AuthorizationEndpoint }),
		Example: `"https://as.bank.example/authorize"`,
		Doc:     "Empty leaves it out, like those below."},
	{Name: "jwks_uri", Field: word(func(d *Discovery) *string { return &d.JWKSURI }), Example: `"https://as.bank.example/jwks"`,
		Doc: "The bank's own keys."},
	{Name: "introspection_endpoint", Field: word(func(d *Discovery) *string { return &d.IntrospectionEndpoint }),
		Example: `"https://as.bank.example/introspect"`,
		Doc:     "RFC 7662."},
	{Name: "revocation_endpoint",
		Field: word(func(d *Discovery) *string { return &d.RevocationEndpoint }), Example: `"https://as.bank.example/revoke"`,
		Doc: "RFC 7009."},
	{Name: "backchannel_authentication_endpoint", Field: word(func(d *Discovery) *string { return &d.CIBAEndpoint }),
		Example: `"https://as.bank.example/ciba"`,
		Doc:     "CIBA Core section 4."},
}

var upstreamTable = append(jsonform.Table[Upstream]{
	{Name: "registration_endpoint", Field: word(func(u *Upstream) *string { return &u.RegistrationEndpoint }),
		Example: `"https://as.bank.example/register"`,
		Doc:     "Its address. Required."},
	{Name: "initial_access_token_file", Field: word(func(u *Upstream) *string { return &u.InitialAccessToken.File }), Example: `"iat.txt"`,
		Doc: "A file with the token that authorizes a registration. It is read for each one, so another program may renew it."},
	{Name: "initial_access_token_env",
		Field: word(func(u *Upstream) *string { return &u.InitialAccessToken.Env }), Example: `"OBDCR_INITIAL_ACCESS_TOKEN"`,
		Doc: "The variable of the environment with that token."},
	{Name: "server",
		Field:   jsonform.At(func(u *Upstream) *string { return &u.Server }, line{Known: []string{plainServer, keycloakServer, oidcProviderServer}}),
		Example: `"keycloak"`,
		Doc:     "Whose mapping of names to begin with. plain: every member as it is."},
	{Name: "mapping",
		Field:   jsonform.At(func(u *Upstream) *Mapping { return &u.Mapping }, jsonform.Object[Mapping]{Table: mappingTable}),
		Example: `{"drop": ["software_id"]}`,
		Doc:     "What is added to that mapping (docs/authorization-servers.md)."},
	{Name: "left_hosts", Field: words(func(u *Upstream) *[]string { return &u.LeftHosts }), Example: `["old-as.bank.example"]`,
		Doc: "Hosts of authorization servers that the bank has left: their clients may be made anew."},
	{Name: "timeout",
		Field: span(time.Second, time.Minute, func(u *Upstream) *time.Duration { return &u.Timeout }), Example: `"10s"`,
		Doc: "Of each call."},
}, reach(func(u *Upstream) *Reach { return &u.Reach })...)

var mappingTable = jsonform.Table[Mapping]{
	{Name: "rename", Field: jsonform.At(func(m *Mapping) *map[string]string { return &m.Rename }, jsonform.Map[string, string]{Of: line{}}),
		Example: `{"jwks_uri": "keys_uri"}`,
		Doc:     "The name there, by the name here."},
	{Name: "drop", Field: words(func(m *Mapping) *[]string { return &m.Drop }), Example: `["software_id"]`,
		Doc: "Members that the server does not know."},
	{Name: "const", Field: jsonform.At(func(m *Mapping) *map[string]string { return &m.Const }, jsonform.Map[string, string]{Of: document{}}),
		Example: `{"require_pkce": true}`,
		Doc:     "Members there with a value of the bank's."},
	{Name: "ensure", Field: jsonform.At(func(m *Mapping) *map[string]string { return &m.Ensure }, jsonform.Map[string, string]{Of: document{}}),
		Example: `{"contacts": []}`,
		Doc:     "Members there for a client that has none of the name."},
	{Name: "drop_scopes", Field: words(func(m *Mapping) *[]string { return &m.DropScopes }), Example: `["openid"]`,
		Doc: "Words that are left out of scope."},
	{Name: "implicit_grant", Field: flag(func(m *Mapping) *bool { return &m.ImplicitGrant }), Example: `true`,
		Doc: "Adds implicit to grant_types where a response type has id_token."},
	{Name: "record_id", Field: word(func(m *Mapping) *string { return &m.RecordID }), Example: `"obdcr_record_id"`,
		Doc: "A member there that gets the ID of the record."},
	{Name: "drop_bound_tokens_unsafe", Field: flag(func(m *Mapping) *bool { return &m.DropBoundTokens }), Example: `true`,
		Doc: "Leaves tls_client_certificate_bound_access_tokens out, for a server that binds every token by itself, and for no other."},
	{Name: "created_by_200",
		Field: flag(func(m *Mapping) *bool { return &m.CreatedBy200 }), Example: `true`, Doc: "Takes 200 for a registration, too."},
	{Name: "chosen", Field: words(func(m *Mapping) *[]string { return &m.Chosen }), Example: `["scope"]`,
		Doc: "Members there that the server may answer otherwise."},
	{Name: "widened", Field: words(func(m *Mapping) *[]string { return &m.Widened }), Example: `["grant_types"]`,
		Doc: "Members there to which the server may add values."},
}

var hooksTable = append(jsonform.Table[Hooks]{
	{Name: "url", Field: word(func(h *Hooks) *string { return &h.URL }), Example: `"https://hooks.bank.example/dcr"`,
		Doc: "Its https address, below which /approve, /provision and /deprovision are. Required, with certificate_file and key_file."},
	{Name: "approve", Field: flag(func(h *Hooks) *bool { return &h.Approve }), Example: `true`,
		Doc: "Whether it decides on each change before anything is stored."},
	{Name: "provision", Field: flag(func(h *Hooks) *bool { return &h.Provision }), Example: `true`,
		Doc: "Whether it makes and removes the clients of the authorization server."},
	{Name: "timeout", Field: span(time.Second, time.Minute, func(h *Hooks) *time.Duration { return &h.Timeout }), Example: `"10s"`,
		Doc: "Of each call."},
}, reach(func(h *Hooks) *Reach { return &h.Reach })...)

var rateTable = jsonform.Table[Rate]{
	{Name: "per_second", Field: jsonform.At(func(r *Rate) *int { return &r.PerSecond }, jsonform.Int{Low: 1, High: 1_000_000}), Example: `10`,
		Doc: "In the long run."},
	{Name: "burst",
		Field: jsonform.At(func(r *Rate) *int { return &r.Burst }, jsonform.Int{Low: 1, High: 1_000_000}), Example: `50`, Doc: "At once."},
}

var pathsTable = jsonform.Table[server.Paths]{
	{Name: "registration", Field: word(func(p *server.Paths) *string { return &p.Registration }), Example: `"/register"`,
		Doc: "The registration endpoint; clients are below it."},
	{Name: "token", Field: word(func(p *server.Paths) *string { return &p.Token }), Example: `"/token"`, Doc: "The bank's own token endpoint."},
	{Name: "discovery", Field: word(func(p *server.Paths) *string { return &p.Discovery }), Example: `"/.well-known/openid-configuration"`,
		Doc: "The discovery document."},
	{Name: "openapi", Field: word(func(p *server.Paths) *string { return &p.OpenAPI }), Example: `"/openapi.yaml"`, Doc: "The OpenAPI document."},
	{Name: "health", Field: word(func(p *server.Paths) *string { return &p.Health }), Example: `"/healthz"`, Doc: "200 while the process answers."},
	{Name: "ready", Field: word(func(p *server.Paths) *string { return &p.Ready }), Example: `"/readyz"`,
		Doc: "200 while the store can be read and takes changes, else 503."},
}

var retentionTable = jsonform.Table[Retention]{
	{Name: "audit", Field: span(0, maxRetention, func(r *Retention) *time.Duration { return &r.Audit }), Example: `"2555d"`,
		Doc: "Each entry. Those of a client that is registered end too; the client stays. 0s: for ever."},
	{Name: "deleted", Field: span(0, maxRetention, func(r *Retention) *time.Duration { return &r.Deleted }), Example: `"730d"`,
		Doc: "The entries of a client, after it was removed. 0s: as long as audit says."},
}

// maxRetention is a hundred years, which no duration of the file overflows.
const maxRetention = 100 * 365 * day

var adminTable = jsonform.Table[Admin]{
	{Name: "listen", Field: word(func(a *Admin) *string { return &a.Listen }), Example: `"127.0.0.1:9090"`,
		Doc: "Its TCP address; empty: there is none. Whoever reaches it can read the metrics: keep it inside."},
}

var logTable = jsonform.Table[Log]{
	{Name: "format", Field: jsonform.At(func(l *Log) *string { return &l.Format }, line{Known: []string{"text", "json"}}), Example: `"json"`,
		Doc: "Of each line."},
	{Name: "level", Field: jsonform.At(func(l *Log) *string { return &l.Level }, line{Known: []string{"debug", "info", "warn", "error"}}),
		Example: `"info"`,
		Doc:     "The least important lines that are written."},
}

var keysTable = jsonform.Table[Keys]{
	{Name: "ca_files", Field: words(func(k *Keys) *[]string { return &k.CAFiles }), Example: `["directory-ca.pem"]`,
		Doc: "The CAs that the hosts of key sets must lead to, PEM files. None named: those of the system."},
	{Name: "networks", Field: words(func(k *Keys) *[]string { return &k.Networks }), Example: `["10.1.0.0/16"]`,
		Doc: "Networks that are not public and that the names of these hosts may lead to all the same."},
	{Name: "not_public", Field: words(func(k *Keys) *[]string { return &k.NotPublic }), Example: `["64:ff9b:1::/48"]`,
		Doc: "Public networks that lead into the bank's own."},
	{Name: "limits", Field: jsonform.At(func(k *Keys) *Limits { return &k.Limits }, jsonform.Object[Limits]{Table: limitsTable}),
		Example: `{"timeout": "3s"}`,
		Doc:     "What is fetched and kept."},
}

var limitsTable = jsonform.Table[Limits]{
	{Name: "max_sets", Field: jsonform.At(func(l *Limits) *int { return &l.MaxSets }, jsonform.Int{Low: 1, High: 1_000_000}), Example: `10000`,
		Doc: "Key sets of software that are kept."},
	{Name: "max_keys", Field: jsonform.At(func(l *Limits) *int { return &l.MaxKeys }, jsonform.Int{Low: 1, High: 100}), Example: `100`,
		Doc: "Entries of one set."},
	{Name: "max_bytes", Field: jsonform.At(func(l *Limits) *int { return &l.MaxBytes }, jsonform.Int{Low: 1, High: 1 << 20}), Example: `1048576`,
		Doc: "Bytes of one set."},
	{Name: "timeout",
		Field: span(time.Millisecond, time.Minute, func(l *Limits) *time.Duration { return &l.Timeout }), Example: `"5s"`,
		Doc: "Of one fetch."},
	{Name: "min_fresh", Field: span(time.Second, time.Hour, func(l *Limits) *time.Duration { return &l.MinFresh }), Example: `"1m"`,
		Doc: "For how long a set is fresh at least,"},
	{Name: "max_fresh", Field: span(time.Second, 7*day, func(l *Limits) *time.Duration { return &l.MaxFresh }), Example: `"1d"`,
		Doc: "and at most, whatever its Cache-Control says,"},
	{Name: "default_fresh", Field: span(time.Second, 7*day, func(l *Limits) *time.Duration { return &l.DefaultFresh }),
		Example: `"5m"`,
		Doc:     "and where that says nothing."},
	{Name: "unknown_key_interval",
		Field: span(time.Second, time.Hour, func(l *Limits) *time.Duration { return &l.UnknownInterval }), Example: `"30s"`,
		Doc: "How long the same sender's unknown kid has a set fetched no second time."},
	{Name: "max_unknown_reads", Field: jsonform.At(func(l *Limits) *int { return &l.MaxUnknownReads }, jsonform.Int{Low: 1, High: 100}), Example: `8`,
		Doc: "Fetches of one address that unknown kids of all senders cause within that interval."},
	{Name: "failure_memory", Field: span(time.Second, time.Minute, func(l *Limits) *time.Duration { return &l.FailureMemory }),
		Example: `"10s"`,
		Doc:     "How long there is no fetch after a failed one."},
	{Name: "max_stale", Field: span(time.Second, day, func(l *Limits) *time.Duration { return &l.StaleUntil }), Example: `"1h"`,
		Doc: "How long a set is used beyond its freshness while fetches fail."},
}

// maxSecret bounds a file with a secret, in bytes; maxPEM one of certificates.
const (
	maxSecret = 64 << 10
	maxPEM    = 1 << 20
	maxPolicy = math.MaxInt16 << 3
)
