package store

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
)

// State is how far the change of a record has come.
type State string

// The states of a record. The empty one is written as Active.
const (
	Active   State = "active"   // no change is under way
	Creating State = "creating" // stored, but not yet made everywhere else
	Updating State = "updating" // the new content is stored; Previous is in force
	Deleting State = "deleting" // to be removed everywhere else, and then here

	PendingCreate State = "pending_create" // stored; a person has yet to approve the registration
	PendingDelete State = "pending_delete" // in force; a person has yet to approve the deletion
)

// IsPending reports whether a change waits for the decision of a person.
func (s State) IsPending() bool { return s == PendingCreate || s == PendingDelete }

// IsUnfinished reports whether a change is under way, which Reconcile of a registrar ends
// if it stopped half-way.
func (s State) IsUnfinished() bool { return s == Creating || s == Updating || s == Deleting }

// Client is the record of a registered OAuth client.
type Client struct {
	ID                string             // of the record: a store finds it by this, in any state
	ClientID          string             // client_id; may be "" until the record is Active for the first time
	IssuedAt          time.Time          // client_id_issued_at, whole seconds
	Environment       claims.Environment // of the trust anchor that verified the statement
	Issuer            string             // of that trust anchor: iss of the statement
	SoftwareID        string
	OrgID             string
	Metadata          json.RawMessage    // the registered members: a claims.Request without iss, iat, nbf, exp, aud, jti
	SoftwareStatement string             // the SSA, byte for byte
	Application       claims.Application // name, id and attributes for portals and gateways
	UniqueKey         string             // what may be registered once only; "" for no limit
	SecretHash        []byte             // SHA-256 of the client secret; nil where there is none
	SealedSecret      []byte             // the secret sealed with the bank's key, for client_secret_jwt alone
	JWKSAddress       string             // of the software's key set, as the statement names it; see JWKSURI
	SubjectDN         string             // of the certificate that sent the request: RFC 4514, canonical; "" where none did
	OwnSubject        string             // sub of the client's own access tokens where it is not the ClientID; else ""
	UpstreamState     []byte             // what the authorization server gave to manage the client by, sealed with the bank's key
	UpstreamMembers   json.RawMessage    // members that the authorization server adds to the answers: an object; nil for none
	Version           int64              // counts up from 1 with each change
	State             State              // how far its change has come
	Since             time.Time          // when State was entered, or taken up by Reconcile; whole seconds, by the clock of who changed it
	Previous          *Client            // set by the store: what Undo returns to, see ForUpdate; nil for none
	Reserved          []byte             // set by the store: Key of the reservation that Undo forgets; nil for none
}

// Clone returns a copy that shares no memory with c: neither can change the other.
func (c Client) Clone() Client {
	c.Metadata = bytes.Clone(c.Metadata)
	c.SecretHash = bytes.Clone(c.SecretHash)
	c.SealedSecret = bytes.Clone(c.SealedSecret)
	c.Reserved = bytes.Clone(c.Reserved)
	c.UpstreamState = bytes.Clone(c.UpstreamState)
	c.UpstreamMembers = bytes.Clone(c.UpstreamMembers)
	c.Application.Attributes = slices.Clone(c.Application.Attributes)
	for i, a := range c.Application.Attributes {
		c.Application.Attributes[i].Values = slices.Clone(a.Values)
	}
	if c.Previous != nil {
		previous := c.Previous.Clone()
		c.Previous = &previous
	}
	return c
}

// Visible returns what others may see of a record: an Active record itself, one whose
// deletion waits for approval too, the Previous of an Updating record, and nothing of a
// record in another state.
func (c Client) Visible() (Client, bool) {
	switch {
	case c.State == Active || c.State == "" || c.State == PendingDelete:
		return c, true
	case c.State == Updating && c.Previous != nil:
		return *c.Previous, true
	}
	return Client{}, false
}

// transitions lists the states that may follow a state. No client can see a Deleting
// record any more, and it cannot become Active again.
var transitions = map[State][]State{
	Active:        {Active, Updating, Deleting, PendingDelete},
	Creating:      {Creating, Active, Deleting, PendingCreate},
	Updating:      {Updating, Active, Deleting, PendingDelete},
	Deleting:      {Deleting},
	PendingCreate: {PendingCreate, Creating, Active, Deleting},
	PendingDelete: {PendingDelete, Active, Deleting, Updating},
}

// firstStates are those of a new record.
var firstStates = []State{Active, Creating, PendingCreate}

// ForCreate returns the record that Create writes for c:
//   - The Version is 1, and times are whole seconds of UTC.
//   - There is no Previous.
//   - The ClientID of an Active record is its ID if it has none.
//   - Reserved is that of the change if the record is Creating, and else nil.
//
// The error wraps ErrState if the State is not Active, Creating or PendingCreate, or if
// a record that is not Active has no Since. An empty ID is another error.
func ForCreate(c Client, with Change) (Client, error) {
	if c.ID == "" {
		return Client{}, errors.New("store: a record needs an ID")
	}
	c, err := inState(c)
	if err != nil {
		return Client{}, err
	}
	if !slices.Contains(firstStates, c.State) {
		return Client{}, fmt.Errorf("%w: a new record is %s", ErrState, c.State)
	}
	c.Version, c.Previous, c.Reserved = 1, nil, nil
	if c.State == Creating {
		c.Reserved = with.reserved()
	}
	return c, nil
}

