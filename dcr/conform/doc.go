// Package conform runs conformance cases of OBIE Dynamic Client Registration against a
// bank, over mutual TLS, in the role of a TPP.
//
// Cases lists the cases. Run plays them and returns a Report, which has every exchange of
// every case without the secrets in it. A Report writes itself as text, JSON, JUnit and
// HTML; ReadReport reads the JSON back, and Compare tells what has changed between two.
//
// A run creates clients at the bank and deletes them. It touches no client that it has not
// created itself. Each client is in a list from the moment that an answer names it, whether
// its case expected that or not; the list is worked off after each case, and at the end of
// the run, also when the run is interrupted. Report.Left has those that could not be
// deleted.
//
// # Verdicts
//
//	passed       the bank did what the clause demands
//	failed       it did something else
//	allowed      it did something that its policy, or the text, leaves open: the result names what
//	not_offered  the bank has no GET, PUT or DELETE, or announces no method, algorithm or endpoint that the case is about
//	not_run      the case needs something that the run does not have, such as a bank of another policy: the result names it
//	error        no usable answer came: the bank hung, closed the connection, or sent no HTTP
//
// # How to write a case
//
// A case is a value of Case in a table of a file case_*.go, grouped by Group. Its ID is stable and
// begins with the group: "register.valid". It tells one fact. Title is a sentence that says what a bank
// must do, and Citation is the clause that demands it.
//
//   - run gets a play, and ends by returning, which is the verdict passed, or by a method of play that
//     ends it: expect..., fail, allowed, notOffered, notRun. They do not return when they end the case,
//     so that the next line may rely on what they have checked. A run that panics is an error, and its
//     clients are deleted all the same.
//   - Needs names what must be there: the engine gives not_offered or not_run by itself where it is not.
//   - A case sends by play alone: register, update, get, delete, token, send. These record the exchange
//     and the client. They return the Exchange, also where no answer came: the expect... functions
//     make an error of that, lost asks for it.
//   - A case never deletes for tidiness. The engine deletes what the case has made.
//   - A case relies on no other case and no other client than its own. Cases run beside each other
//     unless Alone is set. A race inside of one case is made by play.together.
//   - A case takes what the bank takes from play.policy, not from a constant: method, algorithms,
//     scopes, created status.
//   - A bad request is made of the good one by changes: set, remove, header, claim, ... A change of the
//     statement (claim) needs NeedMint; forged makes one that nobody signed rightly, and needs nothing.
//   - A refusal is checked by expectRefusal with the rules that are broken. It knows status and code of each
//     rule, takes any code where the text leaves it open, and gives allowed where the rule is
//     one of the bank's policy, or stricter than the text, and the run does not hold the bank to it.
package conform
