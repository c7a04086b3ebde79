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
// its members. From then on a store commits the audit record in the transaction of the
// change, so that neither exists without the other.
type Audit struct {
	_ [0]func() // not comparable, so that a later member may have any type
}
