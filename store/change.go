package store

// Change is what a store commits together with a record, in one transaction with it.
// The zero Change commits nothing beside the record. Later versions may add members.
type Change struct {
	// Reservation is the jti of the request that asked for the change.
	Reservation Reservation
	// Audit is what the change says of itself for the audit trail, in a store with Auditor.
	Audit Audit
	// Unsubscribe names the APIs whose subscriptions end with an Update, in a store with
	// Subscriptions. One that is not subscribed to is no error. Other changes do not look at it.
	// No Undo brings a subscription back: a change in two steps names them with the last one.
	Unsubscribe []string
}

// reserved returns what a record keeps of the reservation: its key, nil for none.
func (c Change) reserved() []byte {
	if c.Reservation.IsZero() {
		return nil
	}
	key := c.Reservation.Key()
	return key[:]
}
