// Package store keeps registered clients. [Store] is the contract of a store.
// [NewMemory] makes a store for tests and sandboxes, sqlite.Open of store/sqlite one
// for a bank on a single machine, and postgres.Open of store/postgres one that many
// processes share. A bank that writes a store of its own tests it with package
// store/storetest.
//
// A registration burns the request's jti: Create and Update take the reservation in
// a [Change] and commit it together with the record, so that a fault leaves neither.
//
// A registration may concern a second system too, the bank's authorization server,
// and no transaction spans both. So a record says how far its change has come
// ([State]), and readers see what is in force ([Client.Visible]). The methods of
// [Unfinished] find a change that stopped half-way, and undo it.
//
// # Capabilities
//
// A store has further interfaces for what not every bank needs:
//
//   - [Unfinished], for a registrar with a provisioner, which is a second system
//   - [ClientIDs], where the authorization server chooses the client_id
//   - [Pending], where a policy lets a person decide
//   - [Lister] and [Searcher], for portals and operators
//   - [NameSearcher], for a search box
//   - [Auditor], for an audit trail in the transaction of each change, and [Noter], for what
//     changed no record
//   - [Subscriptions], of clients to the APIs of the bank
//   - [Users] and [Sessions], for a portal
//   - [Purger], to forget what a bank need not keep any more
//   - [Transfer], to move a register to another store, together with Lister and Auditor
//   - [Prober], for the readiness of a server
//   - [Replay], for the jti of client assertions and for a bank that keeps jti elsewhere
//
// A store that wraps another one has an interface if it has the methods itself: a wrapper
// without History hides the audit trail.
//
// # For the author of a store
//
// One transaction: a change writes its record, its unique keys and client_id, its reservation,
// the mark and its audit entry, or none of them. In SQL this is a transaction; in Redis a
// script whose keys are all in one slot; in DynamoDB one TransactWriteItems with a condition
// on each item. A unique key, a client_id and the key of a reservation are best rows or items
// of their own, found by their value: an index that lags behind lets two through.
//
// A Subscribe and an Unsubscribe write the record too, with its next Version: two changes of one
// record never both succeed. Subscriptions go with their record, whoever removes it: in SQL by a
// foreign key with ON DELETE CASCADE, else in each transaction that removes one. An EndSession
// leaves the Key behind, without Data, where there was no session as well: PutSession writes where
// nothing ended stands, in one statement or with a condition. Of two first calls of SignIn for one
// Email the one that inserted is the first, also where its answer was lost.
//
// Visibility: what a call has committed every later call sees, in each process that shares the
// store. A client that was deleted by one is gone for all. So an author asks DynamoDB for
// consistent reads, answers GetByClientID and the lists from items of the transaction rather
// than from a global secondary index, and reads neither a replica of a database nor a cache.
//
// Durability: a nil error means that the change outlives a crash of the process and of the
// machine. Redis has to write its log at each change (appendfsync always), and a replica that
// may take over has to have it before the answer.
//
// Unknown outcomes: a connection may break between a commit and its answer. The store then
// finds out before it answers, by something that the change alone has written: an ID of the
// attempt in the record, or the ID of the audit entry. It neither repeats a change blindly nor
// reports a failure that it only suspects. Where it cannot find out in time, its error is none
// of the Err values and says so. The record that stands, and for a sender the jti, tell later:
// the same request is ErrReplayed once it was served, and accepted if it was not.
//
// Content: texts are UTF-8, bytes are bytes, and both come back as they were. [Client.Metadata]
// and [Client.UpstreamMembers] are JSON that a store must not write anew, as encoding/json does
// with a json.RawMessage and SQL with a column of type jsonb: it keeps them as bytes. The
// values of an [AuditChange] may be written anew, since [NewAuditEntry] and [ForImport] have
// written them as json.Marshal does. IDs, unique keys and client_ids are compared, and ordered,
// by their bytes (in SQL: COLLATE "C" or BINARY). nil and empty bytes are the same. A NUL is
// possible in the texts of [Client.Application] alone. Users, sessions, subscriptions and notes with one are
// refused by the functions that say what is written.
//
// Time: IssuedAt, Since, the end of a reservation and the times of a user are whole seconds of any year, an
// AuditEntry's At and the end of a session whole milliseconds, all in UTC. The zero time.Time is one of them: it is
// before all others. The store's clock says when reservations end and when an entry was
// written. Processes that share a store best go by one clock, that of the database.
//
// Size: IDs, client_ids, unique keys, environments and the IDs of organisations and software have
// at most 1,000 bytes. A record takes 5 to 10 KB as a rule. The suite writes one of 512 KiB, twice as much
// with a Previous. Where an item may not be so large, as in DynamoDB, a record lies in parts
// that one transaction writes, or compressed.
//
// Rules: [ForCreate], [ForUpdate], [ForDelete], [ForUndo], [ForSubscribe], [ForUnsubscribe],
// [ForSignIn], [ForSession], [NewAuditEntry], [NewNote] and [ForImport] compute what to write,
// [ForSearch] brings a [Query] into the form to be answered, [ForSearchName] answers a search by
// name by pages of a search and needs no index, and [SameRecord] and [SameEntry] tell whether an import meets what is
// there. They hold the rules about states; a store writes what they return and decides nothing
// by itself. [Reservation] describes the mark of what was forgotten.
package store
