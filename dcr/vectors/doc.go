// Package vectors holds test vectors: registration requests and software
// statements as JSON files, each with what a bank must find in it. [Load] returns
// them all. [Vector.Input] and [Vector.PolicyFor] turn one into what package
// validate judges:
//
//	all, err := vectors.Load()
//	...
//	for _, v := range all {
//		for _, want := range v.Expect {
//			for _, profile := range want.Profiles {
//				policy, err := v.PolicyFor(profile)
//				...
//				judge, err := validate.New(validate.Config{Profile: profile, Policy: policy})
//				...
//				input, err := v.Input()
//				...
//				report := judge.Judge(input) // compare with want
//			}
//		}
//	}
//
// The files hold decoded headers and claims. Nothing in them is signed, so they
// need no keys, and a program in any language can read them.
//
// # The files
//
// [Files] holds base.json and two folders. A file in rules is about one rule, and
// its name is the rule's ID. A file in topics is about several rules at once.
//
// base.json has the version of the form, a clock, and four documents that break no
// rule of any profile: header and request are header and payload of the request
// JWT, ssa_header and ssa those of the software statement inside it. The
// software_statement of the request is a placeholder: a program that signs the
// documents puts the signed statement there.
//
// Each other file is an object with three members:
//
//	version   version of the form, 1
//	about     ID of the rule, or name of the topic; the file's name without .json
//	vectors   array of vectors
//
// A vector is an object. Only name, comment and expect are always there:
//
//	name         unique in its file; about, a slash and the name make the stable name
//	comment      what the vector shows, one sentence
//	header, request, ssa_header, ssa
//	             change of that document of the base: "set" holds members that
//	             replace or join those of the base, each as a whole; "remove" names
//	             members that are taken away
//	without      names of documents that are not there at all
//	clock        time of judgement (RFC 3339), instead of the base's
//	environment  environment of the trust anchor that verified the statement
//	certificate  client certificate: "der" is its subject in base64, "subject" the same
//	             as text (RFC 4514), for people
//	update       an object where the request would change a registered client (PUT); its
//	             "secret_differs" is true where the client has another client_secret,
//	             "transport_subjects" are the subjects of other transport certificates that
//	             the software publishes, each as in certificate, and
//	             "transport_subjects_unread" is true where nobody looked for them
//	policy       the bank's policy, as validate.ParsePolicy reads it; without it the
//	             default policy of the profile holds; its claim_names are the names of
//	             claims in the statement
//	extra        IDs of rules that a step with keys or a memory reports, a signature
//	             check for instance; the documents alone do not show the fault
//	expect       array of expectations, which name each profile at most once
//
// A profile that no expectation names is one that has no such policy. An
// expectation is an object:
//
//	profiles     profiles that it holds for
//	outcome      what became of the rule of the file: failed, passed, not_applicable,
//	             or none where the profile has no such rule; not in topics
//	valid        whether the request is accepted
//	wire         error code of RFC 7591 that a bank answers; only if not valid
//	status       HTTP status of an answer that has no code, instead of wire
//	violations   every violation, in no particular order: rule, severity, code (not
//	             with a status), document, and the RFC 6901 pointer into that document
//
// # Add a vector
//
// Write it into the file of its rule by hand, with what you expect from the text of
// the specification, then run the tests of this package. Nothing writes
// expectations anew: where a test finds something else it shows what it found, and
// either the rule or the expectation is wrong. A new rule needs a file with at
// least one vector that breaks the rule and one that keeps it, as near to the first
// as possible, and, where the rule has a When, one that it does not apply to. Names
// are stable: others refer to them.
package vectors
