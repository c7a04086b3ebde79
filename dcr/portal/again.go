package portal

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// A browser whose button is pressed twice throws the answer to the first form away, and a client
// secret with it. So what a form was answered is kept for a while, for the same form of the same
// session. The key to it comes from the identifier of the session, of which the store has the
// hash alone: who reads the store finds no secret, and a session that has ended opens nothing.

const (
	answerLife    = 10 * time.Minute       // how long an answer is kept
	answerWait    = 500 * time.Millisecond // how long a form waits for the answer of one that was done
	underWayWait  = 5 * time.Second        // and of one that is under way
	answerLook    = 100 * time.Millisecond // how often it looks
	answerLooks   = 5                      // how often at least, however long a look takes
	answerWriting = 5 * time.Second        // how long it may take to keep one
)

// keptAnswer is what is kept of an answer.
type keptAnswer struct {
	Operation dcr.Operation
	ID        string // of the record
	Version   int64  // the secret is that of this version
	Secret    string `json:",omitempty"`
}

// answerOf returns where the answer to the form of the request is kept, and what seals it. There
// is none for a form that does not say which one it is.
func (v *visit) answerOf() (key string, aead cipher.AEAD, ok bool) {
	form := v.r.PostForm
	if form.Get(fieldOnce) == "" && form.Get(fieldConfirmed) == "" {
		return "", nil, false
	}
	session := v.sessions.Token(v.ctx())
	label := hashed(v.r.URL.Path + "\n" + form.Encode())
	secret, err := hkdf.Key(sha256.New, []byte(session), nil, "answer to a form\n"+label, 32)
	if err != nil || session == "" {
		return "", nil, false
	}
	block, err := aes.NewCipher(secret)
	if err == nil {
		aead, err = cipher.NewGCMWithRandomNonce(block)
	}
	return "answer " + hashed(session+"\n"+label), aead, err == nil
}

// keepAnswer keeps what the form of the request did, also for a browser that has gone. Where it
// cannot be kept, the answer is shown once.
func (v *visit) keepAnswer(op dcr.Operation, registration *dcr.Registration) {
	key, aead, ok := v.answerOf()
	if !ok || registration == nil {
		return
	}
	plain, err := json.Marshal(keptAnswer{op, registration.Client.ID, registration.Client.Version, registration.Secret.Reveal()})
	if err == nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(v.ctx()), answerWriting)
		defer cancel()
		err = v.records.keepSession(ctx, store.Session{Key: key, Data: aead.Seal(nil, nil, plain, nil), Until: v.config.Clock().Add(answerLife)})
	}
	if err != nil {
		v.config.Logger.WarnContext(v.ctx(), "what a form was answered cannot be kept", "error", text.Bounded{Err: err})
	}
}

// answered returns what the same form did before; nil where that is not known, or not true any
// more. It waits for an answer that is about to be kept. Where the machine stands still for longer
// than the wait, it looks again after that: whoever is about to keep the answer stood still too.
func (v *visit) answered(wait time.Duration) *dcr.Registration {
	key, aead, ok := v.answerOf()
	if !ok {
		return nil
	}
	end, least := time.Now().Add(wait), 0
	if wait > 0 {
		least = answerLooks
	}
	for looks := 0; ; looks++ {
		session, err := v.records.session(v.ctx(), key)
		if err == nil && v.config.Clock().Before(session.Until) {
			return v.opened(aead, session.Data)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) || looks >= least && !time.Now().Before(end) {
			return nil
		}
		select {
		case <-time.After(answerLook):
		case <-v.ctx().Done():
			return nil
		}
	}
}

// opened returns what a sealed answer says, if its record is as it was. The audit trail tells of
// a secret that is shown again.
func (v *visit) opened(aead cipher.AEAD, sealed []byte) *dcr.Registration {
	plain, err := aead.Open(nil, nil, sealed, nil)
	if err != nil {
		return nil
	}
	var kept keptAnswer
	if json.Unmarshal(plain, &kept) != nil {
		return nil
	}
	record, err := v.records.get(v.ctx(), kept.ID)
	if err != nil || record.Version != kept.Version || !v.reach().Covers(record.Issuer, record.OrgID) {
		return nil
	}
	v.config.Registrar.Note(v.ctx(), dcr.Note{Operation: string(kept.Operation), Decision: dcr.DecisionDenied, Client: &record,
		Reason: "this was sent before, and was done: it was not done again, and its answer was shown again"})
	return &dcr.Registration{Client: record, Secret: claims.NewSecret(kept.Secret), Pending: record.State == store.PendingCreate}
}

// onlyOnce carries a form out, or returns what the same form did before. One that is under way
// in another request is waited for.
func (v *visit) onlyOnce(op dcr.Operation, do func() (*dcr.Registration, error)) (*dcr.Registration, error) {
	if before := v.answered(0); before != nil {
		return before, nil
	}
	registration, err := do()
	if errors.Is(err, store.ErrReplayed) {
		underWay := errors.Is(err, store.ErrUnderWay)
		wait := answerWait
		if underWay {
			wait = underWayWait
		}
		if before := v.answered(wait); before != nil {
			return before, nil
		}
		if underWay { // it may have failed meanwhile
			registration, err = do()
		}
	}
	if err == nil {
		v.keepAnswer(op, registration)
	}
	return registration, err
}
