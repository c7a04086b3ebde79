package ssatest_test

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

var now = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)

func newDirectory(t testing.TB, opts ssatest.Options) *ssatest.Directory {
	t.Helper()
	if opts.Clock == nil {
		opts.Clock = func() time.Time { return now }
	}
	d, err := ssatest.New(opts)
	require.NoError(t, err)
	t.Cleanup(d.Close)
	return d
}

func newSoftware(t testing.TB, d *ssatest.Directory, opts ssatest.SoftwareOptions) *ssatest.EnrolledSoftware {
	t.Helper()
	s, err := d.NewSoftware(opts)
	require.NoError(t, err)
	return s
}

func get(t testing.TB, client *http.Client, method, address string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, address, nil)
	require.NoError(t, err)
	response, err := client.Do(request)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode, string(body)
}

func TestKeySetsAreServed(t *testing.T) {
	for _, deterministic := range []bool{false, true} {
		d := newDirectory(t, ssatest.Options{Deterministic: deterministic})
		s := newSoftware(t, d, ssatest.SoftwareOptions{})
		revoked := d.URL() + "/" + s.OrgID + "/revoked/" + s.SoftwareID + ".jwks"
		for address, want := range map[string]string{
			d.URL() + "/keys.jwks": string(d.JWKS()), s.JWKSURL(): string(s.JWKS()), revoked: `{"keys":[]}`,
		} {
			status, body := get(t, d.Client(), http.MethodGet, address)
			require.Equal(t, http.StatusOK, status)
			require.Equal(t, want, body)
		}
		status, _ := get(t, d.Client(), http.MethodGet, d.URL()+"/nobody/nothing.jwks")
		require.Equal(t, http.StatusNotFound, status)
		status, _ = get(t, d.Client(), http.MethodPost, s.JWKSURL())
		require.Equal(t, http.StatusMethodNotAllowed, status)
	}
}

func TestOnlyThoseWhoTrustTheCAAreServed(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	other := newDirectory(t, ssatest.Options{Environment: claims.Production})
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, d.URL()+"/keys.jwks", nil)
	require.NoError(t, err)
	response, err := other.Client().Do(request)
	if err == nil {
		_ = response.Body.Close()
	}
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown, "the environments share no CA")
}

func TestRequestsAreSigned(t *testing.T) {
	for _, alg := range []claims.Algorithm{claims.PS256, claims.ES256} {
		t.Run(string(alg), func(t *testing.T) {
			d := newDirectory(t, ssatest.Options{Algorithm: alg, Deterministic: true})
			s := newSoftware(t, d, ssatest.SoftwareOptions{Algorithm: alg})
			r := s.Request()
			token, err := s.Sign(&r)
			require.NoError(t, err)
			byValue, err := s.Sign(r)
			require.NoError(t, err)
			require.Equal(t, token, byValue)

			signed, err := ssa.ParseSigned(token)
			require.NoError(t, err)
			require.Equal(t, s.SigningKeyID, signed.UnverifiedHeader().KeyID.Or(""))
			allowed := []claims.Algorithm{alg}
			require.NoError(t, signed.Verify(context.Background(), d.Resolver(), s.JWKSURL(), allowed))
			require.NoError(t, signed.Verify(context.Background(), s.Keys(), "", allowed))
			read, err := claims.ParseRequest(signed.UnverifiedPayload())
			require.NoError(t, err)
			require.Equal(t, r, *read)

			forged, err := s.SignWith(&r, ssatest.Forgery{Key: d.ForgedKey()})
			require.NoError(t, err)
			signed, err = ssa.ParseSigned(forged)
			require.NoError(t, err)
			require.ErrorIs(t, signed.Verify(context.Background(), s.Keys(), "", allowed), ssa.ErrBadSignature)
		})
	}
}

