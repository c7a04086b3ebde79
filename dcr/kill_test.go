package dcr_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
	"github.com/obdcr/obdcr/validate"
)

// killOrder is the environment variable that makes this binary the child. It names the file
// with the order.
const killOrder = "OBDCR_KILL_ORDER"

// TestMain runs the child if the parent asked for it.
func TestMain(m *testing.M) {
	fulltest.Quick()
	if file := os.Getenv(killOrder); file != "" {
		fmt.Fprintln(os.Stderr, obey(file))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// order is the operation of a child, and the point at which the child waits to be killed.
type order struct {
	Operation dcr.Operation
	Point     string
	Fail      bool // the authorization server refuses to provision, once
	Pending   bool // registrations and deletions wait for a person
	Request   string
	ClientID  string
	Access    string
	Leaf      []byte // DER of the TPP's certificate
	CA        []byte // DER of the directory's
	Directory string // its address
	Issuer    string
	Now       time.Time
	Database  string
	Server    string // directory of the authorization server
	Replay    string // directory of the jti; "" where the store has them
	Chooses   bool   // the authorization server is a fileChooser

	log *slog.Logger // nil in the child
}

// obey carries out the order. It does not return once the point is reached.
func obey(file string) error {
	var o order
	text, err := os.ReadFile(file)
	if err := errors.Join(err, json.Unmarshal(text, &o)); err != nil {
		return err
	}
	ctx := context.Background()
	r, _, err := o.bank(ctx)
	if err != nil {
		return err
	}
	dcr.StopAt(r, func(point string) {
		if point == o.Point {
			fmt.Println("reached", point)
			select {} // until the parent kills
		}
	})
	leaf, err := x509.ParseCertificate(o.Leaf)
	if err != nil {
		return err
	}
	by := dcr.Caller{Token: claims.NewSecret(o.Access), Certificate: leaf}
	switch o.Operation {
	case dcr.OpCreate:
		_, err = r.Register(ctx, dcr.RegisterInput{Token: claims.NewSecret(o.Request), Certificate: leaf})
	case dcr.OpUpdate:
		_, err = r.Update(ctx, o.ClientID, o.Request, by)
	case dcr.OpDelete:
		err = r.Delete(ctx, o.ClientID, by)
	case dcr.OpReconcile:
		_, err = r.Reconcile(ctx, 0)
	case dcr.OpReprovision:
		_, err = r.Reprovision(ctx, dcr.ReprovisionOptions{})
	case opApprove:
		_, err = r.ApprovePending(ctx, o.ClientID)
	case opRemove:
		err = r.Remove(ctx, o.ClientID, "no")
	default:
		err = o.obeyManual(ctx, r)
	}
	return fmt.Errorf("%s was never reached: %w", o.Point, err)
}

// bank opens a bank that reads the directory over https and keeps its clients in SQLite.
func (o *order) bank(ctx context.Context) (*dcr.Registrar, *sqlite.Store, error) {
	clock := func() time.Time { return o.Now }
	ca, err := x509.ParseCertificate(o.CA)
	if err != nil {
		return nil, nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	host := strings.TrimPrefix(o.Directory, "https://")
	keys, err := ssa.NewRemoteKeys(ssa.RemoteConfig{Sources: []ssa.RemoteSource{{Hosts: []string{host}}}, Clock: clock,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}})
	if err != nil {
		return nil, nil, err
	}
	policy := validate.DefaultPolicy(validate.OBIE33)
	policy.Audiences = []string{ssatest.DefaultAudience}
	if o.Pending {
		policy.PendingChanges = []validate.PendingChange{validate.PendingCreate, validate.PendingDelete}
	}
	validator, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: policy})
	if err != nil {
		return nil, nil, err
	}
	verifier, err := ssa.NewVerifier(ssa.VerifierConfig{Clock: clock, Skew: time.Minute, Anchors: []ssa.Anchor{{
		Issuer: o.Issuer, Environment: claims.Sandbox, JWKSURL: o.Directory + "/keys.jwks", Keys: keys,
		Algorithms: []claims.Algorithm{claims.ES256}, MaxAge: time.Hour, JWKSHosts: []string{host}}}})
	if err != nil {
		return nil, nil, err
	}
	clients, err := sqlite.Open(ctx, sqlite.Config{Path: o.Database, Clock: clock})
	if err != nil {
		return nil, nil, err
	}
	server := fileServer{dir: o.Server, clock: clock, fail: func(string) error { return nil }}
	if o.Fail {
		server.fail = failOnce("provision")
	}
	config := dcr.Config{Statements: verifier, SoftwareKeys: keys, Validator: validator, Store: clients,
		Clock: clock, Tokens: server, Provisioner: server, Logger: o.log}
	if o.Chooses {
		config.Provisioner, config.SealingKey = fileChooser{server}, claims.NewSecret(strings.Repeat("k", 32))
	}
	if o.Replay != "" {
		config.Replay = fileReplay{dir: o.Replay, clock: clock}
	}
	r, err := dcr.NewRegistrar(config)
	return r, clients, err
}

