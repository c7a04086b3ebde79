package storetest

// portalFaults are those of what a store keeps for a portal.
func portalFaults() [][2]string {
	const again, bytes = "a first sign-in makes a user, and later ones replace all but CreatedAt", "users are told apart by the bytes of their Email"
	const walk, forget = "ListUsers walks over all users in the order of their Email", "ForgetUser removes one user"
	const ended, whole = "a session that was ended is not brought back", "a session comes back as it was written, and is the caller's"
	const key = "the key of an ended session is remembered until the later of its times"
	const purge = "PurgeSessions forgets those whose time has passed, the earliest first"
	const lists, anyCase = "Search finds the records of any of the organisations and issuers", "SearchName finds whatever the case and the blanks"
	const each = "SearchName finds by each name of a record, and each by itself"
	return [][2]string{
		{"makes the user anew", again},
		{"calls nobody new", again},
		{"keeps the name of a user", again},
		{"keeps a role that was lost", again},
		{"keeps the latest sign-in", again},
		{"hands out live pointers", "a user that comes in or out is the caller's"},
		{"folds the case of keys", bytes},
		{"gives an empty user for none", bytes},
		{"lists users by name", walk},
		{"repeats the last", walk},
		{"lists without a limit", walk},
		{"forgets who is not there", forget},
		{"forgets everybody", forget},
		{"takes any user", "a user that no store can have is refused"},
		{"ignores the context", "a context that has ended signs nobody in"},
		{"checks, then writes", "of 16 first sign-ins at once one is the first"},

		{"hands out live pointers", whole},
		{"keeps the first session", "PutSession replaces a session"},
		{"prolongs no session", "PutSession replaces a session"},
		{"keeps parts of a millisecond", "the end of a session is kept in whole milliseconds of UTC"},
		{"folds the case of keys", "sessions are told apart by the bytes of their Key"},
		{"shows what is over", "a session ends by the store's clock"},
		{"takes any session", "a session that no store can have is refused"},
		{"ignores the context", "a context that has ended puts and ends no session"},
		{"brings back what was ended", ended},
		{"shows what was ended", ended},
		{"ends a session by removing it", ended},
		{"ends no session that is not there", ended},
		{"remembers the time given", key},
		{"never forgets", key},
		{"purges what ended last", purge},
		{"purges without a limit", purge},
		{"checks, then writes", "no session is there after its sign-out"},

		{"searches any of the organisations", lists},
		{"searches any issuer", lists},
		{"orders the lists of its caller", lists},
		{"goes through one organisation after the other", "Search of several organisations is in one order"},
		{"takes none for all", "Search of none of the organisations or issuers finds none"},

		{"searches no attribute", each},
		{"searches each attribute", each},
		{"runs names together", each},
		{"searches names with their case", anyCase},
		{"searches names by ASCII", anyCase},
		{"takes % for anything", "SearchName takes each character for itself"},
		{"searches names of anybody", "SearchName finds what the query wants alone, in its order"},
		{"looks at the first page of names", "SearchName finds one among many"},
		{"searches the first name", "SearchName sees a record as it is after its last change"},
		{"searches names in part", "SearchName sees a record as it is after its last change"},
		{"lists without a limit", "SearchName gives none where the limit is below 1, or the context has ended"},
	}
}

// subscriptionFaults are those of subscriptions and notes.
func subscriptionFaults() [][2]string {
	const kept, refused = "a subscription comes back as it was written, and counts the record's Version up",
		"Subscribe is refused for a stale version, a record in another state, and one that is subscribed"
	const apis, update = "subscriptions are told apart by the bytes of their API", "an Update ends the subscriptions that it names"
	const leaves, moved = "a subscription leaves its entry", "subscriptions are moved with the register"
	const other = "an import of another subscription, or of one without a record, changes nothing"
	const note, notRemoved = "a note is in the trail, as it was written, and in no history", "a note does not say that a record was removed"
	return [][2]string{
		{"counts no subscription", kept},
		{"forgets who subscribed", kept},
		{"forgets the role", kept},
		{"subscribes any version", refused},
		{"subscribes in any state", refused},
		{"subscribes again", refused},
		{"ends what is not there", refused},
		{"folds the case of APIs", apis},
		{"lists subscriptions in any order", apis},
		{"takes any subscription", "a subscription that no store can have is refused"},
		{"subscribes with a reservation", "a subscription that no store can have is refused"},
		{"notes no subscription", leaves},
		{"notes what was before", leaves},
		{"writes the entry first", leaves},
		{"ignores the context", "a context that has ended subscribes nobody"},
		{"ends all subscriptions by an update", "subscriptions outlive updates"},
		{"ends subscriptions by an undo", "subscriptions outlive an Undo"},
		{"ends no subscription by an update", update},
		{"ends all subscriptions by an update", update},
		{"ends those of other records", update},
		{"keeps the subscriptions of what is gone", "a record that is removed takes its subscriptions with it"},
		{"moves no subscription", moved},
		{"takes nothing twice", moved},
		{"overwrites subscriptions on import", other},
		{"imports subscriptions of nobody", other},
		{"imports half", other},
		{"imports anything", other},
		{"checks, then writes", "of 16 that subscribe at once one wins"},
		{"checks, then writes", "of 16 that subscribe or update one wins"},
		{"checks, then writes", "of 16 that subscribe or delete one wins"},

		{"shows notes in histories", note},
		{"cuts the reason", note},
		{"keeps the time of who notes", "a note has an ID and a time of the store's own"},
		{"finds a record by a note", "a note does not say which record had a client_id"},
		{"takes any note", "a note that no store can have is refused"},
		{"ignores the context", "a note that no store can have is refused"},
		{"notes one at a time", "of 16 notes at once each is there"},
		{"takes a note for a removal", notRemoved},
		{"purges no note", "Purge forgets notes by their age"},
		{"purges no note", "Purge forgets the notes about a record with its history"},
		{"moves no note", "notes are moved with the register"},
		{"imports anything", "notes are moved with the register"},
	}
}
