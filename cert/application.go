package cert

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
)

// The attributes of an application that CheckApplication reads, without the
// environment that their names end in. Only the first is among
// claims.DefaultAttributes; a bank that wants the others declares them.
const (
	attributeKeys       = "software_jwks_endpoint"
	attributeRevoked    = "software_jwks_revoked_endpoint"
	attributeOrgRevoked = "org_jwks_revoked_endpoint"
	attributeSoftwareID = "software_id"
	attributeOrgID      = "org_id"
	attributeAuthority  = "organisation_competent_authority_claims"
)

// CheckApplication is Check for a registered application: the keys are those at its
// attribute software_jwks_endpoint of the environment, less those withdrawn at its
// software_jwks_revoked_endpoint and org_jwks_revoked_endpoint, where it has them.
// An application without software_jwks_endpoint is refused (ErrNoKeySet), whatever
// the binding. BySubject compares with its attributes software_id, org_id and
// organisation_competent_authority_claims.
//
// The error is that of Check; a checker without Keys gives a plain one.
func (c *Checker) CheckApplication(ctx context.Context, leaf *x509.Certificate, app claims.Application, env claims.Environment) (*Report, error) {
	if c.config.Keys == nil {
		return nil, errors.New("cert: the checker has no Keys, by which it could read an application's key sets")
	}
	s, err := c.software(app, env)
	if err != nil {
		// What the certificate itself breaks is told first: it is the caller's to mend.
		if _, broken := c.certificate(ctx, leaf, env); broken != nil {
			return nil, broken
		}
		return nil, err
	}
	return c.Check(ctx, leaf, *s)
}

// software reads what the attributes say.
func (c *Checker) software(app claims.Application, env claims.Environment) (*Software, error) {
	read := func(name string) (values []string, err error) { return attribute(app, name+"_"+string(env)) }
	addresses, err := read(attributeKeys)
	switch {
	case err != nil:
		return nil, err
	case len(addresses) != 1 || addresses[0] == "":
		return nil, &Error{Kind: ErrNoKeySet, Detail: fmt.Sprintf("the application has no attribute %s_%s with one address", attributeKeys, env)}
	}
	s := &Software{Environment: env, Keys: ssa.SoftwareKeys{Source: c.config.Keys, Address: addresses[0]}}
	if err := readSubject(s, read); err != nil {
		return nil, err
	}
	for _, name := range []string{attributeRevoked, attributeOrgRevoked} {
		values, err := read(name)
		if err != nil {
			return nil, err
		}
		for _, address := range values {
			if address != "" { // a claim that is empty counts as absent, as in package claims
				s.Keys.Revoked = append(s.Keys.Revoked, address)
			}
		}
	}
	return s, nil
}

// readSubject reads the attributes that BySubject compares with. An application's ID
// stands in no environment, so that it is not asked.
func readSubject(s *Software, read func(string) ([]string, error)) error {
	for name, to := range map[string]*string{attributeSoftwareID: &s.SoftwareID, attributeOrgID: &s.OrgID} {
		values, err := read(name)
		if err != nil {
			return err
		}
		if len(values) == 1 {
			*to = values[0]
		}
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

// attribute returns the values of an attribute, none where it is absent. Two of one
// name contradict each other.
func attribute(app claims.Application, name string) ([]string, error) {
	var values []string
	found := false
	for _, a := range app.Attributes {
		switch {
		case a.Name != name:
		case found:
			return nil, &Error{Kind: ErrNoKeySet, Detail: "the application has the attribute " + name + " twice"}
		default:
			values, found = a.Values, true
		}
	}
	return values, nil
}
