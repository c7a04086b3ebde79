package signed

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/vectors/internal/strict"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// row is a vector as its file holds it.
type row struct {
	Schema      string           `json:"$schema,omitempty"`
	Version     int              `json:"version"`
	Name        string           `json:"name"`
	Comment     string           `json:"comment"`
	Kind        Kind             `json:"kind"`
	Profile     validate.Profile `json:"profile"`
	Policy      json.RawMessage  `json:"policy,omitempty"`
	Audience    string           `json:"audience,omitempty"`
	Now         string           `json:"now"`
	Directory   TrustedDirectory `json:"directory"`
	Keys        Keys             `json:"keys"`
	Update      bool             `json:"update,omitempty"`
	JWS         string           `json:"jws,omitempty"`
	JWSBase64   string           `json:"jws_base64,omitempty"`
	Documents   Documents        `json:"documents"`
	Live        bool             `json:"live"`
	NotOverHTTP string           `json:"not_over_http,omitempty"`
	Expect      expectRow        `json:"expect"`
}

// expectRow is an Expect as a file holds it.
type expectRow struct {
	Valid     *bool         `json:"valid"`
	Rules     []string      `json:"rules"`
	Warnings  []string      `json:"warnings"`
	Wire      validate.Code `json:"wire,omitempty"`
	Status    int           `json:"status,omitempty"`
	Citations []citationRow `json:"citations,omitempty"`
}

// citationRow is a validate.Citation as a file holds it.
type citationRow struct {
	Spec    string `json:"spec"`
	Section string `json:"section"`
	URL     string `json:"url"`
}

// IsVector reports whether a document is meant as a signed vector, of whatever version and
// however broken: it names an expectation, and a token or keys.
func IsVector(document string) bool {
	object, err := jsonscan.Parse(document)
	has := func(name string) bool { _, there := object.Member(name); return there }
	if err != nil {
		has = func(name string) bool { return strings.Contains(document, `"`+name+`"`) }
	}
	return has("expect") && (has("jws") || has("jws_base64") || has("keys"))
}

// Parse reads one vector. The names of its keys are as they stand there, relative to the
// file; [Vector.In] resolves them. It is strict. These give an error that wraps [ErrFile] and
// names the member:
//
//   - another version, which wraps [ErrVersion] too
//   - a member that is unknown, misspelt, null or there twice, and one that is missing
//   - a kind, profile, environment, rule or code that package validate does not have, a policy
//     that [validate.ParsePolicy] refuses, and a name of a file that leads out of a folder keys
//   - an expectation that contradicts itself
func Parse(data []byte) (Vector, error) {
	if err := checkVersion(string(data)); err != nil {
		return Vector{}, fmt.Errorf("%w: %w", ErrFile, err)
	}
	var r row
	if err := strict.Decode(string(data), &r, "policy", "header", "request", "ssa_header", "ssa"); err != nil {
		return Vector{}, fmt.Errorf("%w: %w", ErrFile, err)
	}
	if err := checkRequired(string(data)); err != nil {
		return Vector{}, fmt.Errorf("%w: %w", ErrFile, err)
	}
	v, err := r.vector()
	if err != nil {
		return Vector{}, fmt.Errorf("%w: %w", ErrFile, err)
	}
	return v, nil
}

// checkVersion looks at the version alone: another version may have other members.
func checkVersion(document string) error {
	object, err := jsonscan.Parse(document)
	if err != nil {
		return errors.New(jsonscan.ReasonIn(document, err))
	}
	version, there := object.Member("version")
	switch {
	case !there:
		return fmt.Errorf("version is missing; this one reads %d", Version)
	case version.Raw() != fmt.Sprint(Version):
		return fmt.Errorf("%w: version is %s; this one reads %d", ErrVersion, text.Echo(version.Raw()), Version)
	}
	return nil
}

// checkRequired looks for the members that each vector has.
func checkRequired(document string) error {
	object, err := jsonscan.Parse(document)
	for _, name := range required {
		if _, there := object.Member(name); !there && err == nil {
			return fmt.Errorf("%s is missing", name)
		}
	}
	return err
}

// required are the members that each vector has. Either jws or jws_base64 is another.
var required = []string{"name", "comment", "kind", "profile", "now", "directory", "keys", "documents", "live", "expect"}

// goodName is the form of a name.
var goodName = regexp.MustCompile(`^[a-z0-9._]+/[a-z0-9][a-z0-9._-]*$`)

// keyFile is the name of a file in a folder keys.
var keyFile = regexp.MustCompile(`^(\.\./)*keys/[a-z0-9][a-z0-9._-]*$`)

