package dcr

import (
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
)

// Operation is what a request, or Reconcile, does to a client.
type Operation string

// The operations. A Change never has OpRead, which changes nothing, or OpReconcile, nor
// OpSubscribe and OpUnsubscribe, which leave the client as it is registered. One of OpReprovision is a client whose client_id the authorization server changed.
const (
	OpCreate    Operation = "create"
	OpRead      Operation = "read"
	OpUpdate    Operation = "update"
	OpDelete    Operation = "delete"
	OpReconcile Operation = "reconcile"

	OpReprovision Operation = "reprovision"

	OpSubscribe   Operation = "subscribe"
	OpUnsubscribe Operation = "unsubscribe"
)

// Change is what is done to a client.
type Change struct {
	Operation   Operation     // OpCreate, OpUpdate, OpDelete or OpReprovision
	Before      *store.Client // nil at create
	After       *store.Client // nil at delete
	RolesGained []claims.Role // software roles that only the new statement has
	RolesLost   []claims.Role // software roles that only the old statement has
	Actor       Actor         // who asks for it
	Reason      string        // why, of Remove and of ApprovePending; else ""
	// Access is the TPP's access token of an update or a delete. It is nil where no token
	// asks for the change.
	Access *token.AccessToken
}

// side is the client before or after a change. The zero side means that there is none.
type side struct {
	client *store.Client
	roles  []claims.Role
}

func compare(op Operation, before, after side) Change {
	return Change{Operation: op, Before: before.client, After: after.client,
		RolesGained: without(after.roles, before.roles), RolesLost: without(before.roles, after.roles)}
}

// copied returns a deep copy for a hook: a hook that writes to it cannot change what is
// stored.
func (c Change) copied() Change {
	c.Before, c.After = copyOf(c.Before), copyOf(c.After)
	if c.Access != nil {
		access := *c.Access
		access.Scope, access.Audience = slices.Clone(access.Scope), slices.Clone(access.Audience)
		c.Access = &access
	}
	c.RolesGained, c.RolesLost = slices.Clone(c.RolesGained), slices.Clone(c.RolesLost)
	return c
}

func copyOf(c *store.Client) *store.Client {
	if c == nil {
		return nil
	}
	record := c.Clone()
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

// Members returns the names of the registered members that changed, sorted. At create and
// delete these are all members. Reordering an array counts as a change.
func (c Change) Members() []string {
	old, current := registeredOf(c.Before), registeredOf(c.After)
	var changed []string
	for len(old) > 0 || len(current) > 0 {
		switch {
		case len(current) == 0 || len(old) > 0 && old[0].name < current[0].name:
			changed, old = append(changed, old[0].name), old[1:]
		case len(old) == 0 || current[0].name < old[0].name:
			changed, current = append(changed, current[0].name), current[1:]
		default:
			if old[0].value != current[0].value {
				changed = append(changed, old[0].name)
			}
			old, current = old[1:], current[1:]
		}
	}
	return changed
}

// registeredOf returns the members of a record, sorted. A record whose metadata is no JSON
// has none: another program wrote it into the store.
func registeredOf(c *store.Client) []member {
	if c == nil {
		return nil
	}
	members, err := appendMembers(make([]member, 0, 32), string(c.Metadata), func(string) bool { return true })
	if err != nil {
		return nil
	}
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	return members
}
