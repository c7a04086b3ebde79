package conform_test

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/conform"
)

// TestAFileThatIsNoJournalIsRefused: by its first line, and by each line that no run writes.
func TestAFileThatIsNoJournalIsRefused(t *testing.T) {
	t.Parallel()
	const first = `{"obdcr_conform_journal":1,"about":"a","registration_endpoint":"https://b.example/register"}` + "\n"
	journal, err := conform.ReadJournal(strings.NewReader(first))
	require.NoError(t, err)
	require.Equal(t, "https://b.example/register", journal.Endpoint)
	for name, text := range map[string]string{
		"nothing": "", "notes": "my notes\n", "notes without an end": "my notes", "another object": `{"kid":"k","private_key":"x"}` + "\n",
		"a list": "[1]\n", "null": "null\n", "a line of a journal": `{"made":"a"}` + "\n", "a cut first line": first[:40],
		"an unknown member in line 1": strings.Replace(first, `"about"`, `"abbot"`, 1), "no endpoint": `{"obdcr_conform_journal":1,"about":"a"}` + "\n",
		"something behind line 1": strings.TrimSpace(first) + " {}\n", "the version as a word": `{"obdcr_conform_journal":"1"}` + "\n",
		"an unknown member": first + `{"made":"a","colour":"red"}` + "\n", "two in one": first + `{"made":"a","gone":"b"}` + "\n", "none": first + "{}\n",
		"an empty line": first + "\n", "a broken line in between": first + "{\"made\":\"a\n{\"gone\":\"a\"}\n", "a broken last line that ends": first + "{\"made\":\"a\n",
		"a long line": first + strings.Repeat("a", 9<<20),
	} {
		_, err := conform.ReadJournal(strings.NewReader(text))
		require.ErrorIs(t, err, conform.ErrJournal, name)
	}
	_, err = conform.ReadJournal(strings.NewReader(`{"obdcr_conform_journal":2,"anything":true}` + "\n"))
	require.ErrorIs(t, err, conform.ErrJournalVersion)
	require.NotErrorIs(t, err, conform.ErrJournal)
}

// TestWhatIsUnderstoodOfACutJournalIsSaid: the rest can be cut off before anything is added.
func TestWhatIsUnderstoodOfACutJournalIsSaid(t *testing.T) {
	t.Parallel()
	const first = `{"obdcr_conform_journal":1,"about":"a","registration_endpoint":"https://b.example/register"}` + "\n"
	for text, whole := range map[string]string{
		first + `{"made":"a`: first, first + `{"gone":"a"}`: first + `{"gone":"a"}`, strings.TrimSpace(first): strings.TrimSpace(first),
	} {
		journal, err := conform.ReadJournal(strings.NewReader(text))
		require.NoError(t, err, text)
		require.EqualValues(t, len(whole), journal.Whole, text)
	}
}

// TestTheReasonOfALostRegistrationIsKept: the run was not killed, its bank answered 500; and each registration is told once,
// also when the bank answers 500 to the clean-up too.
func TestTheReasonOfALostRegistrationIsKept(t *testing.T) {
	t.Parallel()
	posts := &atomic.Int64{}
	_, c := withHandler(t, func(bank http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if registers(r) && posts.Add(1) > 1 { // the plain valid request is taken, else the run ends there
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			bank.ServeHTTP(w, r)
		})
	})
	written := &lockedBuffer{}
	c.Filter, c.Journal, c.JournalNote = []string{"register"}, written, []byte(`{"kept":"for later"}`)
	report := run(t, c)
	require.Greater(t, len(report.Left), 10)
	lines := conform.LeftLines(report.Left, 3)
	require.Less(t, len(lines), 12, "those of one reason are told together: %v", lines)

	journal, err := conform.ReadJournal(strings.NewReader(written.String()))
	require.NoError(t, err)
	require.JSONEq(t, `{"kept":"for later"}`, string(journal.Note))
	before := written.String()
	left, err := cleanUp(t, c, before)
	require.NoError(t, err)
	require.Len(t, left, len(report.Left))
	seen := map[string]bool{}
	for _, one := range left {
		require.Contains(t, one.Reason, "500")
		require.NotContains(t, one.Reason, "killed")
		require.False(t, seen[one.JTI+one.Case], "%s is told twice", one.Case)
		seen[one.JTI+one.Case] = true
	}
	again, err := cleanUp(t, c, written.String())
	require.NoError(t, err)
	require.Len(t, again, len(left), "the clean-up makes no new entry")
}

// TestABankThatCannotBeReachedIsSaidToBe: once, and nothing is tried.
func TestABankThatCannotBeReachedIsSaidToBe(t *testing.T) {
	t.Parallel()
	journal, clients, c := journalOfAKilledRun(t, true)
	metadata := *c.Metadata
	metadata.RegistrationEndpoint = "https://127.0.0.1:1/register"
	c.Metadata = &metadata
	journal = strings.Replace(journal, "https://"+hostOf(t, journal), "https://127.0.0.1:1", 1)
	left, err := cleanUp(t, c, journal)
	require.ErrorIs(t, err, conform.ErrUnreachable)
	require.Len(t, left, 1)
	require.Zero(t, clients())
}

