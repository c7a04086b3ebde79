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
	Clock        func() time.Time        // required; time.Now in production
	Random       io.Reader               // crypto/rand.Reader where nil
	SealingKey   []byte                  // 32 bytes; required where the policy admits client_secret_jwt
	Logger       *slog.Logger            // nil logs nothing
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
}

// NewRegistrar checks the collaborators. It refuses what is missing, a policy
// without audiences, and client_secret_jwt without a sealing key.
func NewRegistrar(c Config) (*Registrar, error) {
	if c.Statements == nil || c.SoftwareKeys == nil || c.Validator == nil || c.Store == nil || c.Clock == nil {
		return nil, errors.New("dcr: a registrar needs Statements, SoftwareKeys, Validator, Store and Clock")
	}
	policy := c.Validator.Policy()
	if len(policy.Audiences) == 0 {
		return nil, errors.New("dcr: the policy names no audience; add the bank's identifier to audiences")
	}
	r := &Registrar{
		verifier: VerifyConfig{Statements: c.Statements, SoftwareKeys: c.SoftwareKeys, Validator: c.Validator},
		policy:   policy, store: c.Store, clock: c.Clock, random: c.Random, log: c.Logger,
	}
	if r.random == nil {
		r.random = rand.Reader
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if r.certificates = c.Certificates; r.certificates == nil {
		r.certificates, err = cert.NewChecker(cert.CheckerConfig{Bindings: []cert.Binding{cert.ByPublicKey}, Clock: c.Clock})
		if err != nil {
			return nil, err
		}
	}
	if r.attributes, err = claims.NewAttributeMapper(claims.AttributeConfig{
		Declarations: policy.Attributes, UseSoftwareIDAsApplicationName: policy.UseSoftwareIDAsApplicationName,
	}); err != nil {
		return nil, err
	}
	if slices.Contains(policy.AuthMethods, claims.ClientSecretJWT) || c.SealingKey != nil {
		if r.sealer, err = newSealer(c.SealingKey); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// RegisterInput is a request to register a client.
type RegisterInput struct {
	Token       string            // the request, a compact JWS
	Certificate *x509.Certificate // the client's certificate of the mutual TLS connection
}

// Registration is a registered client.
type Registration struct {
	Client store.Client
	Secret string           // the client secret, shown this once; "" where there is none
	Report *validate.Report // warnings and notices
}

// Register verifies, judges and stores a request, in the order of the walk that
// the package describes. A refusal is an *Error, and nothing was stored then.
func (r *Registrar) Register(ctx context.Context, in RegisterInput) (*Registration, error) {
	if in.Certificate == nil {
		return nil, &Error{Status: http.StatusUnauthorized, Description: "a client certificate is required"}
	}
	v, err := r.verifier.Verify(ctx, in.Token, r.clock())
	if err != nil {
		var e *Error
		if errors.As(err, &e) && e.Status == http.StatusInternalServerError {
			r.log.Error("a request could not be verified", "error", e.Err)
		}
		return nil, err
	}
	if err := r.checkCertificate(ctx, v, in.Certificate); err != nil {
		return nil, err
	}
	v.input.Certificate = &validate.Certificate{RawSubject: in.Certificate.RawSubject}
	report := r.verifier.Validator.Judge(v.input)
	if !report.Valid() {
		return nil, refused(report, nil)
	}
	client, secret, err := r.build(v)
	if err != nil {
		return nil, err
	}
	if err := r.store.Create(ctx, client, r.reservation(v)); err != nil {
		return nil, r.storeError(v, err)
	}
	client.Version = 1
	return &Registration{Client: client, Secret: secret, Report: report}, nil
}

// checkCertificate wants the client certificate to be good and of the software.
func (r *Registrar) checkCertificate(ctx context.Context, v *Verified, leaf *x509.Certificate) error {
	statement := v.statement.Claims()
	_, err := r.certificates.Check(ctx, leaf, cert.Software{
		Environment: v.statement.Environment(), SoftwareID: statement.SoftwareID.Or(""), OrgID: statement.OrgID.Or(""),
		Authority: statement.CompetentAuthority.Or(claims.Authority{}), Keys: v.keys,
	})
	return certificateError(err)
}

func (r *Registrar) reservation(v *Verified) store.Reservation {
	c := v.request.claims
	return store.Reservation{
		Namespace: "request", Issuer: c.Issuer.Or(""), JTI: strings.ToLower(c.JWTID.Or("")),
		Until: time.Unix(c.Expiry.Or(0), 0).Add(r.policy.ClockSkew),
	}
}

func (r *Registrar) storeError(v *Verified, err error) error {
	switch {
	case errors.Is(err, store.ErrReplayed):
		return r.verifier.refuse(v.input, validate.Violation{Rule: ruleReplayed, Document: validate.DocRequest, Pointer: "/jti",
			Step: validate.StepReplay, Message: "a request with this jti was sent before; the client it made, if any, is found by GET"}, err)
	case errors.Is(err, store.ErrExists):
		return &Error{Status: http.StatusBadRequest, Code: validate.InvalidClientMetadata,
			Description: "this software is registered already, and this bank registers a software once", Err: err}
	}
	r.log.Error("the store failed", "error", err)
	return unavailable(err, "the registration cannot be stored at the moment")
}
