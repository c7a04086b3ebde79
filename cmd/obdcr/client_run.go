package main

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/tpp"
)

// register opens the file for the answer before it sends anything: the bank shows a secret
// once.
func (a *app) register(ctx context.Context, out io.Writer, o *clientOptions) error {
	request, err := a.givenRequest(o)
	if err != nil {
		return err
	}
	by := &tpp.Credentials{Method: claims.AuthMethod(o.authMethod)}
	if request != "" {
		by.Method = methodOf(request)
	}
	if err := o.keepsSecret("register", by.Method); err != nil {
		return err
	}
	t, err := a.connect(ctx, o, "register", by)
	if err != nil {
		return err
	}
	if err := o.keepsSecret("register", by.Method); err != nil {
		return err
	}
	keep, err := a.keeper(o, false)
	if err != nil {
		return err
	}
	defer keep.discard()
	if request == "" {
		if request, err = a.newRequest(t, o, claims.AuthMethod(o.authMethod), ""); err != nil {
			return err
		}
	}
	if err := o.mayBeSent("register", request); err != nil {
		return err
	}
	information, err := t.client.Register(ctx, request)
	if err != nil {
		return a.refusedRequest(ctx, out, t, o, keep, request, err)
	}
	a.note("registered as %s", information.ClientID)
	a.noteDifferences(request, information, o.leftOut())
	a.noteNoSecret(methodOf(request), information)
	return a.writeNew(out, information, keep, o.showSecret)
}

// get shows a secret that the bank sends only if it is asked to.
func (a *app) get(ctx context.Context, out io.Writer, args []string, o *clientOptions) error {
	s, err := a.asClient(ctx, args, o, "get")
	if err != nil {
		return err
	}
	information, err := s.client.Get(ctx, s.by.ClientID, s.token)
	if err != nil {
		return a.bankError(err)
	}
	return a.writeClient(out, information, shownSecrets{hidden: !o.showSecret})
}

// update has to know the registered method before it builds the request. Otherwise it would
// ask for the first method that the bank announces, and so change it.
func (a *app) update(ctx context.Context, out io.Writer, args []string, o *clientOptions) error {
	request, err := a.givenRequest(o)
	if err != nil {
		return err
	}
	method := methodOf(request)
	if method == "" {
		method = claims.AuthMethod(o.authMethod)
	}
	if err := o.keepsSecret("update", method); err != nil {
		return err
	}
	s, err := a.asClient(ctx, args, o, "update")
	if err != nil {
		return err
	}
	registered, err := a.registeredMethod(ctx, s)
	if err != nil {
		return err
	}
	if method == "" {
		method = registered
	}
	if err := o.keepsSecret("update", method); err != nil {
		return err
	}
	keep, err := a.keeper(o, true)
	if err != nil {
		return err
	}
	defer keep.discard()
	if request == "" {
		if request, err = a.newRequest(s.connection, o, method, s.by.ClientID); err != nil {
			return err
		}
	}
	if err := o.mayBeSent("update", request); err != nil {
		return err
	}
	if asked := methodOf(request); asked != "" && asked != registered {
		a.note("the client's method changes from %s to %s", registered, asked)
	} else if registered.NeedsSecret() {
		keep.secret = s.by.Secret.Reveal() // an answer without client_secret means that the old one stays valid
	}
	information, err := s.client.Update(ctx, s.by.ClientID, request, s.token)
	if err != nil {
		return a.refusedRequest(ctx, out, s.connection, o, keep, request, err)
	}
	a.note("updated %s", information.ClientID)
	a.noteDifferences(request, information, o.leftOut())
	if keep.secret == "" {
		a.noteNoSecret(methodOf(request), information)
	}
	return a.writeNew(out, information, keep, o.showSecret)
}

func (a *app) delete(ctx context.Context, args []string, o *clientOptions) error {
	s, err := a.asClient(ctx, args, o, "delete")
	if err != nil {
		return err
	}
	if err := s.client.Delete(ctx, s.by.ClientID, s.token); err != nil {
		return a.bankError(err)
	}
	a.note("deleted %s", s.by.ClientID)
	return nil
}

// session is a connection with an access token of a registered client.
type session struct {
	*connection
	by    tpp.Credentials // the credentials that got the token
	token tpp.BearerToken
	told  bool // the user gave the method; else it is a guess
}

// asClient connects and gets an access token for a registered client: the one of the
// argument, or the one in the file of --client.
func (a *app) asClient(ctx context.Context, args []string, o *clientOptions, verb string) (*session, error) {
	s := &session{}
	if len(args) > 0 {
		if s.by.ClientID = args[0]; !tpp.UsableClientID(s.by.ClientID) {
			return nil, usageError("%s: the CLIENT_ID %q cannot be one: it has no control characters, at most 1024 bytes, and is neither . nor ..", verb, cut(args[0]))
		}
	}
	if err := a.knownClient(&s.by, o); err != nil {
		return nil, err
	}
	if s.by.Method == "" {
		s.by.Method = claims.AuthMethod(o.authMethod)
	}
	s.told = s.by.Method != ""
	if verb == "update" && o.request == "" && o.authMethod == "" { // the client keeps its method
		if err := o.keepsSecret(verb, s.by.Method); err != nil {
			return nil, err
		}
	}
	var err error
	if s.connection, err = a.connect(ctx, o, verb, &s.by); err != nil {
		return nil, err
	}
	a.secrets().add(s.by.Secret.Reveal())
	if s.token, err = s.client.AccessToken(ctx, s.by); err != nil {
		return nil, a.bankError(err)
	}
	a.secrets().add(s.token.Value.Reveal())
	return s, nil
}

// knownClient reads the file of --client, and completes what the user told about the client.
func (a *app) knownClient(by *tpp.Credentials, o *clientOptions) error {
	if o.client == "" {
		return nil
	}
	f, err := a.open("--client", o.client)
	if err != nil {
		return err
	}
	known, err := tpp.ParseClientInformation([]byte(f.Text())) // lenient, as banks write JSON of all kinds
	if err != nil {
		return usageError("%w", f.Refuse(input.ClientAnswer, detail(err)))
	}
	if by.ClientID != "" && by.ClientID != known.ClientID {
		return usageError("--client %s is the answer for client %s, and the CLIENT_ID is %s: leave the CLIENT_ID out, or give another file",
			shownName(o.client), cut(known.ClientID), cut(by.ClientID))
	}
	*by = known.Credentials()
	return nil
}

// registeredMethod returns the authentication method that the client is registered with:
// the one that the user gave, else the one in the bank's answer to a GET, else the one by
// which the bank issued the token.
func (a *app) registeredMethod(ctx context.Context, s *session) (claims.AuthMethod, error) {
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