// fileReplay is a Replay that keeps each jti in a file, for one process at a time. The
// file says until when: the end of the lease, and once the lease is confirmed the end of
// the reservation.
type fileReplay struct {
	dir   string
	clock func() time.Time
}

type fileHold struct {
	Until     time.Time
	Confirmed bool
}

func (f fileReplay) file(r store.Reservation) string {
	key := r.Key()
	return filepath.Join(f.dir, hex.EncodeToString(key[:]))
}

func (f fileReplay) held(r store.Reservation) (h fileHold, ok bool) {
	text, err := os.ReadFile(f.file(r))
	return h, err == nil && json.Unmarshal(text, &h) == nil && f.clock().Before(h.Until)
}

func (f fileReplay) put(r store.Reservation, h fileHold) error {
	text, err := json.Marshal(h)
	return errors.Join(err, os.WriteFile(f.file(r), text, 0o600))
}

func (f fileReplay) Reserve(_ context.Context, r store.Reservation, lease time.Duration) error {
	if _, ok := f.held(r); ok {
		return store.ErrReplayed
	}
	return f.put(r, fileHold{Until: f.clock().Add(lease)})
}

func (f fileReplay) Confirm(_ context.Context, r store.Reservation) error {
	if h, ok := f.held(r); !ok || h.Confirmed {
		return store.ErrReplayed
	}
	return f.put(r, fileHold{Until: r.Until, Confirmed: true})
}

func (f fileReplay) Release(_ context.Context, r store.Reservation) error {
	if h, ok := f.held(r); !ok || h.Confirmed {
		return nil
	}
	return os.Remove(f.file(r))
}

// fileServer is an authorization server that keeps its clients in files, so that it
// outlives every process.
type fileServer struct {
	dir   string
	clock func() time.Time
	fail  func(verb string) error
}

func (s fileServer) put(name string, value any) error {
	text, err := json.Marshal(value)
	part := filepath.Join(s.dir, "."+rand.Text())
	return errors.Join(err, os.WriteFile(part, text, 0o600), os.Rename(part, filepath.Join(s.dir, name)))
}

func (s fileServer) drop(name string) error {
	if err := os.Remove(filepath.Join(s.dir, name)); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (s fileServer) Provision(_ context.Context, p dcr.Provisioning) (dcr.Provisioned, error) {
	return dcr.Provisioned{}, errors.Join(s.put("client-"+p.Client.ID, string(p.Client.Metadata)), s.fail("provision"))
}

func (s fileServer) Deprovision(_ context.Context, d dcr.Deprovisioning) error {
	return s.drop("client-" + d.ClientID)
}

func tokenFile(access claims.Secret) string {
	sum := sha256.Sum256([]byte(access.Reveal()))
	return "token-" + hex.EncodeToString(sum[:])
}

func (s fileServer) issue(id string, leaf *x509.Certificate) (claims.Secret, error) {
	access := claims.NewSecret(rand.Text())
	return access, s.put(tokenFile(access), token.AccessToken{ClientID: id, CertificateSHA256: thumbprint(leaf), IssuedAt: s.clock()})
}

func (s fileServer) Introspect(_ context.Context, access claims.Secret) (token.AccessToken, error) {
	text, err := os.ReadFile(filepath.Join(s.dir, tokenFile(access)))
	if errors.Is(err, os.ErrNotExist) {
		return token.AccessToken{}, token.ErrInvalid
	}
	var found token.AccessToken
	return found, errors.Join(err, json.Unmarshal(text, &found))
}

func (s fileServer) Revoke(_ context.Context, r token.Revocation) (token.Revoked, error) {
	return token.Revoked{}, s.drop(tokenFile(r.Token))
}

func (s fileServer) RevokeClient(_ context.Context, id string) error {
	names, err := filepath.Glob(filepath.Join(s.dir, "token-*"))
	for _, name := range names {
		var found token.AccessToken
		text, failure := os.ReadFile(name)
		err = errors.Join(err, failure, json.Unmarshal(text, &found))
		if found.ClientID == id {
			err = errors.Join(err, os.Remove(name))
		}
	}
	return err
}

// holds is the registered metadata, by client ID.
func (s fileServer) holds(t *testing.T) map[string]string {
	t.Helper()
	held := map[string]string{}
	names, err := filepath.Glob(filepath.Join(s.dir, "client-*"))
	require.NoError(t, err)
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		var metadata string
		require.NoError(t, json.Unmarshal(text, &metadata))
		held[strings.TrimPrefix(filepath.Base(name), "client-")] = metadata
	}
	return held
}

