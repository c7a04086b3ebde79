package upstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/fetch"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/internal/uri"
	"github.com/obdcr/obdcr/store"
)

const defaultTimeout = 10 * time.Second

// Config configures an Endpoint.
type Config struct {
	// RegistrationEndpoint is the RFC 7591 endpoint of the authorization server: https;
	// required. Clients are managed at addresses of the same host and port.
	RegistrationEndpoint string
	// InitialAccessToken returns the token that authorizes a registration (RFC 7591 section
	// 3). It is called for each one, so it can renew the token. Its error is an outage. Nil
	// sends none, for a server that knows the bank by the certificate of HTTPClient.
	InitialAccessToken func(ctx context.Context) (claims.Secret, error)
	Mapping            Mapping
	// LeftHosts are hosts, or host:port, of authorization servers that the bank has left.
	// Reprovision makes their clients anew, with other client_ids. It stops at a client of any
	// other host: the address of the server may just be written wrongly here.
	LeftHosts []string
	// Subject returns the sub of a new client's own access tokens, for a server that does
	// not use the client_id. Its error is an outage. Nil is right for all others.
	Subject func(ctx context.Context, clientID string) (string, error)
	// HTTPClient reaches the server. Its redirect policy is ignored, and no redirect
	// followed. Nil is a client with the system's CAs; it needs an InitialAccessToken.
	HTTPClient *http.Client
	Timeout    time.Duration // of each call; 0: 10 s
	Logger     *slog.Logger  // nil logs nothing
}

// Endpoint is the registration endpoint of an authorization server, as a dcr.Provisioner.
// It is safe for concurrent use.
type Endpoint struct {
	config Config
	client http.Client
	host   string   // of the registration endpoint, in canonical form
	left   []string // Config.LeftHosts, in canonical form
	log    *slog.Logger
}

var _ dcr.Provisioner = (*Endpoint)(nil)

// New makes an Endpoint. It returns an error for an address that is not https, a mapping
// that cannot be meant, a negative Timeout, and if nothing authenticates the bank.
func New(c Config) (*Endpoint, error) {
	if _, err := uri.Endpoint(c.RegistrationEndpoint); err != nil {
		return nil, fmt.Errorf("upstream: RegistrationEndpoint %w", err)
	}
	host, err := fetch.Host(c.RegistrationEndpoint)
	if err != nil {
		return nil, fmt.Errorf("upstream: RegistrationEndpoint: %w", err)
	}
	if err := c.Mapping.check(); err != nil {
		return nil, err
	}
	switch {
	case c.HTTPClient == nil && c.InitialAccessToken == nil:
		return nil, errors.New("upstream: nothing authenticates the bank; give an InitialAccessToken or an HTTPClient")
	case c.Timeout < 0:
		return nil, errors.New("upstream: the Timeout is negative")
	case c.Timeout == 0:
		c.Timeout = defaultTimeout
	}
	c.Mapping = c.Mapping.clone()
	e := &Endpoint{config: c, host: host, log: c.Logger}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	for _, written := range c.LeftHosts {
		host, err := fetch.CanonicalHost(written)
		if err != nil || host == e.host {
			return nil, fmt.Errorf("upstream: LeftHosts: %s is no host, or that of the registration endpoint", text.Quote(written))
		}
		e.left = append(e.left, host)
	}
	if c.HTTPClient != nil {
		e.client = *c.HTTPClient
	}
	if e.client.Transport == nil {
		e.client.Transport = fetch.Transport(nil)
	}
	// A redirect would carry a token to an address that the bank has not configured.
	e.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return e, nil
}

