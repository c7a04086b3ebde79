package conform_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/store"
)

// bearerOf is the token of a request.
func bearerOf(r *http.Request) string {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return value
}

// lets in: a request that match chooses gets a token of the client that its address names.
func letsIn(match func(b *mutantBank, r *http.Request) bool) wrapper {
	return requests(managed, func(b *mutantBank, r *http.Request) {
		if match(b, r) {
			r.Header.Set("Authorization", "Bearer "+b.issue(r.Context(), path.Base(r.URL.Path)))
		}
	})
}

// manageMutants open clients to others, or lose them.
func manageMutants() []mutant {
	var all []mutant
	foreign := func(b *mutantBank, r *http.Request) bool {
		held, err := b.issuer.Introspect(r.Context(), claims.NewSecret(bearerOf(r)))
		return err == nil && held.ClientID != path.Base(r.URL.Path) && path.Base(r.URL.Path) != "obdcr-unknown-client"
	}
	invalid := func(b *mutantBank, r *http.Request) bool {
		_, err := b.issuer.Introspect(r.Context(), claims.NewSecret(bearerOf(r)))
		return bearerOf(r) != "" && err != nil
	}
	for _, v := range []struct {
		id    string
		match matcher
	}{{"get", read}, {"update", put}, {"delete", deleted}} {
		only := func(match func(*mutantBank, *http.Request) bool) func(*mutantBank, *http.Request) bool {
			return func(b *mutantBank, r *http.Request) bool { return v.match(r) && match(b, r) }
		}
		play := []string{v.id + ".*", "revoke.*", "delete.*"}
		noToken := func(_ *mutantBank, r *http.Request) bool {
			return r.Header.Get("Authorization") == "" && r.URL.RawQuery == ""
		}
		all = append(all,
			mutant{name: v.id + " needs no token", play: play, fails: []string{v.id + ".no-token"}, wrap: letsIn(only(noToken))},
			mutant{name: v.id + " takes an empty token", play: play, fails: []string{v.id + ".empty-token"},
				wrap: letsIn(only(func(_ *mutantBank, r *http.Request) bool {
					return strings.TrimSpace(r.Header.Get("Authorization")) == "Bearer"
				}))},
			mutant{name: v.id + " takes any token", play: play, fails: []string{v.id + ".unknown-token", v.id + ".cut-token"}, wrap: letsIn(only(invalid))},
			mutant{name: v.id + " takes a token under any scheme", play: play, fails: []string{v.id + ".basic"},
				wrap: letsIn(only(func(_ *mutantBank, r *http.Request) bool {
					return strings.HasPrefix(r.Header.Get("Authorization"), "Basic ")
				}))},
			mutant{name: v.id + " takes a token in the address", play: play, fails: []string{v.id + ".token-in-address"},
				wrap: letsIn(only(func(_ *mutantBank, r *http.Request) bool { return strings.Contains(r.URL.RawQuery, "access_token=") }))},
			mutant{name: v.id + " takes the token of another client", play: play, fails: []string{v.id + ".own-other-client"}, wrap: letsIn(only(foreign))},
			mutant{name: v.id + " needs no certificate", play: play, fails: []string{v.id + ".no-certificate"},
				wrap: shows(only(func(_ *mutantBank, r *http.Request) bool { return len(r.TLS.PeerCertificates) == 0 }))},
			mutant{name: v.id + " takes another software's certificate", play: play, fails: []string{v.id + ".second-certificate"},
				wrap: shows(only(func(b *mutantBank, r *http.Request) bool {
					return len(r.TLS.PeerCertificates) > 0 && r.TLS.PeerCertificates[0].Equal(b.other.TransportCertificate.Leaf)
				}))},
			mutant{name: v.id + " answers 404 for a client that does not exist", play: play, fails: []string{v.id + ".unknown-client"},
				wrap: func(_ *mutantBank, next http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if v.match(r) && path.Base(r.URL.Path) == "obdcr-unknown-client" {
							w.WriteHeader(http.StatusNotFound)
							return
						}
						next.ServeHTTP(w, r)
					})
				}},
			mutant{name: v.id + " answers 403 in the place of 401", play: play, fails: []string{v.id + ".no-token"}, wrap: answers(v.match, status(403), 401)},
		)
	}
	return append(all, getMutants()...)
}

