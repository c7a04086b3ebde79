package dcr

import (
	"context"
	"crypto/x509"
)

// ActorKind is what kind of actor asks for an operation. It has few values and can be a
// metric label.
type ActorKind string

// The kinds of actors.
const (
	ActorTPP      ActorKind = "tpp"      // by a request over mutual TLS
	ActorContact  ActorKind = "contact"  // a TPP's contact, at a portal
	ActorOperator ActorKind = "operator" // a person at the bank
	ActorBank     ActorKind = "bank"     // the bank's own process, such as Reconcile
)

// Actor is who asks for an operation.
type Actor struct {
	Kind ActorKind
	// Name tells the actor from others of its kind. That of a TPP is the SHA-256 thumbprint
	// of its client certificate in lower-case hex. The caller of WithActor chooses that of a
	// person. It is "" where nobody is named.
	Name string
}

// actorKey is the key of an Actor in a context.
type actorKey struct{}

// WithActor names who asks for the operations that are called with the context. It is for
// operations that no request over mutual TLS asks for: RegisterManual, UpdateManual,
// DeleteManual, RegisterFromSSA, Subscribe, Unsubscribe and Note, and Remove, Forget, ApprovePending,
// RefusePending and Reprovision. Register, Get, Update and Delete take no notice of it. An
// Actor whose Kind is none of ActorContact, ActorOperator and ActorBank is of the kind that
// asks for such an operation: a contact for the first seven, else an operator.
//
// The audit trail and the log have the name, at most 200 bytes of it; that of a contact as the
// SHA-256 in lower-case hex, because it is a person's at the TPP.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// actorIn returns the actor of the context. Its kind is the given one where the context
// names none, or one that no person has: a kind can be a metric label.
func actorIn(ctx context.Context, kind ActorKind) Actor {
	a, _ := ctx.Value(actorKey{}).(Actor)
	if a.Kind != ActorContact && a.Kind != ActorOperator && a.Kind != ActorBank {
		a.Kind = kind
	}
	return a
}

// actorOf returns the TPP that has a certificate.
func actorOf(leaf *x509.Certificate) Actor {
	a := Actor{Kind: ActorTPP}
	if leaf != nil {
		a.Name = LimitKey(leaf)
	}
	return a
}

// reasonKey is the key of a reason in a context.
type reasonKey struct{}

// WithReason says why an operator approves what is waiting (ApprovePending). The reason goes to
// the audit trail and to Hooks.Done, at most 500 characters of it to the trail. Operations that
// take a reason as a parameter take no notice of it.
func WithReason(ctx context.Context, reason string) context.Context {
	return context.WithValue(ctx, reasonKey{}, reason)
}

// reasonIn returns the reason of the context; "" for none.
func reasonIn(ctx context.Context) string {
	reason, _ := ctx.Value(reasonKey{}).(string)
	return reason
}
