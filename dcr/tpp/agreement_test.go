package tpp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// answer is what a bank says to a request, and what it writes into its log.
type answer struct {
	status      int
	code        string
	description string
	rules       []string // that the bank found broken
}

// noted keeps the rules that a bank logs for a request. The request's context has it.
type noted struct{ rules []string }

type notedKey struct{}

// ruleLog is a slog.Handler that tells each request which rules were logged for it.
type ruleLog struct{ slog.Handler }

func (ruleLog) Enabled(context.Context, slog.Level) bool { return true }

func (ruleLog) Handle(ctx context.Context, r slog.Record) error {
	to, ok := ctx.Value(notedKey{}).(*noted)
	r.Attrs(func(a slog.Attr) bool {
		if rules, is := a.Value.Any().([]string); ok && is && a.Key == "rules" {
			to.rules = rules
		}
		return true
	})
	return nil
}

// telling serves a bank that tells the sender which rules it has logged, in a header.
func telling(bank http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := &noted{}
		r = r.WithContext(context.WithValue(r.Context(), notedKey{}, n))
		recorded := httptest.NewRecorder()
		bank.ServeHTTP(recorded, r)
		w.Header().Set("Rules", strings.Join(n.rules, " "))
		w.WriteHeader(recorded.Code)
		_, _ = w.Write(recorded.Body.Bytes())
	})
}

// newAgreement makes a world whose signatures are cheap, and whose bank tells its rules.
func newAgreement(t *testing.T, profile validate.Profile) *agreement {
	t.Helper()
	w := openWorld(t, worldOptions{profile: profile, algorithm: claims.ES256, log: slog.New(ruleLog{slog.DiscardHandler}), serve: telling})
	other, err := w.directory.NewSoftware(ssatest.SoftwareOptions{Algorithm: claims.ES256})
	require.NoError(t, err)
	validator, err := validate.New(validate.Config{Profile: profile, Policy: w.bank.Policy()})
	require.NoError(t, err)
	foreign := tpp.MutualTLS(other.TransportCertificate, w.roots())
	t.Cleanup(foreign.CloseIdleConnections)
	a := &agreement{w: w, other: other, clients: [2]*http.Client{w.http, foreign}, validator: validator, steps: map[string]validate.Step{}}
	for _, row := range validate.Rules() {
		a.steps[row.ID] = row.Step
	}
	return a
}

func send(ctx context.Context, client *http.Client, address, body string) (a answer, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/register", strings.NewReader(body))
	if err != nil {
		return a, err
	}
	r.Header.Set("Content-Type", "application/jwt")
	got, err := client.Do(r)
	if err != nil {
		return a, err
	}
	defer got.Body.Close() //nolint:errcheck // it is only read
	text, err := io.ReadAll(got.Body)
	a = answer{status: got.StatusCode, description: strings.TrimSpace(string(text)), rules: strings.Fields(got.Header.Get("Rules"))}
	if got.StatusCode == http.StatusBadRequest && err == nil {
		var refusal struct {
			Error       string `json:"error"`
			Description string `json:"error_description"`
		}
		err = json.NewDecoder(bytes.NewReader(text)).Decode(&refusal)
		a.code, a.description = refusal.Error, refusal.Description
	}
	return a, err
}

// agreement compares lints with a bank.
type agreement struct {
	w         *world
	other     *ssatest.EnrolledSoftware
	clients   [2]*http.Client
	validator *validate.Validator
	steps     map[string]validate.Step
	seen      sync.Map // statuses and codes
}

// compare makes a case, sends and lints it, and returns how the two differ; "" if they do
// not.
func (a *agreement) compare(ctx context.Context, number uint64) (string, error) {
	d := newDraft(a.w, number).mutated()
	body, err := d.bytes()
	if err != nil {
		return "", err
	}
	client, leaf := a.clients[0], a.w.software.TransportCertificate.Leaf
	if d.foreign {
		client, leaf = a.clients[1], a.other.TransportCertificate.Leaf
	}
	if body == "" { // a file without bytes is no input of a lint
		return "", nil
	}
	bank, err := send(ctx, client, a.w.address, body)
	if err != nil {
		return "", err
	}
	in := a.w.known(tpp.LintInput{Request: body, Validator: a.validator, Now: a.w.now})
	in.Certificate = leaf
	result, err := tpp.Lint(ctx, in)
	if err != nil {
		return "", err
	}
	a.seen.Store(strconv.Itoa(bank.status)+" "+bank.code, true)
	if differs := a.differ(bank, result, body); differs != "" {
		return fmt.Sprintf("case %d (%s): %s\nbank: %+v\nlint: %+v %v\n%.300q", number, strings.Join(d.done, ", "), differs, bank,
			result.Report.Wire(), errorIDs(result.Report), body), nil
	}
	return "", nil
}