func getMutants() []mutant {
	var mutex sync.Mutex
	latest := map[*mutantBank][]byte{}
	return []mutant{
		{name: "GET shows another client", fails: []string{"get.own"}, wrap: answers(read, member("client_id", "another"), 200)},
		{name: "GET shows the latest client", fails: []string{"get.two-clients"}, play: []string{"get.*"}, wrap: func(b *mutantBank, next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				a := answerOf(next, r)
				mutex.Lock()
				defer mutex.Unlock()
				if posted(r) && a.status == 201 {
					latest[b] = append([]byte(nil), a.body.Bytes()...)
				}
				if read(r) && a.status == 200 {
					a.body.Reset()
					a.body.Write(latest[b])
				}
				a.send(w)
			})
		}},
		{name: "GET leaves a member out", fails: []string{"get.same"}, wrap: answers(read, member("redirect_uris", nil), 200)},
		{name: "GET shows a member otherwise", fails: []string{"get.same"}, wrap: answers(read, member("application_type", "mobile"), 200)},
		{name: "GET changes at each answer", fails: []string{"get.twice"}, wrap: answers(read, members(func(all map[string]any) { all["read_at"] = time.Now().String() }), 200)},
		{name: "GET answers 203", fails: []string{"get.own"}, wrap: answers(read, status(203), 200)},
	}
}

// changeMutants lose what PUT and DELETE are for.
func changeMutants() []mutant {
	return []mutant{
		{name: "PUT answers 201", fails: []string{"update.same"}, wrap: answers(put, status(201), 200)},
		{name: "PUT answers 204", fails: []string{"update.same"}, wrap: answers(put, func(a *answer) { a.status = 204; a.body.Reset() }, 200)},
		{name: "PUT gives another client_id", fails: []string{"update.keeps-client-id"}, play: []string{"update.keeps-*"}, wrap: answers(put, member("client_id", "another"), 200)},
		{name: "PUT gives another time of issue", fails: []string{"update.keeps-issued-at"}, wrap: answers(put, member("client_id_issued_at", 1), 200)},
		{name: "PUT changes nothing", fails: []string{"update.changes", "update.answer"}, play: []string{"update.*", "race.*"}, wrap: requests(put, func(_ *mutantBank, r *http.Request) {
			r.Method, r.Body = http.MethodGet, http.NoBody
		})},
		{name: "PUT answers with what was before", fails: []string{"update.answer"}, wrap: answers(put, member("grant_types", []string{"client_credentials", "authorization_code"}), 200)},
		{name: "PUT needs client_id", fails: []string{"update.without-client-id"}, wrap: mends(func(_ *mutantBank, r *http.Request, j *jws) bool {
			if put(r) && j.payload["client_id"] == nil {
				j.payload["client_id"] = "missing"
				return true
			}
			return false
		})},
		{name: "PUT takes any client_id", fails: []string{"update.other-client-id"}, wrap: mends(func(_ *mutantBank, r *http.Request, j *jws) bool {
			if put(r) && j.payload["client_id"] == "obdcr-unknown-client" {
				delete(j.payload, "client_id")
				return true
			}
			return false
		})},
		{name: "PUT carries out what it refuses", fails: []string{"update.refused-keeps"}, play: []string{"update.*"}, wrap: func(b *mutantBank, next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if j, ok := loose(bodyOf(r)); ok && put(r) && j.payload["aud"] == nil {
					refused := answerOf(next, r)
					j.payload["aud"] = "0015800001HQQrZAAX"
					setBody(r, b.sealed(j))
					answerOf(next, r)
					refused.send(w)
					return
				}
				next.ServeHTTP(w, r)
			})
		}},
		{name: "DELETE keeps the client", fails: []string{"delete.then-get", "delete.then-put", "delete.second-token-dead"}, play: []string{"delete.*", "race.*", "replay.*"},
			wrap: func(b *mutantBank, next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if deleted(r) && foreignTo(b, r) == "" {
						w.WriteHeader(http.StatusNoContent)
						return
					}
					next.ServeHTTP(w, r)
				})
			}},
		{name: "DELETE answers 200", fails: []string{"delete.own"}, play: []string{"delete.*"}, wrap: answers(deleted, status(200), 204)},
		{name: "DELETE answers 204 again", fails: []string{"delete.then-again"}, play: []string{"delete.*"}, wrap: answers(deleted, status(204), 401)},
		{name: "DELETE leaves the token endpoint open", fails: []string{"delete.token-endpoint"}, play: []string{"delete.*"},
			wrap: answers(tokened, func(a *answer) {
				a.status = 200
				a.body.Reset()
				a.body.WriteString(`{"access_token":"x","token_type":"Bearer"}`)
			}, 401)},
		{name: "DELETE takes all clients of the software", fails: []string{"delete.others-stay"}, play: []string{"delete.*"}, wrap: func(b *mutantBank, next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				a := answerOf(next, r)
				if deleted(r) && a.status == 204 {
					b.empty(r.Context())
				}
				a.send(w)
			})
		}},
		{name: "a client that was deleted answers 404", fails: []string{"delete.then-get", "delete.then-put", "delete.then-again"}, play: []string{"delete.*"}, wrap: answers(managed, status(404), 401)},
	}
}