// vector makes the vector of a row.
func (r *row) vector() (Vector, error) {
	v := Vector{
		Name: r.Name, Comment: r.Comment, Kind: r.Kind, Profile: r.Profile, Policy: r.Policy, Audience: r.Audience,
		Directory: r.Directory, Keys: r.Keys, Update: r.Update, Documents: r.Documents, Live: r.Live,
		NotOverHTTP: r.NotOverHTTP, Expect: r.Expect.expect(),
	}
	var err error
	if v.Now, err = time.Parse(time.RFC3339, r.Now); err != nil {
		return v, fmt.Errorf("now: %q is no time such as 2023-11-14T22:13:20Z", text.Echo(r.Now))
	}
	if v.JWS, err = r.token(); err != nil {
		return v, err
	}
	if err = r.check(); err != nil {
		return v, err
	}
	if _, err = v.BankPolicy(); err != nil {
		return v, fmt.Errorf("policy: %w", err)
	}
	return v, v.Expect.check(v.Kind)
}

// token returns the bytes of the token.
func (r *row) token() ([]byte, error) {
	switch {
	case (r.JWS == "") == (r.JWSBase64 == ""):
		return nil, errors.New("one of jws and jws_base64 must be there, and not both")
	case r.JWS != "":
		return []byte(r.JWS), nil
	}
	data, err := base64.StdEncoding.Strict().DecodeString(r.JWSBase64)
	if err != nil {
		return nil, fmt.Errorf("jws_base64: %w", err)
	}
	return data, nil
}

// check refuses values that no vector can have, whatever it expects.
func (r *row) check() error {
	switch {
	case !goodName.MatchString(r.Name):
		return fmt.Errorf("name: %q is no name such as redirect_uris.https/plain-http", text.Echo(r.Name))
	case r.Comment == "":
		return errors.New("comment is empty")
	case r.Kind != Request && r.Kind != Statement:
		return fmt.Errorf("kind: %q is none of %s", text.Echo(string(r.Kind)), text.List([]Kind{Request, Statement}))
	case !r.Profile.Valid():
		return fmt.Errorf("profile: %q is none of %s", text.Echo(string(r.Profile)), text.List(validate.Profiles()))
	case r.Directory.Issuer == "" || len(r.Directory.JWKSHosts) == 0:
		return errors.New("directory: issuer or jwks_hosts is missing")
	case r.Directory.Environment != claims.Sandbox && r.Directory.Environment != claims.Production:
		return fmt.Errorf("directory: environment: %q is none of %s, %s", text.Echo(string(r.Directory.Environment)), claims.Sandbox, claims.Production)
	case r.Keys.Directory == "":
		return errors.New("keys: directory is missing")
	case r.Kind == Statement && (r.Live || r.Update):
		return errors.New("a statement is no update, and not live")
	}
	if r.Expect.Valid == nil {
		return errors.New("expect: valid is missing")
	}
	for _, name := range r.Keys.names() {
		if *name != "" && !keyFile.MatchString(*name) {
			return fmt.Errorf("keys: %q is no name of a file in a folder keys", text.Echo(*name))
		}
	}
	return nil
}

// check refuses an expectation that contradicts itself.
func (e *Expect) check(kind Kind) error {
	for _, list := range [][]string{e.Rules, e.Warnings} {
		for i, id := range list {
			if _, known := validate.RuleByID(id); !known {
				return fmt.Errorf("expect: there is no rule %q", text.Echo(id))
			}
			if i > 0 && list[i-1] >= id {
				return fmt.Errorf("expect: %q is not in order, or stands twice", text.Echo(id))
			}
		}
	}
	codes := []validate.Code{validate.InvalidRedirectURI, validate.InvalidClientMetadata, validate.InvalidSoftwareStatement, validate.UnapprovedSoftwareStatement}
	switch {
	case e.Rules == nil || e.Warnings == nil:
		return errors.New("expect: rules or warnings is missing")
	case e.Valid != (len(e.Rules) == 0):
		return fmt.Errorf("expect: valid is %t, against the rules", e.Valid)
	case e.Wire != "" && !slices.Contains(codes, e.Wire):
		return fmt.Errorf("expect: wire: %q is none of %s", text.Echo(string(e.Wire)), text.List(codes))
	case e.Valid && slices.Contains(e.Warnings, validate.RuleInputEncoding):
		return e.checkRefusal()
	case e.Valid && (e.Wire != "" || len(e.Citations) > 0 || kind == Request && e.Status/100 != 2 || kind == Statement && e.Status != 0):
		return errors.New("expect: wire, status or citations are those of a refusal")
	case !e.Valid:
		return e.checkRefusal()
	}
	return nil
}

// checkRefusal refuses an answer that no refusal is.
func (e *Expect) checkRefusal() error {
	if (e.Wire != "") != (e.Status == 400) || e.Status < 400 || e.Status > 599 || len(e.Citations) == 0 {
		return errors.New("expect: wire, status or citations are not those of a refusal")
	}
	return nil
}

// expect is what the row of a file says.
func (r *expectRow) expect() Expect {
	e := Expect{Valid: r.Valid != nil && *r.Valid, Rules: r.Rules, Warnings: r.Warnings, Wire: r.Wire, Status: r.Status}
	for _, c := range r.Citations {
		e.Citations = append(e.Citations, validate.Citation(c))
	}
	return e
}
