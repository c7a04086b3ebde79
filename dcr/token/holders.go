package token

import "container/list"

// holder is a client that holds tokens.
type holder struct {
	clientID string
	tokens   *list.List    // of *heldToken, the oldest first
	place    *list.Element // in the list of those that hold as many
}

// holders are the clients that hold tokens. Each of its methods takes a time that does not
// depend on the number of clients and tokens.
type holders struct {
	byID    map[string]*holder
	byCount [MaxPerClient + 1]list.List // of *holder, by the number of tokens
}

func newHolders() holders { return holders{byID: map[string]*holder{}} }

// add gives a token to its client, which must hold fewer than MaxPerClient.
func (h *holders) add(t *heldToken) {
	of := h.byID[t.token.ClientID]
	if of == nil {
		of = &holder{clientID: t.token.ClientID, tokens: list.New()}
		h.byID[of.clientID] = of
	} else {
		h.byCount[of.tokens.Len()].Remove(of.place)
	}
	t.holder, t.age = of, of.tokens.PushBack(t)
	of.place = h.byCount[of.tokens.Len()].PushBack(of)
}

// remove takes a token from its client.
func (h *holders) remove(t *heldToken) {
	of := t.holder
	h.byCount[of.tokens.Len()].Remove(of.place)
	of.tokens.Remove(t.age)
	if of.tokens.Len() == 0 {
		delete(h.byID, of.clientID)
		return
	}
	of.place = h.byCount[of.tokens.Len()].PushBack(of)
}

// count returns how many tokens a client holds.
func (h *holders) count(clientID string) int {
	if of := h.byID[clientID]; of != nil {
		return of.tokens.Len()
	}
	return 0
}

// oldest returns the token of a client that was issued first; nil if it holds none.
func (h *holders) oldest(clientID string) *heldToken {
	of := h.byID[clientID]
	if of == nil {
		return nil
	}
	t, _ := of.tokens.Front().Value.(*heldToken) // add pushes no other type, and remove leaves no empty list
	return t
}

// greatest returns a client that holds most tokens: the given one if it is among them, else
// the one that has held so many for the longest time. It returns the given one, too, if there
// are no tokens.
func (h *holders) greatest(clientID string) string {
	for n := MaxPerClient; n > h.count(clientID); n-- {
		if first := h.byCount[n].Front(); first != nil {
			of, _ := first.Value.(*holder) // add pushes no other type
			return of.clientID
		}
	}
	return clientID
}