// killTest is a bank with one client, before the next operation on it.
type killTest struct {
	world  *world
	order  order
	server fileServer
	before store.Client
}

func newKillTest(t *testing.T, op dcr.Operation, change ...func(*order)) *killTest {
	t.Helper()
	w, _ := newWorld(t, nil)
	k := &killTest{world: w, order: order{Operation: op, Leaf: w.certificate(t, w.software).Raw, CA: w.directory.CA.Raw,
		Directory: w.directory.URL(), Issuer: w.directory.Anchor().Issuer, Now: w.now,
		Database: filepath.Join(fastDir(t), "clients.db"), Server: t.TempDir()}}
	for _, c := range change {
		c(&k.order)
	}
	k.server = fileServer{dir: k.order.Server, clock: w.config.Clock, fail: func(string) error { return nil }}
	k.open(t, func(r *dcr.Registrar, s *sqlite.Store) {
		registration, refusal := w.register(t, r, w.token(t, nil))
		require.Nil(t, refusal)
		var err error
		k.before, err = s.Get(context.Background(), registration.Client.ID)
		require.NoError(t, err)
	})
	k.order.ClientID = k.before.ClientID
	k.order.Access = k.access(t).Reveal()
	k.order.Request = w.token(t, oneRedirect)
	return k
}

func (k *killTest) access(t *testing.T) claims.Secret {
	t.Helper()
	access, err := k.server.issue(k.before.ClientID, k.world.certificate(t, k.world.software))
	require.NoError(t, err)
	return access
}

// open opens the bank in this process for a while.
func (k *killTest) open(t *testing.T, use func(*dcr.Registrar, *sqlite.Store)) {
	t.Helper()
	calm := k.order
	calm.Fail = false
	r, s, err := calm.bank(context.Background())
	require.NoError(t, err)
	use(r, s)
	require.NoError(t, s.Close())
}

// kill runs the order in a child and kills it at the point.
func (k *killTest) kill(t *testing.T, o order) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "order")
	text, err := json.Marshal(o)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, text, 0o600))
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), killOrder+"="+file)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, child.Process.Kill())
	require.Error(t, child.Wait())
	require.NoError(t, err, "the child did not reach %s", o.Point)
	require.Equal(t, "reached "+o.Point+"\n", line)
}

// end is how a killed change must end.
type end int

const (
	asBefore end = iota // as if the request had never come: it may come again
	burnt               // as if it had never come, but it may not come again
	asAsked             // as if it had been answered: it may not come again
)

func TestAChangeThatIsKilledAtAnyPointEndsAsBeforeOrAsAsked(t *testing.T) {
	for _, c := range []struct {
		op     dcr.Operation
		points []string
		end    end
	}{
		{dcr.OpCreate, []string{"create.approved", "create.begun", "create.provisioned"}, asBefore},
		{dcr.OpCreate, []string{"create.ended"}, asAsked},
		{dcr.OpUpdate, []string{"update.approved", "update.begun", "update.provisioned"}, asBefore},
		{dcr.OpUpdate, []string{"update.ended"}, asAsked},
		{dcr.OpDelete, []string{"delete.approved"}, asBefore},
		{dcr.OpDelete, []string{"delete.begun", "delete.revoked", "delete.deprovisioned", "delete.ended"}, asAsked},
	} {
		for _, point := range c.points {
			t.Run(point, func(t *testing.T) {
				k := newKillTest(t, c.op)
				k.order.Point = point
				k.kill(t, k.order)
				k.check(t, c.end)
			})
		}
	}
}

// TestAReplayOfItsOwnBurnsTheJTIOfAChangeThatIsKilledAfterTheConfirmation: before the
// confirmation the lease expires.
func TestAReplayOfItsOwnBurnsTheJTIOfAChangeThatIsKilledAfterTheConfirmation(t *testing.T) {
	for _, op := range []dcr.Operation{dcr.OpCreate, dcr.OpUpdate} {
		for point, want := range map[string]end{"provisioned": asBefore, "confirmed": burnt, "ended": asAsked} {
			t.Run(string(op)+"."+point, func(t *testing.T) {
				k := newKillTest(t, op)
				k.order.Replay, k.order.Point = t.TempDir(), string(op)+"."+point
				k.kill(t, k.order)
				k.order.Now = k.order.Now.Add(2 * dcr.ChangeTimeout)
				k.world.now = k.order.Now
				k.check(t, want)
			})
		}
	}
}