// ForUpdate returns the record that Update writes for c in the place of old:
//   - The Version is counted up, and times are whole seconds of UTC.
//   - Previous of a record that becomes Updating is old, and so is that of a PendingCreate
//     record that becomes Creating. A record that stays in its state keeps its Previous;
//     any other has none. What c says of Previous is ignored.
//   - The ClientID is that of old if c has none, and that of an Active record is its ID if
//     neither has one.
//   - Reserved is that of the change under way, and nil once the record is Active or
//     waits for a decision.
//
// ErrConflict means that c.Version is not the Version of old. ErrState means one of these:
//   - The State of c may not follow that of old.
//   - old is not Active, and the change has a reservation. The change under way has its own.
//   - c is not Active and has no Since.
//
// An Active record may become Updating, Deleting or PendingDelete. A Creating one may
// become Active, Deleting or PendingCreate. An Updating one may become Active or Deleting,
// and PendingDelete again if its Previous is that. A PendingCreate record may become
// Creating, Active or Deleting, a PendingDelete one Active, Updating or Deleting. Every
// record may stay as it is.
func ForUpdate(old, c Client, with Change) (Client, error) {
	if old.Version != c.Version {
		return Client{}, ErrConflict
	}
	c.ClientID = cmp.Or(c.ClientID, old.ClientID)
	c, err := inState(c)
	if err != nil {
		return Client{}, err
	}
	undecided := old.Previous != nil && old.Previous.State == PendingDelete
	if !slices.Contains(transitions[old.State], c.State) || old.State == Updating && c.State == PendingDelete && !undecided {
		return Client{}, fmt.Errorf("%w: it is %s and cannot become %s", ErrState, old.State, c.State)
	}
	if old.State != Active && !with.Reservation.IsZero() {
		return Client{}, fmt.Errorf("%w: it is %s and takes no other request", ErrState, old.State)
	}
	c.Version++
	c.Previous, c.Reserved = nil, nil
	switch {
	case c.State == Active || c.State != old.State && c.State.IsPending():
	case c.State == old.State:
		c.Previous, c.Reserved = old.Previous, old.Reserved
	case c.State == Updating || old.State == PendingCreate && c.State == Creating:
		c.Previous, c.Reserved = &old, with.reserved()
	default:
		c.Reserved = with.reserved()
	}
	return c, nil
}

// ForDelete reports whether Delete may remove old, whose Version has to be version, else
// the error is ErrConflict. A change with a reservation is another error: no signed
// request asks for a deletion, so there is no jti to burn.
func ForDelete(old Client, version int64, with Change) error {
	if err := reservesNothing(with); err != nil {
		return err
	}
	if old.Version != version {
		return ErrConflict
	}
	return nil
}

// reservesNothing returns an error for a change that reserves a jti, where no signed request
// asks for the change.
func reservesNothing(with Change) error {
	if !with.Reservation.IsZero() {
		return errors.New("store: a deletion, an undo and a subscription reserve no jti")
	}
	return nil
}

// ForUndo returns what Undo leaves of a record, whose Version has to be version: its
// Previous with the Version to write, or nil where Undo removes the record, which is
// Creating and never waited for approval. What the authorization server decided last
// (ClientID, OwnSubject, UpstreamState, UpstreamMembers) stays as in the Updating record:
// an older UpstreamState may be worth nothing any more. Undo also forgets the reservation
// c.Reserved, if it still belongs to this record. A change with a reservation is an error.
// ErrConflict and ErrState mean what they mean for Undo.
func ForUndo(c Client, version int64, with Change) (*Client, error) {
	if err := reservesNothing(with); err != nil {
		return nil, err
	}
	switch {
	case c.Version != version:
		return nil, ErrConflict
	case c.State == Creating && c.Previous == nil:
		return nil, nil
	case (c.State == Updating || c.State == Creating) && c.Previous != nil:
		before := *c.Previous
		before.Version = c.Version + 1
		if c.State == Updating {
			before.ClientID, before.OwnSubject = cmp.Or(c.ClientID, before.ClientID), c.OwnSubject
			before.UpstreamState, before.UpstreamMembers = c.UpstreamState, c.UpstreamMembers
		}
		return &before, nil
	}
	return nil, fmt.Errorf("%w: it is %s, and no change can be undone", ErrState, c.State)
}

// inState fills in the default state and client_id, and cuts the times to whole seconds of
// UTC.
func inState(c Client) (Client, error) {
	if c.State == "" {
		c.State = Active
	}
	if _, known := transitions[c.State]; !known {
		return Client{}, fmt.Errorf("%w: there is no state %.20q", ErrState, string(c.State))
	}
	if c.State != Active && c.Since.IsZero() {
		return Client{}, fmt.Errorf("%w: it is %s, but since when", ErrState, c.State)
	}
	if c.State == Active && c.ClientID == "" {
		c.ClientID = c.ID
	}
	c.IssuedAt, c.Since = wholeSeconds(c.IssuedAt), wholeSeconds(c.Since)
	return c, nil
}

func wholeSeconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
