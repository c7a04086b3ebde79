package dcr

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// Config is what a Registrar works with.
type Config struct {
	Statements   *ssa.Verifier           // required: which statements are believed
	SoftwareKeys ssa.SoftwareKeyResolver // required: keys at the addresses in a verified statement
	Validator    *validate.Validator     // required: profile and policy, with at least one audience
	Store        store.Store             // required
	Certificates *cert.Checker           // nil: the client certificate's public key is in the software's key set
	Clock        func() time.Time        // time.Now where nil
	Random       io.Reader               // crypto/rand.Reader where nil
	SealingKey   claims.Secret           // 32 bytes; required where the policy admits client_secret_jwt
	Logger       *slog.Logger            // nil logs nothing
	// Tokens are asked by Get, Update and Delete, which a registrar without them
	// does not offer (405).
	Tokens token.Tokens
	// Hooks are the bank's own steps around each change.
	Hooks Hooks
	// Provisioner makes the clients in the bank's authorization server; nil where
	// that reads the Store itself. It needs a Store with store.Unfinished.
	Provisioner Provisioner
	// Replay remembers each jti; nil leaves that to the Store, which commits it with
	// the record. It needs a Store with store.Unfinished.
	Replay store.Replay
	// Observer is told what happened, once for each operation; nil for nobody.
	Observer func(Event)
}

// Registrar registers clients. It is safe for concurrent use.
type Registrar struct {
	verifier     VerifyConfig
	policy       validate.Policy
	store        store.Store
	clock        func() time.Time
	random       io.Reader
	sealer       *sealer
	attributes   *claims.AttributeMapper
	certificates *cert.Checker
	log          *slog.Logger
	tokens       token.Tokens
	hooks        Hooks
	provisioner  Provisioner
	replay       store.Replay
	unfinished   store.Unfinished // the store again; nil where it has no such methods
	observer     func(Event)
	reached      func(point string) // where tests stop the process
}

// NewRegistrar checks the collaborators. It refuses what is missing, a policy
// without audiences, client_secret_jwt without a sealing key, and a Provisioner or a
// Replay with a Store that has not the methods of store.Unfinished.
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
		policy:   policy, store: c.Store, clock: c.Clock, random: c.Random, log: c.Logger,
		tokens: c.Tokens, hooks: c.Hooks, provisioner: c.Provisioner, replay: c.Replay, observer: c.Observer,
		reached: func(string) {},
	}
	r.unfinished, _ = c.Store.(store.Unfinished)
	if r.staged() && r.unfinished == nil {
		return nil, errors.New("dcr: a Provisioner or a Replay needs a Store with the methods of store.Unfinished")
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
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
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

// RegisterInput is a request to register a client.
type RegisterInput struct {
	Token       claims.Secret     // the request, a compact JWS
	Certificate *x509.Certificate // the client's certificate of the mutual TLS connection
}

// Registration is a registered client.
type Registration struct {
	Client store.Client
	Secret claims.Secret    // the client secret, shown this once; zero where there is none
	Report *validate.Report // warnings and notices; nil from Get
	Change *Change          // what was done; nil from Get

	response claims.Secret // the body of the answer, the secret in it; made before anything is stored: a client that is stored has an answer
}

// Register verifies, judges and stores a request, in the order of the walk that
// the package describes. A refusal is an *Error, and nothing was stored then.
func (r *Registrar) Register(ctx context.Context, in RegisterInput) (*Registration, error) {
	o := r.begin(OpCreate)
	registration, err := r.register(ctx, in, o)
	o.end(ctx, err)
	return registration, err
}

func (r *Registrar) register(ctx context.Context, in RegisterInput, o *operation) (*Registration, error) {
	if in.Certificate == nil {
		return nil, unauthorized("a client certificate is required", challenge, nil)
	}
	v, err := r.verifier.Verify(ctx, in.Token.Reveal(), r.clock())
	if err != nil {
		return nil, err
	}
	o.environment = v.statement.Environment()
	if err := r.checkCertificate(ctx, v, in.Certificate); err != nil {
		return nil, err
	}
	v.input.Certificate = &validate.Certificate{RawSubject: in.Certificate.RawSubject}
	return r.admit(ctx, v, r.reservation(v))
}

// admit judges a verified request, makes the record and stores it.
func (r *Registrar) admit(ctx context.Context, v *VerifiedRequest, reservation store.Reservation) (*Registration, error) {
	report := r.verifier.Validator.Judge(v.input)
	if !report.Valid() {
		return nil, refused(report, nil)
	}
	client, secret, err := r.build(v)
	if err != nil {
		return nil, err
	}
	change := compare(OpCreate, side{}, side{&client, rolesOf(v.statement)})
	if err := r.approve(ctx, change); err != nil {
		return nil, err
	}
	response, err := r.respond(&client, v.statement, secret)
	if err != nil {
		return nil, err
	}
	stored, err := r.create(ctx, client, secret, reservation)
	if err != nil {
		return nil, r.storeError(v, err)
	}
	change.After = &stored
	r.done(ctx, change)
	return &Registration{Client: stored, Secret: secret, Report: report, Change: &change, response: response}, nil
}

// checkCertificate wants the client certificate to be good and of the software.
func (r *Registrar) checkCertificate(ctx context.Context, v *VerifiedRequest, leaf *x509.Certificate) error {
	_, err := r.certificates.Check(ctx, leaf, cert.SoftwareOf(v.statement, v.keys))
	return certificateError(err)
}

func (r *Registrar) reservation(v *VerifiedRequest) store.Reservation {
	c := v.request.claims
	return store.Reservation{
		Namespace: "request", Issuer: c.Issuer.Or(""), JTI: strings.ToLower(c.JWTID.Or("")),
		Until: time.Unix(c.Expiry.Or(0), 0).Add(r.policy.ClockSkew),
	}
}

// storeError is the answer to what went wrong where the record was written.
func (r *Registrar) storeError(v *VerifiedRequest, err error) error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, store.ErrReplayed):
		return r.verifier.refuse(v.input, validate.Violation{Rule: validate.RuleRequestJTIReplayed, Document: validate.DocRequest, Pointer: "/jti",
			Step: validate.StepReplay, Message: "a request with this jti was sent before; the client it made, if any, is found by GET"}, err)
	case errors.Is(err, store.ErrLeaving):
		return Unavailable(err, "the client that was registered before is still being deleted")
	case errors.Is(err, store.ErrExists):
		return &Error{Status: http.StatusBadRequest, Code: validate.InvalidClientMetadata, Description: r.taken(), Err: err}
	}
	return Unavailable(err, "the registration cannot be stored at the moment")
}

// taken is what the sender learns where what it asks for is registered already.
func (r *Registrar) taken() string {
	switch r.policy.Registrations {
	case validate.RegistrationsOnePerSoftware:
		return "this software is registered already, and this bank registers a software once"
	case validate.RegistrationsOnePerClientName:
		return "software of this name is registered already, and this bank registers a name once"
	}
	return "what is to be registered once is registered already"
}