// foreignTo says why a token does not manage the client of an address; "" if it does.
func foreignTo(b *mutantBank, r *http.Request) string {
	held, err := b.issuer.Introspect(r.Context(), claims.NewSecret(bearerOf(r)))
	if err != nil || held.ClientID != path.Base(r.URL.Path) {
		return "foreign"
	}
	return ""
}

// empty removes all clients.
func (b *mutantBank) empty(ctx context.Context) {
	all, err := b.store.List(ctx, "", 100)
	if err != nil {
		panic(err)
	}
	for _, c := range all {
		_ = b.store.Delete(ctx, c.ID, c.Version, store.Change{})
	}
}

// deafTokens end no token that was misused; angryTokens end all of the client's.
type deafTokens struct{ token.Tokens }

func (deafTokens) Revoke(context.Context, token.Revocation) (token.Revoked, error) {
	return token.Revoked{}, nil
}

// forgetful forgets each jti: it stores a client under another one.
type forgetful struct {
	*keptStore
	create, update bool
}

func (f *forgetful) Create(ctx context.Context, c store.Client, with store.Change) error {
	if f.create {
		with.Reservation = fresh(with.Reservation)
	}
	return f.keptStore.Create(ctx, c, with)
}

func (f *forgetful) Update(ctx context.Context, c store.Client, with store.Change) error {
	if f.update {
		with.Reservation = fresh(with.Reservation)
	}
	return f.keptStore.Update(ctx, c, with)
}

func fresh(r store.Reservation) store.Reservation {
	if r.JTI != "" {
		r.JTI = time.Now().String() + r.JTI
	}
	return r
}

