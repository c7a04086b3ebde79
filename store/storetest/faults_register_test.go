package storetest

// registerFaults are those of the audit trail, of Search and of Purge.
func registerFaults() [][2]string {
	const fields, written = "Search finds by each field, and by all of them together", "an entry comes back as it was written"
	const order, ages = "Search is in the order of IssuedAt, then of the bytes of the ID", "Search has IssuedFrom and leaves out IssuedBefore"
	const history, trail = "History walks over the entries of one record in the order of their versions", "ListAudit walks over all entries in the order of their IDs"
	const bounded, removed = "Purge forgets the reservations that ended first, and no more than the limit", "Purge forgets all entries about records removed before DeletedBefore"
	const byAge, named = "Purge forgets entries older than AuditBefore, oldest first", "a record is found by a client_id that it had, for its history"
	const again = "Purge leaves the history of an ID that is used again, until it was removed again"
	return [][2]string{
		{"notes what was before", "a change leaves its entry, which says how the record is after it"},
		{"notes no removal", "a change leaves its entry, which says how the record is after it"},
		{"notes no undo", "a change that is undone leaves an entry of either"},
		{"notes no removal", "a change that is undone leaves an entry of either"},
		{"writes the entry first", "a change that is refused leaves no entry"},
		{"writes the entry first", "of 64 with one jti one leaves an entry"},
		{"notes what says nothing", "a change without an audit record leaves no entry"},
		{"cuts the reason", written},
		{"takes null for none", written},
		{"hands out live pointers", "an entry that comes in or out is the caller's"},
		{"numbers the entries", "each entry has an ID of its own that begins with its time"},
		{"drops the history with the record", "a history outlives its record"},
		{"writes over an entry of the same version", "a record of an ID that is used again has its entries too"},
		{"finds histories by their beginning", history},
		{"repeats the last", history},
		{"lists without a limit", history},
		{"lists the trail by records", trail},
		{"repeats the last", trail},
		{"lists without a limit", trail},
		{"finds the record by its ID", named},
		{"finds who has the client_id now", named},
		{"finds who had the client_id first", "the newest entry says which record had a client_id last"},
		{"ignores the context", "a context that has ended reads no trail"},
		{"notes by a clock of its own", "an entry is of the time of the store's clock"},
		{"orders a history by time", "a history is in order though the clock was set back"},
		{"checks, then writes", "a history has each version once"},
		{"writes the entry late", "who sees a change sees its entry"},

		{"searches any organisation", fields},
		{"searches any software", fields},
		{"searches any environment", fields},
		{"searches any state", fields},
		{"searches the past", fields},
		{"searches the future", fields},
		{"searches without case", "Search compares bytes, and an empty field asks for nothing"},
		{"orders ties without case", order},
		{"walks on by the second alone", order},
		{"turns the seconds alone", order},
		{"searches by whole seconds", ages},
		{"searches the end of a period too", ages},
		{"counts its way", "a walk of Search meets each lasting record once"},
		{"counts its way", "walks beside changes meet each lasting record once"},
		{"needs the record of its cursor", "Search goes on after a record that is gone, or was never there"},
		{"searches what is in force", "Search sees a record as it is after its last change"},
		{"searches in part", "Search gives whole records"},
		{"hands out live pointers", "Search gives whole records"},
		{"lists without a limit", "Search gives none where the limit is below 1, or the context has ended"},

		{"remembers no mark", "Purge forgets reservations that have ended, and raises the mark"},
		{"purges without a limit", bounded},
		{"purges what ended last", bounded},
		{"purges what is in force", "Purge leaves the jti of a change under way, and Undo gives it back"},
		{"purges on the day", byAge},
		{"purges the youngest first", byAge},
		{"purges without a limit", byAge},
		{"purges records that are there", removed},
		{"purges removed records by the age of each entry", removed},
		{"purges the removal first", "Purge by DeletedBefore leaves the record that was removed last to be found"},
		{"purges what came again", again},
		{"purges by the first removal", again},
		{"takes the newest entry for the last", "Purge forgets a record that was removed after the clock was set back"},
		{"purges without a limit", "Purge by both dates keeps to the limit of each"},
		{"counts all twice", "Purge by both dates keeps to the limit of each"},
		{"needs the entry before", "a history goes on after a purge"},
		{"checks, then writes", "what 16 purge at once is forgotten once"},
		{"ignores the context", "a purge in a context that has ended forgets nothing"},
	}
}

// transferFaults are those of a register that is moved.
func transferFaults() [][2]string {
	const same, goesOn = "a register that is moved is the same, whatever is in it", "a change under way goes on after the move, and may be undone"
	const record, entry = "a record that the store has with another content is ErrExists", "an entry that the store has with another content is ErrExists"
	const once, taken = "a jti is used once though the register was moved", "a batch takes no unique key and no client_id of another record"
	const reservation = "a reservation that the store has with another content is ErrExists"
	return [][2]string{
		{"moves no Previous", same},
		{"moves no sealed secret", same},
		{"moves all as Active", same},
		{"moves no Reserved", same},
		{"moves no owner of a reservation", goesOn},
		{"moves no Reserved", goesOn},
		{"moves no Previous", goesOn},
		{"moves no reservation of a removed record", once},
		{"moves no mark", "the mark is moved with the register"},
		{"lowers the mark", "the mark is moved with the register"},
		{"moves no reservation that has ended", "reservations that have ended are moved or marked"},
		{"repeats the last", "ListReservations walks over all reservations in the order of their keys"},
		{"lists without a limit", "ListReservations walks over all reservations in the order of their keys"},
		{"hands out live pointers", "what comes out of a Transfer, or goes into it, is the caller's"},
		{"ignores the context", "a context that has ended moves nothing"},
		{"counts what it had", "the same import again writes nothing"},
		{"takes nothing twice", "the same import again writes nothing"},
		{"takes nothing twice", "what is in a batch twice is written once"},
		{"overwrites on import", record},
		{"imports half", record},
		{"overwrites reservations on import", reservation},
		{"imports half", reservation},
		{"keeps its own entry on import", entry},
		{"looks for an entry in its history", entry},
		{"imports half", entry},
		{"imports taken keys", taken},
		{"looks at no key to return to", taken},
		{"imports half", taken},
		{"imports anything", "a record, reservation or entry that no store can have is ErrState"},
		{"checks, then writes", "what 16 import at once is written once"},
		{"checks, then writes", "of 16 that import or create one record one wins"},
		{"checks, then writes", "of 16 that import or use one jti one wins"},
		{"checks, then writes", "of 16 that import or create one unique key one wins"},
	}
}
