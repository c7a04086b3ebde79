package portal_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// TestAFormThatIsSentTwiceAddsOnce: at once from eight tabs, and by a reload. Each is answered by
// what was done.
func TestAFormThatIsSentTwiceAddsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: withSecrets})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	review := ada.reviewed(ssaOf(t, w.software(t, ssatest.SoftwareOptions{}), nil))
	answers := make([]answer, 8)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = ada.press(review, "add", basic) })
	}
	all.Wait()
	answers = append(answers, ada.press(review, "add", basic))
	assert.Len(t, w.clients(t), 1)
	for _, a := range answers {
		assert.Equal(t, http.StatusOK, a.status, a.text())
		assert.Equal(t, secretOf(t, answers[0]), secretOf(t, a))
	}

	again := ada.press(review, "check", nil)
	assert.Equal(t, http.StatusOK, again.status, "looking again changes nothing")
	assert.Len(t, w.clients(t), 1)
}

// TestTheFormOfOnePersonIsOfNoUseToAnother: who learns the identifier of somebody's form cannot
// use it up.
func TestTheFormOfOnePersonIsOfNoUseToAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.contact("ada", orgOne)
	w.contact("eve", orgTwo)
	review := w.as(t, "ada").reviewed(ssaOf(t, w.software(t, ssatest.SoftwareOptions{}), nil))
	eve := w.as(t, "eve")
	own := eve.reviewed(ssaOf(t, w.software(t, ssatest.SoftwareOptions{OrgID: orgTwo}), nil))
	done := eve.press(own, "add", func(form url.Values) { form.Set("once", review.form().Get("once")) })
	assert.Equal(t, http.StatusOK, done.status)
	assert.Equal(t, http.StatusOK, w.as(t, "ada").press(review, "add", nil).status)
	assert.Len(t, w.clients(t), 2)
}

// faulty is a store whose creations fail while told is set.
type faulty struct {
	*store.Memory

	told atomic.Pointer[error]
}

func (f *faulty) Create(ctx context.Context, c store.Client, with store.Change) error {
	if err := f.told.Load(); err != nil {
		return *err
	}
	return f.Memory.Create(ctx, c, with)
}

// TestAnOutageWhileAnApplicationIsAddedLosesNothing: the page keeps what was chosen, and the same
// form does it once later.
func TestAnOutageWhileAnApplicationIsAddedLosesNothing(t *testing.T) {
	t.Parallel()
	records := &faulty{Memory: store.NewMemory(nil)}
	w := newWorld(t, options{policy: withSecrets, store: records})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	s := w.software(t, ssatest.SoftwareOptions{})
	review := ada.reviewed(ssaOf(t, s, nil))
	down := errors.New("disk is full")
	records.told.Store(&down)
	a := ada.press(review, "add", func(form url.Values) {
		form["redirect"] = s.RedirectURIs[1:]
		form.Set("method", "tls_client_auth")
	})
	assert.Equal(t, http.StatusServiceUnavailable, a.status)
	assert.NotEmpty(t, a.header.Get("Retry-After"))
	assert.Contains(t, a.text(), "What you entered is kept on this page")
	assert.NotContains(t, a.text(), "disk is full")
	assert.Empty(t, w.clients(t))

	records.told.Store(nil)
	again := ada.press(a, "check", nil)
	require.Equal(t, http.StatusOK, again.status)
	assert.Equal(t, s.RedirectURIs[1:], again.form()["redirect"])
	assert.Equal(t, "tls_client_auth", again.form().Get("method"))
	assert.Equal(t, review.form().Get("once"), again.form().Get("once"))
	assert.Equal(t, http.StatusOK, ada.press(again, "add", nil).status)
	assert.Len(t, w.clients(t), 1)
}

// switched is a directory's keys that cannot be read while down is set, and that nothing is heard
// of while slow is.
type switched struct {
	ssa.SoftwareKeyResolver

	down, slow atomic.Bool
}

