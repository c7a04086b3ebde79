package conform

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
)

// client is a client that the run has created.
type client struct {
	id     string
	method claims.AuthMethod
	secret string
	as     *Registrant
	kase   string // ID of the case

	accessToken string // registration_access_token
	uri         string // registration_client_uri

	mutex    sync.Mutex
	deleted  bool // the bank said so
	deleting bool // a run that was killed had sent its DELETE, and had no answer yet

	tokens sync.Mutex
	token  string // access token, once it was asked for
}

// credentials are how the client authenticates now.
func (c *client) credentials() (claims.AuthMethod, string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.method, c.secret
}

// address is where the client is managed.
func (c *client) address(r *run) string {
	return strings.TrimSuffix(r.config.Metadata.RegistrationEndpoint, "/") + "/" + url.PathEscape(c.id)
}

// observe keeps the clients that an exchange has made, changed or deleted, and learns its secrets.
func (r *run) observe(c *call, x *Exchange, sent string) {
	r.secrets.learn(x, sent)
	if c == nil || c.play == nil || c.message == nil {
		return
	}
	m := c.message
	switch {
	case x.mayHaveHappened() && c.registers(r):
		r.keepLost(c, x)
	case x.status() == 0 || x.status() >= 300:
	case c.registers(r):
		made := r.made(c, x)
		if made != nil {
			x.client = made
		}
	case m.method == http.MethodPut:
		if known := r.known(m.address); known != nil {
			known.renew(x)
			r.rewrite(known)
		}
	case m.method == http.MethodDelete:
		if known := r.known(m.address); known != nil && x.status() != http.StatusAccepted {
			known.mutex.Lock()
			known.deleted = true
			known.mutex.Unlock()
		}
	}
}

// made keeps the client of an answer; nil if the answer names none.
func (r *run) made(c *call, x *Exchange) *client {
	information, err := tpp.ParseClientInformation([]byte(x.raw.Body))
	if err != nil {
		r.keepLost(c, x)
		return nil
	}
	if x.older = r.older(x); x.older != "" {
		r.keepOlder(c, x, information.ClientID)
		return nil
	}
	made := &client{id: information.ClientID, as: c.message.as, kase: c.play.kase.ID, method: r.config.Request.AuthMethod}
	if asked, ok := valueAt(c.message.claims, "/token_endpoint_auth_method").(string); ok {
		made.method = claims.AuthMethod(asked)
	}
	made.renew(x)
	c.play.mutex.Lock()
	c.play.clients = append(c.play.clients, made)
	c.play.mutex.Unlock()
	r.keep(made)
	return made
}

// tooOld is how long before the run a client has to be registered to be none of the run: clocks and time zones are wrong.
const tooOld = 24 * time.Hour

// older tells why the client of an answer is none of the run: a bank that lets a software have one client may answer with
// that one, and it is not the run's to change or delete. "" where nothing says so.
func (r *run) older(x *Exchange) string {
	seconds, ok := x.member("client_id_issued_at").(float64)
	now := r.config.Clock()
	if date, err := http.ParseTime(x.responseHeader("Date")); err == nil && date.Before(now) {
		now = date // the bank's own clock
	}
	if !ok || seconds <= 0 || seconds > float64(now.Add(-tooOld).Unix()) {
		return ""
	}
	return "the bank says that it has had this client, which the run does not touch, since " + time.Unix(int64(seconds), 0).UTC().Format(time.RFC3339)
}

// renew takes over what an answer tells about the client.
func (c *client) renew(x *Exchange) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for name, to := range map[string]*string{"client_secret": &c.secret, "registration_access_token": &c.accessToken, "registration_client_uri": &c.uri} {
		if value, ok := x.member(name).(string); ok && value != "" {
			*to = value
		}
	}
	if method, ok := x.member("token_endpoint_auth_method").(string); ok && method != "" {
		c.method = claims.AuthMethod(method)
	}
}
