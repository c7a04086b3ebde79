package dcr

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
)

// Operation is what is done to a client.
type Operation string

// The operations. OpRead changes nothing and OpReconcile is nobody's request, so
// that neither is ever in a Change.
const (
	OpCreate    Operation = "create"
	OpRead      Operation = "read"
	OpUpdate    Operation = "update"
	OpDelete    Operation = "delete"
	OpReconcile Operation = "reconcile"
)

// Change is what a request does to a client.
type Change struct {
	Operation   Operation     // OpCreate, OpUpdate or OpDelete
	Before      *store.Client // nil at create
	After       *store.Client // nil at delete
	RolesGained []claims.Role // software roles that the new statement has and the old one had not
	RolesLost   []claims.Role // the reverse
	// Members are the registered members that are not as before, by name, sorted;
	// all of them at create and delete. An array in another order is not as before.
	Members []string
}

// side is one side of a change. The zero side is no client.
type side struct {
	client *store.Client
	roles  []claims.Role
}

// compare gives copies of the records, so that a hook which writes to them changes
// nothing.
func compare(op Operation, before, after side) Change {
	return Change{Operation: op, Before: copyOf(before.client), After: copyOf(after.client),
		RolesGained: without(after.roles, before.roles), RolesLost: without(before.roles, after.roles),
		Members: changedMembers(before.client, after.client)}
}

func copyOf(c *store.Client) *store.Client {
	if c == nil {
		return nil
	}
	record := *c
	record.Metadata = bytes.Clone(c.Metadata)
	return &record
}

// rolesOf are the software_roles of a statement.
func rolesOf(statement *ssa.Verified) []claims.Role {
	return statement.Claims().SoftwareRoles.Or(claims.Roles{}).Values
}

// without returns those of a that are not among b, each once.
func without(a, b []claims.Role) []claims.Role {
	var kept []claims.Role
	for _, role := range a {
		if !slices.Contains(b, role) && !slices.Contains(kept, role) {
			kept = append(kept, role)
		}
	}
	return kept
}

func changedMembers(before, after *store.Client) []string {
	old, current := membersOf(before), membersOf(after)
	changed := map[string]bool{}
	for name, value := range old {
		if !bytes.Equal(value, current[name]) {
			changed[name] = true
		}
	}
	for name := range current {
		if _, known := old[name]; !known {
			changed[name] = true
		}
	}
	return slices.Sorted(maps.Keys(changed))
}

// membersOf decodes what describe has encoded; a record that somebody else has
// written into the store, and not as JSON, has no members.
func membersOf(c *store.Client) map[string]json.RawMessage {
	members := map[string]json.RawMessage{}
	if c == nil || json.Unmarshal(c.Metadata, &members) != nil {
		return nil
	}
	return members
}