func (s *switched) ResolveKeys(ctx context.Context, ref ssa.KeyRef) ([]ssa.Key, error) {
	if !ref.Software {
		return s.SoftwareKeyResolver.ResolveKeys(ctx, ref)
	}
	if s.down.Load() {
		return nil, &ssa.KeySourceError{Host: "directory.example", RetryAfter: 5 * time.Second, Cause: errors.New("down")}
	}
	if s.slow.Load() {
		<-ctx.Done()
		return nil, &ssa.KeySourceError{Host: "directory.example", RetryAfter: 5 * time.Second, Cause: ctx.Err()}
	}
	return s.SoftwareKeyResolver.ResolveKeys(ctx, ref)
}

// withSwitch is a bank that reads the keys of software through a switch.
func withSwitch(keys *switched) func(*server.Config) {
	return func(c *server.Config) {
		keys.SoftwareKeyResolver = c.Keys.Resolver
		c.Keys.Resolver = keys
	}
}

// TestTheDirectoryIsOutDuringAdd: where the software's key set is needed, at the first look or at
// the last, all that was entered is kept. Where it is not, the page tells and goes on.
func TestTheDirectoryIsOutDuringAdd(t *testing.T) {
	t.Parallel()
	for name, methods := range map[string][]claims.AuthMethod{
		"any method": {claims.PrivateKeyJWT, claims.TLSClientAuth}, "certificates alone": {claims.TLSClientAuth},
	} {
		keys := &switched{}
		w := newWorld(t, options{policy: func(p *validate.Policy) { p.AuthMethods = methods }, bank: withSwitch(keys)})
		w.contact("ada", orgOne)
		ada := w.as(t, "ada")
		statement := ssaOf(t, w.software(t, ssatest.SoftwareOptions{}), nil)
		review := ada.reviewed(statement)
		keys.down.Store(true)
		first := ada.sent("/applications/add", url.Values{"statement": {statement}}, nil)
		assert.Equal(t, statement, first.form().Get("statement"), name)
		if len(methods) > 1 {
			assert.Equal(t, http.StatusOK, first.status, first.text())
			assert.Contains(t, first.text(), "because the software's key set cannot be read")
			assert.Contains(t, first.body, `value="add"`)
		} else {
			assert.Equal(t, http.StatusServiceUnavailable, first.status, first.text())
		}
		last := ada.press(review, "add", func(form url.Values) { form.Set("method", "tls_client_auth") })
		assert.Equal(t, http.StatusServiceUnavailable, last.status, name)
		assert.Empty(t, w.clients(t), name)

		keys.down.Store(false)
		again := ada.press(first, "check", nil)
		assert.Equal(t, http.StatusOK, again.status, name)
		assert.NotContains(t, again.text(), "cannot be read", name)
		assert.Equal(t, http.StatusOK, ada.press(ada.press(last, "check", nil), "add", nil).status, name)
		assert.Len(t, w.clients(t), 1, name)
	}
}

// TestASessionThatEndsInTheMiddleOfAFormKeepsIt: what was pasted, the file and what was chosen
// come through a sign-in.
func TestASessionThatEndsInTheMiddleOfAFormKeepsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: withSecrets})
	w.contact("ada", orgOne)
	s := w.software(t, ssatest.SoftwareOptions{})
	statement := ssaOf(t, s, nil)
	b := w.visitor(t)
	file := b.sent("/applications/add", nil, map[string]string{"statement-file": statement})
	require.Equal(t, http.StatusUnauthorized, file.status)
	review := w.as(t, "ada").reviewed(statement)
	form := review.form()
	form.Set("do", "add")
	form["redirect"] = s.RedirectURIs[1:]
	choice := b.sent("/applications/add", form, nil)
	require.Equal(t, http.StatusUnauthorized, choice.status)
	assert.Empty(t, w.clients(t))

	require.Equal(t, http.StatusOK, b.get("/sign-in?as=ada").status)
	a := b.post("/applications/add", file.form())
	assert.Equal(t, http.StatusOK, a.status)
	assert.Contains(t, a.text(), "Verified The directory signed this.")
	a = b.post("/applications/add", choice.form())
	require.Equal(t, http.StatusOK, a.status, a.text())
	made := w.clients(t)
	require.Len(t, made, 1)
	request, err := made[0].Request()
	require.NoError(t, err)
	assert.Equal(t, s.RedirectURIs[1:], request.RedirectURIs.Or(nil))
}

