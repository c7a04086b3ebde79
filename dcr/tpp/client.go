package tpp

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jose"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/internal/uri"
)

// Config has the collaborators of a Client.
type Config struct {
	HTTP        *http.Client      // required: mutual TLS with the bank, as MutualTLS makes it
	Metadata    *Metadata         // required: the bank's endpoints and what it supports, from Discover
	Signer      crypto.Signer     // the key that signs requests and client assertions; nil if the Client signs neither
	KeyID       string            // its kid at the directory; required with Signer
	Algorithm   claims.Algorithm  // PS256 or ES256; "": by the type of the key
	Certificate *x509.Certificate // the transport certificate; only tls_client_auth needs it
	ContentType ContentType       // of the requests of Register and Update; "": ContentTypeJWT
	TokenScopes []string          // what AccessToken asks for if its call names no scope
	Clock       func() time.Time  // nil: time.Now
	Random      io.Reader         // nil: crypto/rand.Reader
}

// Client is a TPP's side of dynamic client registration: it builds and signs
// requests, sends them over mutual TLS, and reads the answers. It is safe for
// concurrent use.
//
// It follows no redirect and reads at most 512 KiB of an answer. It ends an exchange with
// its context, and after the Timeout of Config.HTTP, which is 30 seconds if that is zero.
// It sends no request twice, because a bank may have carried out the first one. The only
// exception is status 415 (see [ContentType]). If an answer was lost, [MayHaveHappened]
// and [NoAnswerError.Next] help to find out what the bank did.
type Client struct {
	http        *http.Client
	metadata    Metadata
	signer      crypto.Signer
	keyID       string
	algorithm   claims.Algorithm
	certificate *x509.Certificate
	contentType ContentType
	tokenScopes []string
	clock       func() time.Time
	random      io.Reader
}

// NewClient makes a Client. It returns an error for a required collaborator that is
// missing, an endpoint that is no https address, an algorithm other than PS256 and ES256,
// and an unknown content type.
func NewClient(c Config) (*Client, error) {
	if c.HTTP == nil || c.Metadata == nil {
		return nil, failure("a client needs HTTP and Metadata")
	}
	if (c.Signer == nil) != (c.KeyID == "") {
		return nil, failure("a client has both Signer and KeyID, or neither")
	}
	if c.Signer != nil && jose.IsNil(c.Signer) {
		return nil, failure("Signer is a nil pointer")
	}
	for _, endpoint := range []string{c.Metadata.RegistrationEndpoint, c.Metadata.TokenEndpoint} {
		if _, err := uri.Endpoint(endpoint); err != nil {
			return nil, failure("an endpoint of the bank %w", err)
		}
	}
	client := &Client{http: plainClient(c.HTTP), metadata: *c.Metadata, signer: c.Signer, keyID: c.KeyID,
		algorithm: c.Algorithm, certificate: c.Certificate, contentType: c.ContentType,
		tokenScopes: slices.Clone(c.TokenScopes), clock: c.Clock, random: c.Random}
	if client.algorithm == "" {
		if client.algorithm = claims.PS256; isECDSA(c.Signer) {
			client.algorithm = claims.ES256
		}
	}
	if client.algorithm != claims.PS256 && client.algorithm != claims.ES256 {
		return nil, failure("algorithm %.20q is not one of PS256 and ES256", string(client.algorithm))
	}
	if client.contentType == "" {
		client.contentType = ContentTypeJWT
	}
	if client.contentType.other() == "" {
		return nil, failure("content type %q is not one of application/jwt and application/jose", text.Echo(string(client.contentType)))
	}
	if client.metadata.TokenAudience == "" {
		client.metadata.TokenAudience = client.metadata.TokenEndpoint
	}
	if client.clock == nil {
		client.clock = time.Now
	}
	if client.random == nil {
		client.random = rand.Reader
	}
	return client, nil
}

func isECDSA(signer crypto.Signer) bool {
	if signer == nil {
		return false
	}
	_, is := signer.Public().(*ecdsa.PublicKey)
	return is
}

// Build makes the claims of a registration request by BuildPayload, and signs them. The Client
// fills in the options that are empty: time, randomness, certificate and algorithm. Give
// the result to Register or Update, once. Keep it until the answer has arrived:
// [NoAnswerError.Next] may ask to send it again.
func (c *Client) Build(statement string, o RequestOptions) (string, error) {
	if o.Now.IsZero() {
		o.Now = c.clock()
	}
	if o.Random == nil {
		o.Random = c.random
	}
	if o.Algorithm == "" {
		o.Algorithm = c.algorithm
	}
	if o.Certificate == nil {
		o.Certificate = c.certificate
	}
	payload, err := BuildPayload(&c.metadata, statement, o)
	if err != nil {
		return "", err
	}
	return signRequest(payload, c.signer, c.keyID, c.algorithm)
}

// BuildUpdate is Build for [Client.Update]: it puts the client_id into the request, as RFC
// 7592 section 2.2 demands.
func (c *Client) BuildUpdate(clientID, statement string, o RequestOptions) (string, error) {
	o.ClientID = clientID
	return c.Build(statement, o)
}

// Register sends a signed request (POST). The answer may hold a client secret, which the
// bank does not show again. The error is a *ResponseError, a *NoAnswerError or a
// *PendingError. After a *NoAnswerError the client may be registered all the same; after a
// *PendingError a person at the bank has yet to approve it.
func (c *Client) Register(ctx context.Context, request string) (*ClientInformation, error) {
	return c.send(ctx, verbRegister, http.MethodPost, c.metadata.RegistrationEndpoint, request, "",
		http.StatusCreated, http.StatusOK)
}

// Get reads the registered client. A bank answers 401 if the client does not exist or is
// not the token's, and may revoke the token.
func (c *Client) Get(ctx context.Context, clientID string, token BearerToken) (*ClientInformation, error) {
	return c.manage(ctx, verbGet, http.MethodGet, clientID, "", token, http.StatusOK)
}

// Update replaces all registered members by those of a signed request (PUT): a member that
// the request leaves out is gone. Access tokens stay valid. The error is a *ResponseError,
// or a *NoAnswerError; after a *NoAnswerError the change may have been made all the same.
func (c *Client) Update(ctx context.Context, clientID, request string, token BearerToken) (*ClientInformation, error) {
	return c.manage(ctx, verbUpdate, http.MethodPut, clientID, request, token, http.StatusOK)
}

// Delete removes the client and its tokens. The error is a *ResponseError, a *NoAnswerError
// or a *PendingError. After a *NoAnswerError the client may be gone all the same; after a
// *PendingError a person at the bank has yet to approve the deletion.
func (c *Client) Delete(ctx context.Context, clientID string, token BearerToken) error {
	_, err := c.manage(ctx, verbDelete, http.MethodDelete, clientID, "", token, http.StatusNoContent)
	return err
}
