package conform

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Left is a client that the run may have left at the bank.
type Left struct {
	ClientID   string    `json:"client_id,omitempty"` // "" where no answer named it
	SoftwareID string    `json:"software_id,omitempty"`
	JTI        string    `json:"jti,omitempty"`  // of the registration, where there is no client_id
	At         time.Time `json:"at,omitzero"`    // when the registration was sent, where there is no client_id
	Sent       int       `json:"sent,omitempty"` // how often it was sent, where the bank may have made as many clients; 0: once
	// Final tells that no clean-up can delete it: only the bank's operator can, who finds it by what is known of the request.
	Final  bool   `json:"final,omitempty"`
	Case   string `json:"case"`
	Reason string `json:"reason"`
}

// lostClient is a registration whose answer names no client.
type lostClient struct {
	call *call
	sent string
	left Left
}

// keep adds a client to the list of those to delete.
func (r *run) keep(c *client) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.clients = append(r.clients, c)
	r.journal.made(r, c)
}

// rewrite writes a client anew whose credentials have changed.
func (r *run) rewrite(c *client) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.journal.made(r, c) // it takes the place of the first line about the client
}

// keepLost keeps a registration that the bank says it has made, or may have made, without a
// client_id.
func (r *run) keepLost(c *call, x *Exchange) {
	reason := "the answer names no client_id" + onlyOperator
	switch {
	case x.Error != "":
		reason = "no answer came: " + x.Error
	case x.succeeded() && x.raw.Cut != "":
		reason = fmt.Sprintf("the answer %d is not whole: %s%s", x.status(), x.raw.Cut, onlyOperator)
	case x.status() >= http.StatusBadRequest:
		reason = fmt.Sprintf("the answer was %d", x.status())
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if c.lost = true; c.message.again != "" {
		return // it is kept already
	}
	lost := lostClient{call: c.bare(), sent: x.Sent.Body, left: c.left(r.secrets.cleanClipped(reason))}
	lost.left.Final = x.succeeded() // its client is there: the same request again makes one more
	if x.tries > 1 {
		lost.left.Sent = x.tries
	}
	r.journal.lost(c, &lost.left)
	r.unknown = append(r.unknown, lost)
}

// onlyOperator tells what to do about a client that the bank has made, and named by nothing that the run can use.
const onlyOperator = "; it is not sent again, which would make another client: the bank's operator has to find and remove it"

// left tells of a registration without a client_id.
func (c *call) left(reason string) Left {
	statement, _ := valueAt(c.message.claims, "/software_statement").(string)
	software := cmp.Or((&Registrant{Statement: statement}).softwareID(), c.message.as.softwareID())
	jti, _ := valueAt(c.message.claims, "/jti").(string)
	return Left{SoftwareID: clipped(software), JTI: clipped(jti), At: c.at, Case: c.play.kase.ID, Reason: reason}
}

// clipped is the beginning of a claim of a request, which a case may have made long.
func clipped(claim string) string {
	const most = 256
	return strings.ToValidUTF8(claim[:min(len(claim), most)], "")
}

// keepOlder keeps, once, a client that is none of the run.
func (r *run) keepOlder(c *call, x *Exchange, id string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if !slices.ContainsFunc(r.others, func(other Left) bool { return other.ClientID == id }) {
		r.others = append(r.others, Left{ClientID: id, Case: c.play.kase.ID, Reason: x.older})
	}
}

// known returns the client at an address; nil if there is none.
func (r *run) known(address string) *client {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, c := range r.clients {
		if c.address(r) == address {
			return c
		}
	}
	return nil
}

// deleteAll deletes the clients of a case. What it cannot delete stays in the list, and so does all where the run has
// ended: its clean-up, which alone is bounded then, comes at once.
func (r *run) deleteAll(ctx context.Context, clients []*client) {
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.config.CleanUp)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })()
	for _, c := range clients {
		if ctx.Err() != nil {
			return
		}
		if reason := r.remove(work, c); reason == "" {
			r.forget(c)
		} else if ctx.Err() == nil {
			r.noticeStaying(reason)
		}
	}
}

// mostStaying is after how many clients that stay the run gives up, if the bank has deleted none.
const mostStaying = 4

