package dcr

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// Note is an entry of the audit trail about what changed no record, such as a sign-in.
type Note struct {
	Operation string // such as "sign_in"; at most 200 bytes are kept
	Decision  AuditDecision
	Reason    string        // at most 500 characters are kept
	Client    *store.Client // the client that it is about; nil for none
}

// maxNoted is how many bytes an entry has of a name that comes from outside.
const maxNoted = 200

// Note writes an entry of the audit trail, in a store with store.Noter; else it logs it. The
// context names the actor (WithActor), by default a contact. A failure is logged, and is no
// error: what the person asked for has been decided.
func (r *Registrar) Note(ctx context.Context, n Note) { r.note(ctx, actorIn(ctx, ActorContact), n, "") }

// note is Note by an actor, about the statement that has the jti.
func (r *Registrar) note(ctx context.Context, by Actor, n Note, jti string) {
	e := store.AuditEntry{Audit: store.Audit{Actor: string(by.Kind), ActorName: auditName(by), Operation: noted(n.Operation), Decision: noted(string(n.Decision)),
		Reason: reasonText(n.Reason), SSAJTI: noted(jti), RuleSet: r.ruleSet}}
	if c := n.Client; c != nil {
		e.Client, e.ClientID, e.Environment = noted(c.ID), noted(c.ClientID), c.Environment
		e.Issuer, e.SoftwareID, e.OrgID = noted(c.Issuer), noted(c.SoftwareID), noted(c.OrgID)
	}
	attrs := []slog.Attr{slog.String("operation", e.Operation), slog.String("decision", e.Decision), slog.String("reason", e.Reason),
		slog.String("id", e.Client), slog.String("software_id", e.SoftwareID), slog.String("org_id", e.OrgID),
		slog.String("actor", e.Actor), slog.String("actor_name", e.ActorName)}
	if r.noter == nil {
		r.log.LogAttrs(ctx, slog.LevelInfo, "noted", attrs...)
		return
	}
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTimeout)
	defer cancel()
	if err := r.safely(func() error { return r.noter.Note(work, e) }); err != nil {
		attrs = append(attrs, slog.Any("error", text.Bounded{Err: err}))
		r.log.LogAttrs(ctx, slog.LevelError, "an entry of the audit trail cannot be written", attrs...)
	}
}

// noted is a name as an entry has it. An entry must not keep more in memory for it.
func noted(s string) string { return strings.Clone(text.Clip(text.Visible(s), maxNoted)) }

// noteDenied leaves an entry about a refusal of what a person asked for. An outage is none.
func (r *Registrar) noteDenied(ctx context.Context, o *operation, err error) {
	var e *Error
	if !errors.As(err, &e) || e.Status < http.StatusBadRequest || e.Status >= http.StatusInternalServerError {
		return
	}
	n := Note{Operation: string(o.name), Decision: DecisionDenied, Reason: e.Description, Client: o.about}
	jti := ""
	if s := o.statement; s != nil {
		c := s.Claims()
		jti = c.JWTID.Or("")
		if n.Client == nil {
			n.Client = &store.Client{Environment: s.Environment(), Issuer: c.Issuer.Or(""), SoftwareID: c.SoftwareID.Or(""), OrgID: c.OrgID.Or("")}
		}
	}
	r.note(ctx, o.actor, n, jti)
}
