package ssa

import "time"

// What becomes of the keys of a software whose address answers 404.
const (
	missingAgain = 5 * time.Second // from the first 404 to the second read
	missingEnd   = time.Minute     // from the first 404 to the end of the kept keys, whatever is read
	// maxAgain bounds the second reads that are due at the same time. Beyond it the next
	// look-up that finds nothing fresh makes the second read.
	maxAgain = 1000
)

// fail remembers a failed fetch.
func (e *entry) fail(err error, now time.Time, memory time.Duration) {
	e.failure, e.retryIn, e.retryAt = err, memory, now.Add(memory)
}

// miss remembers the first 404 of a software's address, and has it read again. The kept
// keys are fresh until missingEnd at most, so that a look-up of one need not heed the mark.
// The caller holds the mutex.
func (r *RemoteKeys) miss(e *entry, now time.Time) {
	e.missingAt = now
	e.fail(ErrKeySetMissing, now, missingAgain)
	if end := now.Add(missingEnd); e.freshUntil.After(end) {
		e.freshUntil, e.life = end, missingEnd
	}
	if r.again < maxAgain && r.closed.Err() == nil {
		r.again++
		e.again = time.AfterFunc(missingAgain, func() { r.readAgain(e) })
	}
}

// readAgain makes the second read, unless a look-up has begun it or the entry was evicted.
func (r *RemoteKeys) readAgain(e *entry) {
	now := r.clock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.again != nil {
		r.launch(want{list: ofSoftware, url: e.url}, e, now, true)
	}
}

// unschedule takes back the second read that is due, if one is. The caller holds the mutex.
func (r *RemoteKeys) unschedule(e *entry) {
	if e.again != nil {
		e.again.Stop()
		e.again = nil
		r.again--
	}
}

// missed reports whether the kept keys end because the first 404 is missingEnd ago.
func (e *entry) missed(now time.Time) bool {
	return !e.missingAt.IsZero() && !now.Before(e.missingAt.Add(missingEnd))
}
