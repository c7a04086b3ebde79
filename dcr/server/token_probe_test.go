package server_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
)

// countingStore counts the reads of records.
type countingStore struct {
	*store.Memory
	reads atomic.Int64
}

func (s *countingStore) Get(ctx context.Context, id string) (store.Client, error) {
	s.reads.Add(1)
	return s.Memory.Get(ctx, id)
}

// countingKeys counts the look-ups in key sets.
type countingKeys struct {
	ssa.SoftwareKeyResolver
	lookUps atomic.Int64
}

func (k *countingKeys) ResolveKeys(ctx context.Context, ref ssa.KeyRef) ([]ssa.Key, error) {
	k.lookUps.Add(1)
	return k.SoftwareKeyResolver.ResolveKeys(ctx, ref)
}

func (k *countingKeys) ResolveRevokedKeys(ctx context.Context, address string) (ssa.KeySet, error) {
	k.lookUps.Add(1)
	return k.SoftwareKeyResolver.ResolveRevokedKeys(ctx, address)
}

// probes are the ways in which a stranger may ask for a token as a client: every method, good
// and forged, and some that are no method. Each has the stranger's own good certificate.
func probes(t *testing.T, by *ssatest.EnrolledSoftware, id string) map[string]func() (url.Values, string) {
	t.Helper()
	all := map[string]func() (url.Values, string){}
	for method, try := range tries(t, by, id, claims.NewSecret("a-secret-of-nobody")) {
		all[string(method)] = try
	}
	now := time.Now().Unix()
	good := func() map[string]any {
		return map[string]any{"iss": id, "sub": id, "aud": "https://bank.example/token", "iat": now, "exp": now + 300, "jti": "jti-of-a-stranger"}
	}
	for name, change := range map[string]func(map[string]any, *ssatest.Forgery){
		"an assertion of HS256 without a key":  func(_ map[string]any, f *ssatest.Forgery) { f.Algorithm, f.Secret = "HS256", []byte("k") },
		"an assertion that has expired":        func(c map[string]any, _ *ssatest.Forgery) { c["exp"] = now - 3600 },
		"an assertion for somebody else":       func(c map[string]any, _ *ssatest.Forgery) { c["aud"] = "https://other.example" },
		"an assertion with the kid of nobody":  func(_ map[string]any, f *ssatest.Forgery) { f.KeyID = "kid-of-nobody" },
		"an assertion with a kid and no jti":   func(c map[string]any, _ *ssatest.Forgery) { delete(c, "jti") },
		"an assertion that is used many times": func(map[string]any, *ssatest.Forgery) {},
	} {
		all[name] = func() (url.Values, string) {
			set, forgery := good(), ssatest.Forgery{}
			change(set, &forgery)
			token, err := by.SignWith(set, forgery)
			require.NoError(t, err)
			return url.Values{"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {token}}, ""
		}
	}
	all["an empty secret"] = func() (url.Values, string) { return url.Values{"client_id": {id}, "client_secret": {""}}, "" }
	all["a scope"] = func() (url.Values, string) { return url.Values{"client_id": {id}, "scope": {"payments"}}, "" }
	all["two methods"] = func() (url.Values, string) { return url.Values{"client_id": {id}, "client_secret": {"x"}}, id + ":x" }
	return all
}

// A stranger asks in every way for a token of a client of every method, of one that waits for
// approval, that is half made or deleted, and of none. All get the same answer. A client of
// somebody else and none cause the same look-ups in key sets. The store is asked for one
// record each time, and is asked once more by client_id for none.
func TestNoProbeOfTheTokenEndpointTellsAClientFromNone(t *testing.T) {
	w := newWorld(t)
	w.allowEveryMethod()
	counted, keys := &countingStore{Memory: w.store}, &countingKeys{SoftwareKeyResolver: w.directory.Resolver()}
	w.config.Store, w.config.Keys.Resolver = counted, keys
	client, _, address := w.serve(t, w.bank(t))
	other, strange := w.stranger(t)
	names := map[string]string{"nobody's": "unknown-client-of-nobody", "half made": "half-made-client-of-somebody", "waiting": "waiting-client-of-somebody1"}
	for name, state := range map[string]store.State{"half made": store.Creating, "waiting": store.PendingCreate} {
		record := store.Client{ID: names[name], ClientID: names[name], State: state, Since: time.Now(), Metadata: json.RawMessage(`{}`)}
		require.NoError(t, w.store.Create(t.Context(), record, store.Change{}))
	}
	for _, method := range everyMethod {
		names[string(method)] = w.register(t, client, method).ClientID
	}
	gone := w.register(t, client, claims.TLSClientAuth)
	access, err := client.AccessToken(t.Context(), gone.Credentials())
	require.NoError(t, err)
	require.NoError(t, client.Delete(t.Context(), gone.ClientID, access))
	names["deleted"] = gone.ClientID

	for probe, first := range probes(t, other, names["nobody's"]) {
		form, basic := first()
		before := keys.lookUps.Load()
		none := ask(t, strange, address, form, basic)
		lookedUp := keys.lookUps.Load() - before
		status, code := http.StatusUnauthorized, "invalid_client"
		if probe == "two methods" {
			status, code = http.StatusBadRequest, "invalid_request"
		}
		requireRefused(t, none, status, code)
		for name, id := range names {
			form, basic = probes(t, other, id)[probe]()
			before, read := keys.lookUps.Load(), counted.reads.Load()
			require.Equal(t, none, ask(t, strange, address, form, basic), "%s of one that is %s", probe, name)
			require.Equal(t, lookedUp, keys.lookUps.Load()-before, "%s of one that is %s", probe, name)
			require.LessOrEqual(t, counted.reads.Load()-read, int64(1), "%s of one that is %s", probe, name)
		}
	}
}
