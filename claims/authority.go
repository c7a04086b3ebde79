package claims

import (
	"encoding/json"

	"github.com/obdcr/obdcr/internal/jsonscan"
)

// maxEntries bounds the authority claims, authorisations and roles with a status of one
// statement: each takes many times the room of its JSON text.
const maxEntries = 200

func readAuthority(r *reader, v jsonscan.Value) (Authority, bool) {
	a := Authority{List: v.Kind() == jsonscan.Array}
	before := r.failed
	switch v.Kind() {
	case jsonscan.Object:
		a.Claims = []AuthorityClaims{readAuthorityClaims(r, v)}
	case jsonscan.Array:
		a.Claims = readEntries(r, v, readAuthorityClaims)
	default:
		r.wrong(v, "object or array of objects")
	}
	if r.failed > before {
		return Authority{}, false
	}
	a.Raw = json.RawMessage(v.Raw())
	return a, true
}

// readEntries reads an array of objects. It reads none where the document then has
// more entries than maxEntries.
func readEntries[T any](r *reader, v jsonscan.Value, read func(*reader, jsonscan.Value) T) []T {
	if v.Kind() != jsonscan.Array {
		r.wrong(v, "array of objects")
		return nil
	}
	count := v.Len()
	if r.entries += count; r.entries > maxEntries {
		r.fault("too many entries", "at most 200 authority claims, authorisations and roles in all")
		return nil
	}
	entries := make([]T, 0, count)
	for i, e := range v.Elements() {
		r.item(i)
		if e.Kind() == jsonscan.Object {
			entries = append(entries, read(r, e))
		} else {
			r.wrong(e, "object")
		}
		r.leave()
	}
	return entries
}

func readAuthorityClaims(r *reader, v jsonscan.Value) AuthorityClaims {
	var a AuthorityClaims
	for name, m := range v.Members() {
		if m.Kind() == jsonscan.Null {
			continue // as absent
		}
		r.enter(name)
		switch name {
		case "authority_id":
			readText(r, m, &a.AuthorityID)
		case "registration_id":
			readText(r, m, &a.RegistrationID)
		case "status":
			readText(r, m, &a.Status)
		case "authorisations":
			a.Authorisations = readEntries(r, m, readAuthorisation)
		}
		r.leave()
	}
	return a
}

func readAuthorisation(r *reader, v jsonscan.Value) Authorisation {
	var a Authorisation
	for name, m := range v.Members() {
		if m.Kind() == jsonscan.Null {
			continue // as absent
		}
		r.enter(name)
		switch name {
		case "member_state":
			readText(r, m, &a.MemberState)
		case "roles":
			a.Roles, _ = listOf[Role](r, m)
		}
		r.leave()
	}
	return a
}

func readText(r *reader, v jsonscan.Value, into *Optional[string]) {
	if s, ok := r.text(v, true); ok {
		into.set(s)
	}
}

// writeAuthority returns the text that was sent. For claims that a program made it
// returns the text that a directory would send.
func writeAuthority(a Authority) any {
	if len(a.Raw) > 0 {
		return a.Raw
	}
	list := make([]map[string]any, len(a.Claims))
	for i, c := range a.Claims {
		list[i] = map[string]any{}
		putText(list[i], "authority_id", c.AuthorityID)
		putText(list[i], "registration_id", c.RegistrationID)
		putText(list[i], "status", c.Status)
		authorisations := make([]map[string]any, len(c.Authorisations))
		for j, one := range c.Authorisations {
			authorisations[j] = map[string]any{"roles": append([]Role{}, one.Roles...)}
			putText(authorisations[j], "member_state", one.MemberState)
		}
		if c.Authorisations != nil {
			list[i]["authorisations"] = authorisations
		}
	}
	if !a.List && len(list) == 1 {
		return list[0]
	}
	return list
}

func putText(into map[string]any, name string, value Optional[string]) {
	if s, ok := value.Get(); ok {
		into[name] = s
	}
}

// authorityText returns the JSON text of the claim.
func authorityText(a Authority) string {
	raw, err := json.Marshal(writeAuthority(a))
	if err != nil {
		return ""
	}
	return string(raw)
}
