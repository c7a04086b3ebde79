package dcr

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"slices"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/internal/verdict"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

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
	// bank's hook or authorization server agrees is not asked, nor whether the software is
	// registered already where the policy registers it once.
	Refusal *Error
	// RedirectURIs are those of the statement, AuthMethods what the bank offers a person, and
	// Certificates the software's own transport certificates that its key set has and that
	// tls_client_auth can register. All are empty where the statement was not verified.
	// CertificatesOut is the outage that keeps the key set from being read; nil where there is
	// none. The other methods can be registered all the same.
	RedirectURIs    []RedirectURI
	AuthMethods     []claims.AuthMethod
	Certificates    []*x509.Certificate
	CertificatesOut *Error
	// Client is the client as it would be stored, without secret, and without ID if it is new; nil
	// with a Refusal.
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
	o := r.begin(OpRead, actorIn(ctx, ActorContact)) // which is never ended: nothing is told to the observer
	p := &Preview{}
	err := r.contained(func() error { return r.preview(ctx, id, &m, o, p) })
	var e *Error
	if errors.As(err, &e) {
		o.log(ctx, e)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (r *Registrar) preview(ctx context.Context, id string, m *Manual, o *operation, p *Preview) (err error) {
	var s *owned
	if id != "" {
		if s, err = r.within(ctx, id, m.Reach, o); err != nil {
			return p.refuse(err)
		}
	}
	if parsed, err := ssa.Parse(m.Statement); err == nil && len(m.Statement) <= verdict.MaxRequest {
		p.Unverified = parsed.UnverifiedClaims()
	}
	v, err := r.vouched(ctx, m, o)
	if err != nil {
		return p.refuse(err)
	}
	p.Statement = v.statement
	if err := r.choices(ctx, v, p); err != nil {
		return err
	}
	if err := r.ask(ctx, v, s); err != nil {
		return err
	}
	r.showRedirects(v, p)
	if s == nil {
		p.Report, err = r.verifier.Validator.Judge(v.input), m.admits(v)
	} else if p.Report, err = r.judgeUpdate(ctx, s, v, nil); err == nil {
		err = leaving(&s.client)
	}
	if err == nil && !p.Report.Valid() {
		err = refused(p.Report, nil)
	}
	if err == nil {
		err = r.previewClient(ctx, v, s, o, p)
	}
	return p.refuse(err)
}

// previewClient writes the client as it would be stored.
func (r *Registrar) previewClient(ctx context.Context, v *VerifiedRequest, s *owned, o *operation, p *Preview) error {
	var client store.Client
	var change Change
	var err error
	if s == nil {
		if client, _, err = r.describe(v); err != nil {
			return err
		}
		change = compare(OpCreate, side{}, side{&client, rolesOf(v.statement)})
	} else {
		if client, _, err = r.rebuild(v, s); err != nil {
			return err
		}
		change = compare(OpUpdate, side{&s.client, rolesOf(s.statement)}, side{&client, rolesOf(v.statement)})
	}
	ends, err := r.losses(ctx, &client)
	if err != nil {
		return err
	}
	if ends != nil {
		p.Ends = ends.ended
	}
	client.SecretHash, client.SealedSecret = nil, nil
	change.Actor = o.actor
	p.Client, p.Change = &client, &change
	return nil
}

// refuse keeps a refusal in the preview. Any other error is returned.
func (p *Preview) refuse(err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Status >= http.StatusInternalServerError {
		return err
	}
	if p.Refusal = e; e.Report != nil {
		p.Report = e.Report
	}
	return nil
}

// choices writes what a person can choose beside the redirect URIs.
func (r *Registrar) choices(ctx context.Context, v *VerifiedRequest, p *Preview) error {
	p.AuthMethods = slices.Clone(r.authMethods())
	at := slices.Index(p.AuthMethods, claims.TLSClientAuth)
	switch {
	case at < 0:
		return nil
	case !r.certificates.HasAuthorities():
		p.AuthMethods = slices.Delete(p.AuthMethods, at, at+1)
		return nil
	}
	published, err := r.published(ctx, v, anyCertificate)
	if errors.As(err, &p.CertificatesOut) && len(p.AuthMethods) > 1 && v.manual.AuthMethod != claims.TLSClientAuth {
		return nil
	}
	for _, c := range published {
		if c.Refusal == nil && cert.SubjectDN(c.Certificate.RawSubject) != "" {
			p.Certificates = append(p.Certificates, c.Certificate)
		}
	}
	return err
}

// showRedirects writes the redirect URIs of the statement, each once, and whether the client
// would have them.
func (r *Registrar) showRedirects(v *VerifiedRequest, p *Preview) {
	listed := v.statement.Claims().SoftwareRedirectURIs.Or(nil)
	chosen := v.request.claims.RedirectURIs.Or(nil)
	seen := map[string]bool{}
	for i, found := range r.redirectFaults(v, listed, v.request.claims.ApplicationType) {
		if u := listed[i]; !seen[u] {
			seen[u] = true
			p.RedirectURIs = append(p.RedirectURIs, RedirectURI{URI: u, Chosen: slices.Contains(chosen, u) && !unfit(found), Violations: found})
		}
	}
}
