// Package row is how stores in SQL keep a record: the columns of the table clients, and what is in
// them. A store adds columns of its own behind these.
package row

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
)

// Columns are those of a client, in the order of Values and Scan.
const Columns = `id, version, state, since, issued_at, environment, issuer, software_id, org_id,
	metadata, software_statement, application, unique_key, secret_hash, sealed_secret, reserved, previous,
	client_id, jwks_address, subject_dn, own_subject, upstream_state, upstream_members`

// Values returns the values of the Columns for a record: int64, string or []byte. The error names
// the member that has no form as JSON.
func Values(c store.Client) ([]any, error) {
	application, err := json.Marshal(c.Application)
	if err != nil {
		return nil, fmt.Errorf("application: %w", err)
	}
	var previous []byte
	if c.Previous != nil {
		if previous, err = json.Marshal(keep(*c.Previous)); err != nil {
			return nil, fmt.Errorf("previous: %w", err)
		}
	}
	return []any{
		c.ID, c.Version, string(c.State), c.Since.Unix(), c.IssuedAt.Unix(), string(c.Environment), c.Issuer, c.SoftwareID, c.OrgID,
		[]byte(c.Metadata), []byte(c.SoftwareStatement), string(application), c.UniqueKey, c.SecretHash, c.SealedSecret,
		c.Reserved, previous,
		c.ClientID, c.JWKSAddress, c.SubjectDN, c.OwnSubject, c.UpstreamState, []byte(c.UpstreamMembers),
	}, nil
}

// Scanner is a row of a result.
type Scanner interface{ Scan(into ...any) error }

// Scan reads a row that Values made. The error is that of the Scanner, or names the column that
// another program wrote.
func Scan(row Scanner) (store.Client, error) {
	var (
		c                                                         store.Client
		since, issuedAt                                           int64
		metadata, statement, application, kept, reserved, members []byte
	)
	if err := row.Scan(&c.ID, &c.Version, &c.State, &since, &issuedAt, &c.Environment, &c.Issuer, &c.SoftwareID, &c.OrgID,
		&metadata, &statement, &application, &c.UniqueKey, &c.SecretHash, &c.SealedSecret, &reserved, &kept,
		&c.ClientID, &c.JWKSAddress, &c.SubjectDN, &c.OwnSubject, &c.UpstreamState, &members); err != nil {
		return store.Client{}, err
	}
	c.Since, c.IssuedAt = time.Unix(since, 0).UTC(), time.Unix(issuedAt, 0).UTC()
	c.Metadata, c.SoftwareStatement, c.Reserved = metadata, string(statement), reserved
	c.UpstreamMembers = members
	if err := json.Unmarshal(application, &c.Application); err != nil {
		return store.Client{}, fmt.Errorf("application of client %.64q: %w", c.ID, err)
	}
	if kept == nil {
		return c, nil
	}
	var previous previousClient
	if err := json.Unmarshal(kept, &previous); err != nil {
		return store.Client{}, fmt.Errorf("previous of client %.64q: %w", c.ID, err)
	}
	c.Previous = previous.client()
	return c, nil
}

// NameColumns are those of a client that a search by name reads, in the order of ScanNames.
const NameColumns = "id, issued_at, client_id, software_id, application"

// ScanNames reads what store.HasName and the order of a search look at. The error is as that of
// Scan.
func ScanNames(row Scanner) (store.Client, error) {
	var c store.Client
	var issuedAt int64
	var application []byte
	if err := row.Scan(&c.ID, &issuedAt, &c.ClientID, &c.SoftwareID, &application); err != nil {
		return store.Client{}, err
	}
	c.IssuedAt = time.Unix(issuedAt, 0).UTC()
	if err := json.Unmarshal(application, &c.Application); err != nil {
		return store.Client{}, fmt.Errorf("application of client %.64q: %w", c.ID, err)
	}
	return c, nil
}

// previousClient is the form in which a record keeps its Previous. Metadata are bytes
// here: as a JSON member they would be written anew. A file of before the members from State
// on has an Active Previous without them.
type previousClient struct {
	ID           string             `json:"id"`
	Version      int64              `json:"version"`
	Since        int64              `json:"since"`
	IssuedAt     int64              `json:"issued_at"`
	Environment  claims.Environment `json:"environment"`
	Issuer       string             `json:"issuer"`
	SoftwareID   string             `json:"software_id"`
	OrgID        string             `json:"org_id"`
	Metadata     []byte             `json:"metadata"`
	Statement    []byte             `json:"software_statement"`
	Application  claims.Application `json:"application"`
	UniqueKey    string             `json:"unique_key"`
	SecretHash   []byte             `json:"secret_hash"`
	SealedSecret []byte             `json:"sealed_secret"`
	State        store.State        `json:"state,omitempty"`
	ClientID     string             `json:"client_id,omitempty"`
	JWKSAddress  string             `json:"jwks_address,omitempty"`
	SubjectDN    string             `json:"subject_dn,omitempty"`
	OwnSubject   string             `json:"own_subject,omitempty"`
	Upstream     []byte             `json:"upstream_state,omitempty"`
	Members      []byte             `json:"upstream_members,omitempty"`
}

func keep(c store.Client) previousClient {
	return previousClient{
		ID: c.ID, Version: c.Version, Since: c.Since.Unix(), IssuedAt: c.IssuedAt.Unix(), Environment: c.Environment,
		Issuer: c.Issuer, SoftwareID: c.SoftwareID, OrgID: c.OrgID, Metadata: c.Metadata, Statement: []byte(c.SoftwareStatement),
		Application: c.Application, UniqueKey: c.UniqueKey, SecretHash: c.SecretHash, SealedSecret: c.SealedSecret,
		State: c.State, ClientID: c.ClientID, JWKSAddress: c.JWKSAddress, SubjectDN: c.SubjectDN, OwnSubject: c.OwnSubject,
		Upstream: c.UpstreamState, Members: c.UpstreamMembers,
	}
}

func (p previousClient) client() *store.Client {
	if p.State == "" {
		p.State, p.ClientID = store.Active, p.ID
	}
	return &store.Client{
		ID: p.ID, Version: p.Version, State: p.State, ClientID: p.ClientID,
		Since: time.Unix(p.Since, 0).UTC(), IssuedAt: time.Unix(p.IssuedAt, 0).UTC(), Environment: p.Environment,
		Issuer: p.Issuer, SoftwareID: p.SoftwareID, OrgID: p.OrgID, Metadata: p.Metadata, SoftwareStatement: string(p.Statement),
		Application: p.Application, UniqueKey: p.UniqueKey, SecretHash: p.SecretHash, SealedSecret: p.SealedSecret,
		JWKSAddress: p.JWKSAddress, SubjectDN: p.SubjectDN, OwnSubject: p.OwnSubject, UpstreamState: p.Upstream, UpstreamMembers: p.Members,
	}
}

// Seconds returns the first whole second since 1970 that is not before t: what ends at t has not
// ended before it.
func Seconds(t time.Time) int64 {
	s := t.Unix()
	if t.Nanosecond() > 0 {
		s++
	}
	return s
}
