package dcr

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
)

// Provisioner makes OAuth clients in the bank's authorization server. Both methods must
// be idempotent: the Registrar repeats a call, after a crash for example, and the result
// must be the same. They must be safe for concurrent use, and end when the context does.
// The Registrar takes a panic for an error.
type Provisioner interface {
	// Provision makes the client. It replaces a client of the same ID. A *Refusal refuses
	// the client for good: the sender gets 400 once the change is undone. An error that
	// wraps ErrLost says that the authorization server does not have the client any more.
	// Any other error is an outage: 503. With an error three members of the result count:
	// by ClientID and State the Registrar takes a client back that was made all the same,
	// and with Unchanged it does not try to.
	Provision(ctx context.Context, p Provisioning) (Provisioned, error)
	// Deprovision removes the client with all its tokens and grants. A client that does
	// not exist is no error. An error that wraps ErrLost says that the authorization
	// server may still have the client, and that no call can remove it: the Registrar logs
	// the fact and goes on. It repeats the call after any other error.
	Deprovision(ctx context.Context, d Deprovisioning) error
}

// ErrLost means that the authorization server does not have a client any more, or does
// not take changes to it, because what it gave to manage the client by was lost.
// Reprovision makes such a client anew.
var ErrLost = errors.New("dcr: the authorization server has lost the client, or the means to manage it")

// Provisioning is the client that the authorization server shall have.
type Provisioning struct {
	Client store.Client // a copy: the Provisioner may change it
	// ClientID is the client_id of the client. For a new client it is Client.ID, and the
	// authorization server may choose another one.
	ClientID string
	// Secret is the client secret if it is new, or if the record holds it sealed. It is
	// zero if Client.SecretHash is nil. It is also zero if the client keeps its old
	// secret, or gets it back after a failed update: then Client.SecretHash is the hash
	// of that secret. So an authorization server that checks secrets itself must keep
	// the last two.
	Secret claims.Secret
	// State is the last Provisioned.State of this client; zero for none.
	State claims.Secret
	// Recreate says that an operator repairs the client (Reprovision): the authorization
	// server may have lost it. The Provisioner may make it anew, with another client_id.
	Recreate bool
}

// Provisioned is what the authorization server has decided about the client. The zero
// value means that it took the client as it was given.
type Provisioned struct {
	// ClientID is the client_id if the authorization server chose another one: 1 to 36
	// letters, digits, - and _. "" leaves Provisioning.ClientID. The Store then needs
	// the method of store.ClientIDs.
	ClientID string
	// Subject is the sub of the client's own access tokens, where that is not its
	// client_id. "" leaves what it was.
	Subject string
	// State is what the Provisioner needs to manage the client later, such as a
	// registration access token. The record keeps it sealed with Config.SealingKey. Zero
	// leaves what it was.
	State claims.Secret
	// Members are added to the answers about the client: a JSON object. They win over
	// registered members of the same name. client_id, client_id_issued_at, the secret and
	// the registration access token cannot be among them. Nil adds none.
	Members json.RawMessage
	// Unchanged says, with an error, that the authorization server certainly changed
	// nothing: it was not reached, or it refused the whole call. The Registrar takes the
	// change back without another call. So the sender can repeat the request at once, also
	// during an outage, and no orphan is suspected.
	Unchanged bool
}

// Deprovisioning names the client that the authorization server shall remove.
type Deprovisioning struct {
	ID       string        // of the record
	ClientID string        // the ID of the record if the server never gave another one
	State    claims.Secret // as in Provisioning
}