// noticeStaying counts a client that could not be deleted when its case had ended. A bank that is known to lack DELETE keeps
// each; at any other one something is wrong that would have all others stay too.
func (r *run) noticeStaying(reason string) {
	if slices.Contains(r.config.Without, NeedDelete) || r.lacksDelete.Load() {
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.staying++; r.staying < mostStaying || len(r.gone) > 0 || r.stuck != "" {
		return
	}
	r.stuck = fmt.Sprintf("none of the first %d clients could be deleted, the last time: %s; this case might leave another: see to the token of a client "+
		"(--token-scope, --auth-method), or say that the bank offers no DELETE (delete_implemented)", r.staying, reason)
}

func (r *run) forget(c *client) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.clients = slices.DeleteFunc(r.clients, func(other *client) bool { return other == c })
	if r.gone == nil {
		r.gone = map[string]bool{}
	}
	r.gone[c.id] = true
	r.journal.gone(c)
}

// isGone reports whether the bank has said that a client is deleted, be it by another answer that named the same client.
func (r *run) isGone(c *client) bool {
	c.mutex.Lock()
	deleted := c.deleted
	c.mutex.Unlock()
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return deleted || r.gone[c.id]
}

// cleanUp deletes what is left at the end of a run, and tells what it could not delete.
func (r *run) cleanUp(ctx context.Context) []Left {
	ctx, cancel := context.WithTimeoutCause(ctx, r.config.CleanUp, fmt.Errorf("the time for cleaning up, %s, has passed", r.config.CleanUp))
	defer cancel()
	clients, unknown := slices.Clone(r.clients), slices.Clone(r.unknown)
	todo := len(clients) + len(unknown)
	tell := func() {
		if r.config.Progress != nil && todo > 0 {
			r.config.Progress(Progress{Done: r.reported, Cases: r.reported, CleaningUp: todo})
		}
		todo--
	}
	var left []Left
	for _, c := range clients {
		tell()
		reason := r.remove(ctx, c)
		if reason == "" {
			r.forget(c)
			continue
		}
		left = append(left, Left{ClientID: c.id, Case: c.kase, Reason: r.secrets.cleanClipped(reason)})
	}
	for _, lost := range unknown {
		tell()
		one := r.seek(ctx, lost)
		if one == nil {
			r.journal.answered(lost.call)
			continue
		}
		left = append(left, *one)
	}
	for _, other := range r.others {
		if !r.gone[other.ClientID] && !slices.ContainsFunc(left, func(one Left) bool { return one.ClientID == other.ClientID }) {
			left = append(left, other)
		}
	}
	return left
}

// remove deletes a client; it returns why that failed, "" if the client is gone.
func (r *run) remove(ctx context.Context, c *client) string {
	r.mutex.Lock()
	disputed := c.disputed // another case may find it out meanwhile
	r.mutex.Unlock()
	if disputed {
		return "the bank has given this client_id to another registration too: it may be another's, and is not touched"
	}
	p := &play{ctx: ctx, run: r, kase: &Case{ID: "clean-up"}, patient: true}
	var reason string
	p.kase.run = func(p *play) { reason = p.remove(c) }
	if end := p.perform(); end.verdict != Passed {
		return end.reason + end.expected
	}
	return reason
}

// remove asks for a token and deletes the client by it, else by its registration access token.
func (p *play) remove(c *client) string {
	c.mutex.Lock()
	uri, own := c.uri, c.accessToken
	c.mutex.Unlock()
	x := p.askToken(c, nil)
	token, _ := x.member("access_token").(string)
	reason := fmt.Sprintf("the token endpoint answered %d %s", x.status(), x.toldCode())
	if token != "" {
		gone := p.delete(c, bearer(token))
		if p.removed(c, gone) || gone.status() == http.StatusUnauthorized && p.run.isGone(c) {
			return ""
		}
		if (gone.status() == http.StatusUnauthorized || gone.status() == http.StatusNotFound) && c.inDeletion() && p.unknown(c, p.askToken(c, nil)) {
			return "" // one of several DELETEs was carried out, and the bank did not say so
		}
		reason = answerOf(gone)
	} else if p.unknown(c, x) {
		return ""
	} else if !x.answered() {
		reason = answerOf(x)
	}
	if own == "" {
		return reason
	}
	address := c.address(p.run)
	if sameHost(uri, address) {
		address = uri
	}
	q, err := http.NewRequestWithContext(p.ctx, http.MethodDelete, address, nil)
	if err != nil {
		return reason
	}
	q.Header.Set("Authorization", "Bearer "+own)
	if x := p.send("delete", q, c.as.Certificate); !p.removed(c, x) {
		return reason + "; by its registration access token: " + answerOf(x)
	}
	return ""
}