func TestRequestsAreWhatTheProfileWants(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d, ssatest.SoftwareOptions{Roles: []claims.Role{claims.CBPII, "CD_AISP", claims.AISP, claims.ASPSP}})
	require.Regexp(t, regexp.MustCompile(`^[0-9A-Za-z]{22}$`), s.SoftwareID)
	require.Len(t, s.OrgID, 18)
	require.Len(t, s.SigningKeyID, 27)
	require.Len(t, d.KeyID(), 44)
	r := s.Request()
	require.Equal(t, "openid fundsconfirmations accounts", r.Scope.Or(claims.Scope{}).String())
	require.Regexp(t, regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`), r.JWTID.Or(""))
	require.NotEqual(t, r.JWTID, s.Request().JWTID)
	require.Equal(t, now.Unix(), r.IssuedAt.Or(0))
	require.Equal(t, now.Add(10*time.Minute).Unix(), r.Expiry.Or(0))
	require.Equal(t, claims.StringOrList{Values: []string{ssatest.DefaultAudience}}, r.Audience.Or(claims.StringOrList{}))
	require.Equal(t, claims.StringOrList{Values: []string{"a", "b"}, List: true}, s.Request("a", "b").Audience.Or(claims.StringOrList{}))
	require.True(t, r.SoftwareStatement.Valid())
}

func TestStatementsCanBeChanged(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d, ssatest.SoftwareOptions{})
	token, err := s.SSA(map[string]any{"org_status": "Revoked", "software_version": nil, "extra": []int{1}})
	require.NoError(t, err)
	statement, err := ssa.Parse(token)
	require.NoError(t, err)
	c := statement.UnverifiedClaims()
	require.Equal(t, "Revoked", c.OrgStatus.Or(""))
	require.False(t, c.SoftwareVersion.Present())
	require.Equal(t, "extra", c.Unknown[0].Name)
	require.Equal(t, "[1]", string(c.Unknown[0].Raw))
	require.Regexp(t, regexp.MustCompile(`^[0-9a-f]{16}$`), c.JWTID.Or(""))
	_, err = claims.ParseSSA(statement.Signed().UnverifiedPayload())
	require.NoError(t, err)

	_, err = s.SSA(map[string]any{"extra": make(chan int)})
	require.Error(t, err)
	_, err = s.Sign(make(chan int))
	require.Error(t, err)
}

// everything is all that a directory gives out, as bytes.
func everything(t testing.TB, opts ssatest.Options) []string {
	d := newDirectory(t, opts)
	out := []string{d.URL(), string(d.JWKS()), string(d.CAPEM()), d.KeyID()}
	bank, err := d.ServerCertificate("bank.example")
	require.NoError(t, err)
	out = append(out, string(bank.Certificate[0]))
	for range 2 {
		s := newSoftware(t, d, ssatest.SoftwareOptions{Algorithm: opts.Algorithm})
		r := s.Request()
		token, err := s.Sign(&r)
		require.NoError(t, err)
		forged, err := s.SSAWith(nil, ssatest.Forgery{Key: d.ForgedKey()})
		require.NoError(t, err)
		out = append(out, token, forged, s.SoftwareID, s.JWKSURL(), string(s.JWKS()), string(s.TransportCertificate.Certificate[0]))
	}
	return out
}

func TestDeterministicDirectoriesRepeatThemselves(t *testing.T) {
	for _, alg := range []claims.Algorithm{claims.PS256, claims.ES256} {
		opts := ssatest.Options{Algorithm: alg, Deterministic: true}
		require.Equal(t, everything(t, opts), everything(t, opts))
	}
	require.NotEqual(t, everything(t, ssatest.Options{}), everything(t, ssatest.Options{}))
}

func TestEachSoftwareHasItsOwnKeys(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	seen := map[string]bool{}
	for range 7 { // more than are embedded
		s := newSoftware(t, d, ssatest.SoftwareOptions{})
		for _, cert := range []*x509.Certificate{s.SigningCertificate.Leaf, s.TransportCertificate.Leaf} {
			require.False(t, seen[string(cert.RawSubjectPublicKeyInfo)])
			seen[string(cert.RawSubjectPublicKeyInfo)] = true
			require.NoError(t, cert.CheckSignatureFrom(d.CA))
		}
	}
	fixed := newDirectory(t, ssatest.Options{Deterministic: true})
	for range 6 {
		newSoftware(t, fixed, ssatest.SoftwareOptions{})
	}
	_, err := fixed.NewSoftware(ssatest.SoftwareOptions{})
	require.Error(t, err)
}

func TestContradictoryOptionsAreRefused(t *testing.T) {
	_, err := ssatest.New(ssatest.Options{Environment: "prdtst"})
	require.Error(t, err)
	_, err = ssatest.New(ssatest.Options{Algorithm: claims.RS256})
	require.Error(t, err)
	d := newDirectory(t, ssatest.Options{})
	_, err = d.NewSoftware(ssatest.SoftwareOptions{Algorithm: claims.AlgNone})
	require.Error(t, err)
	_, err = d.ServerCertificate("")
	require.Error(t, err)
	opts := ssatest.SoftwareOptions{SoftwareID: "8mDPKa5nQOq2VhBx3sYzTe"}
	newSoftware(t, d, opts)
	_, err = d.NewSoftware(opts)
	require.Error(t, err, "the same software twice")
	_, err = d.NewSoftware(ssatest.SoftwareOptions{ClientName: strings.Repeat("a", 1<<20)})
	require.Error(t, err, "a statement that no token holds")
}

func TestTheResolverAnswersForTheDirectoryAlone(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d, ssatest.SoftwareOptions{})
	resolve := func(ctx context.Context, url, kid string) error {
		_, err := d.Resolver().ResolveKeys(ctx, ssa.KeyRef{URL: url, KeyID: kid})
		return err
	}
	ctx := context.Background()
	require.NoError(t, resolve(ctx, s.JWKSURL(), s.SigningKeyID))
	require.NoError(t, resolve(ctx, s.JWKSURL(), s.TransportKeyID))
	require.NoError(t, resolve(ctx, d.URL()+"/keys.jwks", d.KeyID()))
	require.ErrorIs(t, resolve(ctx, s.JWKSURL(), d.KeyID()), ssa.ErrKeyNotFound)
	require.ErrorIs(t, resolve(ctx, "https://evil.example/k", s.SigningKeyID), ssa.ErrKeySourceUnavailable)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, resolve(cancelled, s.JWKSURL(), s.SigningKeyID), ssa.ErrKeySourceUnavailable)
}

// A bank under test asks for client certificates of the CA.
func TestCertificatesServeMutualTLS(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d, ssatest.SoftwareOptions{})
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(d.CAPEM()))
	block, rest := pem.Decode(d.CAPEM())
	require.Equal(t, d.CA.Raw, block.Bytes)
	require.Empty(t, rest)

	bank := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	cert, err := d.ServerCertificate("127.0.0.1")
	require.NoError(t, err)
	bank.TLS = &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12,
	}
	bank.StartTLS()
	defer bank.Close()
	client := d.Client()
	transport, ok := client.Transport.(*http.Transport)
	require.True(t, ok)
	transport.TLSClientConfig.Certificates = []tls.Certificate{s.TransportCertificate}
	defer client.CloseIdleConnections()
	status, name := get(t, client, http.MethodGet, bank.URL)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, s.SoftwareID, name)
}

func TestSubjectsAreEncodedCountryFirst(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d, ssatest.SoftwareOptions{})
	var got []string
	for _, name := range s.TransportCertificate.Leaf.Subject.Names {
		text, ok := name.Value.(string)
		require.True(t, ok)
		got = append(got, name.Type.String()+"="+text)
	}
	require.Equal(t, []string{"2.5.4.6=GB", "2.5.4.10=OpenBanking", "2.5.4.11=" + s.OrgID, "2.5.4.3=" + s.SoftwareID}, got)
}

func TestACertificateIsReadBackFromItsPEM(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	own, err := d.ServerCertificate("bank.example")
	require.NoError(t, err)
	own.Certificate = append(own.Certificate, d.CA.Raw)
	certificate, key, err := ssatest.PEM(own)
	require.NoError(t, err)
	read, err := tls.X509KeyPair(certificate, key)
	require.NoError(t, err)
	require.Equal(t, own.Certificate, read.Certificate)
	require.True(t, read.PrivateKey.(*rsa.PrivateKey).Equal(own.PrivateKey))
	_, _, err = ssatest.PEM(tls.Certificate{PrivateKey: "no key"})
	require.Error(t, err)
}

func TestWhatIsKnownOfADirectoryMakesAnAnchorOfIt(t *testing.T) {
	d := newDirectory(t, ssatest.Options{Environment: claims.Production})
	s := newSoftware(t, d, ssatest.SoftwareOptions{})
	token, err := s.SSA(nil)
	require.NoError(t, err)
	statement, err := ssa.Parse(token)
	require.NoError(t, err)
	verifier, err := ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{d.Known().Anchor(d.Resolver())},
		Clock: func() time.Time { return now }})
	require.NoError(t, err)
	verified, err := verifier.Verify(t.Context(), statement)
	require.NoError(t, err)
	require.Equal(t, claims.Production, verified.Environment())
	_, err = verified.SoftwareKeys(d.Resolver())
	require.NoError(t, err, "its host is known")
	require.Equal(t, []string{d.CA.Subject.String()}, d.Known().RootSubjects)
}
