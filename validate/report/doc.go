// Package report writes what package validate found: [Text] for people, [JSON] for
// programs, [SARIF] for code scanning, and [JUnit] for CI. Each takes a report of
// [validate.Validator.Judge] and reads nothing else.
package report
