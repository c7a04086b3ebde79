package sandbox

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/vectors/signed"
	"github.com/obdcr/obdcr/internal/text"
)

// ownClaims are the claims of a statement that name the software, the organisation, the
// directory and the time.
func ownClaims() []string {
	return []string{"iss", "iat", "exp", "nbf", "jti", "software_environment", "software_mode", "software_id", "software_client_id", "org_id",
		"software_jwks_endpoint", "software_jwks_revoked_endpoint", "org_jwks_endpoint", "org_jwks_revoked_endpoint"}
}

// vectorLifetime is exp - iat of the request of a vector.
const vectorLifetime = 10 * time.Minute

// postVector answers with the claims of a live vector's request, for the sandbox's own TPP,
// its bank and the time of now: whoever has the TPP's keys signs and sends them.
func (d *directory) postVector(w http.ResponseWriter, _ *http.Request, body []byte) {
	v, err := signed.Parse(body)
	if err != nil {
		complain(w, http.StatusBadRequest, "send a signed test vector: "+text.Detail(err))
		return
	}
	if !v.Live {
		complain(w, http.StatusBadRequest, "the vector "+v.Name+" is not live: signed afresh it would show something else")
		return
	}
	request, err := d.requestOf(&v)
	if err != nil {
		complain(w, http.StatusBadRequest, "the documents of the vector cannot be signed: "+text.Detail(err))
		return
	}
	writeJSON(w, http.StatusOK, request)
}

// requestOf makes the claims, with a statement that the directory signs now.
func (d *directory) requestOf(v *signed.Vector) (map[string]json.RawMessage, error) {
	var request, statement map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(v.Documents.Request, &request), json.Unmarshal(v.Documents.SSA, &statement)); err != nil {
		return nil, err
	}
	now := d.clock()
	changes := map[string]json.RawMessage{}
	for name := range statementClaims(d.url, d.state.OrgID, d.state.SoftwareID, "", now, nil) {
		changes[name] = json.RawMessage("null") // removes what the vector has not
	}
	maps.Copy(changes, statement)
	for _, name := range ownClaims() {
		delete(changes, name)
	}
	token, _, err := d.mint(randomID(), changes)
	if err != nil {
		return nil, err
	}
	id, err := claims.NewJTI(rand.Reader)
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]any{
		"iss": d.state.SoftwareID, "software_id": d.state.SoftwareID, "aud": d.audience, "jti": id,
		"iat": now.Unix(), "exp": now.Add(vectorLifetime).Unix(), "software_statement": token,
	} {
		if request[name], err = json.Marshal(value); err != nil {
			return nil, err
		}
	}
	return request, nil
}
