package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/ssa"
)

// The rules that several samples break alike. "*3" behind a rule means that a sample
// breaks it three times.
const (
	// RS256, the kid in the payload, a statement of three months ago, an address on
	// 0.0.0.0, aud of another shape, RS256 and none for algorithms.
	conformanceSuite = `header.alg header.kid.required ssa.age ssa.software_redirect_uris.unfit*3 aud.format redirect_uris.ip
		token_endpoint_auth_signing_alg.unused token_endpoint_auth_signing_alg.algorithm id_token_signed_response_alg.algorithm
		request_object_signing_alg.algorithm request.unknown_member*2`
	// Statements of another country's register, which has other claims. Its test statements
	// lack typ, its others have UUIDs for identifiers.
	register = `ssa.software_client_name.required ssa.software_redirect_uris.required ssa.software_jwks_endpoint.required
		ssa.org_status.required ssa.software_roles.array ssa.software_roles.known ssa.software_roles.served ssa.issuer.trusted `
	// A vendor's directory: no typ, identifiers of 24 characters, a role DATA, and a placeholder for
	// three addresses.
	vendor = `ssa.header.typ.required ssa.software_id.format ssa.software_roles.known ssa.software_jwks_revoked_endpoint.https
		ssa.org_jwks_endpoint.https ssa.org_jwks_revoked_endpoint.https ssa.issuer.trusted `
	// Requests of a vendor's manual: valid until 2038, aud a URL, a jti without
	// hyphens, jwt-bearer, encryption members, a statement issued years later.
	manual = `ssa.iat.future jti.uuid_v4 exp.lifetime aud.format grant_types.jwt_bearer.version request.unknown_member*2 `
)

// sampleRules are the rules that each public sample breaks, decided by reading it.
var sampleRules = map[string]string{
	"074b8ac18cbf": conformanceSuite,
	"0deefd376dc8": conformanceSuite,
	"24a1d5530fa5": conformanceSuite, // aud is empty
	"af3ea5881fba": conformanceSuite, // aud is no identifier
	"e3a01ad6a677": conformanceSuite,

	"0bf65c29d851": register + "ssa.header.typ.required ssa.unknown_member*12",
	"2cae75fa2479": register + "ssa.header.typ.required ssa.unknown_member*13",
	"3613eee43dd5": register + "ssa.software_id.format ssa.org_id.format ssa.unknown_member*11",
	"3c4d51404e76": register + "ssa.software_id.format ssa.org_id.format ssa.unknown_member*13",
	"4db5e1279629": register + "ssa.header.typ.required ssa.unknown_member*11",
	"aaa2f30b42c7": register + "ssa.header.typ.required ssa.unknown_member*13",
	"b31b7fece8ce": register + "ssa.software_id.format ssa.org_id.format ssa.unknown_member*11",
	"e87ec9fa0f75": register + "ssa.header.typ.required ssa.unknown_member*13",

	"6e4094241869": "ssa.jws ssa.software_id.format", // the signature is cut off; the claims are judged all the same
	"d8c733cc08dd": "ssa.software_id.format",         // 28 characters, else as the directory writes it

	// 23 characters; the first has a redirect URI that the statement lacks.
	"56c0246e4546": manual + "ssa.software_id.format iss.length redirect_uris.subset_of_ssa",
	"9128d108279f": manual + "ssa.software_id.format iss.length",
	// The statement is another software's, and scope lacks openid.
	"7d32f38bd222": manual + "iss.is_software_id redirect_uris.subset_of_ssa*2 scope.openid",

	"a263d630ae71": vendor + "ssa.software_client_name.required ssa.software_redirect_uris.required",
	"c099e041d130": vendor,
	"dda3d39bc6e5": vendor + `iss.length aud.required redirect_uris.subset_of_ssa application_type.required request.unknown_member*2`,
	"ed8b36b6a1c6": vendor + `ssa.software_client_name.required ssa.software_redirect_uris.required header.alg iss.length
		jti.required iat.required aud.required token_endpoint_auth_method.supported token_endpoint_auth_signing_alg.unused
		application_type.required request.unknown_member*3`,

	"seed": vendorFaults + vendorBesides,
}

const (
	// vendorFaults are the known faults of the sample request on WSO2's page. The request is
	// signed by RS256, its iss has a blank, its aud is a URL, it is valid for six years, and
	// its scope lacks openid. Its statement is signed by HS256 and lacks software_id,
	// software_redirect_uris and jti.
	vendorFaults = `header.alg iss.format aud.format exp.lifetime scope.openid ssa.header.alg ssa.software_id.required
		ssa.software_redirect_uris.required ssa.jti.required `
	// vendorBesides are its other faults. Its jti is a UUID of version 1, and it names no
	// algorithm for private_key_jwt. Its statement has expired, lacks its kid and most
	// claims, and has four claims that no rule knows.
	vendorBesides = `jti.uuid_v4 token_endpoint_auth_signing_alg.required ssa.header.kid.required ssa.exp.past
		ssa.software_client_name.required ssa.software_roles.required ssa.software_jwks_endpoint.required
		ssa.org_id.required ssa.org_status.required ssa.issuer.trusted ssa.unknown_member*4`
)