func TestACompensationThatIsKilledIsEndedByReconcile(t *testing.T) {
	for _, op := range []dcr.Operation{dcr.OpCreate, dcr.OpUpdate} {
		t.Run(string(op), func(t *testing.T) {
			k := newKillTest(t, op)
			o := k.order
			o.Fail, o.Point = true, "undo.reverted"
			k.kill(t, o)
			k.check(t, asBefore)
		})
	}
}

func TestAReconcileThatIsKilledIsEndedByTheNext(t *testing.T) {
	for point, c := range map[string]struct {
		op    dcr.Operation
		again []string
		end   end
	}{
		"create.provisioned": {dcr.OpCreate, []string{"reconcile.taken", "undo.reverted"}, asBefore},
		"update.provisioned": {dcr.OpUpdate, []string{"reconcile.taken", "undo.reverted"}, asBefore},
		"delete.begun":       {dcr.OpDelete, []string{"reconcile.taken", "delete.revoked", "delete.deprovisioned"}, asAsked},
	} {
		t.Run(point, func(t *testing.T) {
			k := newKillTest(t, c.op)
			k.order.Point = point
			k.kill(t, k.order)
			for _, next := range c.again {
				o := k.order
				o.Operation, o.Point = dcr.OpReconcile, next
				k.kill(t, o)
			}
			k.check(t, c.end)
		})
	}
}

// check examines the bank after the kill, reconciles, and examines it again.
func (k *killTest) check(t *testing.T, want end) {
	t.Helper()
	k.open(t, func(r *dcr.Registrar, s *sqlite.Store) {
		k.seen(t, r, s, want)
		_, err := r.Reconcile(context.Background(), 0)
		require.NoError(t, err)
		k.seen(t, r, s, want)
		require.Equal(t, inForce(t, s), k.server.holds(t), "both systems say the same")
		left, err := s.ListUnfinished(context.Background(), k.world.now.Add(time.Hour), 10)
		require.NoError(t, err)
		require.Empty(t, left)
		if want != asAsked {
			after, err := s.Get(context.Background(), k.before.ID)
			require.NoError(t, err)
			after.Version = k.before.Version
			require.Equal(t, k.before, after)
		}
		k.repeat(t, r, want)
		require.Equal(t, inForce(t, s), k.server.holds(t))
	})
}

// seen is what clients see, before and after Reconcile.
func (k *killTest) seen(t *testing.T, r *dcr.Registrar, s *sqlite.Store, want end) {
	t.Helper()
	shown := inForce(t, s)
	access := k.access(t)
	got, err := r.Get(context.Background(), k.before.ID, dcr.Caller{Token: access, Certificate: k.world.certificate(t, k.world.software)})
	if k.order.Operation == dcr.OpDelete && want == asAsked {
		require.Empty(t, shown)
		require.Equal(t, 401, refusalOf(t, err).Status)
		return
	}
	require.NoError(t, err)
	clients, changed := 1, k.order.Operation == dcr.OpUpdate && want == asAsked
	if k.order.Operation == dcr.OpCreate && want == asAsked {
		clients = 2
	}
	require.Len(t, shown, clients)
	require.Equal(t, !changed, string(k.before.Metadata) == string(got.Client.Metadata))
	_, err = k.server.Revoke(context.Background(), token.Revocation{Token: access})
	require.NoError(t, err)
}

// repeat sends the same request again.
func (k *killTest) repeat(t *testing.T, r *dcr.Registrar, want end) {
	t.Helper()
	ctx := context.Background()
	by := dcr.Caller{Token: k.access(t), Certificate: k.world.certificate(t, k.world.software)}
	var err error
	switch k.order.Operation {
	case dcr.OpCreate:
		_, err = r.Register(ctx, dcr.RegisterInput{Token: claims.NewSecret(k.order.Request), Certificate: by.Certificate})
	case dcr.OpUpdate:
		_, err = r.Update(ctx, k.before.ID, k.order.Request, by)
	default:
		err = r.Delete(ctx, k.before.ID, by)
	}
	if want == asBefore {
		require.NoError(t, err, "whoever had no answer may ask again")
		return
	}
	refusal := refusalOf(t, err)
	if k.order.Operation == dcr.OpDelete {
		require.Equal(t, 401, refusal.Status)
		tokens, err := filepath.Glob(filepath.Join(k.order.Server, "token-*"))
		require.NoError(t, err)
		require.Empty(t, tokens, "no token outlives the client")
		return
	}
	require.Equal(t, []string{"request.jti.replayed"}, ruleIDs(refusal.Report))
	if want == burnt {
		_, err = r.Update(ctx, k.before.ID, k.world.token(t, oneRedirect), by)
		require.NoError(t, err, "a new request is taken")
	}
}

// fastDir returns a folder in memory if the system has one. The tests of the store cover
// the disk.
func fastDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "obdcr")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
