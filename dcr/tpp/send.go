package tpp

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/internal/uri"
)

// ContentType is the media type of a signed registration request. OBIE DCR names two, and
// some banks take only one of them. If a bank answers 415 (Unsupported Media Type), a
// Client sends the same bytes once more with the other type: the bank refused the type
// before it judged the request. It does so after no other status.
type ContentType string

// The content types of OBIE DCR (section "Endpoints").
const (
	ContentTypeJWT  ContentType = "application/jwt"
	ContentTypeJOSE ContentType = "application/jose"
)

// other returns the other type; "" for a type that is none of the two.
func (t ContentType) other() ContentType {
	switch t {
	case ContentTypeJWT:
		return ContentTypeJOSE
	case ContentTypeJOSE:
		return ContentTypeJWT
	}
	return ""
}

// manage sends a request to the address of one client. It refuses an answer that
// describes another client.
func (c *Client) manage(ctx context.Context, verb, method, clientID, request string, token BearerToken, want int) (*ClientInformation, error) {
	if !UsableClientID(clientID) {
		return nil, failure("%s: the client_id is unusable", verb)
	}
	if !text.IsBearer(token.Value.Reveal(), maxToken) {
		return nil, failure("%s: the access token is unusable", verb)
	}
	address, err := below(c.metadata.RegistrationEndpoint, clientID)
	if err != nil {
		return nil, failure("%s: the registration endpoint %w", verb, err)
	}
	information, err := c.send(ctx, verb, method, address, request, token.Value.Reveal(), want)
	described, document := clientID, claims.Secret{}
	if pending, waits := errors.AsType[*PendingError](err); waits {
		want, described, document = http.StatusAccepted, cmp.Or(pending.ClientID, clientID), pending.Document
	} else if information != nil {
		described, document = information.ClientID, information.Document
	}
	if described != clientID {
		return nil, &NoAnswerError{Verb: verb, Sent: true, Status: want, Reason: "it describes another client", Document: document}
	}
	return information, err
}

// below returns the address of a resource below an endpoint. Each segment becomes exactly
// one segment of the path, so it must not be a dot segment.
func below(endpoint string, segments ...string) (string, error) {
	u, err := uri.Endpoint(endpoint)
	if err != nil {
		return "", err
	}
	address := *u
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	for _, s := range segments {
		path += "/" + url.PathEscape(s)
	}
	if address.Path, err = url.PathUnescape(path); err != nil {
		return "", errors.New("has an unusable path")
	}
	address.RawPath = path
	return address.String(), nil
}

// send sends a request and reads the client from the answer; nil for a DELETE.
func (c *Client) send(ctx context.Context, verb, method, address, request, token string, want ...int) (*ClientInformation, error) {
	var sentAs ContentType
	if request != "" {
		sentAs = c.contentType
	}
	a, err := c.sendAs(ctx, verb, method, address, request, token, sentAs)
	if err == nil && a.status == http.StatusUnsupportedMediaType && sentAs != "" {
		sentAs = sentAs.other()
		a, err = c.sendAs(ctx, verb, method, address, request, token, sentAs)
	}
	if err != nil {
		return nil, err
	}
	if pending := pendingAnswer(verb, a); pending != nil {
		return nil, pending
	}
	if !slices.Contains(want, a.status) {
		return nil, unwanted(verb, a, c.clock())
	}
	if verb == verbDelete {
		return nil, nil
	}
	information, err := ParseClientInformation(a.body)
	if err != nil {
		return nil, &NoAnswerError{Verb: verb, Sent: true, Status: a.status, Reason: text.Detail(err), Err: err, Document: received(verb, a.body)}
	}
	information.SentAs = sentAs
	return information, nil
}

// sendAs makes one exchange.
func (c *Client) sendAs(ctx context.Context, verb, method, address, request, token string, as ContentType) (*answer, error) {
	var body io.Reader
	if request != "" {
		body = strings.NewReader(request)
	}
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, failure("%s: the registration endpoint is no URL", verb)
	}
	if as != "" {
		r.Header.Set("Content-Type", string(as))
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	a, err := exchange(c.http, verb, r, request)
	if err != nil {
		return nil, err
	}
	a.sentAs = as
	return a, nil
}