// Provision implements dcr.Provisioner: POST for a new client (RFC 7591 section 3.1), PUT
// for another one (RFC 7592 section 2.2).
//
//	answer                                           means
//	201 to a POST, 200 to a PUT, as was asked for    done; the client_id is the server's
//	the same with another value of a TPP's member    *dcr.Refusal that names the member
//	the same with another value of the bank's own    an error: 503
//	400 with an error code of RFC 7591               *dcr.Refusal with code and description
//	401 or 404 to a PUT, as JSON or empty            dcr.ErrLost; with Recreate a POST follows
//	200 to a POST                                    an error: 503; see Mapping.CreatedBy200
//	500 to a PUT, and 401 or 404 to a GET then       the same
//	any other answer, or none in time                an error: 503
//
// Where the server registered a client and an error follows, the error comes with
// Provisioned.State, by which the Registrar takes the client back, and with the client_id, by
// which the Registrar sees that the client is another record's. Where the server was not
// reached, or refused the whole call, it comes with Provisioned.Unchanged.
func (e *Endpoint) Provision(ctx context.Context, p dcr.Provisioning) (dcr.Provisioned, error) {
	isNew := p.State.IsZero() && p.Client.State == store.Creating
	asked, err := e.config.Mapping.metadata(&p)
	if err != nil {
		return dcr.Provisioned{Unchanged: true}, err
	}
	held, err := e.read(p.State)
	switch {
	case err != nil && !(p.Recreate && e.mayForget(err)):
		return dcr.Provisioned{Unchanged: true}, err
	case err != nil:
		e.log.WarnContext(ctx, "the authorization server may hold the client twice: its state cannot be read", "id", p.Client.ID, "error", err)
		return e.create(ctx, &p, asked)
	case isNew || held == nil && p.Recreate:
		return e.create(ctx, &p, asked)
	case held == nil:
		return dcr.Provisioned{Unchanged: true}, fmt.Errorf("%w: the record has no registration access token", dcr.ErrLost)
	}
	done, err := e.update(ctx, &p, held, asked)
	if errors.Is(err, dcr.ErrLost) && p.Recreate {
		e.log.WarnContext(ctx, "a client is made anew at the authorization server; if it still holds the old one, remove that there",
			"id", p.Client.ID, "client_id", text.Echo(held.ClientID), "error", err)
		return e.create(ctx, &p, asked)
	}
	return done, err
}

// mayForget reports whether Reprovision may make a client anew whose state read refuses.
func (e *Endpoint) mayForget(err error) bool {
	var elsewhere *elsewhereError
	return !errors.As(err, &elsewhere) || slices.Contains(e.left, elsewhere.host)
}

// create registers a client. A client_id that the server gave is in the result also with an
// error: the Registrar must see whether another record has it.
func (e *Endpoint) create(ctx context.Context, p *dcr.Provisioning, asked map[string]sent) (dcr.Provisioned, error) {
	held, a, untouched, err := e.post(ctx, p, asked)
	if err != nil {
		return dcr.Provisioned{ClientID: a.clientID(), Unchanged: untouched}, err
	}
	done, err := e.accept(held, asked, &a)
	done.ClientID = a.clientID()
	switch {
	case err != nil:
		return done, err
	case done.ClientID == "":
		return done, fmt.Errorf("upstream: the authorization server chose a client_id that is not 1 to %d letters, digits, - and _", maxClientID)
	case e.config.Subject != nil:
		if done.Subject, err = e.config.Subject(ctx, held.ClientID); err != nil {
			return done, fmt.Errorf("upstream: the subject of the client's tokens: %w", err)
		}
	}
	return done, nil
}

// post sends a registration. It returns what to manage the client by, and the answer, which
// is zero if there was none. With an error, untouched says that the server certainly made no
// client.
func (e *Endpoint) post(ctx context.Context, p *dcr.Provisioning, asked map[string]sent) (held *registration, a answer, untouched bool, err error) {
	body, err := e.config.Mapping.document(asked, p.Client.ID, "")
	if err != nil {
		return nil, a, true, err
	}
	var access claims.Secret
	if e.config.InitialAccessToken != nil {
		if access, err = e.config.InitialAccessToken(ctx); err != nil {
			return nil, a, true, fmt.Errorf("upstream: the initial access token: %w", err)
		}
	}
	a, sent, err := e.call(ctx, http.MethodPost, e.config.RegistrationEndpoint, access, body)
	switch {
	case err != nil:
		return nil, a, !sent, fmt.Errorf("upstream: registration: %w", err)
	case a.status == http.StatusCreated || a.status == http.StatusOK && e.config.Mapping.CreatedBy200:
	case a.status == http.StatusOK:
		return nil, a, false, a.outage("a registration is answered by 200 and not by 201, so the client may be one that was there before")
	case a.status == http.StatusBadRequest:
		return nil, a, true, a.refusal("a registration is refused")
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		return nil, a, true, a.outage("a registration is refused: the initial access token is not good, or the server's policy is against it")
	default:
		return nil, a, refusedWhole(a.status), a.outage("a registration is not answered by a client")
	}
	got, err := a.object()
	if err != nil {
		return nil, a, false, fmt.Errorf("upstream: registration: %w; the authorization server may hold a client that nobody knows", err)
	}
	held = &registration{}
	held.ClientID, _ = got.MemberText("client_id")
	if err := e.take(held, got); err != nil {
		return nil, a, false, fmt.Errorf("%w; it may hold a client that nobody knows", err)
	}
	return held, a, false, nil
}

