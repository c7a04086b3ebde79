package dcr_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// A contact registers a certificate by the key set as a request does: a software that withdrew
// its keys has none, and an outage is no refusal.
func TestAContactRegistersNoCertificateOfASoftwareWithoutKeys(t *testing.T) {
	for name, c := range map[string]struct {
		fault  ssatest.KeySetFault
		status int
		wait   time.Duration
	}{
		"an empty set": {ssatest.KeySetFault{Body: []byte(`{"keys":[]}`)}, http.StatusBadRequest, 0},
		"410":          {ssatest.KeySetFault{Status: http.StatusGone}, http.StatusBadRequest, 0},
		"404":          {ssatest.KeySetFault{Status: http.StatusNotFound}, http.StatusServiceUnavailable, 5 * time.Second},
		"500":          {ssatest.KeySetFault{Status: http.StatusInternalServerError}, http.StatusServiceUnavailable, 10 * time.Second},
		"a page":       {ssatest.KeySetFault{Body: []byte("<html>"), ContentType: "text/html"}, http.StatusServiceUnavailable, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			w, r, _ := remoteWorld(t)
			w.directory.Misbehave(w.software.JWKSURL(), c.fault)
			m := w.manual(t, nil)
			m.AuthMethod, m.Certificate = claims.TLSClientAuth, w.software.TransportCertificate.Leaf
			_, err := r.RegisterManual(context.Background(), m)
			refusal := refusalOf(t, err)
			require.Equal(t, c.status, refusal.Status)
			require.Equal(t, c.wait, refusal.RetryAfter)
			p, err := r.PreviewManual(context.Background(), "", m)
			if c.status != http.StatusBadRequest {
				require.Equal(t, c.status, refusalOf(t, err).Status)
				return
			}
			require.NoError(t, err)
			require.Empty(t, p.Certificates)
			for _, report := range []*validate.Report{refusal.Report, p.Report} {
				require.Contains(t, ruleIDs(report), "request.key.found")
				require.NotContains(t, ruleIDs(report), "certificate.binding", "another certificate would help nobody")
			}
		})
	}
}

// A renewal of a client that keeps its registered name looks at the key set too: nobody is told
// that an outage is the software's fault, and the wait is that of a registration.
func TestARenewalMeetsAnOutageOfTheKeySetAsARegistrationDoes(t *testing.T) {
	for name, c := range map[string]struct {
		fault  ssatest.KeySetFault
		status int
		wait   time.Duration
	}{
		"410": {ssatest.KeySetFault{Status: http.StatusGone}, http.StatusBadRequest, 0},
		"404": {ssatest.KeySetFault{Status: http.StatusNotFound}, http.StatusServiceUnavailable, 5 * time.Second},
		"500": {ssatest.KeySetFault{Status: http.StatusInternalServerError}, http.StatusServiceUnavailable, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			w, r, _ := remoteWorld(t)
			m := w.manual(t, nil)
			m.AuthMethod, m.Certificate = claims.TLSClientAuth, w.software.TransportCertificate.Leaf
			made, err := r.RegisterManual(context.Background(), m)
			require.NoError(t, err)
			w.directory.Misbehave(w.software.JWKSURL(), c.fault)
			w.now = w.now.Add(25 * time.Hour) // nothing that was read before is used
			_, err = r.UpdateManual(context.Background(), made.Client.ID, w.manual(t, nil))
			refusal := refusalOf(t, err)
			require.Equal(t, c.status, refusal.Status)
			require.Equal(t, c.wait, refusal.RetryAfter)
			if c.status == http.StatusBadRequest {
				require.Contains(t, ruleIDs(refusal.Report), "request.key.found")
			}
		})
	}
}

// A software that withdrew its keys gets no client of another method either: none of its clients
// could show whose it is. An outage keeps nobody from such a method.
func TestAContactRegistersNoClientOfASoftwareWithoutKeys(t *testing.T) {
	for name, c := range map[string]struct {
		fault  ssatest.KeySetFault
		status int // 0: it is done
	}{
		"an empty set": {ssatest.KeySetFault{Body: []byte(`{"keys":[]}`)}, http.StatusBadRequest},
		"410":          {ssatest.KeySetFault{Status: http.StatusGone}, http.StatusBadRequest},
		"404":          {ssatest.KeySetFault{Status: http.StatusNotFound}, 0},
		"500":          {ssatest.KeySetFault{Status: http.StatusInternalServerError}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w, r, _ := remoteWorld(t)
			manual := func() dcr.Manual {
				m := w.manual(t, nil)
				m.AuthMethod = claims.PrivateKeyJWT
				return m
			}
			before, err := r.RegisterManual(t.Context(), manual())
			require.NoError(t, err)
			w.directory.Misbehave(w.software.JWKSURL(), c.fault)
			w.now = w.now.Add(25 * time.Hour) // nothing that was read before is used
			_, registered := r.RegisterManual(t.Context(), manual())
			_, updated := r.UpdateManual(t.Context(), before.Client.ID, manual())
			p, err := r.PreviewManual(t.Context(), "", manual())
			require.NoError(t, err)
			if c.status == 0 {
				require.NoError(t, registered)
				require.NoError(t, updated)
				require.Nil(t, p.Refusal)
				return
			}
			require.NotNil(t, p.Refusal)
			for _, refusal := range []*dcr.Error{refusalOf(t, registered), refusalOf(t, updated), p.Refusal} {
				require.Equal(t, c.status, refusal.Status)
				require.Contains(t, ruleIDs(refusal.Report), "request.key.found")
				i := slices.IndexFunc(refusal.Report.Violations, func(v validate.Violation) bool { return v.Rule == validate.RuleRequestKeyFound })
				require.Equal(t, "/token_endpoint_auth_method", refusal.Report.Violations[i].Pointer)
			}
		})
	}
}
