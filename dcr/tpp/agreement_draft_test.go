package tpp_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// draft is a request that is being made: what is signed, how, and the bytes around it. The
// zero mutation leaves a valid one.
type draft struct {
	*rand.Rand
	w         *world
	statement map[string]any // claims of the statement
	stated    ssatest.Forgery
	request   map[string]any // claims of the request
	signed    ssatest.Forgery
	raw       map[string]func(string) string // what becomes of "statement", "payload" and "request"
	foreign   bool                           // it is sent with the certificate of another software
	done      []string                       // names of the mutations
}

// newDraft makes a valid request, by the number of the case alone.
func newDraft(w *world, number uint64) *draft {
	d := &draft{Rand: rand.New(rand.NewPCG(9, number)), w: w, statement: w.software.Claims(), raw: map[string]func(string) string{}}
	d.statement["jti"] = d.hex(16)
	request := w.software.Request()
	text, err := json.Marshal(&request)
	if err := errors.Join(err, json.Unmarshal(text, &d.request)); err != nil {
		panic(err)
	}
	d.request["iat"], d.request["exp"] = w.now.Unix(), w.now.Unix()+600
	d.request["jti"] = fmt.Sprintf("%s-%s-4%s-8%s-%s", d.hex(8), d.hex(4), d.hex(3), d.hex(3), d.hex(12))
	method := pick(d, everyMethod...)
	d.request["token_endpoint_auth_method"] = method
	if !method.SignsAssertions() {
		delete(d.request, "token_endpoint_auth_signing_alg")
	}
	if method == claims.TLSClientAuth {
		d.request["tls_client_auth_subject_dn"] = w.software.TransportCertificate.Leaf.Subject.String()
	}
	return d
}

func (d *draft) hex(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "0123456789abcdef"[d.IntN(16)]
	}
	return string(b)
}

func pick[T any](d *draft, from ...T) T { return from[d.IntN(len(from))] }

// mutation changes a draft.
type mutation struct {
	name   string
	weight int
	apply  func(*draft)
}

// mutations are what the field, an adversary and an editor do to requests.
var mutations = []mutation{
	{"claim", 30, func(d *draft) {
		d.mutate(d.request, append(claims.RequestMembers(), "client_secret", "nbf", "client_id", "unknown"))
	}},
	{"statement claim", 25, func(d *draft) { d.mutate(d.statement, statementClaims) }},
	{"address", 2, func(d *draft) { d.statement[pick(d, addresses...)] = d.w.directory.URL() + "/nobody.jwks" }},
	{"header", 8, func(d *draft) { d.mutateHeader(&d.signed) }},
	{"statement header", 8, func(d *draft) { d.mutateHeader(&d.stated) }},
	{"signature", 4, func(d *draft) { d.signed.Key = d.w.directory.ForgedKey() }},
	{"statement signature", 4, func(d *draft) { d.stated.Key = d.w.software.SigningKey }},
	{"unsigned", 1, func(d *draft) { d.signed.Unsigned = true }},
	{"unsigned statement", 1, func(d *draft) { d.stated.Unsigned = true }},
	{"certificate", 8, func(d *draft) { d.foreign = true }},
	{"statement in force", 6, func(d *draft) {
		now := d.w.now.Unix()
		name := pick(d, "iat", "exp", "nbf", "software_environment", "org_status")
		d.statement[name] = map[string]any{"iat": now + pick[int64](d, -100_000, 100_000), "exp": now - 100, "nbf": now + 100,
			"software_environment": "production", "org_status": "Revoked"}[name]
	}},
	{"bytes", 10, func(d *draft) { d.raw["request"] = pick(d, append(damages, arounds...)...)(d) }},
	{"statement bytes", 5, func(d *draft) { d.raw["statement"] = pick(d, damages...)(d) }},
	{"payload", 3, func(d *draft) { d.raw["payload"] = pick(d, payloads...)(d) }},
	{"statement payload", 3, func(d *draft) { d.raw["claims"] = pick(d, payloads...)(d) }},
	{"size", 1, func(d *draft) { d.request["unknown"] = strings.Repeat("x", 20_000+d.IntN(40_000)) }},
	{"many URIs", 1, func(d *draft) { d.request["redirect_uris"] = d.uris() }},
}

