package store

// Change is what a store commits together with a record, in one transaction with it.
// The zero Change commits nothing beside the record. Later versions may add members.
type Change struct {
	// Reservation is the jti of the request that asked for the change.
	Reservation Reservation
	// Audit is the audit record of the change.
	Audit Audit
}

// reserved returns what a record keeps of the reservation: its key, nil for none.
func (c Change) reserved() []byte {
	if c.Reservation.IsZero() {
		return nil
	}
	key := c.Reservation.Key()
	return key[:]
}

// Audit is the audit record of a change. It is empty for now: a later version defines
// its members. Once it has some, a store keeps it in the transaction of the change, so
// that there is neither a change without its audit record nor the reverse.
type Audit struct {
	_ [0]func() // makes it incomparable, so that members of any type may follow
}
