// Package junit writes results as JUnit XML, in the elements and attributes that both the schema of Ant's JUnit task and
// that of Jenkins know.
package junit

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"time"
)

// Suite is a suite of test cases.
type Suite struct {
	XMLName    xml.Name   `xml:"testsuite"`
	Name       string     `xml:"name,attr"`
	Package    string     `xml:"package,attr"`
	ID         int        `xml:"id,attr"` // set by Writer.Add
	Timestamp  string     `xml:"timestamp,attr"`
	Hostname   string     `xml:"hostname,attr"`
	Tests      int        `xml:"tests,attr"`
	Failures   int        `xml:"failures,attr"`
	Errors     int        `xml:"errors,attr"`
	Skipped    int        `xml:"skipped,attr"`
	Time       string     `xml:"time,attr"` // seconds
	Properties []Property `xml:"properties>property"`
	Cases      []Case     `xml:"testcase"`
	Out        string     `xml:"system-out"`
	Err        string     `xml:"system-err"`
}

// Property is a fact about a suite.
type Property struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

// Properties makes properties of names and values in turn. One without a value is left out.
func Properties(pairs ...string) []Property {
	var all []Property
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			all = append(all, Property{Name: pairs[i], Value: pairs[i+1]})
		}
	}
	return all
}

// Case is a test case; without Skipped, Error and Failure it has passed.
type Case struct {
	ClassName string   `xml:"classname,attr"`
	Name      string   `xml:"name,attr"`
	Time      string   `xml:"time,attr"` // seconds
	Skipped   *Skipped `xml:"skipped,omitempty"`
	Error     *Fault   `xml:"error,omitempty"`
	Failure   *Fault   `xml:"failure,omitempty"`
}

// Fault is a failure or an error, with a text that may have several lines.
type Fault struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

// Skipped tells why a case was not run.
type Skipped struct {
	Message string `xml:"message,attr"`
}

// NewSuite returns a suite that began at a time.
func NewSuite(name, pkg string, at time.Time) *Suite {
	return &Suite{Name: name, Package: pkg, Timestamp: at.UTC().Format("2006-01-02T15:04:05"), Hostname: "localhost"}
}

// Count sets how many cases of the suite there are, and how many of them failed, are errors or were skipped.
func (s *Suite) Count() {
	s.Tests, s.Failures, s.Errors, s.Skipped = len(s.Cases), 0, 0, 0
	for i := range s.Cases {
		switch c := &s.Cases[i]; {
		case c.Failure != nil:
			s.Failures++
		case c.Error != nil:
			s.Errors++
		case c.Skipped != nil:
			s.Skipped++
		}
	}
}

// Writer writes suites one after the other.
type Writer struct {
	w      io.Writer
	suites int
}

// NewWriter returns a writer into w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Add counts the cases of a suite and writes it.
func (f *Writer) Add(s *Suite) error {
	s.ID = f.suites
	s.Count()
	var b bytes.Buffer
	if f.suites == 0 {
		b.WriteString(xml.Header + "<testsuites>\n")
	}
	f.suites++
	e := xml.NewEncoder(&b)
	e.Indent("  ", "  ")
	if err := e.Encode(s); err != nil {
		return fmt.Errorf("junit: %w", err)
	}
	b.WriteByte('\n')
	_, err := f.w.Write(b.Bytes())
	return err
}

// End writes what comes behind the last suite.
func (f *Writer) End() error {
	last := "</testsuites>\n"
	if f.suites == 0 {
		last = xml.Header + "<testsuites></testsuites>\n"
	}
	_, err := io.WriteString(f.w, last)
	return err
}
