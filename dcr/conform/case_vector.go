package conform

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/vectors"
	"github.com/obdcr/obdcr/internal/shown"
	"github.com/obdcr/obdcr/validate"
)

// base is the name of the vector that changes nothing.
const base = "base/nothing-changed"

// allVectors are the vectors of package vectors, read once.
var allVectors = sync.OnceValues(vectors.Load)

// vectorCases makes a case of each vector that can be played over the wire: its documents, with the software,
// the bank and the time of the run in the place of their own, signed afresh.
func vectorCases() []Case {
	all, err := allVectors()
	if err != nil {
		return nil // a test of package vectors reads them
	}
	good := all[slices.IndexFunc(all, func(v vectors.Vector) bool { return v.Name == base })]
	var cases []Case
	for i := range all {
		v := &all[i]
		if v.Certificate != nil || v.Update != nil || len(v.Extra) > 0 || v.Environment != good.Environment || !v.Clock.Equal(good.Clock) ||
			v.Header == nil || v.Request == nil || v.SSA == nil || !bytes.Equal(v.SSAHeader, good.SSAHeader) {
			continue // the wire does not show these
		}
		c := Case{ID: "vector." + v.Name, Group: "vector", Title: v.Comment, Citation: dcr33("data dictionary"), run: func(p *play) { p.vector(v, &good) }}
		if v.Rule != "" {
			c.Rules, c.Citation = []string{v.Rule}, citationOf(v.Rule)
		}
		cases = append(cases, c)
	}
	return cases
}

// vector plays a vector and compares with what the rules find by the bank's policy.
func (p *play) vector(v, good *vectors.Vector) {
	expected, has := v.ExpectedIn(p.profile())
	if !has {
		p.notRun("the vector is not one of the profile %s", p.profile())
	}
	d := p.draft(v, good)
	token := p.software().Statement
	if len(d.statement) > 0 {
		token = p.mint(p.software(), d.statement)
	}
	now := p.run.config.Clock()
	report := p.judge(v, d, token, now)
	found := broken(report)
	for _, other := range []time.Duration{-edge, edge} {
		if !slices.Equal(found, broken(p.judge(v, d, token, now.Add(other)))) {
			p.notRun("the vector is true for some seconds alone, and the bank has a clock of its own")
		}
	}
	if same := slices.Equal(found, brokenAs(expected)); !same && v.Policy != nil {
		p.notRun("the vector is about a bank with another policy: %s", shown.Folded(string(v.Policy), 300))
	} else if !same && !d.whole {
		p.notRun("it needs a statement with other claims, which only the directory can sign")
	}
	if report.Valid() {
		p.playGood(d, expected, token)
		return
	}
	x := p.register(d.change(token))
	p.expectRefusal(x, found...)
	if wire := report.Wire(); p.run.config.Stricter && x.status() == http.StatusBadRequest && x.code() != string(wire.Error) {
		p.fail("the error %s, which goes before others", wire.Error)
	}
}

// playGood sends a request that breaks no rule.
func (p *play) playGood(d *draft, expected vectors.Expectation, token string) {
	if why := d.stays(p); why != "" {
		p.notRun("%s", why)
	}
	x := p.register(d.change(token))
	p.expectAnswer(x)
	if !x.created() && p.run.config.Policy == nil {
		p.expectStatus(x, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden)
		p.allowed("policy", "the bank refuses what the text allows; its policy is not known")
	}
	p.expectCreated(x)
	if !expected.Valid {
		p.allowed("policy", "the bank's policy takes what the vector's does not")
	}
}

// draft is a vector in the making: its documents with the facts of the run.
type draft struct {
	header, request map[string]any
	statement       map[string]any // changes of the statement's claims
	whole           bool           // the statement has all claims of the vector
	differs         []string       // in what the vector differs from the one that changes nothing
}

// change puts the draft in the place of the good request.
func (d *draft) change(statement string) change {
	return edit(func(m *message) {
		m.differs = append([]string{}, d.differs...)
		m.header = d.header
		m.claims = maps.Clone(d.request)
		if _, has := d.request["software_statement"]; has {
			m.claims = setAt(m.claims, "/software_statement", statement)
		}
	})
}

