package tpp

import (
	"context"
	"crypto"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/internal/uri"
	"github.com/obdcr/obdcr/ssa"
)

// DirectoryScope is the scope by which a TPP reads its own data at the OBIE directory.
const DirectoryScope = "TPPReadAccess"

// DirectoryConfig has what a DirectoryClient needs. The addresses differ between the directory's
// sandbox and its production.
type DirectoryConfig struct {
	HTTP          *http.Client     // required: mutual TLS with the transport certificate, as MutualTLS makes it
	API           string           // required: https address of the API, such as https://matls-dirapi.openbankingtest.org.uk
	TokenEndpoint string           // required: https address of the directory's token endpoint
	TokenAudience string           // aud of the client assertion; "": TokenEndpoint
	SoftwareID    string           // required: the software that asks, iss and sub of the assertion
	Signer        crypto.Signer    // required: its signing key
	KeyID         string           // required: the key's kid at the directory
	Algorithm     claims.Algorithm // PS256 or ES256; "": by the type of the key
	Scopes        []string         // of the token; nil: DirectoryScope
	Clock         func() time.Time // nil: time.Now
	Random        io.Reader        // nil: crypto/rand.Reader
}

// DirectoryClient is a TPP's client of the OBIE directory's API (public description, version
// 2.2.0). It is safe for concurrent use. It keeps the bounds of a [Client].
type DirectoryClient struct {
	client     *Client
	softwareID string
	api        string
}

// NewDirectoryClient makes a DirectoryClient. It returns an error for a required field that is missing,
// and for an address that is no https address.
func NewDirectoryClient(c DirectoryConfig) (*DirectoryClient, error) {
	if c.Signer == nil || c.HTTP == nil {
		return nil, failure("a directory needs HTTP and Signer")
	}
	if !directoryID(c.SoftwareID) {
		return nil, failure("a directory needs a SoftwareID of visible ASCII")
	}
	for _, a := range []struct{ name, address string }{{"API", c.API}, {"TokenEndpoint", c.TokenEndpoint}} {
		if _, err := uri.Endpoint(a.address); err != nil {
			return nil, failure("%s of a directory %w", a.name, err)
		}
	}
	if len(c.Scopes) == 0 {
		c.Scopes = []string{DirectoryScope}
	}
	client, err := NewClient(Config{
		HTTP: c.HTTP, Signer: c.Signer, KeyID: c.KeyID, Algorithm: c.Algorithm, TokenScopes: c.Scopes, Clock: c.Clock, Random: c.Random,
		Metadata: &Metadata{RegistrationEndpoint: c.API, TokenEndpoint: c.TokenEndpoint, TokenAudience: c.TokenAudience},
	})
	if err != nil {
		return nil, err
	}
	return &DirectoryClient{client: client, softwareID: c.SoftwareID, api: c.API}, nil
}

// Statement fetches a fresh software statement of a software, a compact JWS without the line
// end that the directory may send behind it. It asks for an access token first. It does not
// verify the statement. The error is a *ResponseError, whose Next tells the status in words,
// a *NoAnswerError, or one about the identifiers.
func (d *DirectoryClient) Statement(ctx context.Context, orgID, softwareID string) (string, error) {
	if !directoryID(orgID) || !directoryID(softwareID) {
		return "", failure("%s: org_id and software_id are visible ASCII", verbStatement)
	}
	address, err := below(d.api, "v2.1", "organisation", orgID, "software-statement", softwareID, "software-statement-assertion")
	if err != nil {
		return "", failure("%s: the address of the directory's API %w", verbStatement, err)
	}
	token, err := d.client.token(ctx, verbDirectoryToken, Credentials{ClientID: d.softwareID, Method: claims.PrivateKeyJWT}, nil)
	if err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", failure("%s: the address of the directory's API is no URL", verbStatement)
	}
	r.Header.Set("Accept", "application/jws+json, application/jwt, text/plain;q=0.9, */*;q=0.8")
	r.Header.Set("Authorization", "Bearer "+token.Value.Reveal())
	a, err := exchange(d.client.http, verbStatement, r)
	if err != nil {
		return "", err
	}
	if a.status != http.StatusOK {
		return "", unwanted(verbStatement, a, d.client.clock())
	}
	unusable := func(reason string, err error) error {
		return &NoAnswerError{Verb: verbStatement, Status: a.status, Reason: reason, Err: err, Document: received(verbStatement, a.body)}
	}
	statement, err := ssa.Parse(bareToken(string(a.body)))
	if err != nil {
		return "", unusable("it is no software statement, which is a compact JWS over a JSON object", err)
	}
	if isRequest(statement.Token()) {
		return "", unusable("it is a registration request, and no software statement", nil)
	}
	if id, told := statement.UnverifiedClaims().SoftwareID.Get(); told && id != softwareID {
		return "", unusable("it is the statement of another software", nil)
	}
	return statement.Token(), nil
}

// isRequest reports whether a token has a software statement within it.
func isRequest(token string) bool {
	signed, err := ssa.ParseSigned(token)
	if err != nil {
		return false
	}
	claims, err := jsonscan.Parse(signed.UnverifiedPayload())
	_, is := claims.Member("software_statement")
	return err == nil && is
}

// bareToken takes away what stands around a token: white space, a byte order mark, and the
// quotation marks of a JSON string.
func bareToken(body string) string {
	body = strings.TrimSpace(strings.TrimPrefix(body, byteOrderMark))
	if v, err := jsonscan.Parse(body); err == nil && v.Kind() == jsonscan.String {
		body, _ = v.Text()
	}
	return strings.TrimSpace(body)
}

// directoryNext tells a status of the directory in words; "" for one that it does not have.
func directoryNext(verb string, status int) string {
	if verb == verbDirectoryToken {
		switch status {
		case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
			return "the directory does not know the software, its signing key or the scope: compare the software_id, the kid of the signing key and " +
				"the scopes with what the directory has, and see that the transport certificate is of the same environment"
		}
	}
	switch status {
	case http.StatusBadRequest:
		return "the directory takes the org_id or the software_id for malformed"
	case http.StatusUnauthorized:
		return "the directory does not take the access token or the transport certificate for this organisation"
	case http.StatusForbidden:
		return "the access token does not reach this organisation: compare the org_id, and the scope"
	case http.StatusNotFound:
		return "the directory has no such software statement: compare the org_id and the software_id, and the environment"
	case http.StatusNotAcceptable:
		return "the directory cannot send the statement in a form that was asked for"
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return "the directory is out of order or busy: try again later"
	}
	return ""
}

// maxDirectoryID is the greatest length of an identifier of the directory.
const maxDirectoryID = 256

// directoryID reports whether an identifier can be one of the directory: visible ASCII, and
// no dot segment.
func directoryID(id string) bool {
	return UsableClientID(id) && len(id) <= maxDirectoryID && text.Printable(id) && !strings.Contains(id, " ")
}
