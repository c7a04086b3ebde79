package archive

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// The kinds of lines, in the order in which they come. A check may come anywhere.
const (
	kindHeader      = "header"
	kindClient      = "client"
	kindReservation = "reservation"
	kindAudit       = "audit"
	kindMark        = "mark"
	kindCheck       = "check"
	kindEnd         = "end"
)

type headerLine struct {
	Kind    string `json:"kind"`
	Format  string `json:"format"`
	Version int    `json:"version"`
	Created string `json:"created"` // RFC 3339, UTC
	Source  string `json:"source,omitempty"`
	Sealing string `json:"sealing_key,omitempty"` // KeyID
	LeftOut bool   `json:"sealed_left_out,omitempty"`
}

type clientLine struct {
	Kind    string `json:"kind"`
	LeftOut bool   `json:"sealed_left_out,omitempty"` // the record had something sealed, which is not here
	record
	Subscriptions []subscriptionLine `json:"subscriptions,omitempty"` // in the order of their APIs
}

// subscriptionLine is a subscription of the record in whose line it stands.
type subscriptionLine struct {
	API   string      `json:"api"`
	Role  claims.Role `json:"role,omitempty"`
	Since int64       `json:"since"`
	By    string      `json:"by,omitempty"`
}

type reservationLine struct {
	Kind   string `json:"kind"`
	Key    string `json:"key"` // hexadecimal
	Until  int64  `json:"until"`
	Client string `json:"client"`
}

type auditLine struct {
	Kind        string             `json:"kind"`
	ID          string             `json:"id"`
	At          int64              `json:"at_ms"` // milliseconds since 1970
	Client      string             `json:"client"`
	Version     int64              `json:"version"`
	State       store.State        `json:"state,omitempty"`
	ClientID    string             `json:"client_id,omitempty"`
	Environment claims.Environment `json:"environment,omitempty"`
	Issuer      string             `json:"issuer,omitempty"`
	SoftwareID  string             `json:"software_id,omitempty"`
	OrgID       string             `json:"org_id,omitempty"`
	Actor       string             `json:"actor,omitempty"`
	ActorName   string             `json:"actor_name,omitempty"`
	Operation   string             `json:"operation,omitempty"`
	Decision    string             `json:"decision,omitempty"`
	Reason      string             `json:"reason,omitempty"`
	SSAJTI      string             `json:"ssa_jti,omitempty"`
	RuleSet     string             `json:"rule_set,omitempty"`
	Changes     []changeLine       `json:"changes,omitempty"`
}

// changeLine holds values as texts of JSON: as values they would be written anew.
type changeLine struct {
	Member string  `json:"member"`
	Before *string `json:"before,omitempty"`
	After  *string `json:"after,omitempty"`
}

type markLine struct {
	Kind      string `json:"kind"`
	Forgotten int64  `json:"forgotten"` // seconds since 1970
}

type checkLine struct {
	Kind   string `json:"kind"`
	Lines  int    `json:"lines"` // before this one
	SHA256 string `json:"sha256"`
}

type endLine struct {
	Kind         string `json:"kind"`
	Clients      int    `json:"clients"`
	Reservations int    `json:"reservations"`
	Audit        int    `json:"audit"`
	Subscribed   int    `json:"subscriptions,omitempty"`
	LeftOut      int    `json:"sealed_left_out,omitempty"`
	Lines        int    `json:"lines"` // before this one
	SHA256       string `json:"sha256"`
}