// hostOf is the host of the bank of a journal.
func hostOf(t *testing.T, journal string) string {
	t.Helper()
	_, after, found := strings.Cut(journal, `"registration_endpoint":"https://`)
	require.True(t, found)
	host, _, _ := strings.Cut(after, "/")
	return host
}

// TestAJournalOfAnotherBankIsRefused: nothing is sent.
func TestAJournalOfAnotherBankIsRefused(t *testing.T) {
	t.Parallel()
	journal, clients, c := journalOfAKilledRun(t, true)
	_, err := cleanUp(t, c, strings.Replace(journal, hostOf(t, journal), "other.example", 1))
	require.ErrorIs(t, err, conform.ErrJournal)
	require.Zero(t, clients())
}

// TestAJournalOfAnotherSoftwareIsRefused: it could neither delete the clients nor find out about them. Nothing is sent.
func TestAJournalOfAnotherSoftwareIsRefused(t *testing.T) {
	t.Parallel()
	journal, clients, c := journalOfAKilledRun(t, false)
	ofSecond := strings.Replace(journal, `"asked":"1"`, `"second":true,"asked":"1"`, 1)
	require.NotEqual(t, journal, ofSecond)
	others := regexp.MustCompile(`"second_software_id":"[^"]+"`).ReplaceAllString(ofSecond, `"second_software_id":"another"`)
	require.NotEqual(t, ofSecond, others)
	own, alone, swapped := c, c, c
	alone.Second = nil
	swapped.Software, swapped.Second = *c.Second, &c.Software
	for name, one := range map[string]struct {
		config conform.Config
		text   string
	}{"the software": {swapped, journal}, "no second": {alone, ofSecond}, "another second": {own, others}} {
		_, err := cleanUp(t, one.config, one.text)
		require.ErrorIs(t, err, conform.ErrJournal, name)
	}
	require.Equal(t, 1, clients())
	left, err := cleanUp(t, alone, journal)
	require.NoError(t, err)
	require.Len(t, left, 1, "the second software is needed for what is its own alone")
}

// TestAnUpdateTakesNoClientOutOfTheJournal: a run may be killed between any two lines, and the new credentials are what counts.
func TestAnUpdateTakesNoClientOutOfTheJournal(t *testing.T) {
	t.Parallel()
	written := &lockedBuffer{}
	b, c, deletes := keeping(t, func(http.ResponseWriter, *http.Request) bool { return false })
	c.Filter, c.Journal = []string{"update.same"}, written
	left := run(t, c).Left
	require.NotEmpty(t, left)
	require.NotContains(t, written.String(), `"gone"`)
	made := strings.Count(written.String(), `"made"`)
	require.Greater(t, made, len(left), "and the update is there")
	disputed := written.String() + `{"disputed":"` + left[0].ClientID + `"}` + "\n"
	for line := range strings.Lines(written.String()) {
		if strings.Contains(line, `"made":"`+left[0].ClientID) {
			disputed += line
		}
	}
	deletes.Store(true)
	c.Journal = nil
	after, err := cleanUp(t, c, disputed)
	require.NoError(t, err)
	require.Len(t, after, 1, "an update does not end a dispute, and no client is listed twice")
	require.Equal(t, 1, clientsAt(t, b))
}

// linesOnly is a file whose Write counts what is written, and whose other methods do not.
type linesOnly struct {
	bytes.Buffer
	written int
}

func (l *linesOnly) Write(line []byte) (int, error) {
	l.written += len(line)
	return l.Buffer.Write(line)
}

// TestALineBreakThatIsMissingIsWrittenLikeALine: by Write, which knows what is written.
func TestALineBreakThatIsMissingIsWrittenLikeALine(t *testing.T) {
	t.Parallel()
	journal, _, c := journalOfAKilledRun(t, true)
	written := &linesOnly{}
	c.Journal = written
	_, err := cleanUp(t, c, strings.TrimSpace(journal))
	require.NoError(t, err)
	require.Equal(t, written.Len(), written.written)
	require.True(t, strings.HasPrefix(written.String(), "\n{"))
}

// full is a file whose disk is full.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, http.ErrContentLength }

// TestARunWhoseJournalCannotBeBegunSendsNothing: its clients would be lost with it.
func TestARunWhoseJournalCannotBeBegunSendsNothing(t *testing.T) {
	t.Parallel()
	c := instead(t, func(http.ResponseWriter, *http.Request) { t.Error("a request came") })
	c.Filter, c.Journal = []string{"register.valid"}, full{}
	_, err := conform.Run(t.Context(), c)
	require.ErrorIs(t, err, http.ErrContentLength)
}
