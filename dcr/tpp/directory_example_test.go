package tpp_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// A TPP fetches a software statement from the directory.
func ExampleDirectoryClient() {
	directory, err := ssatest.New(ssatest.Options{})
	must(err)
	defer directory.Close()
	software, err := directory.NewSoftware(ssatest.SoftwareOptions{})
	must(err)
	roots := x509.NewCertPool()
	roots.AddCert(directory.CA)

	client, err := tpp.NewDirectoryClient(tpp.DirectoryConfig{
		HTTP:          tpp.MutualTLS(software.TransportCertificate, roots),
		API:           directory.URL(), // https://matls-dirapi.openbanking.org.uk in production
		TokenEndpoint: directory.URL() + ssatest.TokenPath,
		SoftwareID:    software.SoftwareID,
		Signer:        software.SigningKey,
		KeyID:         software.SigningKeyID,
	})
	must(err)
	token, err := client.Statement(context.Background(), software.OrgID, software.SoftwareID)
	must(err)
	statement, err := ssa.Parse(token)
	must(err)
	fmt.Println(statement.UnverifiedClaims().SoftwareID.Or("") == software.SoftwareID)

	_, err = client.Statement(context.Background(), software.OrgID, "another")
	var refused *tpp.ResponseError
	if errors.As(err, &refused) {
		fmt.Println(refused.Status, refused.Next())
	}
	// Output:
	// true
	// 404 the directory has no such software statement: compare the org_id and the software_id, and the environment
}
