package dcr

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// Config has the collaborators of a Registrar.
type Config struct {
	Statements   *ssa.Verifier           // required: verifies statements by the trust anchors
	SoftwareKeys ssa.SoftwareKeyResolver // required: reads the keys at the addresses in a verified statement
	Validator    *validate.Validator     // required: profile and policy, with at least one audience
	Store        store.Store             // required
	Certificates *cert.Checker           // nil: the client certificate's public key must be in the software's key set
	Clock        func() time.Time        // nil: time.Now
	Random       io.Reader               // nil: crypto/rand.Reader
	// SealingKey seals secrets in records: 32 random bytes. It is required if the policy
	// admits client_secret_jwt, and for a Provisioner that returns a Provisioned.State.
	SealingKey claims.Secret
	Logger     *slog.Logger // nil logs nothing
	// Tokens checks and revokes access tokens for Get, Update and Delete. A Registrar
	// without it does not offer the three (405).
	Tokens token.Tokens
	// ChangeTimeout bounds the work outside the Store for one change, such as the calls of
	// the Provisioner: 1 s to 10 min, and 30 s (the constant ChangeTimeout) if it is 0. All
	// processes that share a Store have the same.
	ChangeTimeout time.Duration
	// ClientToken decides whether an access token is the client's own, which alone may
	// manage the client. A customer's token may not. Nil: the token has no sub, or its sub is
	// the client_id or store.Client.OwnSubject.
	ClientToken func(token.AccessToken) bool
	// Hooks are the bank's own steps around each change.
	Hooks Hooks
	// MaySubscribe decides whether an application may subscribe to an API of the bank, by
	// which of its roles ("" if it needs none), or why not in a line for people. The method
	// Decide of roles.Table is such a function. Nil: the bank keeps no subscriptions. It needs a
	// Store with store.Subscriptions; another one keeps none either.
	MaySubscribe func(app claims.Application, env claims.Environment, api string) (role claims.Role, reason string, ok bool)
	// Provisioner makes the clients in the bank's authorization server; nil if that
	// server reads the Store itself. It needs a Store with store.Unfinished.
	Provisioner Provisioner
	// Replay remembers each jti. Nil leaves that to the Store, which commits the jti
	// with the record. It needs a Store with store.Unfinished.
	Replay store.Replay
	// Observer is called once at the end of each operation. Nil observes nothing.
	Observer func(Event)
}

// Registrar registers clients. It is safe for concurrent use.
type Registrar struct {
	verifier      VerifyConfig
	policy        validate.Policy
	store         store.Store
	clock         func() time.Time
	random        io.Reader
	sealer        *sealer
	attributes    *claims.AttributeMapper
	certificates  *cert.Checker
	log           *slog.Logger
	tokens        token.Tokens
	hooks         Hooks
	provisioner   Provisioner
	replay        store.Replay
	unfinished    store.Unfinished // the store again, like the next ones; nil if it has no such methods
	clientIDs     store.ClientIDs
	pending       store.Pending
	lister        store.Lister
	noter         store.Noter
	subscriptions store.Subscriptions
	clientToken   func(token.AccessToken) bool
	mayHave       func(claims.Application, claims.Environment, string) (claims.Role, string, bool)

	changeTimeout time.Duration
	ruleSet       string // validate.Validator.RuleSet
	observer      func(Event)
	reached       func(point string) // called between the steps of a change; tests end the process there
	unbound       atomic.Bool        // an unbound token has been logged
}

// These mean that a store of four verbs is not enough.
var (
	errNoUnfinished = errors.New("the store has not the methods of store.Unfinished")
	errNoPending    = errors.New("the store has not the methods of store.Unfinished and store.Pending")
)

