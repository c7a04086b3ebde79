package dcr

import (
	"context"
	"crypto/x509"
	"errors"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// Manual is what a TPP's contact asks for by a software statement alone (manual
// registration). A field that is empty leaves the choice to the bank.
type Manual struct {
	Statement string // a compact JWS
	Reach     Reach  // the organisations that the person may act for; the statement's has to be one of them
	// RedirectURIs are those that the client is to have, of the statement's. Nil: all of the
	// statement's that the rules admit; there has to be one.
	RedirectURIs []string
	// AuthMethod is the token_endpoint_auth_method. "": the first that the policy offers, but
	// tls_client_auth only with a Certificate.
	AuthMethod claims.AuthMethod
	// Certificate is the transport certificate whose subject tls_client_auth registers. It has
	// to be one of the software's. With another method it is checked too, if it is there.
	Certificate *x509.Certificate
	// Once names this attempt, such as a form that was sent: of several calls with the same
	// Once, one at most does anything. The others get an *Error that wraps store.ErrReplayed.
	// At most 200 bytes; "" leaves the call alone.
	Once string
}

// RedirectURI is a redirect URI of a statement, for a person who chooses.
type RedirectURI struct {
	URI        string
	Chosen     bool                 // whether the client would have it
	Violations []validate.Violation // what is wrong with it; without an error among them it can be chosen
}

// Preview says what a Manual would do.
type Preview struct {
	// Unverified is what the statement says of itself; nil where it cannot be read. Statement is
	// the statement once it is verified, else nil.
	Unverified *claims.SSA
	Statement  *ssa.Verified
	// Report has every violation of the rules; nil where nothing could be judged.
	Report *validate.Report
	// Refusal is the answer that the Manual would get; nil if it would be admitted. Whether the
	// bank's hook or authorization server agrees is not asked.
	Refusal *Error
	// RedirectURIs are those of the statement, AuthMethods what the bank offers a person, and
	// Certificates the software's own transport certificates that its key set has and that
	// tls_client_auth can register. All are empty where the statement was not verified.
	RedirectURIs []RedirectURI
	AuthMethods  []claims.AuthMethod
	Certificates []*x509.Certificate
	// Client is the client as it would be stored, without ID and secret; nil with a Refusal.
	Client *store.Client
	// Change compares it with the client that it updates; nil with a Refusal. Ends are the
	// APIs whose subscriptions the update would end.
	Change *Change
	Ends   []string
}

// PreviewManual says what RegisterManual would do, or UpdateManual for the client whose
// store.Client.ID is id. It changes nothing, and leaves no entry in the audit trail. What the
// Manual would be refused for is in the Preview. The error is an *Error with a 503 where the
// bank cannot tell now, or wraps store.ErrNotFound where the client is not there, or not
// within the Reach.
func (r *Registrar) PreviewManual(ctx context.Context, id string, m Manual) (*Preview, error) {
	return nil, errors.New("dcr: not built yet")
}

// RegisterManual registers a client as a person asks.
func (r *Registrar) RegisterManual(ctx context.Context, m Manual) (*Registration, error) {
	return nil, errors.New("dcr: not built yet")
}

// UpdateManual replaces the registered members of a client, whose store.Client.ID is id, by
// those of a newer statement.
func (r *Registrar) UpdateManual(ctx context.Context, id string, m Manual) (*Registration, error) {
	return nil, errors.New("dcr: not built yet")
}

// DeleteManual deletes a client, as Delete does, for a person within whose reach it is.
func (r *Registrar) DeleteManual(ctx context.Context, id string, reach Reach) error {
	return errors.New("dcr: not built yet")
}

// Subscribe subscribes a client to an API of the bank, for a person within whose reach it is.
func (r *Registrar) Subscribe(ctx context.Context, id, api string, reach Reach) error {
	return errors.New("dcr: not built yet")
}

// Unsubscribe ends a subscription.
func (r *Registrar) Unsubscribe(ctx context.Context, id, api string, reach Reach) error {
	return errors.New("dcr: not built yet")
}

// Note is an entry of the audit trail about what changed no record, such as a sign-in.
type Note struct {
	Operation string // such as "sign_in"
	Decision  AuditDecision
	Reason    string
	Client    *store.Client // the client that it is about; nil for none
}

// Note writes an entry of the audit trail, in a store with store.Noter; else it logs it. The
// context names the actor (WithActor). A failure is logged, and is no error: what the person
// asked for has been decided.
func (r *Registrar) Note(ctx context.Context, n Note) {}

// Policy returns the policy in force, in a fresh copy.
func (r *Registrar) Policy() validate.Policy { return r.verifier.Validator.Policy() }
