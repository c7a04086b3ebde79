package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// otherBank is a bank of the user's own, as PUT /banks has one: a client of the directory's
// sign-in, by client_secret_basic.
type otherBank struct {
	ID           string   `json:"client_id"`
	Secret       string   `json:"client_secret"`
	RedirectURIs []string `json:"redirect_uris"`
	AfterSignOut []string `json:"post_logout_redirect_uris"`
}

// putBank has the directory sign people in for another bank too, until the sandbox ends.
func (d *directory) putBank(w http.ResponseWriter, _ *http.Request, body []byte) {
	b, err := parseBank(body)
	if err == nil {
		err = d.signIn.AddClient(ssatest.ProviderClient{ID: b.ID, Secret: claims.NewSecret(b.Secret), RedirectURIs: b.RedirectURIs, AfterSignOut: b.AfterSignOut})
	}
	if err != nil {
		complain(w, http.StatusBadRequest, text.ASCII(err.Error(), text.MaxDescription))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// parseBank refuses unknown members, and the sandbox's own bank: its portal could not sign
// anybody in any more.
func parseBank(body []byte) (otherBank, error) {
	var b otherBank
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&b); err != nil {
		return b, fmt.Errorf("send a JSON object of client_id, client_secret, redirect_uris, post_logout_redirect_uris: %.64s", err.Error())
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return b, errors.New("send one JSON object and nothing behind it")
	}
	switch {
	case b.ID == "" || b.Secret == "" || len(b.RedirectURIs) == 0:
		return b, errors.New("a bank has client_id, client_secret and redirect_uris")
	case b.ID == bankClient:
		return b, errors.New(bankClient + " is the sandbox's own bank: choose another client_id")
	}
	return b, nil
}
