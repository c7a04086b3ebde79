package conform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// WriteJSON writes the report as JSON. ReadReport reads it back; docs/conform.schema.json describes it.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// maxReport is the greatest length of a report that is read, in bytes.
const maxReport = 64 << 20

// ErrReport means that a text is no report of conformance cases, or one of another version.
var ErrReport = errors.New("conform: no report that can be read")

// ReadReport reads a report in JSON. It is strict: a member that is unknown or there twice, another version, an
// unknown verdict, a case that is there twice and counts that do not agree with the results give an error that
// wraps ErrReport.
func ReadReport(from io.Reader) (*Report, error) {
	data, err := io.ReadAll(io.LimitReader(from, maxReport+1))
	if err != nil {
		return nil, fmt.Errorf("conform: report: %w", err)
	}
	if len(data) > maxReport {
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrReport, maxReport)
	}
	if _, err := jsonscan.Parse(string(data)); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrReport, text.Detail(err))
	}
	var head struct {
		Version *int `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil || head.Version == nil {
		return nil, fmt.Errorf("%w: it has no version; conform -o json writes one", ErrReport)
	}
	if *head.Version != ReportVersion {
		return nil, fmt.Errorf("%w: it has version %d, and this program reads %d: read it by the program that wrote it", ErrReport, *head.Version, ReportVersion)
	}
	r := &Report{}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(r); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrReport, text.Clip(err.Error(), 200))
	}
	return r, r.check()
}

// check checks what the types do not say.
func (r *Report) check() error {
	counts, seen := map[Verdict]int{}, map[string]bool{}
	for _, one := range r.Results {
		switch {
		case one.ID == "":
			return fmt.Errorf("%w: a result has no id", ErrReport)
		case seen[one.ID]:
			return fmt.Errorf("%w: case %.100q is there twice", ErrReport, one.ID)
		case !slices.Contains(Verdicts(), one.Verdict):
			return fmt.Errorf("%w: case %.100q has the unknown verdict %.40q", ErrReport, one.ID, one.Verdict)
		}
		seen[one.ID] = true
		counts[one.Verdict]++
	}
	for v, n := range r.Counts {
		if counts[v] != n {
			return fmt.Errorf("%w: it counts %d cases with the verdict %.40q, and has %d", ErrReport, n, v, counts[v])
		}
	}
	return nil
}