func (a *agreement) differ(bank answer, result *tpp.LintResult, body string) string {
	wire := result.Report.Wire()
	switch {
	case strings.HasPrefix(strings.TrimSpace(strings.TrimPrefix(body, "\uFEFF")), "{"):
		return differBare(bank, wire)
	case bank.status == http.StatusServiceUnavailable && result.Unavailable == nil:
		return "the bank's source of keys is down, the lint's is not"
	case bank.status == http.StatusServiceUnavailable:
		return ""
	case bank.status == http.StatusCreated && wire != nil:
		return "the bank registers"
	case bank.status == http.StatusCreated && !result.Checks.Complete():
		return fmt.Sprintf("the bank registers, and not all was checked: %+v", result.Checks)
	case bank.status == http.StatusCreated:
		return ""
	case wire == nil:
		return "the bank refuses"
	case wire.Status != bank.status || string(wire.Error) != bank.code:
		return "another answer"
	case wire.Description != bank.description:
		return "another description"
	case bank.status == http.StatusBadRequest:
		return a.differRules(bank.rules, result.Report)
	}
	return ""
}

// differBare compares a JSON object: the bank takes none, and the lint either calls it what
// it is, a form of JOSE, or judges it as claims alone.
func differBare(bank answer, wire *validate.WireError) string {
	if bank.status != http.StatusBadRequest || bank.code != string(validate.InvalidClientMetadata) {
		return "the bank takes JSON"
	}
	if wire == nil || string(wire.Error) != bank.code {
		return "the lint takes a form of JOSE"
	}
	return ""
}

// differRules compares the rules of the step at which the bank stopped, and of those before
// it.
func (a *agreement) differRules(bank []string, report *validate.Report) string {
	if report.More > 0 {
		return "" // not all are listed
	}
	type found struct {
		rule string
		step validate.Step
	}
	var lint []found
	for _, v := range report.Violations {
		if v.Severity == validate.SeverityError {
			lint = append(lint, found{v.Rule, v.Step})
		}
		if v.Refused != nil {
			lint = append(lint, found{v.Refused.Rule, validate.StepReadRequest})
		}
	}
	last := validate.StepReplay
	for _, f := range lint {
		last = min(last, f.step)
	}
	var mine, theirs []string
	for _, f := range lint {
		if f.step <= last {
			mine = append(mine, f.rule)
		}
	}
	for _, id := range bank {
		if a.steps[id] <= last {
			theirs = append(theirs, id)
		}
	}
	slices.Sort(mine)
	if mine = slices.Compact(mine); !slices.Equal(mine, theirs) {
		return fmt.Sprintf("other rules: lint %v, bank %v", mine, theirs)
	}
	return ""
}

// A lint that knows what the bank knows gives the bank's answer to each request: verdict,
// status, code, description, and the rules of the step at which the bank stops. The
// requests are valid ones and mutated ones.
func TestLintAnswersAsTheBankDoes(t *testing.T) {
	profiles, cases := []validate.Profile{validate.OBIE33}, 1000
	if fulltest.Asked() && !testing.Short() {
		profiles = validate.Profiles()
		if !fulltest.RaceDetector {
			cases = 10_000
		}
	}
	for _, profile := range profiles {
		t.Run(string(profile), func(t *testing.T) {
			a := newAgreement(t, profile)
			a.run(t, cases)
			for _, answer := range []string{"201 ", "400 invalid_client_metadata", "400 invalid_redirect_uri", "400 invalid_software_statement",
				"400 unapproved_software_statement", "401 ", "413 ", "503 "} {
				_, seen := a.seen.Load(answer)
				require.True(t, seen, "no case was answered %s", answer)
			}
		})
	}
}

func (a *agreement) run(t *testing.T, cases int) {
	t.Helper()
	var next atomic.Uint64
	var group sync.WaitGroup
	var failures sync.Map
	for range 4 {
		group.Go(func() {
			for number := next.Add(1); number <= uint64(cases); number = next.Add(1) {
				differs, err := a.compare(t.Context(), number)
				if err != nil {
					differs = fmt.Sprintf("case %d: %v", number, err)
				}
				if differs != "" {
					failures.Store(number, differs)
				}
			}
		})
	}
	group.Wait()
	shown := 0
	failures.Range(func(_, differs any) bool {
		t.Error(differs)
		shown++
		return shown < 20
	})
}
