package upstream

import "sync"

// maxAbsences bounds an absences.
const maxAbsences = 10_000

// absences are the records of which the authorization server has no client for certain: it
// refused them. Without that, the undoing of each refused registration would look like that
// of one whose answer was lost.
type absences struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (a *absences) add(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ids == nil || len(a.ids) >= maxAbsences {
		a.ids = map[string]bool{}
	}
	a.ids[id] = true
}

// take reports whether the record is among them, and forgets it.
func (a *absences) take(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	found := a.ids[id]
	delete(a.ids, id)
	return found
}
