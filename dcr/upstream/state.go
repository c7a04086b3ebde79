package upstream

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/fetch"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

const (
	maxClientID = 36   // characters, OBIE DCR, data dictionary
	maxToken    = 8192 // characters of a registration access token; some are JWTs
)

// registration is what the authorization server gave to manage a client by. As JSON it is
// the State of a record.
type registration struct {
	ClientID string `json:"client_id"`
	Address  string `json:"registration_client_uri"`
	Token    string `json:"registration_access_token"`
}

// secret returns the registration as the State of a record.
func (r *registration) secret() (claims.Secret, error) {
	document, err := json.Marshal(r)
	return claims.NewSecret(string(document)), err
}

// read returns the registration that a State has; nil for none.
func (e *Endpoint) read(state claims.Secret) (*registration, error) {
	if state.IsZero() {
		return nil, nil
	}
	value, err := jsonscan.Parse(state.Reveal())
	if err != nil {
		return nil, errors.New("upstream: the state of the record is not what this package wrote")
	}
	r := &registration{}
	r.ClientID, _ = value.MemberText("client_id")
	return r, e.take(r, value)
}

// take takes address and token from a document into r. It keeps what the document does not
// have. The address must be at the host of the registration endpoint: a token that is sent
// elsewhere is lost.
func (e *Endpoint) take(r *registration, document jsonscan.Value) error {
	if token, said := document.Member("registration_access_token"); said {
		written, _ := token.Text()
		if !text.IsBearer(written, maxToken) {
			return fmt.Errorf("upstream: the registration_access_token is no b64token of at most %d characters", maxToken)
		}
		r.Token = written
	}
	if address, said := document.Member("registration_client_uri"); said {
		written, _ := address.Text()
		if host, err := fetch.Host(written); err != nil || host != e.host {
			return &elsewhereError{host: host}
		}
		r.Address = written
	}
	if r.Token == "" || r.Address == "" {
		return errors.New("upstream: there is no registration_access_token or no registration_client_uri: the authorization server does not speak RFC 7592")
	}
	return nil
}

// elsewhereError means that a registration_client_uri is no https address at the host of the
// registration endpoint.
type elsewhereError struct {
	host string // in canonical form; "" if it is no https address
}

func (e *elsewhereError) Error() string {
	return "upstream: the registration_client_uri is no https address at the host of the registration endpoint"
}

// isClientID reports whether an id is one that OBIE and the addresses of a bank allow.
func isClientID(id string) bool {
	for i := range len(id) {
		if !text.IsLetter(id[i]) && !text.IsDigit(id[i]) && id[i] != '-' && id[i] != '_' {
			return false
		}
	}
	return id != "" && len(id) <= maxClientID
}