// stateMutants forget what they have seen.
func stateMutants() []mutant {
	forgets := func(create, update bool) func(*dcr.Config) {
		return func(c *dcr.Config) { c.Store = &forgetful{c.Store.(*keptStore), create, update} }
	}
	seen := map[*mutantBank]map[string]bool{}
	var mutex sync.Mutex
	return []mutant{
		{name: "a jti is forgotten", fails: []string{"replay.same-bytes", "replay.same-jti", "replay.jti-in-capitals", "replay.after-delete", "replay.update", "race.same-request"}, registrar: forgets(true, true)},
		{name: "a jti of an update is forgotten", fails: []string{"replay.update", "replay.registration-as-update"}, registrar: forgets(false, true)},
		{name: "a jti of a registration is forgotten", fails: []string{"replay.same-bytes", "replay.after-delete"}, registrar: forgets(true, false)},
		{name: "all registrations get one client_id", fails: []string{"race.registrations"}, play: []string{"race.registrations"},
			wrap: answers(posted, member("client_id", "one-client"), http.StatusCreated)},
		{name: "a refused request uses its jti up", fails: []string{"replay.refused"}, wrap: func(b *mutantBank, next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				j, ok := loose(bodyOf(r))
				if !ok || !posted(r) {
					next.ServeHTTP(w, r)
					return
				}
				jti, _ := j.payload["jti"].(string)
				mutex.Lock()
				if seen[b] == nil {
					seen[b] = map[string]bool{}
				}
				used := seen[b][jti]
				seen[b][jti] = true
				mutex.Unlock()
				if used {
					w.Header().Set("Content-Type", "application/json")
					w.Header().Set("Cache-Control", "no-store")
					w.WriteHeader(http.StatusBadRequest)
					_, _ = w.Write([]byte(`{"error":"invalid_client_metadata"}`))
					return
				}
				next.ServeHTTP(w, r)
			})
		}},
		{name: "a misused token stays", fails: []string{"revoke.unknown-client", "revoke.foreign-client"}, registrar: func(c *dcr.Config) { c.Tokens = deafTokens{c.Tokens} }},
	}
}