// unknown reports whether the answer of the token endpoint says that the bank does not know a client any more. Where the bank
// has not said that it was deleted, a DELETE has to be on its way, and the code has to be that of a client that is not known.
func (p *play) unknown(c *client, x *Exchange) bool {
	if x.status() != http.StatusUnauthorized && x.status() != http.StatusBadRequest {
		return false
	}
	return p.run.isGone(c) || c.inDeletion() && x.code() == "invalid_client"
}

// removed reports whether a client is gone after a DELETE. 404 means that only where the bank is known to offer DELETE.
func (p *play) removed(c *client, x *Exchange) bool {
	switch x.status() {
	case http.StatusOK, http.StatusNoContent:
		p.run.deletes.Store(true)
		return true
	case http.StatusGone:
		return true
	case http.StatusNotFound:
		if p.run.deletes.Load() || p.run.isGone(c) {
			return true
		}
	}
	if slices.Contains(notOfferedBy, x.status()) {
		p.run.lacksDelete.Store(true)
	}
	return false
}

func answerOf(x *Exchange) string {
	if !x.answered() {
		return x.Verb + ": " + x.Error
	}
	return strings.TrimSpace(fmt.Sprintf("%s was answered %d %s", strings.ToUpper(x.Verb), x.status(), x.toldCode()))
}

// sameHost reports whether two https addresses are of one host: the token of a client goes nowhere
// else.
func sameHost(a, b string) bool {
	one, err := url.Parse(a)
	other, err2 := url.Parse(b)
	return err == nil && err2 == nil && one.Scheme == "https" && one.Host == other.Host
}

// seek finds out what became of a registration without a client_id, by sending it again, to the right address and by the
// right certificate: a bank that takes it has not had it before, and one that refuses it for what it is has refused it then.
// One that was answered with success is not sent again, now or by a later clean-up.
func (r *run) seek(ctx context.Context, lost lostClient) *Left {
	if lost.left.Final {
		return &lost.left
	}
	if lost.sent == "" || lost.call.message.expiredSince(lost.call.at, r.config.Clock()) {
		lost.left.Reason = r.secrets.cleanClipped(lost.left.Reason + "; it cannot be sent again: ask the bank")
		lost.left.Final = true
		return &lost.left
	}
	p := &play{ctx: ctx, run: r, kase: lost.call.play.kase, patient: true}
	m := *lost.call.message
	m.again = lost.call.asked
	m.certificate, m.address = nil, r.config.Metadata.RegistrationEndpoint // a refusal of another one tells nothing
	var x *Exchange
	p.kase = &Case{ID: p.kase.ID, run: func(p *play) { x = p.sendMessage(verbRegister, &m, lost.sent) }}
	if _ = p.perform(); x == nil && len(p.exchanges) > 0 { // it was interrupted behind the answer
		x = p.exchanges[len(p.exchanges)-1]
	}
	left := lost.left
	if x != nil && (x.succeeded() || x.mayHaveHappened()) {
		left.Sent = max(1, left.Sent) + x.tries
	}
	counted := left
	switch {
	case x == nil || !x.answered():
		left.Reason += "; nor to the same request again"
	case x.client != nil:
		r.journal.answered(lost.call) // it has a client_id now
		if reason := r.remove(ctx, x.client); reason != "" {
			return &Left{ClientID: x.client.id, Case: left.Case, Reason: r.secrets.cleanClipped(reason)}
		}
		r.forget(x.client)
		return nil
	case x.succeeded():
		left.Reason += fmt.Sprintf("; the same request again was answered %d without a client_id of the run%s", x.status(), onlyOperator)
		left.Final = true
		counted = left
	case x.namesJTI():
		left.Reason += "; the bank has had the request: ask it for the client_id"
	case x.refusedForItself():
		return nil
	default:
		left.Reason += fmt.Sprintf("; the same request again was answered %d", x.status())
	}
	if counted != lost.left {
		r.journal.lost(lost.call, &counted)
	}
	left.Reason = r.secrets.cleanClipped(left.Reason)
	return &left
}

// expiredSince reports whether a bank refuses a registration by now for its time alone, or for that of its statement.
func (m *message) expiredSince(sent, now time.Time) bool {
	statement, _ := valueAt(m.claims, "/software_statement").(string)
	_, payload := decoded(statement)
	signed, _ := objectOf([]byte(payload))
	for _, exp := range []any{valueAt(m.claims, "/exp"), signed["exp"]} {
		number, ok := exp.(json.Number)
		if at, err := number.Int64(); ok && err == nil && at <= now.Unix() && at > sent.Unix() {
			return true
		}
	}
	return false
}
