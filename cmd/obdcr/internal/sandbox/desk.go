package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// pendingPath is where a person decides on what waits for approval: GET lists it, and POST
// to {path}/{client_id}/approve or .../refuse decides. Anybody who reaches the sandbox's
// bank may do so.
const pendingPath = "/pending"

// maxListed is how many changes that wait are listed.
const maxListed = 1000

// waitingChange is a change in the list.
type waitingChange struct {
	ClientID   string        `json:"client_id"`
	Operation  dcr.Operation `json:"operation"`
	SoftwareID string        `json:"software_id"`
	Since      string        `json:"since"` // RFC 3339
}

// decide serves pendingPath. It returns false for any other path, and where no change
// waits for anybody by the bank's policy.
func (b *bank) decide(w http.ResponseWriter, r *http.Request) bool {
	rest, ours := strings.CutPrefix(r.URL.EscapedPath(), pendingPath)
	if !ours || len(b.Policy().PendingChanges) == 0 {
		return false
	}
	id, what, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	method, do := http.MethodPost, b.approve
	switch {
	case rest == "":
		method, do = http.MethodGet, b.listWaiting
	case what == "refuse":
		do = b.refuse
	case what != "approve":
		return false
	}
	if r.Method != method {
		w.Header().Set("Allow", method)
		complain(w, http.StatusMethodNotAllowed, "use "+method)
		return true
	}
	text.NoStore(w.Header())
	do(w, r.WithContext(dcr.WithActor(r.Context(), dcr.Actor{Kind: dcr.ActorOperator, Name: "sandbox"})), id)
	return true
}

func (b *bank) listWaiting(w http.ResponseWriter, r *http.Request, _ string) {
	found, err := b.Registrar().ListPending(r.Context(), "", maxListed)
	if err != nil {
		undecided(w, err)
		return
	}
	list := []waitingChange{}
	for _, c := range found {
		op := dcr.OpCreate
		if c.State == store.PendingDelete {
			op = dcr.OpDelete
		}
		list = append(list, waitingChange{ClientID: c.ID, Operation: op, SoftwareID: c.SoftwareID, Since: c.Since.Format(time.RFC3339)})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"pending": list}) // an error means that the client has hung up
}

// approve answers with the client and its secret, if it has one, or with 204 for a deletion.
func (b *bank) approve(w http.ResponseWriter, r *http.Request, id string) {
	registration, err := b.Registrar().ApprovePending(r.Context(), id)
	if err != nil {
		undecided(w, err)
		return
	}
	if registration == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	body, err := dcr.Response(registration.Client, registration.Secret, b.Policy())
	if err != nil {
		undecided(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // an error means that the client has hung up
}

func (b *bank) refuse(w http.ResponseWriter, r *http.Request, id string) {
	if err := b.Registrar().RefusePending(r.Context(), id, "refused in the sandbox"); err != nil {
		undecided(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// undecided answers for a decision that could not be made.
func undecided(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	var e *dcr.Error
	switch {
	case errors.As(err, &e):
		status = e.Status
	case errors.Is(err, dcr.ErrNotPending) || errors.Is(err, store.ErrNotFound):
		status = http.StatusNotFound
	}
	complain(w, status, text.ASCII(err.Error(), text.MaxDescription))
}
