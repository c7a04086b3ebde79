package dcr

import "slices"

// Reach says for which organisations a person may act. The zero Reach is none.
type Reach struct {
	// All is every organisation: an operator of the bank.
	All bool
	// Organisations are the org_id of those that the person may act for.
	Organisations []string
	// Issuers are the directories (iss of statements) whose organisations these are. Another
	// directory may give the same org_id to somebody else.
	Issuers []string
}

// Covers reports whether the person may act for an organisation of a directory.
func (r Reach) Covers(issuer, orgID string) bool {
	return r.All || orgID != "" && slices.Contains(r.Organisations, orgID) && slices.Contains(r.Issuers, issuer)
}