// sample is an entry of the samples' index.
type sample struct {
	ID       string `json:"id"`
	Kind     string `json:"kind"`
	File     string `json:"file"`
	Verified bool   `json:"verified"`
}

// TestPublicSamples lints every public sample in its time to exactly the rules that
// it breaks, and verifies exactly the signatures that the index calls verified.
func TestPublicSamples(t *testing.T) {
	dir, ok := realtest.Samples(t)
	if !ok {
		return
	}
	index, err := os.ReadFile(filepath.Join(dir, "index.json"))
	require.NoError(t, err)
	var samples []sample
	require.NoError(t, json.Unmarshal(index, &samples))
	jwks, err := os.ReadFile(filepath.Join(dir, "keys.jwks.json"))
	require.NoError(t, err)
	keys, err := ssa.ParseJWKS(jwks)
	require.NoError(t, err)

	judged := map[string]bool{}
	for _, s := range samples {
		judged[s.ID] = true
		t.Run(s.ID, func(t *testing.T) {
			file := filepath.Join(dir, s.File)
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			token := strings.TrimSpace(string(text))
			assert.Equal(t, s.Verified, verifies(t, keys, token), "the signature")
			args := []string{"lint", file, "--now", timeOfSample(t, s, token).Format(time.RFC3339)}
			if s.Kind == "ssa" {
				args = slices.Insert(args, 1, "ssa")
			}
			// Each of the files ends with a line break.
			assert.Equal(t, sorted(sampleRules[s.ID]+" input.encoding"), lintRules(t, args...))
		})
	}
	for id := range sampleRules {
		assert.True(t, judged[id], "sample %s is not in the index", id)
	}
	t.Logf("%d public samples judged", len(judged))
}

func verifies(t *testing.T, keys ssa.KeySet, token string) bool {
	t.Helper()
	signed, err := ssa.ParseSigned(token)
	if err != nil {
		return false
	}
	return signed.Verify(t.Context(), keys, "", []claims.Algorithm{claims.PS256, claims.ES256}) == nil
}

// timeOfSample returns a minute after the iat of the sample, or of its statement if the
// sample has none. The signature need not be good.
func timeOfSample(t *testing.T, s sample, token string) time.Time {
	t.Helper()
	type payload struct {
		IssuedAt  int64  `json:"iat"`
		Statement string `json:"software_statement"`
	}
	var p payload
	require.NoError(t, json.Unmarshal(payloadBytes(t, token), &p))
	if p.IssuedAt == 0 && s.Kind == "request" {
		require.NoError(t, json.Unmarshal(payloadBytes(t, p.Statement), &p))
	}
	require.NotZero(t, p.IssuedAt)
	return time.Unix(p.IssuedAt, 0).Add(time.Minute).UTC()
}

// lintRules runs the command and returns the rules that it reports, sorted, each as
// often as it is broken.
func lintRules(t *testing.T, args ...string) []string {
	t.Helper()
	var out, notes bytes.Buffer
	code := (&app{in: strings.NewReader(""), err: &notes}).run(append(args, "-o", "json"), &out)
	var report struct {
		Valid      bool `json:"valid"`
		Violations []struct {
			Rule string `json:"rule"`
		} `json:"violations"`
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &report), notes.String())
	assert.Equal(t, report.Valid, code == exitFine, "exit code %d", code)
	rules := []string{}
	for _, v := range report.Violations {
		rules = append(rules, v.Rule)
	}
	slices.Sort(rules)
	return rules
}

// sorted reads a list of rules, where rule*3 stands for three of it.
func sorted(list string) []string {
	rules := []string{}
	for _, word := range strings.Fields(list) {
		rule, number, many := strings.Cut(word, "*")
		times := 1
		if many {
			_, _ = fmt.Sscan(number, &times)
		}
		rules = append(rules, slices.Repeat([]string{rule}, times)...)
	}
	slices.Sort(rules)
	return rules
}

// TestSampleTableNamesRulesThatExist: a rule that does not exist could never be reported.
func TestSampleTableNamesRulesThatExist(t *testing.T) {
	known := ruleIDs()
	for _, id := range slices.Sorted(maps.Keys(sampleRules)) {
		for _, rule := range sorted(sampleRules[id]) {
			assert.Contains(t, known, rule, id)
		}
	}
}