// refusedWhole reports whether an answer to a registration says that no client was made.
func refusedWhole(status int) bool {
	return status >= 300 && status < 500 && status != http.StatusRequestTimeout || status == http.StatusServiceUnavailable
}

// accept judges what the server registered. It returns the state of the record also with
// an error.
func (e *Endpoint) accept(held *registration, asked map[string]sent, a *answer) (dcr.Provisioned, error) {
	state, err := held.secret()
	if err != nil {
		return dcr.Provisioned{}, err
	}
	got, err := a.object()
	if err != nil {
		return dcr.Provisioned{State: state}, err
	}
	members, err := e.config.Mapping.compare(asked, got, a.access.Reveal(), held.Token)
	return dcr.Provisioned{State: state, Members: members}, err
}

// update registers a client anew under its client_id.
func (e *Endpoint) update(ctx context.Context, p *dcr.Provisioning, held *registration, asked map[string]sent) (dcr.Provisioned, error) {
	body, err := e.config.Mapping.document(asked, p.Client.ID, held.ClientID)
	if err != nil {
		return dcr.Provisioned{}, err
	}
	a, sent, err := e.call(ctx, http.MethodPut, held.Address, claims.NewSecret(held.Token), body)
	switch {
	case err != nil:
		return dcr.Provisioned{Unchanged: !sent}, fmt.Errorf("upstream: update: %w", err)
	case a.status == http.StatusOK:
	case a.status == http.StatusBadRequest:
		return dcr.Provisioned{Unchanged: true}, a.refusal("an update is refused")
	case lost(a.status) && a.known():
		return dcr.Provisioned{Unchanged: true},
			fmt.Errorf("%w: the registration access token of %s is refused: %d", dcr.ErrLost, text.Quote(held.ClientID), a.status)
	case a.status == http.StatusInternalServerError:
		return e.look(ctx, held, a.outage("an update fails"))
	default:
		return dcr.Provisioned{Unchanged: refusedWhole(a.status)}, a.outage("an update is not answered by the client")
	}
	got, err := a.object()
	if err != nil {
		return dcr.Provisioned{}, fmt.Errorf("upstream: update: %w", err)
	}
	id, _ := got.MemberText("client_id")
	if id != held.ClientID && id != "" {
		return dcr.Provisioned{}, errors.New("upstream: update: the answer is about another client_id")
	}
	err = e.take(held, got) // first: the token may be a new one, and the last one dead
	if err == nil && id == "" {
		err = errors.New("upstream: update: the answer has no client_id")
	}
	if err != nil {
		state, _ := held.secret()
		return dcr.Provisioned{State: state}, err
	}
	done, err := e.accept(held, asked, &a)
	if err == nil {
		done.ClientID = held.ClientID
	}
	return done, err
}

// look reads a client whose update failed (RFC 7592 section 2.1): Keycloak 26 answers 500 to
// a PUT for a client that it does not have. It returns dcr.ErrLost if the server does not
// know the client, and else the failure. The answer may have a new token, which counts.
func (e *Endpoint) look(ctx context.Context, held *registration, failure error) (dcr.Provisioned, error) {
	a, _, err := e.call(ctx, http.MethodGet, held.Address, claims.NewSecret(held.Token), nil)
	switch {
	case err != nil:
		return dcr.Provisioned{}, failure
	case lost(a.status) && a.known():
		return dcr.Provisioned{Unchanged: true}, fmt.Errorf("%w: the client %s cannot be read: %d; %w", dcr.ErrLost, text.Quote(held.ClientID), a.status, failure)
	}
	got, err := a.object()
	if err != nil || a.status != http.StatusOK || e.take(held, got) != nil {
		return dcr.Provisioned{}, failure
	}
	state, err := held.secret()
	if err != nil {
		return dcr.Provisioned{}, failure
	}
	return dcr.Provisioned{State: state}, failure
}

// lost reports whether a status says that the client, or its token, is not known: 401 by
// RFC 7592 section 2.2, 404 and 410 by servers that differ.
func lost(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusNotFound || status == http.StatusGone
}
