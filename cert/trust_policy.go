package cert

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// maxPolicy is the greatest length of a policy file, in bytes.
const maxPolicy = 64 << 10

// TrustPolicy is what a bank believes about certificates, read from a file.
type TrustPolicy struct {
	// Bindings is the member bindings, such as ["public_key", "thumbprint"].
	Bindings []Binding
	// Authorities are the CAs in the files of the member authorities, such as
	// {"sandbox": ["root.pem", "issuing.pem"]}. Nil where the policy has no such
	// member: the chain is then left to the TLS layer.
	Authorities map[claims.Environment][]*x509.Certificate
	// CRLs are the lists in the files of the member crls, such as ["issuing.crl"]. Nil
	// where the policy has no such member. Call its Reload as often as the CAs publish.
	CRLs *CRLs
}

// TrustPolicyError is a fault of one member of a trust policy.
type TrustPolicyError struct {
	Member string // path, such as authorities/sandbox/0; at most 64 characters of each name
	Reason string // what is wrong with it
	Cause  error  // why its file cannot be used; else nil
}

// Error is the detail behind the name of the package.
func (e *TrustPolicyError) Error() string {
	return "cert: policy: " + e.Detail()
}

// Detail is the member, the reason and the cause.
func (e *TrustPolicyError) Detail() string {
	detail := e.Member + " " + e.Reason
	var config *ConfigError
	switch {
	case errors.As(e.Cause, &config):
		detail += ": " + bounded(config.Detail())
	case e.Cause != nil:
		detail += ": " + bounded(e.Cause.Error())
	}
	return detail
}

// Unwrap returns the cause, for errors.Is and errors.As.
func (e *TrustPolicyError) Unwrap() error { return e.Cause }

// ParseTrustPolicy reads a policy from its JSON form: an object with the member bindings
// and, if the bank wants, authorities and crls. It reads the files that they name from
// fsys, such as os.DirFS("/etc/bank").
//
// It is strict. An unknown or null member, a value of the wrong type, an empty list, an
// unknown binding and a file that cannot be used are errors that name the member
// (*TrustPolicyError). A document that is no JSON object, or has a member twice, is a
// *ConfigError. Config judges whether the CAs are good at a time.
func ParseTrustPolicy(data []byte, fsys fs.FS) (*TrustPolicy, error) {
	if fsys == nil {
		return nil, configError("policy: there is no file system to read its files from")
	}
	if len(data) > maxPolicy {
		return nil, configError("policy: longer than %d bytes", maxPolicy)
	}
	v, err := jsonscan.Parse(string(data))
	if err != nil {
		return nil, configError("policy: %w", text.Bounded{Err: err})
	}
	if v.Kind() != jsonscan.Object {
		return nil, configError("policy: is a JSON %s, not an object", v.Kind())
	}
	p, names := &TrustPolicy{}, []string(nil)
	for name, value := range v.Members() {
		switch name {
		case "bindings":
			p.Bindings, err = texts[Binding](name, value)
		case "authorities":
			p.Authorities, err = readAuthorities(value, fsys)
		case "crls":
			names, err = texts[string](name, value)
		default:
			err = &TrustPolicyError{Member: text.Quote(name), Reason: "is unknown: there are bindings, authorities and crls"}
		}
		if err != nil {
			return nil, err
		}
	}
	if len(p.Bindings) == 0 {
		return nil, &TrustPolicyError{Member: "bindings", Reason: "is missing: list public_key, thumbprint or subject"}
	}
	for i, b := range p.Bindings {
		if why := b.unfit(p.Bindings[:i]); why != "" {
			return nil, &TrustPolicyError{Member: fmt.Sprintf("bindings/%d", i), Reason: why}
		}
	}
	if names == nil {
		return p, nil
	}
	if p.Authorities == nil {
		return nil, &TrustPolicyError{Member: "crls", Reason: "needs authorities, whose signatures the lists bear"}
	}
	var issuers []*x509.Certificate
	for _, list := range p.Authorities {
		issuers = append(issuers, list...)
	}
	if p.CRLs, err = LoadCRLFiles(fsys, issuers, names...); err != nil {
		return nil, &TrustPolicyError{Member: "crls", Reason: "cannot be used", Cause: err}
	}
	return p, nil
}

func readAuthorities(v jsonscan.Value, fsys fs.FS) (map[claims.Environment][]*x509.Certificate, error) {
	if v.Kind() != jsonscan.Object || v.Len() == 0 {
		return nil, &TrustPolicyError{Member: "authorities", Reason: "is not an object of lists of files, by environment"}
	}
	all := map[claims.Environment][]*x509.Certificate{}
	for name, value := range v.Members() {
		env, place := claims.Environment(name), "authorities/"+name
		if env != claims.Sandbox && env != claims.Production {
			return nil, &TrustPolicyError{Member: "authorities/" + text.Quote(name), Reason: "is neither sandbox nor production"}
		}
		files, err := texts[string](place, value)
		if err != nil {
			return nil, err
		}
		for i, file := range files {
			data, err := readFile(fsys, file, maxAuthorities)
			if err == nil {
				var list []*x509.Certificate
				list, err = ParseAuthorities(data)
				all[env] = append(all[env], list...)
			}
			if err != nil {
				return nil, &TrustPolicyError{Member: fmt.Sprintf("%s/%d", place, i), Reason: "cannot be used", Cause: err}
			}
		}
	}
	return all, nil
}

// texts reads a list of at least one string, none of them empty.
func texts[T ~string](place string, v jsonscan.Value) ([]T, error) {
	if v.Kind() != jsonscan.Array || v.Len() == 0 {
		return nil, &TrustPolicyError{Member: place, Reason: "is not an array of one or more strings"}
	}
	var all []T
	for i, e := range v.Elements() {
		text, clean := e.Text()
		if !clean || text == "" {
			return nil, &TrustPolicyError{Member: fmt.Sprintf("%s/%d", place, i), Reason: "is not a string with text"}
		}
		all = append(all, T(text))
	}
	return all, nil
}

// Config makes the configuration of a Checker from the policy: its bindings, its CAs as
// NewAuthorities judges them at now, and its revocation lists. The caller may add Clock
// and Keys.
func (p *TrustPolicy) Config(now time.Time) (CheckerConfig, error) {
	c := CheckerConfig{Bindings: p.Bindings}
	if p.Authorities != nil {
		var err error
		if c.Authorities, err = NewAuthorities(p.Authorities, now); err != nil {
			return CheckerConfig{}, err
		}
	}
	if p.CRLs != nil { // a nil *CRLs would be a RevocationChecker that is not nil
		c.Revocation = p.CRLs
	}
	return c, nil
}
