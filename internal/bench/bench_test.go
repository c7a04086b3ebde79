// Package bench measures the way from bytes to a judged request against a floor
// that no verifier can go below.
package bench

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// fixture is a registration request of about 4.4 KB around an SSA of about 2.4 KB,
// with everything that is needed to verify and judge it in memory.
type fixture struct {
	token, statement string
	verify           dcr.VerifyConfig
	input            *validate.Input
	requestKey       *rsa.PublicKey
	statementKey     *rsa.PublicKey
}

// party is a directory, a software of it, and what a bank verifies its requests by.
type party struct {
	software                 *ssatest.EnrolledSoftware
	verify                   dcr.VerifyConfig
	requestKey, statementKey *rsa.PublicKey
}

func newParty(tb testing.TB) *party {
	tb.Helper()
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	directory, err := ssatest.New(ssatest.Options{})
	must(err)
	tb.Cleanup(directory.Close)
	software, err := directory.NewSoftware(ssatest.SoftwareOptions{})
	must(err)
	set, err := ssa.ParseJWKS(directory.JWKS())
	must(err)
	policy := validate.DefaultPolicy(validate.OBIE33)
	policy.Audiences = []string{ssatest.DefaultAudience}
	validator, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: policy})
	must(err)
	keys, err := ssa.NewRemoteKeys(ssa.RemoteConfig{Sources: []ssa.RemoteSource{directory.RemoteSource()},
		Limits: ssa.RemoteLimits{MinFresh: time.Hour}}) // each key set is read once
	must(err)
	tb.Cleanup(keys.Close)
	anchor := directory.Anchor()
	anchor.Keys, anchor.JWKSURL = keys, directory.URL()+"/keys.jwks"
	verifier, err := ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{anchor}, Clock: time.Now, Skew: time.Minute})
	must(err)
	return &party{
		software:   software,
		verify:     dcr.VerifyConfig{Statements: verifier, SoftwareKeys: keys, Validator: validator},
		requestKey: software.SigningKey.Public().(*rsa.PublicKey), statementKey: set.Keys[0].Public.(*rsa.PublicKey),
	}
}

func newFixture(tb testing.TB) *fixture {
	tb.Helper()
	p := newParty(tb)
	request := p.software.Request(ssatest.DefaultAudience)
	token, err := p.software.Sign(&request)
	if err != nil {
		tb.Fatal(err)
	}
	f := &fixture{
		token: token, statement: request.SoftwareStatement.Or(""), verify: p.verify,
		requestKey: p.requestKey, statementKey: p.statementKey,
	}
	f.input = f.decoded(tb)
	return f
}

// decoded is the fixture's request as the rules see it.
func (f *fixture) decoded(tb testing.TB) *validate.Input {
	tb.Helper()
	verified, err := f.verify.Verify(context.Background(), f.token, time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Logf("request of %d bytes, SSA of %d bytes", len(f.token), len(f.statement))
	return verified.Input()
}

// floor does for a token what cannot be avoided: SHA-256 of the signing input, base64url
// of all parts, and the RSA signature.
func floor(b *testing.B, token string, key *rsa.PublicKey) {
	dot := strings.LastIndexByte(token, '.')
	digest := sha256.Sum256([]byte(token[:dot]))
	var signature []byte
	for part := range strings.SplitSeq(token, ".") {
		decoded, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			b.Fatal(err)
		}
		signature = decoded
	}
	opts := rsa.PSSOptions{SaltLength: sha256.Size}
	if err := rsa.VerifyPSS(key, crypto.SHA256, digest[:], signature, &opts); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkVerifyAndJudge goes from bytes to a valid request (gate, both signatures,
// claims, all rules), in turns with the floor of its two tokens.
func BenchmarkVerifyAndJudge(b *testing.B) {
	f := newFixture(b)
	ctx, now := context.Background(), time.Now()
	compare(b, 100,
		work{name: "floor", do: func(int) {
			floor(b, f.statement, f.statementKey)
			floor(b, f.token, f.requestKey)
		}},
		work{name: "judged", do: func(int) {
			verified, err := f.verify.Verify(ctx, f.token, now)
			if err != nil {
				b.Fatal(err)
			}
			if !f.verify.Validator.Judge(verified.Input()).Valid() {
				b.Fatal("not valid")
			}
		}})
}

// BenchmarkJudge goes from claims to a report.
func BenchmarkJudge(b *testing.B) {
	f := newFixture(b)
	b.ReportAllocs()
	for b.Loop() {
		if !f.verify.Validator.Judge(f.input).Valid() {
			b.Fatal("not valid")
		}
	}
}
