package main

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/tpp"
)

// register opens the file for the answer before it sends anything: the bank shows a secret
// once.
func (a *app) register(ctx context.Context, out io.Writer, o *clientOptions) error {
	t, err := a.connect(ctx, o, "register", &tpp.Credentials{Method: claims.AuthMethod(o.authMethod)})
	if err != nil {
		return err
	}
	keep, err := a.keeper(o, false)
	if err != nil {
		return err
	}
	defer keep.discard()
	request, err := a.requestToSend(t, o, claims.AuthMethod(o.authMethod))
	if err != nil {
		return err
	}
	information, err := t.client.Register(ctx, request)
	if err != nil {
		return a.refusedRequest(ctx, out, request, err)
	}
	a.note("registered as %s", information.ClientID)
	return a.writeNew(out, information, keep)
}

// get never shows a secret, even if the bank sends one.
func (a *app) get(ctx context.Context, out io.Writer, id string, o *clientOptions) error {
	s, err := a.asClient(ctx, id, o, "get")
	if err != nil {
		return err
	}
	information, err := s.client.Get(ctx, id, s.token)
	if err != nil {
		return a.bankError(err)
	}
	return a.writeClient(out, information, shownSecrets{hidden: true})
}

// update has to know the registered method before it builds the request. Otherwise it would
// ask for the first method that the bank announces, and so change it.
func (a *app) update(ctx context.Context, out io.Writer, id string, o *clientOptions) error {
	s, err := a.asClient(ctx, id, o, "update")
	if err != nil {
		return err
	}
	keep, err := a.keeper(o, true)
	if err != nil {
		return err
	}
	defer keep.discard()
	registered, err := a.registeredMethod(ctx, s, o)
	if err != nil {
		return err
	}
	method := claims.AuthMethod(o.authMethod)
	if method == "" {
		method = registered
	}
	request, err := a.requestToSend(s.connection, o, method)
	if err != nil {
		return err
	}
	if asked := methodOf(request); asked != "" && asked != registered {
		a.note("the client's method changes from %s to %s", registered, asked)
	} else if registered.NeedsSecret() {
		keep.secret = s.by.Secret.Reveal() // an answer without client_secret means that the old one stays valid
	}
	information, err := s.client.Update(ctx, id, request, s.token)
	if err != nil {
		return a.refusedRequest(ctx, out, request, err)
	}
	a.note("updated %s", information.ClientID)
	return a.writeNew(out, information, keep)
}

func (a *app) delete(ctx context.Context, id string, o *clientOptions) error {
	s, err := a.asClient(ctx, id, o, "delete")
	if err != nil {
		return err
	}
	if err := s.client.Delete(ctx, id, s.token); err != nil {
		return a.bankError(err)
	}
	a.note("deleted %s", id)
	return nil
}

// session is a connection with an access token of a registered client.
type session struct {
	*connection
	by    tpp.Credentials // the credentials that got the token
	token tpp.BearerToken
	told  bool // the user gave the method; else it is a guess
}

// asClient connects and gets an access token for a registered client.
func (a *app) asClient(ctx context.Context, id string, o *clientOptions, verb string) (*session, error) {
	s := &session{by: tpp.Credentials{ClientID: id, Method: claims.AuthMethod(o.authMethod)}}
	if o.client != "" {
		text, err := a.load(o.client)
		if err != nil {
			return nil, orUsage(err, "--client")
		}
		known, err := tpp.ParseClientInformation([]byte(text))
		if err != nil || known.ClientID != id {
			return nil, usageError("--client %s: it is not the answer of register for client %s", shownName(o.client), cut(id))
		}
		if s.by = known.Credentials(); s.by.Method == "" {
			s.by.Method = claims.AuthMethod(o.authMethod)
		}
	}
	s.told = s.by.Method != ""
	var err error
	if s.connection, err = a.connect(ctx, o, verb, &s.by); err != nil {
		return nil, err
	}
	if s.token, err = s.client.AccessToken(ctx, s.by); err != nil {
		return nil, a.bankError(err)
	}
	return s, nil
}

// registeredMethod returns the authentication method that the client is registered with:
// the one that the user gave, else the one in the bank's answer to a GET, else the one by
// which the bank issued the token.
func (a *app) registeredMethod(ctx context.Context, s *session, o *clientOptions) (claims.AuthMethod, error) {
	if s.told {
		return s.by.Method, nil
	}
	found, err := s.client.Get(ctx, s.by.ClientID, s.token)
	var refused *tpp.ResponseError
	switch {
	case errors.As(err, &refused) && refused.Status == http.StatusUnauthorized:
		return "", a.bankError(err)
	case err != nil:
		a.note("the registered client cannot be read (%s): assuming that it is registered with %s", detail(err), s.by.Method)
		return s.by.Method, nil
	}
	if method := found.Credentials().Method; method != "" {
		return method, nil
	}
	return s.by.Method, nil
}

// methodOf returns the authentication method that a request asks for; "" if the request
// cannot be read.
func methodOf(request string) claims.AuthMethod {
	parsed, err := dcr.ParseRequest(request)
	if err != nil {
		return ""
	}
	return parsed.UnverifiedClaims().TokenEndpointAuthMethod.Or("")
}

// refusedRequest reports a register or an update that failed. The bank's error object goes
// to standard output as the result, so that a program can read it.
func (a *app) refusedRequest(ctx context.Context, out io.Writer, request string, err error) error {
	end := a.bankError(err)
	var refused *tpp.ResponseError
	if errors.As(err, &refused) && refused.Code != "" {
		result := struct {
			Status      int    `json:"status"`
			Code        string `json:"error"`
			Description string `json:"error_description"`
		}{refused.Status, refused.Code, refused.Description}
		if err := writeJSON(out, result); err != nil {
			return ioError(err)
		}
	}
	if errors.As(err, &refused) && tpp.MayHaveHappened(err) {
		a.note("a bank that answers %d may have registered or changed the client all the same", refused.Status)
	}
	a.diagnose(ctx, request, err)
	return end
}