var addresses = []string{"software_jwks_endpoint", "software_jwks_revoked_endpoint", "org_jwks_revoked_endpoint"}

var statementClaims = []string{"iss", "iat", "exp", "nbf", "jti", "software_id", "software_client_id", "software_client_name", "software_redirect_uris",
	"software_roles", "software_jwks_endpoint", "software_jwks_revoked_endpoint", "org_jwks_revoked_endpoint", "software_mode", "software_environment",
	"software_logo_uri", "org_id", "org_name", "org_status", "org_contacts", "software_version", "software_on_behalf_of_org",
	"organisation_competent_authority_claims", "ob_registry_tos", "unknown"}

// mutated applies mutations to a draft: none to a few, four often.
func (d *draft) mutated() *draft {
	for range pick(d, 0, 1, 1, 1, 1, 2, 2, 2, 3, 5) {
		total := 0
		for _, m := range mutations {
			total += m.weight
		}
		at := d.IntN(total)
		i := slices.IndexFunc(mutations, func(m mutation) bool { at -= m.weight; return at < 0 })
		mutations[i].apply(d)
		d.done = append(d.done, mutations[i].name)
	}
	return d
}

// mutate changes one member of a document.
func (d *draft) mutate(document map[string]any, names []string) {
	name := names[d.IntN(len(names))]
	now := d.w.now.Unix()
	number := pick[any](d, 0, 1, -1, 1.5, now, float64(now)+0.5, json.RawMessage("1.79e9"), now*1000, now-100_000, now-30, now+30, now+100_000, now-10_000_000, 1e300)
	word := pick(d, "", "x", "Active", "Revoked", "PISP", "CBPII", "accounts", "openid", "openid payments", "openid openid", "PS256", "ES256", "RS256", "none", "web",
		"mobile", "native", "production", "sandbox", "Live", "Test", "client_secret_jwt", "tls_client_auth", "https://tpp.example/callback", "https://localhost/cb",
		"http://tpp.example/", "CN=x,OU=y", "0015800001041REAAY", "https://bank.example", d.w.software.SoftwareID, d.w.software.JWKSURL(),
		d.w.directory.URL()+"/nobody.jwks", "https://elsewhere.example/keys.jwks", strings.Repeat("long ", 60), "\u00e9\u202e", "urn:openid:params:grant-type:ciba")
	list := pick[any](d, []string{}, []string{word}, []string{word, word}, []any{1}, []any{nil}, []string{"code"}, []string{"AISP"}, []string{"https://tpp.example/callback"})
	switch pick(d, "absent", "null", "number", "word", "word", "word", "list", "object", "bool") {
	case "absent":
		delete(document, name)
	case "null":
		document[name] = json.RawMessage("null")
	case "number":
		document[name] = number
	case "word":
		document[name] = word
	case "list":
		document[name] = list
	case "object":
		document[name] = map[string]any{pick(d, "status", "authority_id", "x"): word}
	case "bool":
		document[name] = d.IntN(2) == 0
	}
}

func (d *draft) mutateHeader(f *ssatest.Forgery) {
	if f.Members == nil {
		f.Members = map[string]any{}
	}
	name := pick(d, "alg", "kid", "typ", "crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256", "iss", "cty")
	f.Members[name] = pick[any](d, nil, json.RawMessage("null"), "", "x", "JWT", "jwt", "application/jwt", "at+jwt", "none", "HS256", "RS256", "PS256", "ES256",
		7, true, []string{"b64"}, []any{}, map[string]any{"kty": "RSA"}, strings.Repeat("k", 200), d.w.software.SigningKeyID, d.w.software.TransportKeyID)
}

