// Package report writes what package validate found, for one file or for many. A [Writer]
// writes text for people, one line a finding for editors and for GitHub's workflows, JSON
// for programs, SARIF for code scanning, and JUnit for CI. It reads the results that it is
// given and nothing else.
package report
