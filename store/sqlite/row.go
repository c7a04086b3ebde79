package sqlite

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
)

// columns are those of a client, in the order of values and scan.
const columns = `id, version, state, since, issued_at, environment, issuer, software_id, org_id,
	metadata, software_statement, application, unique_key, secret_hash, sealed_secret, reserved, previous`

// values returns the values of the columns for a record.
func values(c store.Client) ([]any, error) {
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
	}, nil
}

// scanner is a row of a result.
type scanner interface{ Scan(into ...any) error }

// scan reads a row that values made.
func scan(row scanner) (store.Client, error) {
	var (
		c                                                store.Client
		since, issuedAt                                  int64
		metadata, statement, application, kept, reserved []byte
	)
	if err := row.Scan(&c.ID, &c.Version, &c.State, &since, &issuedAt, &c.Environment, &c.Issuer, &c.SoftwareID, &c.OrgID,
		&metadata, &statement, &application, &c.UniqueKey, &c.SecretHash, &c.SealedSecret, &reserved, &kept); err != nil {
		return store.Client{}, err
	}
	c.Since, c.IssuedAt = time.Unix(since, 0).UTC(), time.Unix(issuedAt, 0).UTC()
	c.Metadata, c.SoftwareStatement, c.Reserved = metadata, string(statement), reserved
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

// previousClient is the form in which a record keeps its Previous, which is always
// Active. Metadata are bytes here: as a JSON member they would be written anew.
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
}

func keep(c store.Client) previousClient {
	return previousClient{
		ID: c.ID, Version: c.Version, Since: c.Since.Unix(), IssuedAt: c.IssuedAt.Unix(), Environment: c.Environment,
		Issuer: c.Issuer, SoftwareID: c.SoftwareID, OrgID: c.OrgID, Metadata: c.Metadata, Statement: []byte(c.SoftwareStatement),
		Application: c.Application, UniqueKey: c.UniqueKey, SecretHash: c.SecretHash, SealedSecret: c.SealedSecret,
	}
}

func (p previousClient) client() *store.Client {
	return &store.Client{
		ID: p.ID, Version: p.Version, State: store.Active,
		Since: time.Unix(p.Since, 0).UTC(), IssuedAt: time.Unix(p.IssuedAt, 0).UTC(), Environment: p.Environment,
		Issuer: p.Issuer, SoftwareID: p.SoftwareID, OrgID: p.OrgID, Metadata: p.Metadata, SoftwareStatement: string(p.Statement),
		Application: p.Application, UniqueKey: p.UniqueKey, SecretHash: p.SecretHash, SealedSecret: p.SealedSecret,
	}
}
