package cert

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
)

// The attributes of an application that CheckApplication reads. Their names end in
// the environment, such as _sandbox. claims.DefaultAttributes declares the first alone;
// a bank that needs the others declares them.
const (
	attributeKeys       = "software_jwks_endpoint"
	attributeRevoked    = "software_jwks_revoked_endpoint"
	attributeOrgRevoked = "org_jwks_revoked_endpoint"
	attributeSoftwareID = "software_id"
	attributeOrgID      = "org_id"
	attributeAuthority  = "organisation_competent_authority_claims"
)

var errWithoutKeys = configError("the checker has no Keys, by which it could read an application's key sets")

// Registered is an application as a bank has registered it. This package keeps
// nothing of it.
type Registered struct {
	Application claims.Application
	Environment claims.Environment // in which it is registered
	// Statement is the software statement that the application was registered with,
	// byte for byte, as store.Client.SoftwareStatement keeps it. Its signature was
	// verified then and is not verified again. "" where the bank does not keep it:
	// the attributes must then name the addresses of the withdrawn keys.
	Statement string
}

// CheckApplication is Check for a registered application. It takes the Software from
// the application's attributes and Statement:
//
//   - The attribute software_jwks_endpoint of the environment is the address of the
//     key set. An application without it is refused (ErrNoKeySet), whatever the
//     binding.
//   - The claims software_jwks_revoked_endpoint and org_jwks_revoked_endpoint of the
//     Statement, and the attributes of those names, are the addresses of the withdrawn
//     keys. A Statement with neither claim means that no keys are withdrawn. An
//     application with neither a Statement nor such an attribute is refused
//     (ErrNoKeySet), unless the checker is WithoutRevokedKeysUnsafe.
//   - The claims software_id, org_id and organisation_competent_authority_claims of
//     the Statement are what BySubject compares with. The attributes of those names
//     serve where the Statement has no such claim.
//
// CheckApplication does not judge the Statement's environment. It reads claims by
// their names in the OBIE directory. A Statement without software_jwks_endpoint has
// other names, so it does not show that no keys are withdrawn.
//
// The error is that of Check; a checker without Keys gives a *ConfigError.
func (c *Checker) CheckApplication(ctx context.Context, leaf *x509.Certificate, r Registered) (*Acceptance, error) {
	if c.config.Keys == nil {
		return nil, errWithoutKeys
	}
	// A fault of the certificate itself comes first: the caller can mend that one.
	good, err := c.certificate(ctx, leaf, r.Environment)
	if err != nil {
		return nil, err
	}
	s, err := c.Software(r)
	if err != nil {
		return nil, err
	}
	return c.owned(ctx, good, leaf, s)
}

// Software returns the software of a registered application, as CheckApplication
// describes it. The error is an *Error of kind ErrNoKeySet or ErrNotOwned. It is a
// *ConfigError where the checker has no Keys, or the environment is neither sandbox nor
// production.
func (c *Checker) Software(r Registered) (Software, error) {
	if c.config.Keys == nil {
		return Software{}, errWithoutKeys
	}
	if err := checkEnvironment(r.Environment); err != nil {
		return Software{}, err
	}
	read := func(name string) (values []string, err error) {
		return attribute(r.Application, name+"_"+string(r.Environment))
	}
	addresses, err := read(attributeKeys)
	switch {
	case err != nil:
		return Software{}, err
	case len(addresses) != 1 || addresses[0] == "":
		return Software{}, noKeySet(fmt.Sprintf("the application has no attribute %s_%s with one address", attributeKeys, r.Environment), nil)
	}
	statement := &claims.SSA{} // without a Statement, no claim is present
	if r.Statement != "" {
		parsed, err := ssa.Parse(r.Statement)
		if err != nil {
			return Software{}, noKeySet("the application's Statement is no software statement: give it as store.Client.SoftwareStatement keeps it", err)
		}
		statement = parsed.UnverifiedClaims()
	}
	s := Software{Environment: r.Environment, Keys: ssa.SoftwareKeys{Source: c.config.Keys, Address: addresses[0]}}
	if s.Keys.Revoked, err = c.revokedAddresses(statement, read); err != nil {
		return Software{}, err
	}
	if err := readSubject(&s, statement, read); err != nil {
		return Software{}, err
	}
	return s, nil
}

func noKeySet(detail string, cause error) *Error {
	return &Error{Kind: ErrNoKeySet, Detail: detail, Cause: cause}
}

// revokedAddresses finds the addresses of an application's withdrawn keys. An empty
// list needs proof: a Statement that names a key set and no such address.
func (c *Checker) revokedAddresses(statement *claims.SSA, read func(string) ([]string, error)) ([]string, error) {
	told := statement.SoftwareJWKSEndpoint.Valid() || c.config.WithoutRevokedKeysUnsafe
	var all []string
	for _, from := range []struct {
		name  string
		claim claims.Optional[string]
	}{
		{attributeRevoked, statement.SoftwareJWKSRevokedEndpoint},
		{attributeOrgRevoked, statement.OrgJWKSRevokedEndpoint},
	} {
		if from.claim.Present() && !from.claim.Valid() {
			return nil, noKeySet("the claim "+from.name+" of the application's Statement is no text", nil)
		}
		values, err := read(from.name)
		if err != nil {
			return nil, err
		}
		for _, address := range append([]string{from.claim.Or("")}, values...) {
			// An empty claim counts as absent, as in package claims.
			if address != "" && !slices.Contains(all, address) {
				all = append(all, address)
			}
		}
	}
	if len(all) == 0 && !told {
		return nil, noKeySet("nothing says where the application's withdrawn keys are: give its Statement (store.Client.SoftwareStatement), "+
			"or the attributes "+attributeRevoked+" and "+attributeOrgRevoked+" of the environment", nil)
	}
	return all, nil
}

// readSubject reads what BySubject compares with. It does not use Application.ID,
// which belongs to no environment.
func readSubject(s *Software, statement *claims.SSA, read func(string) ([]string, error)) error {
	s.SoftwareID, s.OrgID = statement.SoftwareID.Or(""), statement.OrgID.Or("")
	for name, to := range map[string]*string{attributeSoftwareID: &s.SoftwareID, attributeOrgID: &s.OrgID} {
		values, err := read(name)
		if err != nil {
			return err
		}
		if *to == "" && len(values) == 1 {
			*to = values[0]
		}
	}
	var told bool
	if s.Authority, told = statement.CompetentAuthority.Get(); told {
		return nil
	}
	objects, err := read(attributeAuthority)
	if err != nil || len(objects) == 0 {
		return err
	}
	decoded, faults, err := claims.DecodeSSA(`{"`+attributeAuthority+`":[`+strings.Join(objects, ",")+`]}`, nil)
	if err != nil || len(faults) > 0 {
		return &Error{Kind: ErrNotOwned, Cause: err,
			Detail: "the application's attribute " + attributeAuthority + " is not of JSON objects, as the claim is"}
	}
	s.Authority = decoded.CompetentAuthority.Or(claims.Authority{})
	return nil
}

// attribute returns the values of an attribute, none where it is absent. Two
// attributes of one name are an error.
func attribute(app claims.Application, name string) ([]string, error) {
	var values []string
	found := false
	for _, a := range app.Attributes {
		switch {
		case a.Name != name:
		case found:
			return nil, noKeySet("the application has the attribute "+name+" twice", nil)
		default:
			values, found = a.Values, true
		}
	}
	return values, nil
}
