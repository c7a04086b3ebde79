package dcr_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// switched answers for the key sets of software as a test wants, and counts its look-ups.
type switched struct {
	ssa.SoftwareKeyResolver
	instead ssa.KeyResolver // nil: the directory's keys
	asked   []ssa.KeyRef
}

func (s *switched) ResolveKeys(ctx context.Context, ref ssa.KeyRef) ([]ssa.Key, error) {
	s.asked = append(s.asked, ref)
	if s.instead != nil {
		return s.instead.ResolveKeys(ctx, ref)
	}
	return s.SoftwareKeyResolver.ResolveKeys(ctx, ref)
}

// cutOff is a key source that cannot be asked.
type cutOff struct{}

func (cutOff) ResolveKeys(context.Context, ssa.KeyRef) ([]ssa.Key, error) {
	return nil, &ssa.KeySourceError{Host: "directory.example", RetryAfter: 10e9, Cause: ssa.ErrKeySourceUnavailable}
}

// walkFaults are faults of one request.
type walkFaults struct {
	keys     ssa.KeyResolver // answers in the place of the software's key set; nil: nothing does
	stranger bool            // presents the certificate
	forged   bool            // another key signs
	kid      string          // "": the software's
	broken   bool            // the request breaks a rule
	status   int             // of the answer; 0: accepted
	rules    []string
}

// token returns a new request with the faults.
func (f walkFaults) token(t *testing.T, w *world) claims.Secret {
	t.Helper()
	signed := ssatest.Forgery{}
	if f.forged {
		signed.Key = w.directory.ForgedKey()
	}
	if f.kid != "" {
		signed.Members = map[string]any{"kid": f.kid}
	}
	request := w.software.Request(ssatest.DefaultAudience)
	if f.broken {
		request.ApplicationType = claims.Some(claims.ApplicationType("desktop"))
	}
	token, err := w.software.SignWith(request, signed)
	require.NoError(t, err)
	return claims.NewSecret(token)
}

// require looks at an answer.
func (f walkFaults) require(t *testing.T, name string, err error) {
	t.Helper()
	if f.status == 0 {
		require.NoError(t, err, name)
		return
	}
	refusal := refusalOf(t, err)
	require.Equal(t, f.status, refusal.Status, "%s: %v", name, err)
	if f.rules == nil {
		assert.Nil(t, refusal.Report, name)
		return
	}
	assert.Equal(t, f.rules, ruleIDs(refusal.Report), name)
}

// The steps are: key set, certificate, signature, rules.
func TestTheEarlierStepOfTheWalkAnswers(t *testing.T) {
	w, _ := newWorld(t, nil)
	keys := &switched{SoftwareKeyResolver: w.directory.Resolver()}
	b := openOffice(t, w, w.store, func(c *dcr.Config) { c.SoftwareKeys = keys })
	registered := b.enrol(t, nil)
	caller := b.caller(t, registered.Client.ID)
	stranger := w.certificate(t, w.other(t, ssatest.SoftwareOptions{}))
	for name, f := range map[string]walkFaults{
		"the key set cannot be read, a stranger":        {keys: cutOff{}, stranger: true, status: 503},
		"the key set cannot be read, another signature": {keys: cutOff{}, forged: true, status: 503},
		"a stranger's certificate, another signature":   {stranger: true, forged: true, status: 401},
		"a stranger's certificate, an unknown kid":      {stranger: true, kid: "unknown", status: 401},
		"a stranger's certificate, a broken rule":       {stranger: true, broken: true, status: 401},
		"another signature, a broken rule":              {forged: true, broken: true, status: 400, rules: []string{"request.signature"}},
		"an unknown kid, a broken rule":                 {kid: "unknown", broken: true, status: 400, rules: []string{"request.key.found"}},
		"a broken rule":                                 {broken: true, status: 400, rules: []string{"application_type.web_or_mobile"}},
		"nothing is wrong":                              {},
		"no key is published, a stranger's certificate": {keys: ssa.KeySet{}, stranger: true, status: 400, rules: []string{"request.key.found"}},
		"no key is published, another signature":        {keys: ssa.KeySet{}, forged: true, status: 400, rules: []string{"request.key.found"}},
	} {
		leaf := caller.Certificate
		if f.stranger {
			leaf = stranger
		}
		keys.instead, keys.asked = f.keys, nil
		_, err := b.Register(t.Context(), dcr.RegisterInput{Token: f.token(t, w), Certificate: leaf})
		f.require(t, "POST: "+name, err)
		assert.NotEmpty(t, keys.asked, name)
		assert.LessOrEqual(t, len(keys.asked), 3, "%s: twice more for a certificate that is not there", name)
		for _, ref := range keys.asked {
			assert.True(t, ref.Software, name)
			assert.Contains(t, ref.Asker, w.software.SoftwareID, name)
		}
		if keys.instead = nil; f.keys == nil && !f.stranger { // else the caller of a PUT is refused before its request is read
			_, err = b.Update(t.Context(), registered.Client.ID, f.token(t, w).Reveal(), caller)
			f.require(t, "PUT: "+name, err)
		}
	}
}

// A certificate has an Asker of its own, so that what it makes a source read does not count
// against the software's own certificate.
func TestKeysAreAskedForOnBehalfOfACertificate(t *testing.T) {
	w, _ := newWorld(t, nil)
	keys := &switched{SoftwareKeyResolver: w.directory.Resolver()}
	config := w.config
	config.SoftwareKeys = keys
	r, err := dcr.NewRegistrar(config)
	require.NoError(t, err)
	askers := map[string]bool{}
	for _, s := range []*ssatest.EnrolledSoftware{w.software, w.other(t, ssatest.SoftwareOptions{})} {
		keys.asked = nil
		_, _ = r.Register(t.Context(), dcr.RegisterInput{Token: walkFaults{}.token(t, w), Certificate: w.certificate(t, s)})
		require.NotEmpty(t, keys.asked)
		for _, ref := range keys.asked {
			askers[ref.Asker] = true
		}
	}
	require.Len(t, askers, 2)
}

// The certificate of a PUT has to be one of the set that the new statement names too.
func TestAPUTOfAnotherSoftwareIsRefusedForThat(t *testing.T) {
	w, _ := newWorld(t, nil)
	b := openOffice(t, w, w.store, nil)
	registered := b.enrol(t, nil)
	other := w.other(t, ssatest.SoftwareOptions{})
	_, err := b.Update(t.Context(), registered.Client.ID, requestOf(t, other), b.caller(t, registered.Client.ID))
	refusal := refusalOf(t, err)
	require.Equal(t, 400, refusal.Status, "not 401, for the certificate that is not the other software's")
	require.Contains(t, ruleIDs(refusal.Report), "software_id.unchanged")
}