// record is a store.Client. Metadata and UpstreamMembers are texts of JSON: a store keeps
// them byte for byte, and as values they would be written anew. Times are seconds since 1970.
type record struct {
	ID              string             `json:"id"`
	ClientID        string             `json:"client_id,omitempty"`
	Version         int64              `json:"version"`
	State           store.State        `json:"state"`
	Since           int64              `json:"since"`
	IssuedAt        int64              `json:"issued_at"`
	Environment     claims.Environment `json:"environment,omitempty"`
	Issuer          string             `json:"issuer,omitempty"`
	SoftwareID      string             `json:"software_id,omitempty"`
	OrgID           string             `json:"org_id,omitempty"`
	UniqueKey       string             `json:"unique_key,omitempty"`
	Application     claims.Application `json:"application"`
	JWKSAddress     string             `json:"jwks_address,omitempty"`
	SubjectDN       string             `json:"subject_dn,omitempty"`
	OwnSubject      string             `json:"own_subject,omitempty"`
	SecretHash      []byte             `json:"secret_hash,omitempty"`
	SealedSecret    []byte             `json:"sealed_secret,omitempty"`
	UpstreamState   []byte             `json:"upstream_state,omitempty"`
	UpstreamMembers *string            `json:"upstream_members,omitempty"`
	Reserved        []byte             `json:"reserved,omitempty"`
	Metadata        *string            `json:"metadata,omitempty"`
	Statement       string             `json:"software_statement,omitempty"`
	Previous        *record            `json:"previous,omitempty"`
}

func recordOf(c store.Client) record {
	r := record{
		ID: c.ID, ClientID: c.ClientID, Version: c.Version, State: c.State, Since: c.Since.Unix(), IssuedAt: c.IssuedAt.Unix(),
		Environment: c.Environment, Issuer: c.Issuer, SoftwareID: c.SoftwareID, OrgID: c.OrgID, UniqueKey: c.UniqueKey,
		Application: c.Application, JWKSAddress: c.JWKSAddress, SubjectDN: c.SubjectDN, OwnSubject: c.OwnSubject,
		SecretHash: c.SecretHash, SealedSecret: c.SealedSecret, UpstreamState: c.UpstreamState,
		UpstreamMembers: textOf(c.UpstreamMembers), Reserved: c.Reserved, Metadata: textOf(c.Metadata), Statement: c.SoftwareStatement,
	}
	if c.Previous != nil {
		previous := recordOf(*c.Previous)
		r.Previous = &previous
	}
	return r
}

// client returns the record of a line.
func (r *record) client() store.Client {
	c := store.Client{
		ID: r.ID, ClientID: r.ClientID, Version: r.Version, State: r.State, Since: seconds(r.Since), IssuedAt: seconds(r.IssuedAt),
		Environment: r.Environment, Issuer: r.Issuer, SoftwareID: r.SoftwareID, OrgID: r.OrgID, UniqueKey: r.UniqueKey,
		Application: r.Application, JWKSAddress: r.JWKSAddress, SubjectDN: r.SubjectDN, OwnSubject: r.OwnSubject,
		SecretHash: r.SecretHash, SealedSecret: r.SealedSecret, UpstreamState: r.UpstreamState,
		UpstreamMembers: rawOf(r.UpstreamMembers), Reserved: r.Reserved, Metadata: rawOf(r.Metadata), SoftwareStatement: r.Statement,
	}
	if r.Previous != nil {
		previous := r.Previous.client()
		c.Previous = &previous
	}
	return c
}

// texts are the texts of a record, to be looked at.
func (r *record) texts() []string {
	all := []string{
		r.ID, r.ClientID, string(r.State), string(r.Environment), r.Issuer, r.SoftwareID, r.OrgID, r.UniqueKey, r.Application.Name,
		r.Application.ID, r.JWKSAddress, r.SubjectDN, r.OwnSubject, r.Statement,
	}
	for _, t := range []*string{r.UpstreamMembers, r.Metadata} {
		if t != nil {
			all = append(all, *t)
		}
	}
	for _, a := range r.Application.Attributes {
		all = append(append(all, a.Name), a.Values...)
	}
	if r.Previous != nil {
		all = append(all, r.Previous.texts()...)
	}
	return all
}

// subscribed puts the subscriptions of the record into its line.
func (l *clientLine) subscribed(all []store.Subscription) {
	for _, s := range all {
		l.Subscriptions = append(l.Subscriptions, subscriptionLine{API: s.API, Role: s.Role, Since: s.Since.Unix(), By: s.By})
	}
}