// tlsMutants take connections and certificates that they must not.
func tlsMutants() []mutant {
	suite := func(ids ...uint16) func(*tls.Config) {
		return func(c *tls.Config) { c.CipherSuites = append(c.CipherSuites, ids...) }
	}
	cbc := []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA}
	play := []string{"tls.*"}
	shown := func(match func(b *mutantBank, leaf *x509.Certificate) bool) wrapper {
		return shows(func(b *mutantBank, r *http.Request) bool {
			if len(r.TLS.PeerCertificates) == 0 {
				return false
			}
			leaf := r.TLS.PeerCertificates[0]
			return leaf.Equal(b.subject.TransportCertificate.Leaf) || match(b, leaf)
		})
	}
	byCA := func(b *mutantBank, leaf *x509.Certificate) bool {
		return leaf.CheckSignatureFrom(b.directory.CA) == nil
	}
	certificates := []string{"certificate.*"}
	return []mutant{
		{name: "TLS 1.1 is taken", play: play, fails: []string{"tls.1-1", "tls.token-1-1"}, tls: func(c *tls.Config) { c.MinVersion = tls.VersionTLS11; c.CipherSuites = append(c.CipherSuites, cbc...) }},
		{name: "TLS 1.0 is taken", play: play, fails: []string{"tls.1-0", "tls.token-1-0"}, tls: func(c *tls.Config) { c.MinVersion = tls.VersionTLS10; c.CipherSuites = append(c.CipherSuites, cbc...) }},
		{name: "CBC is taken", play: play, fails: []string{"tls.cbc", "tls.token-cbc"}, tls: suite(cbc...)},
		{name: "no forward secrecy is needed", play: play, fails: []string{"tls.no-forward-secrecy"}, tls: suite(tls.TLS_RSA_WITH_AES_128_GCM_SHA256)},
		{name: "3DES is taken", play: play, fails: []string{"tls.3des"}, tls: suite(tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA)},
		{name: "RC4 is taken", play: play, fails: []string{"tls.rc4"}, tls: suite(tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA)},
		{name: "ChaCha20 is taken under TLS 1.2", play: play, fails: []string{"tls.chacha"}, tls: suite(tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256)},
		{name: "TLS 1.2 is not taken", play: play, fails: []string{"tls.1-2"}, tls: func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }},
		{name: "HTTP without TLS is answered", play: play, fails: []string{"tls.plain"}, plain: true},
		{name: "no certificate is needed", play: certificates, fails: []string{"certificate.none"}, wrap: shows(func(_ *mutantBank, r *http.Request) bool { return posted(r) && len(r.TLS.PeerCertificates) == 0 })},
		{name: "any certificate is taken", play: certificates, fails: []string{"certificate.self-signed", "certificate.self-signed-expired", "certificate.same-key", "certificate.same-name", "certificate.second", "certificate.expired",
			"certificate.not-yet", "certificate.server-only", "certificate.unpublished"}, tls: anyCertificate, wrap: shown(func(*mutantBank, *x509.Certificate) bool { return true })},
		{name: "the chain is not looked at", play: certificates, fails: []string{"certificate.same-key", "certificate.self-signed", "certificate.same-name"}, tls: anyCertificate,
			wrap: shown(func(b *mutantBank, leaf *x509.Certificate) bool {
				return !byCA(b, leaf) && time.Now().Before(leaf.NotAfter)
			})},
		{name: "the validity of a certificate is not looked at", play: certificates, fails: []string{"certificate.expired", "certificate.not-yet"}, tls: anyCertificate,
			wrap: shown(func(b *mutantBank, leaf *x509.Certificate) bool {
				return byCA(b, leaf) && (time.Now().After(leaf.NotAfter) || time.Now().Before(leaf.NotBefore))
			})},
		{name: "the purpose of a certificate is not looked at", play: certificates, fails: []string{"certificate.server-only"}, tls: anyCertificate,
			wrap: shown(func(b *mutantBank, leaf *x509.Certificate) bool {
				return byCA(b, leaf) && len(leaf.ExtKeyUsage) == 1 && leaf.ExtKeyUsage[0] == x509.ExtKeyUsageServerAuth
			})},
		{name: "any certificate of the directory will do", play: certificates, fails: []string{"certificate.second", "certificate.unpublished"}, wrap: shown(byCA)},
		{name: "discovery needs a certificate", play: certificates, fails: []string{"certificate.discovery"}, wrap: func(_ *mutantBank, next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/.well-known/") && len(r.TLS.PeerCertificates) == 0 {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				next.ServeHTTP(w, r)
			})
		}},
	}
}

// discoveryMutants announce what is wrong.
func discoveryMutants() []mutant {
	var all []mutant
	for id, edit := range map[string]func(map[string]any){
		"issuer":                    func(d map[string]any) { d["issuer"] = "http://bank.example" },
		"registration-endpoint":     func(d map[string]any) { d["registration_endpoint"] = "https://bank.example/register/" },
		"token-endpoint":            func(d map[string]any) { delete(d, "token_endpoint") },
		"auth-methods":              func(d map[string]any) { d["token_endpoint_auth_methods_supported"] = []any{"none"} },
		"auth-algorithms":           func(d map[string]any) { d["token_endpoint_auth_signing_alg_values_supported"] = []any{"RS256"} },
		"request-object-algorithms": func(d map[string]any) { delete(d, "request_object_signing_alg_values_supported") },
		"id-token-algorithms":       func(d map[string]any) { d["id_token_signing_alg_values_supported"] = []any{"PS256", "none"} },
		"response-types":            func(d map[string]any) { d["response_types_supported"] = []any{"token"} },
		"grant-types":               func(d map[string]any) { d["grant_types_supported"] = []any{"authorization_code"} },
		"scopes":                    func(d map[string]any) { d["scopes_supported"] = []any{"accounts"} },
		"bound-tokens":              func(d map[string]any) { d["tls_client_certificate_bound_access_tokens"] = false },
	} {
		all = append(all, mutant{name: "discovery says something else: " + id, play: []string{"discovery.*"}, fails: []string{"discovery." + id}, document: edit})
	}
	return all
}
