package ssatest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jose"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/ssa"
)

const (
	// tokenLife is how long an access token of an API is valid.
	tokenLife = 5 * time.Minute
	// maxForm is the greatest length of a token request, in bytes.
	maxForm = 64 << 10
	// assertionType is the client_assertion_type of a JWT (RFC 7523 section 2.2).
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// apiScopes returns the scopes of the API. The first one is granted if none is asked for.
func apiScopes() []string { return []string{"TPPReadAccess", "ASPSPReadAccess", "TPPManage"} }

// grant is what an access token stands for.
type grant struct {
	Org         string `json:"org"`
	Software    string `json:"software"`
	Expires     int64  `json:"exp"`
	Certificate string `json:"x5t"` // the thumbprint of the client certificate
}

// tokenError is a refusal of the token endpoint (RFC 6749 section 5.2).
type tokenError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

// Error returns the description.
func (e *tokenError) Error() string { return e.Description }

func notThisClient(why string) *tokenError { return &tokenError{"invalid_client", why} }

// token issues an access token by client_credentials (RFC 6749 section 4.4).
func (a *API) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	answer, refused := a.issue(r)
	w.Header().Set("Content-Type", "application/json")
	if refused == nil {
		_ = json.NewEncoder(w).Encode(answer) // an error means that the client has hung up
		return
	}
	status := http.StatusBadRequest
	if refused.Code == "invalid_client" {
		status = http.StatusUnauthorized
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(refused)
}

// issued is the answer of the token endpoint (RFC 6749 section 5.1).
type issued struct {
	Token   string `json:"access_token"`
	Type    string `json:"token_type"`
	Seconds int    `json:"expires_in"`
	Scope   string `json:"scope"`
}

func (a *API) issue(r *http.Request) (*issued, *tokenError) {
	if err := r.ParseForm(); err != nil {
		return nil, &tokenError{"invalid_request", "the body is no form"}
	}
	if r.PostForm.Get("grant_type") != "client_credentials" {
		return nil, &tokenError{"unsupported_grant_type", "grant_type is not client_credentials"}
	}
	scope := r.PostForm.Get("scope")
	for word := range strings.FieldsSeq(scope) {
		if !slices.Contains(apiScopes(), word) {
			return nil, &tokenError{"invalid_scope", "scope is none of " + strings.Join(apiScopes(), ", ")}
		}
	}
	if scope == "" {
		scope = apiScopes()[0]
	}
	if r.PostForm.Get("client_assertion_type") != assertionType {
		return nil, notThisClient("client_assertion_type is not " + assertionType)
	}
	g, err := a.client(r, r.PostForm.Get("client_assertion"))
	if err != nil {
		return nil, notThisClient(err.Error())
	}
	if id := r.PostForm.Get("client_id"); id != "" && id != g.Software {
		return nil, notThisClient("client_id is not sub of the client assertion")
	}
	g.Expires = a.config.Clock().Add(tokenLife).Unix()
	return &issued{Token: a.seal(g), Type: "Bearer", Seconds: int(tokenLife / time.Second), Scope: scope}, nil
}

// client returns the software that the assertion proves (RFC 7523 section 3).
func (a *API) client(r *http.Request, assertion string) (*grant, error) {
	jws, err := jose.Parse(assertion)
	if err != nil {
		return nil, errors.New("client_assertion is no compact JWS")
	}
	payload, err := jsonscan.Parse(jws.Payload())
	if err != nil || payload.Kind() != jsonscan.Object {
		return nil, errors.New("the payload of the client assertion is no JSON object")
	}
	id, _ := payload.MemberText("sub")
	if issuer, _ := payload.MemberText("iss"); id == "" || issuer != id {
		return nil, errors.New("iss and sub of the client assertion are not one and the same software_id")
	}
	if err := checkAssertion(payload, a.config.Clock(), a.config.URL+TokenPath, a.config.URL); err != nil {
		return nil, err
	}
	found := a.config.Software(id)
	if len(found) == 0 {
		return nil, errors.New("the directory has no software with the id that sub names")
	}
	for i := range found {
		keys := found[i].Keys
		if !signedByOne(jws, keys) {
			continue
		}
		thumbprint, err := certificateOf(r, keys)
		if err != nil {
			return nil, err
		}
		return &grant{Org: found[i].OrgID, Software: id, Certificate: thumbprint}, nil
	}
	return nil, errors.New("the client assertion is not signed by the published key that its kid names")
}

// checkAssertion checks aud, exp and jti of a client assertion.
func checkAssertion(payload jsonscan.Value, now time.Time, audiences ...string) error {
	audience, _ := payload.MemberText("aud")
	if list, there := payload.Member("aud"); there && list.Kind() == jsonscan.Array && list.Len() == 1 {
		for _, one := range list.Elements() {
			audience, _ = one.Text()
		}
	}
	if !slices.Contains(audiences, audience) {
		return errors.New("aud of the client assertion is not " + audiences[0])
	}
	expiry, _ := payload.Member("exp")
	if at, whole := expiry.Int64(); !whole || at <= now.Unix() {
		return errors.New("exp of the client assertion is not in the future")
	}
	if jti, _ := payload.MemberText("jti"); jti == "" {
		return errors.New("the client assertion has no jti")
	}
	return nil
}

// signedByOne reports whether the key of the set that kid names has signed the token.
func signedByOne(jws *jose.JWS, keys ssa.KeySet) bool {
	kid, named := jws.KeyID()
	if !named {
		return false
	}
	found, _ := keys.ResolveKeys(context.Background(), ssa.KeyRef{KeyID: kid}) // none means no key
	for _, k := range found {
		key := jose.Key{ID: k.ID, Algorithm: string(k.Algorithm), Use: k.Use, Public: k.Public}
		if jws.Verify(key, []string{string(claims.PS256), string(claims.ES256)}) == nil {
			return true
		}
	}
	return false
}

// certificateOf returns the thumbprint of the client certificate, whose key must be in the
// set.
func certificateOf(r *http.Request, keys ssa.KeySet) (string, error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return "", errors.New("there is no client certificate: the API needs mutual TLS with a transport certificate")
	}
	leaf := r.TLS.PeerCertificates[0]
	if !slices.ContainsFunc(keys.Keys, func(k ssa.Key) bool { return k.Is(leaf.PublicKey) }) {
		return "", errors.New("the client certificate is not of this software: its key is not in the published set")
	}
	return thumbprint(leaf.Raw), nil
}

