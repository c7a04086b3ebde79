// Package archtest holds tests about the module as a whole: which packages may
// know which, what must be documented, how long code may get, and that what the
// documents show is there and runs. It has no code of its own.
package archtest
