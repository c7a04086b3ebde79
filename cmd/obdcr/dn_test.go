package main

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/dn"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/validate"
)

// writer writes a certificate's subject as one tool does, from what crypto/x509 read.
// It suits subjects of the types that the public certificates have, one in an RDN.
type writer struct {
	tool     string
	names    map[string]string // of types; others stand as OIDs behind prefix
	prefix   string
	hex      string // what a value under an OID begins with instead, before its hexadecimal digits
	between  string
	equals   string
	encoded  bool // in the order of the encoding
	stricter validate.SubjectDNMatch
}

func (w writer) write(leaf *x509.Certificate) string {
	var parts []string
	for _, a := range leaf.Subject.Names {
		value := fmt.Sprint(a.Value)
		name, known := w.names[a.Type.String()]
		switch {
		case known:
			value = strings.ReplaceAll(value, ",", `\,`)
		case w.hex != "":
			value = fmt.Sprintf("%s%02x%s", w.hex, len(value), hex.EncodeToString([]byte(value)))
			fallthrough
		default:
			name = w.prefix + a.Type.String()
		}
		parts = append(parts, name+w.equals+value)
	}
	if !w.encoded {
		slices.Reverse(parts)
	}
	return strings.Join(parts, w.between)
}

var (
	fewNames  = map[string]string{"2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.10": "O", "2.5.4.11": "OU"}
	moreNames = map[string]string{"2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.97": "organizationIdentifier"}
)

// writers are the renderings of the same name by real tools, each with the strictest
// subject_dn_match that accepts it.
var writers = []writer{
	{tool: "OpenSSL, RFC 2253", names: moreNames, between: ",", equals: "=", stricter: validate.DNMatchExact},
	{tool: "OpenSSL, one line", names: moreNames, between: ", ", equals: " = ", encoded: true, stricter: validate.DNMatchReversed},
	{tool: "Java", names: fewNames, prefix: "OID.", between: ", ", equals: "=", stricter: validate.DNMatchExact},
	{tool: "Java, RFC 2253, PrintableString", names: fewNames, hex: "#13", between: ",", equals: "=", stricter: validate.DNMatchExact},
	{tool: "Java, RFC 2253, UTF8String", names: fewNames, hex: "#0c", between: ",", equals: "=", stricter: validate.DNMatchExact},
}

// waysOfComparing are the values of subject_dn_match. Each accepts at least the names
// that the one before accepts.
var waysOfComparing = []validate.SubjectDNMatch{
	validate.DNMatchExact, validate.DNMatchReversed, validate.DNMatchAnyOrder, validate.DNMatchImmutable,
}

// wider reports whether a way of comparing accepts all that another one accepts.
func wider(than, match validate.SubjectDNMatch) bool {
	return slices.Index(waysOfComparing, than) >= slices.Index(waysOfComparing, match)
}

// spelling is a subject as text, with the strictest way of comparing that accepts it.
type spelling struct {
	tool, text string
	match      validate.SubjectDNMatch
}

// textsOf returns all renderings of a subject. Go moves the types that it does not know
// to the end, or drops them.
func textsOf(leaf *x509.Certificate) []spelling {
	var all []spelling
	unknown := false
	for _, a := range leaf.Subject.Names {
		unknown = unknown || fewNames[a.Type.String()] == ""
	}
	for _, w := range writers {
		all = append(all, spelling{w.tool, w.write(leaf), w.stricter})
	}
	moved, dropped := validate.DNMatchExact, validate.DNMatchExact
	if unknown {
		moved, dropped = validate.DNMatchAnyOrder, validate.DNMatchImmutable
	}
	return append(all, spelling{"Go", leaf.Subject.String(), moved}, spelling{"Go, known types", leaf.Subject.ToRDNSequence().String(), dropped})
}

// matcher judges by one way of comparing.
type matcher struct{ judge *validate.Validator }

func newMatcher(t *testing.T, match validate.SubjectDNMatch) matcher {
	t.Helper()
	policy := validate.DefaultPolicy(validate.OBIE34)
	policy.SubjectDNMatch = match
	judge, err := validate.New(validate.Config{Profile: validate.OBIE34, Policy: policy})
	require.NoError(t, err)
	return matcher{judge}
}