// damages break a token. arounds add bytes that an editor adds.
var damages = []func(*draft) func(string) string{
	func(d *draft) func(string) string {
		return func(s string) string { return s[:d.IntN(len(s))] }
	},
	func(d *draft) func(string) string {
		return func(s string) string {
			i := d.IntN(len(s))
			return s[:i] + pick(d, "A", "_", "+", "=", ".", "\n", " ", "\x00", "\u00e9") + s[i+d.IntN(2):]
		}
	},
	func(*draft) func(string) string { return func(string) string { return "" } },
	func(*draft) func(string) string { return func(s string) string { return s + ".x" } },
	func(*draft) func(string) string { return func(s string) string { return s + "==" } },
	func(*draft) func(string) string { return func(s string) string { return "a.b.c.d.e" + s[:0] } },
	func(*draft) func(string) string {
		return func(s string) string { p := strings.Split(s, "."); return p[0] + ".." + p[len(p)-1] }
	},
	func(*draft) func(string) string {
		return func(s string) string {
			p := append(strings.Split(s, "."), "", "")
			return fmt.Sprintf(`{"payload": %q, "protected": %q, "signature": %q}`, p[1], p[0], p[2])
		}
	},
	func(d *draft) func(string) string {
		return func(string) string {
			return pick(d, "hello", "a.b.c", "..", "e30.e30.", "[]", `{"payload": "e30", "signatures": []}`)
		}
	},
}

var arounds = []func(*draft) func(string) string{
	func(d *draft) func(string) string {
		return func(s string) string { return s + pick(d, "\n", "\r\n", "\n\n", " ", "\t") }
	},
	func(d *draft) func(string) string {
		return func(s string) string { return pick(d, "\uFEFF", " ", "\n", "\uFEFF\n") + s }
	},
	func(d *draft) func(string) string {
		return func(s string) string {
			order := pick[binary.AppendByteOrder](d, binary.LittleEndian, binary.BigEndian)
			return utf16Of(pick(d, "", "\uFEFF")+s+pick(d, "", "\r\n"), order)
		}
	},
}

// payloads break the JSON under a signature.
var payloads = []func(*draft) func(string) string{
	func(d *draft) func(string) string {
		return func(string) string { return pick(d, "", "[]", "null", "7", "{", `"x"`, "{}") }
	},
	func(*draft) func(string) string { return func(s string) string { return s + s } },
	func(*draft) func(string) string { return func(s string) string { return s + "\n" } },
	func(*draft) func(string) string {
		return func(s string) string { return `{"iss":"x",` + strings.TrimPrefix(s, "{") }
	},
	func(*draft) func(string) string {
		return func(s string) string {
			return `{"new":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "," + strings.TrimPrefix(s, "{")
		}
	},
	func(*draft) func(string) string {
		return func(s string) string { return strings.Replace(s, `"iss":"`, "\"iss\":\"\xff", 1) }
	},
	func(*draft) func(string) string {
		return func(s string) string {
			var b strings.Builder
			for i := range 300 {
				fmt.Fprintf(&b, `"unknown%d":%d,`, i, i)
			}
			return "{" + b.String() + strings.TrimPrefix(s, "{")
		}
	},
}

func (d *draft) uris() []string {
	var uris []string
	for i := range pick(d, 51, 300, 2000) {
		uris = append(uris, fmt.Sprintf("https://merchant%04d.example/callback", i))
	}
	return uris
}

// bytes signs the draft and returns what is sent.
func (d *draft) bytes() (string, error) {
	through := func(name, s string) string {
		if change := d.raw[name]; change != nil {
			return change(s)
		}
		return s
	}
	stated, err := json.Marshal(d.statement)
	if err != nil {
		return "", err
	}
	statement, err := d.w.directory.SignWith(through("claims", string(stated)), d.stated)
	if err != nil {
		return "", err
	}
	if held, there := d.request["software_statement"]; there { // unless the member itself was mutated
		if text, ok := held.(string); ok && strings.Count(text, ".") == 2 {
			d.request["software_statement"] = through("statement", statement)
		}
	}
	payload, err := json.Marshal(d.request)
	if err != nil {
		return "", err
	}
	token, err := d.w.software.SignWith(through("payload", string(payload)), d.signed)
	return through("request", token), err
}