// TestARegistrationThatWaitsForTheBank: the person is told, sees it, can neither renew nor
// subscribe it, and withdraws it.
func TestARegistrationThatWaitsForTheBank(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: func(p *validate.Policy) {
		withSecrets(p)
		p.PendingChanges, p.PendingDays = []validate.PendingChange{validate.PendingCreate}, 7
	}})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	made, done := ada.add(ssaOf(t, w.software(t, ssatest.SoftwareOptions{}), nil), basic)
	assert.Equal(t, store.PendingCreate, made.State)
	assert.Contains(t, done.text(), "somebody there has to approve it first")
	assert.Contains(t, done.text(), "Somebody at the bank hands you the client secret then")
	page := ada.get("/applications/" + made.ID)
	assert.Contains(t, page.text(), "This registration waits for the bank")
	assert.NotContains(t, page.body, "/renew")
	assert.NotContains(t, page.body, "/subscriptions")
	for _, path := range []string{"/renew", "/subscriptions"} {
		a := ada.post("/applications/"+made.ID+path, url.Values{"statement": {made.SoftwareStatement}, "api": {"accounts"}})
		assert.GreaterOrEqual(t, a.status, 400, path)
		assert.Less(t, a.status, 500, path)
	}
	ask := ada.get("/applications/" + made.ID + "/delete")
	assert.Contains(t, ask.text(), "Withdraw the registration")
	a := ada.post("/applications/"+made.ID+"/delete", url.Values{"confirm": {"Test TPP"}})
	assert.Equal(t, http.StatusOK, a.status)
	assert.Contains(t, a.text(), "The registration was withdrawn")
	assert.Empty(t, w.clients(t))
}

// TestASoftwareThatIsRegisteredAlready: where the policy registers it once, the second is refused
// and the first stays.
func TestASoftwareThatIsRegisteredAlready(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: func(p *validate.Policy) { p.Registrations = validate.RegistrationsOnePerSoftware }})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	s := w.software(t, ssatest.SoftwareOptions{})
	ada.add(ssaOf(t, s, nil), nil)
	a := ada.press(ada.reviewed(ssaOf(t, s, nil)), "add", nil)
	assert.Equal(t, http.StatusBadRequest, a.status)
	assert.Contains(t, a.text(), "already")
	assert.Len(t, w.clients(t), 1)
}

// TestTheBanksOwnStepRefusesAnApplication: what its hook says is shown, nothing is stored, and the
// same form is good again once the hook agrees.
func TestTheBanksOwnStepRefusesAnApplication(t *testing.T) {
	t.Parallel()
	var agreed atomic.Bool
	w := newWorld(t, options{bank: func(c *server.Config) {
		c.Hooks.Approve = func(context.Context, dcr.Change) error {
			if agreed.Load() {
				return nil
			}
			return &dcr.Refusal{Reason: "the contract is not signed"}
		}
	}})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	review := ada.reviewed(ssaOf(t, w.software(t, ssatest.SoftwareOptions{}), nil))
	a := ada.press(review, "add", nil)
	assert.Equal(t, http.StatusBadRequest, a.status)
	assert.Contains(t, a.text(), "The contract is not signed.")
	assert.Empty(t, w.clients(t))
	agreed.Store(true)
	assert.Equal(t, http.StatusOK, ada.press(a, "add", nil).status)
	assert.Len(t, w.clients(t), 1)
}