func thumbprint(der []byte) string {
	sum := sha256.Sum256(der)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// seal makes an access token: the grant and a MAC over it.
func (a *API) seal(g *grant) string {
	payload, err := json.Marshal(g)
	if err != nil {
		return "" // strings and a number always encode
	}
	text := base64.RawURLEncoding.EncodeToString(payload)
	return text + "." + base64.RawURLEncoding.EncodeToString(a.mac(text))
}

// macBy returns HMAC-SHA256 by a key.
func macBy(key string) func(text string) []byte {
	return func(text string) []byte {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
}

// granted opens the access token of a request.
func (a *API) granted(r *http.Request) (*grant, error) {
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer {
		return nil, errors.New("there is no access token")
	}
	text, mac, _ := strings.Cut(token, ".")
	sum, err := base64.RawURLEncoding.DecodeString(mac)
	if err != nil || !hmac.Equal(sum, a.mac(text)) {
		return nil, errors.New("the access token is not of this directory")
	}
	payload, err := base64.RawURLEncoding.DecodeString(text)
	g := &grant{}
	if err != nil || json.Unmarshal(payload, g) != nil {
		return nil, errors.New("the access token is not of this directory")
	}
	switch {
	case g.Expires <= a.config.Clock().Unix():
		return nil, errors.New("the access token has expired")
	case r.TLS == nil || len(r.TLS.PeerCertificates) == 0 || thumbprint(r.TLS.PeerCertificates[0].Raw) != g.Certificate:
		return nil, errors.New("the client certificate is not the one that got the access token")
	}
	return g, nil
}
