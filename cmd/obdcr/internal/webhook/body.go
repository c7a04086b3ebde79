package webhook

import (
	"encoding/hex"
	"encoding/json"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
)

// approval is the body of /approve.
type approval struct {
	Operation   dcr.Operation `json:"operation"`
	Before      *record       `json:"before,omitempty"`
	After       *record       `json:"after,omitempty"`
	Members     []string      `json:"changed_members"`
	RolesGained []claims.Role `json:"roles_gained"`
	RolesLost   []claims.Role `json:"roles_lost"`
	Actor       actor         `json:"actor"`
	Reason      string        `json:"reason,omitempty"`
	Access      *access       `json:"access,omitempty"`
}

type actor struct {
	Kind dcr.ActorKind `json:"kind"`
	Name string        `json:"name,omitempty"`
}

// access is what is known of the access token of an update or a deletion, not the token.
type access struct {
	ClientID  string   `json:"client_id"`
	IssuedAt  int64    `json:"iat"`
	ExpiresAt int64    `json:"exp,omitempty"`
	Scope     []string `json:"scope"`
	Subject   string   `json:"sub,omitempty"`
}

// record is a client as the store has it, without secrets and what the authorization server
// gave. The statement has the contacts that the directory knows.
type record struct {
	ID                string             `json:"id"`
	ClientID          string             `json:"client_id,omitempty"`
	IssuedAt          int64              `json:"client_id_issued_at"`
	Version           int64              `json:"version"`
	Environment       claims.Environment `json:"environment"`
	Issuer            string             `json:"issuer"`
	SoftwareID        string             `json:"software_id"`
	OrgID             string             `json:"org_id"`
	SubjectDN         string             `json:"subject_dn,omitempty"`
	JWKSURI           string             `json:"jwks_uri,omitempty"`
	Metadata          json.RawMessage    `json:"metadata"`
	SoftwareStatement string             `json:"software_statement"`
	Application       claims.Application `json:"application"`
}

// provisioning is the body of /provision.
type provisioning struct {
	Operation    string  `json:"operation"`
	Client       *record `json:"client"`
	ClientID     string  `json:"client_id"`
	Secret       string  `json:"client_secret,omitempty"`
	SecretSHA256 string  `json:"client_secret_sha256,omitempty"`
	State        string  `json:"state,omitempty"`
	Recreate     bool    `json:"recreate"`
}

// deprovisioning is the body of /deprovision.
type deprovisioning struct {
	Operation string `json:"operation"`
	ID        string `json:"id"`
	ClientID  string `json:"client_id"`
	State     string `json:"state,omitempty"`
}

func recordOf(c *store.Client) *record {
	if c == nil {
		return nil
	}
	return &record{ID: c.ID, ClientID: c.ClientID, IssuedAt: c.IssuedAt.Unix(), Version: c.Version, Environment: c.Environment, Issuer: c.Issuer,
		SoftwareID: c.SoftwareID, OrgID: c.OrgID, SubjectDN: c.SubjectDN, JWKSURI: c.JWKSURI(), Metadata: c.Metadata,
		SoftwareStatement: c.SoftwareStatement, Application: c.Application}
}

// listed makes an empty list of none: a reader need not expect null.
func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func approvalOf(c *dcr.Change) *approval {
	a := &approval{Operation: c.Operation, Before: recordOf(c.Before), After: recordOf(c.After), Members: listed(c.Members()),
		RolesGained: listed(c.RolesGained), RolesLost: listed(c.RolesLost), Actor: actor{c.Actor.Kind, c.Actor.Name}, Reason: c.Reason}
	if t := c.Access; t != nil {
		a.Access = &access{ClientID: t.ClientID, IssuedAt: t.IssuedAt.Unix(), Scope: listed(t.Scope), Subject: t.Subject}
		if !t.Expiry.IsZero() {
			a.Access.ExpiresAt = t.Expiry.Unix()
		}
	}
	return a
}

func provisioningOf(p *dcr.Provisioning) *provisioning {
	return &provisioning{Operation: "provision", Client: recordOf(&p.Client), ClientID: p.ClientID, Secret: p.Secret.Reveal(),
		SecretSHA256: hex.EncodeToString(p.Client.SecretHash), State: p.State.Reveal(), Recreate: p.Recreate}
}
