package conform

import (
	"cmp"
	"crypto/sha256"
	"math"
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
	deleting bool // its DELETE was sent, and had no answer: by a run that was killed, or before this one sends it again

	request  [sha256.Size]byte // digest of the registration; zero for a client of a journal
	dated    bool              // the bank said that it was registered within a day of now
	disputed bool              // the bank has given its client_id to another registration too; guarded by the run

	tokens sync.Mutex
	token  string // access token, once it was asked for
}

// credentials are how the client authenticates now.
func (c *client) credentials() (claims.AuthMethod, string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.method, c.secret
}

// knownToken is the access token that the cases have of the client; "" for none yet.
func (c *client) knownToken() string {
	c.tokens.Lock()
	defer c.tokens.Unlock()
	return c.token
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
	case x.mayHaveBeenMade() && c.registers():
		r.keepLost(c, x)
	case x.status() == 0 || x.status() >= 300:
	case c.registers():
		made := r.made(c, x, sent)
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
			r.deletes.Store(true)
		}
	}
}

// made keeps the client of an answer; nil if the answer names none.
func (r *run) made(c *call, x *Exchange, sent string) *client {
	information, err := tpp.ParseClientInformation([]byte(x.raw.Body))
	if err != nil {
		r.keepLost(c, x)
		return nil
	}
	if at := r.known(c.message.address); at != nil && at.id == information.ClientID {
		return nil // the client at this very address: nothing was made
	}
	request := sha256.Sum256([]byte(sent))
	r.making.Lock()
	defer r.making.Unlock()
	if x.older = cmp.Or(r.older(x), r.repeated(information.ClientID, request)); x.older != "" {
		r.keepOlder(c, x, information.ClientID)
		return nil
	}
	made := &client{id: information.ClientID, as: c.message.as, kase: c.play.kase.ID, method: r.config.Request.AuthMethod, request: request}
	made.dated = r.dated(x)
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
	if bank := r.clockOfBank(x); bank.Before(now) {
		now = bank
	}
	if !ok || seconds <= 0 || seconds > float64(now.Add(-tooOld).Unix()) {
		return ""
	}
	return "the bank says that it has had this client, which the run does not touch, since " + time.Unix(int64(seconds), 0).UTC().Format(time.RFC3339)
}

// dated reports whether the bank says that the client of an answer is new. 0 and a time in milliseconds say nothing.
func (r *run) dated(x *Exchange) bool {
	seconds, ok := x.member("client_id_issued_at").(float64)
	return ok && math.Abs(seconds-float64(r.clockOfBank(x).Unix())) <= tooOld.Seconds()
}

// clockOfBank is the time of an answer by the bank's own clock, as far as it tells.
func (r *run) clockOfBank(x *Exchange) time.Time {
	if date, err := http.ParseTime(x.responseHeader("Date")); err == nil {
		return date
	}
	return r.config.Clock()
}

// repeated tells that a bank has given the client_id of one registration to another one, while the first client is there:
// either may then be a client that is none of the run. The first one is deleted only where the bank said that it was made about now.
func (r *run) repeated(id string, request [sha256.Size]byte) string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, other := range r.clients {
		if other.id != id || other.request == request || other.request == [sha256.Size]byte{} {
			continue
		}
		if !other.dated && !other.disputed {
			other.disputed = true
			r.journal.write(entry{Disputed: id})
		}
		return "the bank has given this client_id to another registration of the run too, that of the case " + other.kase
	}
	return ""
}

// inDeletion reports whether a DELETE of the client was sent that had no answer.
func (c *client) inDeletion() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.deleting
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