// subscriptions returns those of a line. The error names one that stands twice, or out of order.
func (l *clientLine) subscriptions() ([]store.Subscription, error) {
	var all []store.Subscription
	for i, s := range l.Subscriptions {
		if i > 0 && s.API <= l.Subscriptions[i-1].API {
			return nil, damaged("the subscription to %s is doubled or out of order", text.Quote(s.API))
		}
		all = append(all, store.Subscription{Client: l.ID, API: s.API, Role: s.Role, Since: seconds(s.Since), By: s.By})
	}
	return all, nil
}

func (l *clientLine) texts() []string {
	all := l.record.texts()
	for _, s := range l.Subscriptions {
		all = append(all, s.API, string(s.Role), s.By)
	}
	return all
}

func auditOf(e store.AuditEntry) auditLine {
	l := auditLine{
		Kind: kindAudit, ID: e.ID, At: e.At.UnixMilli(), Client: e.Client, Version: e.Version, State: e.State, ClientID: e.ClientID,
		Environment: e.Environment, Issuer: e.Issuer, SoftwareID: e.SoftwareID, OrgID: e.OrgID,
		Actor: e.Actor, ActorName: e.ActorName, Operation: e.Operation, Decision: e.Decision, Reason: e.Reason, SSAJTI: e.SSAJTI, RuleSet: e.RuleSet,
	}
	for _, c := range e.Changes {
		l.Changes = append(l.Changes, changeLine{Member: c.Member, Before: textOf(c.Before), After: textOf(c.After)})
	}
	return l
}

func (l *auditLine) entry() store.AuditEntry {
	e := store.AuditEntry{
		ID: l.ID, At: time.UnixMilli(l.At).UTC(), Client: l.Client, Version: l.Version, State: l.State, ClientID: l.ClientID,
		Environment: l.Environment, Issuer: l.Issuer, SoftwareID: l.SoftwareID, OrgID: l.OrgID,
		Audit: store.Audit{
			Actor: l.Actor, ActorName: l.ActorName, Operation: l.Operation, Decision: l.Decision, Reason: l.Reason, SSAJTI: l.SSAJTI, RuleSet: l.RuleSet,
		},
	}
	for _, c := range l.Changes {
		e.Changes = append(e.Changes, store.AuditChange{Member: c.Member, Before: rawOf(c.Before), After: rawOf(c.After)})
	}
	return e
}

func (l *auditLine) texts() []string {
	all := []string{
		l.ID, l.Client, string(l.State), l.ClientID, string(l.Environment), l.Issuer, l.SoftwareID, l.OrgID,
		l.Actor, l.ActorName, l.Operation, l.Decision, l.Reason, l.SSAJTI, l.RuleSet,
	}
	for _, c := range l.Changes {
		all = append(all, c.Member)
		for _, t := range []*string{c.Before, c.After} {
			if t != nil {
				all = append(all, *t)
			}
		}
	}
	return all
}

func (l *reservationLine) reservation() (store.HeldReservation, error) {
	key, err := hex.DecodeString(l.Key)
	held := store.HeldReservation{Until: seconds(l.Until), Client: l.Client}
	if err != nil || len(key) != len(held.Key) || l.Key != hex.EncodeToString(key) {
		return held, fmt.Errorf("key %s is not %d bytes in lower-case hexadecimal digits", text.Echo(l.Key), len(held.Key))
	}
	copy(held.Key[:], key)
	return held, nil
}

// utf8Only returns an error where a text is no UTF-8: it would come back as another one.
func utf8Only(texts []string) error {
	for _, t := range texts {
		if !utf8.ValidString(t) {
			return fmt.Errorf("%s is no UTF-8, which a file of JSON cannot hold", text.Quote(t))
		}
	}
	return nil
}

func seconds(s int64) time.Time { return time.Unix(s, 0).UTC() }

func textOf(raw json.RawMessage) *string {
	if raw == nil {
		return nil
	}
	t := string(raw)
	return &t
}

func rawOf(t *string) json.RawMessage {
	if t == nil {
		return nil
	}
	return json.RawMessage(*t)
}
