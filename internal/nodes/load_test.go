package nodes

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/fulltest"
)

const (
	answerTimeout = 20 * time.Second // after which a TPP hangs up
	returnTimeout = time.Minute      // after which a bank is taken not to come back
	promised      = 5 * time.Second  // from a fault to the first registration
	senders       = 4
	// The children of a database that was killed may answer for a moment: what is asked then is no
	// sign of its return.
	afterglow = 100 * time.Millisecond
)

// answer is what a node said to a registration request.
type answer struct {
	node   int
	began  time.Time
	took   time.Duration
	status int // 0: the connection broke
}

// load sends registration requests to all nodes, one after another from each sender. A
// request whose connection is cut is not sent again: the next one is new.
type load struct {
	nodes []*node
	stop  context.CancelFunc
	ended sync.WaitGroup

	mu           sync.Mutex
	acknowledged map[string]string // client_id by statement
	sent         map[string]bool   // statements
	answers      []answer
	other        []string // answers that nobody promised
}

// startLoad starts the senders. They end with the test, or by end.
func startLoad(t *testing.T, nodes []*node) *load {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &load{nodes: nodes, stop: stop, acknowledged: map[string]string{}, sent: map[string]bool{}}
	by := nodes[0].client(t)
	for sender := range senders {
		l.ended.Go(func() {
			for turn := sender; ctx.Err() == nil; turn++ {
				if l.register(ctx, by, turn%len(nodes)) != http.StatusCreated {
					time.Sleep(10 * time.Millisecond) // as a TPP would, longer
				}
			}
		})
	}
	t.Cleanup(l.end)
	return l
}

// end stops the senders and waits for the answers that are under way.
func (l *load) end() {
	l.stop()
	l.ended.Wait()
}

// register sends a new request to a node.
func (l *load) register(ctx context.Context, by *tpp.Client, to int) int {
	w := l.nodes[to].world
	request, statement, err := w.request(by)
	if err != nil {
		l.note(answer{}, statement, "", err.Error())
		return 0
	}
	l.mu.Lock()
	l.sent[statement] = true
	l.mu.Unlock()
	got := answer{node: to, began: time.Now()}
	// An answer that is under way at the end is waited for, since it may be a 201.
	status, clientID, body := w.post(context.WithoutCancel(ctx), l.nodes[to].address, request)
	got.status, got.took = status, time.Since(got.began)
	l.note(got, statement, clientID, body)
	return status
}

func (l *load) note(got answer, statement, clientID, body string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers = append(l.answers, got)
	switch got.status {
	case http.StatusCreated:
		l.acknowledged[statement] = clientID
	case 0, http.StatusBadRequest, http.StatusServiceUnavailable:
	default:
		l.other = append(l.other, fmt.Sprintf("%d: %s", got.status, body))
	}
}

// post sends a request. The status is 0 where no whole answer came.
func (w *world) post(ctx context.Context, address, request string) (status int, clientID, body string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/register", strings.NewReader(request))
	if err != nil {
		return 0, "", err.Error()
	}
	r.GetBody = nil // nothing sends it a second time
	r.Header.Set("Content-Type", "application/jwt")
	a, err := w.transport.Do(r)
	if err != nil {
		return 0, "", err.Error()
	}
	defer a.Body.Close()
	text, err := io.ReadAll(io.LimitReader(a.Body, 1<<20))
	if err != nil {
		return 0, "", err.Error()
	}
	var made struct {
		ClientID string `json:"client_id"`
	}
	if a.StatusCode == http.StatusCreated && (json.Unmarshal(text, &made) != nil || made.ClientID == "") {
		return -1, "", string(text)
	}
	return a.StatusCode, made.ClientID, string(text)
}

// registered waits until a request was answered by a 201 from each node. The request began once
// the fault had taken effect. It returns how long that took, from the moment when the fault
// struck to the first node's answer and to the last one's.
func (l *load) registered(t *testing.T, struck, effective time.Time) (first, all time.Duration) {
	t.Helper()
	for time.Since(struck) < returnTimeout {
		if by := l.firsts(effective); len(by) == len(l.nodes) {
			ends := slices.SortedFunc(maps.Values(by), time.Time.Compare)
			return ends[0].Sub(struck), ends[len(ends)-1].Sub(struck)
		}
		time.Sleep(time.Millisecond)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	require.Fail(t, "a node does not come back", "%v", l.answers[max(0, len(l.answers)-20):])
	return 0, 0
}

// firsts returns when each node first answered by a 201 to a request that began after a moment.
func (l *load) firsts(since time.Time) map[int]time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	by := map[int]time.Time{}
	for _, a := range slices.Backward(l.answers) {
		end := a.began.Add(a.took)
		if end.Before(since.Add(-time.Second)) {
			break // the earlier ones too
		}
		if before, ok := by[a.node]; a.status == http.StatusCreated && a.began.After(since) && (!ok || end.Before(before)) {
			by[a.node] = end
		}
	}
	return by
}

// begun waits until each node has answered by a 201.
func (l *load) begun(t *testing.T) { t.Helper(); now := time.Now(); l.registered(t, now, now) }

// check holds what the senders were told against what the database has: nothing that was
// acknowledged is lost, nothing is there twice, and nothing came from elsewhere.
func (l *load) check(t *testing.T, dsn string) {
	t.Helper()
	l.end()
	byStatement, byClient := map[string]bool{}, map[string]bool{}
	unanswered := 0
	for _, c := range records(t, dsn) {
		require.False(t, byStatement[c.SoftwareStatement], "%s: its request is registered twice", c.ClientID)
		require.False(t, byClient[c.ClientID], "%s is there twice", c.ClientID)
		require.True(t, l.sent[c.SoftwareStatement], "%s: nobody sent its request", c.ClientID)
		byStatement[c.SoftwareStatement], byClient[c.ClientID] = true, true
		told, ok := l.acknowledged[c.SoftwareStatement]
		if ok {
			require.Equal(t, told, c.ClientID)
		} else {
			unanswered++
		}
	}
	for _, id := range l.acknowledged {
		require.True(t, byClient[id], "%s was acknowledged, and is lost", id)
	}
	statuses := map[int]int{}
	for _, a := range l.answers {
		statuses[a.status]++
	}
	assert.Empty(t, l.other, "answers that nobody promised")
	t.Logf("%d requests, answers by status %v (0: connections that broke), %d registered without an answer", len(l.sent), statuses, unanswered)
}

// anyMoment lets the load run for a while, so that a fault strikes it at any point.
func anyMoment() { time.Sleep(200*time.Millisecond + rand.N(300*time.Millisecond)) }

// requirePromise asks that all but one round in twenty kept what was promised. Under the race
// detector nothing is fast.
func requirePromise(t *testing.T, what string, took []time.Duration) {
	t.Helper()
	slices.Sort(took)
	t.Log(figures(what, took))
	late := 0
	for _, d := range took {
		if d > promised {
			late++
		}
	}
	assert.True(t, fulltest.RaceDetector || late <= max(1, len(took)/20), "%s: more than %v in too many rounds", what, promised)
}