// NewRegistrar makes a Registrar. It returns an error for a required collaborator that
// is missing, a policy without audiences, client_secret_jwt without a sealing key, a
// Provisioner or a Replay with a Store that has not the methods of store.Unfinished, and
// a policy with pending_changes and a Store that has not those of store.Pending too.
func NewRegistrar(c Config) (*Registrar, error) {
	if c.Statements == nil || c.SoftwareKeys == nil || c.Validator == nil || c.Store == nil {
		return nil, errors.New("dcr: a registrar needs Statements, SoftwareKeys, Validator and Store")
	}
	policy := c.Validator.Policy()
	if len(policy.Audiences) == 0 {
		return nil, errors.New("dcr: the policy names no audience; add the bank's identifier to audiences")
	}
	r := &Registrar{
		verifier: VerifyConfig{Statements: c.Statements, SoftwareKeys: c.SoftwareKeys, Validator: c.Validator},
		policy:   policy, clock: c.Clock, random: c.Random, log: c.Logger,
		tokens: c.Tokens, hooks: c.Hooks, provisioner: c.Provisioner, replay: c.Replay, observer: c.Observer,
		clientToken: c.ClientToken, mayHave: c.MaySubscribe, changeTimeout: c.ChangeTimeout, ruleSet: c.Validator.RuleSet(),
		reached: func(string) {},
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if err := r.findCapabilities(c.Store); err != nil {
		return nil, err
	}
	switch {
	case r.changeTimeout == 0:
		r.changeTimeout = ChangeTimeout
	case r.changeTimeout < minChangeTimeout || r.changeTimeout > maxChangeTimeout:
		return nil, fmt.Errorf("dcr: the ChangeTimeout is %s, and has to be %s to %s", r.changeTimeout, minChangeTimeout, maxChangeTimeout)
	}
	if r.observer == nil {
		r.observer = func(Event) {}
	}
	if r.clock == nil {
		r.clock = time.Now
	}
	if r.random == nil {
		r.random = rand.Reader
	}
	var err error
	if r.certificates = c.Certificates; r.certificates == nil {
		r.certificates, err = cert.NewChecker(cert.CheckerConfig{Bindings: []cert.Binding{cert.ByPublicKey}, Clock: r.clock})
		if err != nil {
			return nil, err
		}
	}
	if r.attributes, err = claims.NewAttributeMapper(claims.AttributeConfig{
		Declarations: policy.Attributes, UseSoftwareIDAsApplicationName: policy.UseSoftwareIDAsApplicationName,
	}); err != nil {
		return nil, err
	}
	if slices.Contains(policy.AuthMethods, claims.ClientSecretJWT) || !c.SealingKey.IsZero() {
		if r.sealer, err = newSealer([]byte(c.SealingKey.Reveal())); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// findCapabilities looks which methods the store has beside its four verbs.
func (r *Registrar) findCapabilities(s store.Store) error {
	r.store = r.guard(s)
	r.clientIDs, _ = r.store.(store.ClientIDs)
	if lister, ok := s.(store.Lister); ok {
		r.lister = guardedLister{r, lister}
	}
	r.noter, _ = s.(store.Noter)
	r.subscriptions, _ = s.(store.Subscriptions)
	if unfinished, ok := s.(store.Unfinished); ok {
		r.unfinished = guardedUnfinished{r, unfinished}
		if pending, ok := s.(store.Pending); ok {
			r.pending = guardedPending{r, pending}
		}
	}
	if r.replay != nil {
		r.replay = guardedReplay{r, r.replay}
	}
	if r.provisioner != nil && r.clientIDs == nil {
		r.log.Warn("the store has not the method of store.ClientIDs: an authorization server that chooses client_ids cannot be served")
	}
	switch {
	case r.staged() && r.unfinished == nil:
		return fmt.Errorf("dcr: a Provisioner or a Replay needs another Store: %w", errNoUnfinished)
	case len(r.policy.PendingChanges) > 0 && r.pending == nil:
		return fmt.Errorf("dcr: pending_changes needs another Store: %w", errNoPending)
	}
	return nil
}

// RegisterInput is a request to register a client.
type RegisterInput struct {
	Token       claims.Secret     // the request, a compact JWS
	Certificate *x509.Certificate // the client's certificate of the mutual TLS connection
}

// Registration is a registered client.
type Registration struct {
	Client store.Client
	Secret claims.Secret    // the client secret if it is new: the only time that it is shown; else zero
	Report *validate.Report // warnings and notices; nil from Get
	Change *Change          // the change to the client; nil from Get
	// Pending says that the registration waits for approval: nobody but the bank knows the
	// client. Client.ID is the client_id that the TPP was told. An authorization server that
	// chooses client_ids chooses another one later.
	Pending bool

	// response is the body of the answer, with the secret. It is made before anything is
	// stored, so that a failure to make it leaves no client behind.
	response claims.Secret
}

// Register verifies, judges and stores a request, in the order that the package
// describes. A refusal is an *Error; nothing is stored then. A registration that waits
// for approval (Registration.Pending) is no error.
func (r *Registrar) Register(ctx context.Context, in RegisterInput) (registration *Registration, err error) {
	o := r.begin(OpCreate, actorOf(in.Certificate))
	err = o.run(ctx, func() (err error) { registration, err = r.register(ctx, in, o); return err })
	return registration, err
}

func (r *Registrar) register(ctx context.Context, in RegisterInput, o *operation) (*Registration, error) {
	if in.Certificate == nil {
		return nil, unauthorized("a client certificate is required", "", nil)
	}
	v, err := r.verifier.verify(ctx, in.Token.Reveal(), r.clock(), func(v *VerifiedRequest) error {
		o.environment = v.statement.Environment()
		return r.checkCertificate(ctx, v, in.Certificate)
	})
	if err != nil {
		return nil, err
	}
	v.input.Certificate = &validate.Certificate{RawSubject: in.Certificate.RawSubject}
	return r.admit(ctx, v, r.reservation(v), o)
}

// admit judges a verified request, makes the record of the client and stores it.
func (r *Registrar) admit(ctx context.Context, v *VerifiedRequest, reservation store.Reservation, o *operation) (*Registration, error) {
	report := r.verifier.Validator.Judge(v.input)
	if !report.Valid() {
		return nil, refused(report, nil)
	}
	client, secret, err := r.build(v)
	if err != nil {
		return nil, err
	}
	change := compare(OpCreate, side{}, side{&client, rolesOf(v.statement)})
	change.Actor = o.actor
	w := &work{op: OpCreate, client: client, secret: secret, reservation: reservation, statement: v.statement,
		trail: r.trail(OpCreate, o.actor, nil, v.statement)}
	if w.pending, err = r.approve(ctx, change); err != nil {
		return nil, err
	}
	if w.pending {
		w.client.SecretHash, w.client.SealedSecret, w.secret = nil, nil, claims.Secret{} // ApprovePending makes them
		w.response = pendingAnswer(&w.client)
	} else if w.response, err = r.respond(&client, v.statement, secret); err != nil {
		return nil, err
	}
	if err := r.create(ctx, w); err != nil {
		return nil, r.storeError(v, err)
	}
	change.After = &w.client
	if w.pending {
		o.outcome = OutcomePending
		r.waiting(ctx, change)
	} else {
		r.done(ctx, change)
	}
	return &Registration{Client: w.client, Secret: w.secret, Report: report, Change: &change, Pending: w.pending, response: w.response}, nil
}

// checkCertificate checks that the client certificate is good and that it is the
// software's. From then on the keys of the request are looked up on behalf of both.
func (r *Registrar) checkCertificate(ctx context.Context, v *VerifiedRequest, leaf *x509.Certificate) error {
	accepted, err := r.certificates.Check(ctx, leaf, cert.SoftwareOf(v.statement, v.keys))
	if err != nil {
		return certificateError(err)
	}
	v.keys = accepted.Software.Keys
	return nil
}

// reservation returns what a change by the request reserves.
func (r *Registrar) reservation(v *VerifiedRequest) store.Reservation {
	if v.manual != nil {
		return r.attempt(v.manual.Once)
	}
	c := v.request.claims
	return store.Reservation{
		Namespace: "request", Issuer: c.Issuer.Or(""), JTI: strings.ToLower(c.JWTID.Or("")),
		Until: time.Unix(c.Expiry.Or(0), 0).Add(r.policy.ClockSkew),
	}
}

// storeError returns the refusal for an error of create or change.
func (r *Registrar) storeError(v *VerifiedRequest, err error) error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case v.manual != nil && errors.Is(err, store.ErrReplayed):
		return r.attemptError(err)
	case errors.Is(err, store.ErrUnderWay):
		e := Unavailable(err, "this request was sent before, and the bank has not finished with it: send the same request again later")
		e.RetryAfter = r.changeTimeout
		return e
	case errors.Is(err, store.ErrReplayed):
		message := "a request with this jti was sent before; " + r.afterReplay(v)
		if errors.Is(err, store.ErrForgotten) {
			message = "this bank cannot tell whether a request with this jti was sent before; " + r.afterReplay(v) +
				"; if it did nothing, sign a new request with a later exp"
		}
		return r.verifier.refuse(v.input, validate.Violation{Rule: validate.RuleRequestJTIReplayed, Document: validate.DocRequest, Pointer: "/jti",
			Step: validate.StepReplay, Message: message}, err)
	case errors.Is(err, store.ErrLeaving):
		return Unavailable(err, "another registration of the same, or its deletion, is under way")
	case errors.Is(err, store.ErrExists):
		return &Error{Status: http.StatusBadRequest, Code: validate.InvalidClientMetadata, Description: r.taken(), Err: err}
	}
	return Unavailable(err, "the registration cannot be stored at the moment")
}

// afterReplay tells a sender how to learn what the first request did. Its answer may be
// lost, so the advice does not need the client_id of a registration. A store cannot tell
// whose jti it is, so the text says what may be.
func (r *Registrar) afterReplay(v *VerifiedRequest) string {
	switch {
	case v.input.Update != nil:
		return "get the client to see what it did"
	case r.mayWait(OpCreate):
		return "its registration may wait for this bank's approval; if its answer was lost, " +
			"ask this bank for the client_id, with the software_id and the jti"
	}
	return "if its answer was lost, ask this bank for the client_id, with the software_id and the jti"
}

// taken is the description for a sender whose software or name is registered already. It
// tells whom to ask. The store has no look-up by unique key, so the client_id is not told.
func (r *Registrar) taken() string {
	already := " is registered already"
	if r.mayWait(OpCreate) {
		already += ", or its registration waits for approval"
	}
	switch r.policy.Registrations {
	case validate.RegistrationsOnePerSoftware:
		return "this software" + already + ", and this bank registers a software once; " +
			"if you do not have its client_id, ask this bank for it, with the software_id"
	case validate.RegistrationsOnePerClientName:
		return "software of this name" + already + ", and this bank registers a name once; " +
			"if it is yours and you do not have its client_id, ask this bank for it, with the software_id"
	}
	return "what is to be registered once" + already
}