// broken are the rules of a report that are broken as errors, sorted, and brokenAs those of an expectation.
func broken(report *validate.Report) []string {
	var all []string
	for _, v := range report.Violations {
		if v.Severity == validate.SeverityError {
			all = append(all, v.Rule)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func brokenAs(e vectors.Expectation) []string {
	var all []string
	for _, v := range e.Violations {
		if v.Severity == validate.SeverityError {
			all = append(all, v.Rule)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// edge is by how much the clocks of a run and a bank may differ for a vector to be played.
const edge = 20 * time.Second

// judge judges a draft by the bank's policy at a time.
func (p *play) judge(v *vectors.Vector, d *draft, token string, now time.Time) *validate.Report {
	_, statement := decoded(token)
	request := maps.Clone(d.request)
	if _, has := request["software_statement"]; has {
		request["software_statement"] = token
	}
	asSent := *v
	asSent.Clock, asSent.Policy, asSent.SSA = now, nil, []byte(statement)
	asSent.Certificate = &vectors.CertificateSubject{DER: p.software().Certificate.Leaf.RawSubject}
	for to, document := range map[*[]byte]map[string]any{&asSent.Header: d.header, &asSent.Request: request} {
		text, err := json.Marshal(document)
		if err != nil {
			p.broken("the vector cannot be written: %s", err)
		}
		*to = text
	}
	input, err := asSent.Input()
	if err != nil {
		p.notRun("the vector cannot be read again: %s", err)
	}
	input.Environment = p.environment()
	judge, err := validate.New(validate.Config{Profile: p.profile(), Policy: *p.policy()})
	if err != nil {
		p.notRun("the bank's policy cannot be used: %s", err)
	}
	return judge.Judge(input)
}

// environment is that of the software's statement.
func (p *play) environment() claims.Environment {
	all, err := objectOf([]byte(statementPayload(p)))
	if err != nil {
		return claims.Sandbox
	}
	if text, _ := all["software_environment"].(string); text == string(claims.Production) {
		return claims.Production
	}
	return claims.Sandbox
}

// draft replaces in the documents of a vector what belongs to the software, the bank and the time.
func (p *play) draft(v, good *vectors.Vector) *draft {
	own, err := objectOf([]byte(statementPayload(p)))
	if err != nil {
		p.notRun("the statement cannot be decoded")
	}
	s := p.substitution(v, good, own)
	d := &draft{header: s.header(v.Header), request: s.times(s.texts(v.Request)), statement: map[string]any{},
		differs: slices.Concat(differences("header of the JWS: ", good.Header, v.Header), differences("statement: ", good.SSA, v.SSA),
			differences("", good.Request, v.Request))}
	d.request["jti"] = s.freshJTI(d.request["jti"], has(v.Request, "jti"))
	if d.request["jti"] == nil {
		delete(d.request, "jti")
	}
	s.method(p, d.request, v.Request, good.Request)
	if p.software().Mint == nil {
		return d
	}
	d.whole = true
	d.statement = s.statement(v.SSA, good.SSA, own)
	return d
}

// substitution has the facts of the run that take the place of those of the vectors.
type substitution struct {
	replace *strings.Replacer
	shift   int64 // seconds
	clock   time.Time
	alg     string
	kid     string
}

func (p *play) substitution(_, good *vectors.Vector, own map[string]any) *substitution {
	request, ssa, head := fields(good.Request), fields(good.SSA), fields(good.Header)
	theirs := func(of map[string]json.RawMessage, name string) string {
		var text string
		if err := json.Unmarshal(of[name], &text); err != nil {
			p.broken("the vectors have no %s", name)
		}
		return text
	}
	mine := func(name string) string { text, _ := own[name].(string); return text }
	audience, _ := p.goodClaims(p.software(), nil)["aud"].(string)
	return &substitution{
		replace: strings.NewReplacer(theirs(ssa, "software_id"), p.issuerOr(mine("software_id")), theirs(ssa, "org_id"), mine("org_id"),
			theirs(request, "aud"), audience, theirs(head, "kid"), p.software().KeyID),
		shift: p.run.config.Clock().Unix() - good.Clock.Unix(), clock: good.Clock, alg: algorithmOf(p.software().Signer), kid: p.software().KeyID,
	}
}

// issuerOr is the iss of a good request, or another identifier where there is none.
func (p *play) issuerOr(otherwise string) string {
	if iss := p.issuer(); iss != "" {
		return iss
	}
	return otherwise
}

// fields are the members of an object as they are written.
func fields(document []byte) map[string]json.RawMessage {
	var all map[string]json.RawMessage
	_ = json.Unmarshal(document, &all) // the documents of the vectors are objects: package vectors has looked
	return all
}

func has(document []byte, name string) bool { _, has := fields(document)[name]; return has }

// texts replaces texts in a document. Strings are decoded, for the play to read; what else there is stays as it
// is written.
func (s *substitution) texts(document []byte) map[string]any {
	all := map[string]any{}
	for name, raw := range fields(document) {
		written := s.replace.Replace(string(raw))
		var text string
		if strings.HasPrefix(written, `"`) && json.Unmarshal([]byte(written), &text) == nil {
			all[name] = text
			continue
		}
		all[name] = json.RawMessage(written)
	}
	return all
}

// times moves times that are near the clock of the vectors.
func (s *substitution) times(all map[string]any) map[string]any {
	const years = 5 * 365 * 24 * 3600
	for _, name := range []string{"iat", "exp", "nbf"} {
		raw, is := all[name].(json.RawMessage)
		if !is {
			continue
		}
		if at, err := strconv.ParseInt(string(raw), 10, 64); err == nil && max(at-s.clock.Unix(), s.clock.Unix()-at) < years {
			all[name] = json.RawMessage(strconv.FormatInt(at+s.shift, 10))
		}
	}
	return all
}

func (s *substitution) header(document []byte) map[string]any {
	all := s.texts(document)
	if all["alg"] == string(claims.PS256) {
		all["alg"] = s.alg
	}
	return all
}

// freshJTI replaces the last digits of a jti that has the form of a UUID, in the case that they have.
func (s *substitution) freshJTI(value any, sent bool) any {
	text, is := value.(string)
	if !is || !sent || len(text) < 12 || strings.Trim(text[len(text)-12:], "0123456789abcdefABCDEF") != "" {
		return value
	}
	random := make([]byte, 6)
	_, _ = rand.Read(random) // it never fails
	digits := hex.EncodeToString(random)
	if text == strings.ToUpper(text) {
		digits = strings.ToUpper(digits)
	}
	return text[:len(text)-12] + digits
}

// method lets the client authenticate as the run does, unless the vector is about that.
func (s *substitution) method(p *play, request map[string]any, document, good []byte) {
	members := []string{"token_endpoint_auth_method", "token_endpoint_auth_signing_alg", "tls_client_auth_subject_dn"}
	theirs, usual := fields(document), fields(good)
	for _, name := range members {
		if !bytes.Equal(theirs[name], usual[name]) {
			return
		}
	}
	m := &message{claims: request}
	apply(m, p.byMethod(p.method()))
}

// kept are the claims of a statement that stay those of the software, unless a vector changes them.
var kept = []string{"iss", "iat", "jti", "software_environment", "software_mode", "software_id", "software_client_id", "org_id",
	"software_jwks_endpoint", "software_jwks_revoked_endpoint", "org_jwks_endpoint", "org_jwks_revoked_endpoint"}

// statement are the changes that make the software's statement that of the vector.
func (s *substitution) statement(document, good []byte, own map[string]any) map[string]any {
	changes := map[string]any{}
	usual := fields(good)
	all := s.times(s.texts(document))
	for name, raw := range fields(document) {
		if !slices.Contains(kept, name) || !bytes.Equal(raw, usual[name]) {
			changes[name] = all[name]
		}
	}
	for name := range own {
		if _, has := all[name]; !has {
			changes[name] = nil
		}
	}
	return changes
}

// stays says why a draft that breaks no rule cannot be played: it needs more of the directory, or the client
// that it makes could not delete itself; "" if it can be played.
func (d *draft) stays(p *play) string {
	method := claims.AuthMethod(fmt.Sprint(d.request["token_endpoint_auth_method"]))
	alg := d.request["token_endpoint_auth_signing_alg"]
	raw, _ := d.request["grant_types"].(json.RawMessage)
	for name := range d.statement {
		if strings.Contains(name, "_jwks_") {
			return "it needs a key set at another address: " + name
		}
	}
	switch {
	case d.header["kid"] != p.software().KeyID || d.header["alg"] != algorithmOf(p.software().Signer):
		return "it needs another signing key of the software"
	case !bytes.Contains(raw, []byte(`"`+string(claims.ClientCredentials)+`"`)):
		return "the client could not delete itself: it has not the grant type client_credentials"
	case method == claims.PrivateKeyJWT && alg != nil && alg != algorithmOf(p.software().Signer):
		return "the client could not delete itself: it would sign with another algorithm than the software's key has"
	case method == claims.TLSClientAuth && d.request["tls_client_auth_subject_dn"] != p.subjectDN():
		return "the client could not delete itself: it would authenticate with another certificate"
	}
	return ""
}
