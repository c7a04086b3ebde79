// Package trust reads and writes the file that lint --directory takes: what a bank
// trusts of a directory.
package trust

import (
	"errors"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/fetch"
	"github.com/obdcr/obdcr/internal/jsonform"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/internal/uri"
	"github.com/obdcr/obdcr/ssa"
)

// Directory is what a bank trusts of one directory. It holds no key.
type Directory struct {
	Name        string             // for people; may be empty
	Issuer      string             // iss of its statements, compared exactly
	Environment claims.Environment // of all that it vouches for
	JWKSURL     string             // https address of its key set; may be empty
	JWKSHosts   []string           // hosts of the key sets of software, host or host:port
	ClaimNames  map[string]string  // its names of claims, by those of package claims; may be empty
}

// Of returns what is trusted of a known directory.
func Of(d ssa.KnownDirectory) Directory {
	return Directory{Name: d.Name, Issuer: d.Issuer, Environment: d.Environment, JWKSURL: d.JWKSURL, JWKSHosts: d.Hosts}
}

// Anchor makes the trust anchor without keys, algorithms and greatest age.
func (t Directory) Anchor() *ssa.Anchor {
	return &ssa.Anchor{Name: t.Name, Issuer: t.Issuer, Environment: t.Environment, JWKSURL: t.JWKSURL, JWKSHosts: t.JWKSHosts, ClaimNames: t.ClaimNames}
}

// maxSize is the greatest length of a file, in bytes.
const maxSize = 64 << 10

// form has one row for each field of Directory.
var form = jsonform.Table[Directory]{
	{Name: "name", Field: jsonform.At(func(t *Directory) *string { return &t.Name }, jsonform.Text[string]{}), Example: `"My directory"`},
	{
		Name: "issuer", Other: []string{"iss", "issuers"}, Example: `"OpenBanking Ltd"`,
		Field: jsonform.At(func(t *Directory) *string { return &t.Issuer }, jsonform.Text[string]{}),
		Check: func(f *jsonform.Faults, t *Directory) {
			if t.Issuer == "" {
				f.Add("issuer", "is missing: it is the iss of the directory's statements")
			}
		},
	},
	{
		Name: "environment", Other: []string{"software_environment"}, Example: `"sandbox"`,
		Field: jsonform.At(func(t *Directory) *claims.Environment { return &t.Environment },
			jsonform.Text[claims.Environment]{Known: []claims.Environment{claims.Sandbox, claims.Production}}),
	},
	{
		Name: "jwks_url", Other: []string{"jwks_uri"}, Example: `"https://keys.example/directory.jwks"`,
		Field: jsonform.At(func(t *Directory) *string { return &t.JWKSURL }, jsonform.Text[string]{}),
		Check: func(f *jsonform.Faults, t *Directory) {
			if _, err := uri.Endpoint(t.JWKSURL); t.JWKSURL != "" && err != nil {
				f.Add("jwks_url", "%s", err.Error())
			}
		},
	},
	{
		Name: "jwks_hosts", Other: []string{"hosts"}, Example: `["keys.example"]`,
		Field: jsonform.At(func(t *Directory) *[]string { return &t.JWKSHosts }, jsonform.Texts[string]{}),
		Check: checkHosts,
	},
	{
		Name: "claim_names", Example: `{"software_roles": "roles"}`,
		Field: jsonform.At(func(t *Directory) *map[string]string { return &t.ClaimNames }, jsonform.Map[string, string]{Of: jsonform.Text[string]{}}),
		Check: func(f *jsonform.Faults, t *Directory) {
			if err := claims.CheckNames(t.ClaimNames); err != nil {
				f.Add("claim_names", "%s", text.Detail(err))
			}
		},
	},
}

func checkHosts(f *jsonform.Faults, t *Directory) {
	if len(t.JWKSHosts) == 0 {
		f.Add("jwks_hosts", "is missing: a bank reads the key sets of software from these hosts alone")
	}
	for _, host := range t.JWKSHosts {
		if _, err := fetch.CanonicalHost(host); err != nil {
			f.Add("jwks_hosts", "%s is no host or host:port", text.Quote(host))
		}
	}
}

// Parse reads the JSON form, an object of at most 64 KiB. It is strict: the error names
// each unknown member with the one that may have been meant, and each value that cannot be.
func Parse(document string) (Directory, error) {
	var t Directory
	v, faults := jsonform.Open(document, maxSize)
	if len(faults) == 0 {
		faults = form.Read(v, &t)
	}
	if len(faults) == 0 {
		faults = form.Check(&t)
	}
	if len(faults) > 0 {
		return Directory{}, errors.New(faults.Detail())
	}
	return t, nil
}

// MarshalJSON writes every member. Parse reads them back.
func (t Directory) MarshalJSON() ([]byte, error) { return form.Write(nil, &t), nil }