// takes reports whether a request with that name and that certificate keeps a rule.
func (m matcher) takes(t *testing.T, rule, name string, leaf *x509.Certificate) bool {
	t.Helper()
	doc, err := json.Marshal(map[string]string{"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": name})
	require.NoError(t, err)
	request, faults, err := claims.DecodeRequest(doc)
	require.NoError(t, err)
	report := m.judge.Judge(&validate.Input{Request: request, RequestFaults: faults, Certificate: &validate.Certificate{RawSubject: leaf.RawSubject}})
	passed := slices.Contains(report.Passed(), rule)
	failed := slices.ContainsFunc(report.Violations, func(v validate.Violation) bool { return v.Rule == rule })
	require.NotEqual(t, passed, failed, rule)
	return passed
}

const (
	ruleFormat  = "tls_client_auth_subject_dn.format"
	ruleMatches = "tls_client_auth_subject_dn.matches_certificate"
)

// publicCertificates reads the certificates of the samples, by their files' names.
func publicCertificates(t *testing.T, dir string) map[string]*x509.Certificate {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "certs", "*.pem"))
	require.NoError(t, err)
	all := map[string]*x509.Certificate{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		block, _ := pem.Decode(data)
		require.NotNil(t, block, file)
		all[filepath.Base(file)], err = x509.ParseCertificate(block.Bytes)
		require.NoError(t, err, file)
	}
	require.NotEmpty(t, all)
	return all
}

// TestPublicSamplesNames compares the subject of every public certificate, in every
// rendering, with that of every other.
func TestPublicSamplesNames(t *testing.T) {
	dir, ok := realtest.Samples(t)
	if !ok {
		return
	}
	matchers := make([]matcher, len(waysOfComparing))
	for i, match := range waysOfComparing {
		matchers[i] = newMatcher(t, match)
	}
	all := publicCertificates(t, dir)
	for file, leaf := range all {
		t.Run(file, func(t *testing.T) {
			for _, r := range textsOf(leaf) {
				for i, m := range matchers {
					assert.Equal(t, wider(waysOfComparing[i], r.match), m.takes(t, ruleMatches, r.text, leaf),
						"%s by %s: %s", r.tool, waysOfComparing[i], r.text)
				}
				for other, stranger := range all {
					same := bytes.Equal(stranger.RawSubject, leaf.RawSubject)
					for i, m := range matchers {
						if taken := m.takes(t, ruleMatches, r.text, stranger); !same {
							assert.False(t, taken, "%s of %s by %s", r.tool, other, waysOfComparing[i])
						}
					}
				}
			}
			slashes := writer{names: moreNames, between: "/", equals: "=", encoded: true}
			text := "/" + slashes.write(leaf)
			assert.False(t, matchers[0].takes(t, ruleFormat, text, leaf), text)
			read, err := dn.ParseSlash(text)
			require.NoError(t, err)
			own, err := dn.FromDER(leaf.RawSubject)
			require.NoError(t, err)
			assert.True(t, dn.Equal(own, read), "%s: %s", text, read)
			checkShown(t, filepath.Join(dir, "certs", file), leaf, own)
		})
	}
	t.Logf("%d public certificates compared", len(all))
}

// checkShown requires that the command shows the same renderings, and the one profile
// that subject and certificate lead to.
func checkShown(t *testing.T, file string, leaf *x509.Certificate, own dn.Name) {
	t.Helper()
	var out, notes bytes.Buffer
	require.Zero(t, (&app{in: strings.NewReader(""), err: &notes}).run([]string{"dn", file, "-o", "json"}, &out), notes.String())
	var shown shownSubject
	require.NoError(t, json.Unmarshal(out.Bytes(), &shown))
	named, err := dn.Parse(shown.SubjectDN)
	require.NoError(t, err)
	assert.True(t, dn.Equal(own, named))
	written := map[string]validate.SubjectDNMatch{}
	for _, r := range shown.Renderings {
		written[r.Text] = r.Match
	}
	for _, r := range textsOf(leaf) {
		if r.tool == "Java, RFC 2253, UTF8String" {
			continue // the values of the public certificates are PrintableString
		}
		assert.Equal(t, r.match, written[r.text], "%s: %s", r.tool, r.text)
	}
	assert.Equal(t, map[cert.SubjectProfile]dn.Profile{
		cert.ProfileOBTransport: dn.ProfileOB, cert.ProfileOBSigning: dn.ProfileOB,
		cert.ProfileOBWAC: dn.ProfileOBPSD2, cert.ProfileOBSeal: dn.ProfileOBPSD2,
		cert.ProfileQWAC: dn.ProfileEIDAS, cert.ProfileQSeal: dn.ProfileEIDAS,
	}[shown.Identity.Profile], dn.ProfileOf(own))
}
