package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/dn"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// mover is a software that has a certificate and is to have one with another subject, both
// of the same CA.
type mover struct {
	*world
	ca        otherCA
	old, next tls.Certificate
}

// newMover makes a software whose next certificate is not published yet.
func newMover(t *testing.T) *mover {
	t.Helper()
	m := &mover{world: newWorld(t), ca: newOtherCA(t, time.Now().Add(24*time.Hour))}
	trusted := m.config.Clients.Trust.Authorities
	trusted[claims.Sandbox] = append(trusted[claims.Sandbox], m.ca.cert)
	m.old = m.ca.certify(t, m.software)
	m.software.TransportCertificate = m.old
	m.next = m.obwac(t, m.ca, time.Now().Add(time.Hour))
	return m
}

// obwac makes an OBWAC of the software's organisation.
func (m *mover) obwac(t *testing.T, ca otherCA, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	leaf := ca.sign(t, &x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, NotAfter: until,
		Subject: pkix.Name{Country: []string{"GB"}, Organization: []string{"Acme Ltd"}, CommonName: m.software.OrgID,
			ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{2, 5, 4, 97}, Value: "PSDGB-OB-Unknown" + m.software.OrgID}}}}, key.Public())
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

// jwk writes the key of a certificate, with the certificate as x5c.
func jwk(t *testing.T, c tls.Certificate, use string, x5c []byte) map[string]any {
	t.Helper()
	point, err := c.PrivateKey.(*ecdsa.PrivateKey).PublicKey.Bytes() // 4, x, y
	require.NoError(t, err)
	encoded := base64.RawURLEncoding.EncodeToString
	return map[string]any{"kty": "EC", "crv": "P-256", "kid": "next-" + encoded(point[1:7]), "use": use,
		"x": encoded(point[1:33]), "y": encoded(point[33:]), "x5c": []string{base64.StdEncoding.EncodeToString(x5c)}}
}

// publish adds keys to the software's key set.
func (m *mover) publish(t *testing.T, keys ...map[string]any) {
	t.Helper()
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	require.NoError(t, json.Unmarshal(m.software.JWKS(), &set))
	content, err := json.Marshal(map[string]any{"keys": slices.Concat(set.Keys, keys)})
	require.NoError(t, err)
	address, err := url.Parse(m.software.JWKSURL())
	require.NoError(t, err)
	m.directory.Publish(address.Path, content)
}

// publishNext adds the next certificate to the key set, with its key for TLS.
func (m *mover) publishNext(t *testing.T) { m.publish(t, jwk(t, m.next, "tls", m.next.Certificate[0])) }

func nameOf(t *testing.T, c tls.Certificate) string {
	t.Helper()
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	require.NoError(t, err)
	name, err := dn.FromDER(leaf.RawSubject)
	require.NoError(t, err)
	return name.String()
}

func (m *mover) token(t *testing.T, c *tpp.Client, id string) tpp.BearerToken {
	t.Helper()
	access, err := c.AccessToken(t.Context(), tpp.Credentials{ClientID: id, Method: claims.TLSClientAuth})
	require.NoError(t, err)
	return access
}

// move updates a client to the subject of a certificate.
func (m *mover) move(t *testing.T, c *tpp.Client, id string, access tpp.BearerToken, to tls.Certificate) error {
	t.Helper()
	statement, err := m.software.SSA(nil)
	require.NoError(t, err)
	request, err := c.BuildUpdate(id, statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience, AuthMethod: claims.TLSClientAuth,
		SubjectDN: nameOf(t, to), Lifetime: 5 * time.Minute})
	require.NoError(t, err)
	made, err := c.Update(t.Context(), id, request, access)
	if err == nil {
		require.Equal(t, id, made.ClientID)
	}
	return err
}

// The whole walk of docs/certificates.md: register, publish, update, change the certificate.
func TestAClientMovesToACertificateWithAnotherSubject(t *testing.T) {
	m := newMover(t)
	old, overOld, address := m.serve(t, m.bank(t))
	overNext := m.transport(t, m.next)
	id := m.register(t, old, claims.TLSClientAuth).ClientID
	form := url.Values{"client_id": {id}}
	access := m.token(t, old, id)

	// It is not published yet: nothing shows that it is the software's.
	requireAnswer(t, m.move(t, old, id, access, m.next), http.StatusBadRequest, validate.RuleTLSClientAuthSubjectDNMatchesCertificate)
	requireRefused(t, ask(t, overNext, address, form, ""), http.StatusUnauthorized, "invalid_client")

	// Both are published: the old one is still what the client authenticates with.
	m.publishNext(t)
	requireRefused(t, ask(t, overNext, address, form, ""), http.StatusUnauthorized, "invalid_client")
	require.Equal(t, http.StatusOK, ask(t, overOld, address, form, "").status)
	require.NoError(t, m.move(t, old, id, access, m.next))

	// The token endpoint knows the new one alone. A token that is bound to the old one manages
	// the client until it ends, and the client can go back.
	require.Equal(t, http.StatusOK, ask(t, overNext, address, form, "").status)
	requireRefused(t, ask(t, overOld, address, form, ""), http.StatusUnauthorized, "invalid_client")
	_, err := old.Get(t.Context(), id, access)
	require.NoError(t, err)
	require.NoError(t, m.move(t, old, id, access, m.old))
	require.Equal(t, http.StatusOK, ask(t, overOld, address, form, "").status)
	require.NoError(t, m.move(t, old, id, access, m.next))

	// With the new certificate and a token that is bound to it all goes on. The old token does
	// not open anything with the new certificate.
	next := m.client(t, overNext, address)
	own := m.token(t, next, id)
	_, err = next.Get(t.Context(), id, access)
	requireUnauthorized(t, err)
	require.NoError(t, m.move(t, next, id, own, m.next))

	// The old key leaves the set: what is bound to it ends.
	m.software.TransportCertificate = m.next
	m.withdrawTransportKeyBut(t, m.next)
	_, err = old.Get(t.Context(), id, access)
	requireUnauthorized(t, err)
	require.NoError(t, next.Delete(t.Context(), id, own))
}

// withdrawTransportKeyBut leaves the signing keys and a certificate in the key set.
func (m *mover) withdrawTransportKeyBut(t *testing.T, c tls.Certificate) {
	t.Helper()
	m.withdrawTransportKey(t)
	address, err := url.Parse(m.software.JWKSURL())
	require.NoError(t, err)
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	require.NoError(t, json.Unmarshal(m.software.JWKS(), &set))
	set.Keys = slices.DeleteFunc(set.Keys, func(k map[string]any) bool { return k["kid"] == m.software.TransportKeyID })
	content, err := json.Marshal(map[string]any{"keys": append(set.Keys, jwk(t, c, "tls", c.Certificate[0]))})
	require.NoError(t, err)
	m.directory.Publish(address.Path, content)
}

// A client does not move to a certificate that the bank would not let in.
func TestAClientMovesToNoCertificateThatIsNotGood(t *testing.T) {
	broken := []string{validate.RuleTLSClientAuthSubjectDNMatchesCertificate}
	for name, c := range map[string]struct {
		prepare func(*testing.T, *mover)
		status  int
		rules   []string
	}{
		"not published":  {func(*testing.T, *mover) {}, http.StatusBadRequest, broken},
		"for signatures": {func(t *testing.T, m *mover) { m.publish(t, jwk(t, m.next, "sig", m.next.Certificate[0])) }, http.StatusBadRequest, broken},
		"for encryption": {func(t *testing.T, m *mover) { m.publish(t, jwk(t, m.next, "enc", m.next.Certificate[0])) }, http.StatusBadRequest, broken},
		"of a strange CA": {func(t *testing.T, m *mover) {
			m.next = m.obwac(t, newOtherCA(t, time.Now().Add(time.Hour)), time.Now().Add(time.Hour))
			m.publishNext(t)
		}, http.StatusBadRequest, broken},
		"expired": {func(t *testing.T, m *mover) {
			m.next = m.obwac(t, m.ca, time.Now().Add(-time.Minute))
			m.publishNext(t)
		}, http.StatusBadRequest, broken},
		"over another key": {func(t *testing.T, m *mover) {
			m.publish(t, jwk(t, m.obwac(t, m.ca, time.Now().Add(time.Hour)), "tls", m.next.Certificate[0]))
		}, http.StatusBadRequest, broken},
		"revoked": {func(t *testing.T, m *mover) { m.publishNext(t); m.revoke(t, m.next) }, http.StatusBadRequest, broken},
		"withdrawn": {func(t *testing.T, m *mover) {
			m.publishNext(t)
			withdrawn, err := json.Marshal(map[string]any{"keys": []any{jwk(t, m.next, "tls", m.next.Certificate[0])}})
			require.NoError(t, err)
			m.directory.Publish("/"+m.software.OrgID+"/revoked/"+m.software.SoftwareID+".jwks", withdrawn)
		}, http.StatusBadRequest, broken},
		"of unknown status": {func(t *testing.T, m *mover) {
			silent := newOtherCA(t, time.Now().Add(time.Hour))
			m.config.Clients.Trust.Authorities[claims.Sandbox] = append(m.config.Clients.Trust.Authorities[claims.Sandbox], silent.cert)
			m.next = m.obwac(t, silent, time.Now().Add(time.Hour))
			m.publishNext(t)
			m.revoke(t)
		}, http.StatusServiceUnavailable, nil},
		"at a bank that forbids it": {func(t *testing.T, m *mover) {
			m.publishNext(t)
			m.policy(func(p *validate.Policy) { p.SubjectDNFromKeySet = false })
		}, http.StatusBadRequest, broken},
		"at a bank without CAs": {func(t *testing.T, m *mover) {
			m.publishNext(t)
			m.config.Clients.Trust.Authorities = nil
			m.presentsItself(t)
		}, http.StatusBadRequest, broken},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMover(t)
			c.prepare(t, m)
			client, _, _ := m.serve(t, m.bank(t))
			id := m.register(t, client, claims.TLSClientAuth).ClientID
			requireAnswer(t, m.move(t, client, id, m.token(t, client, id), m.next), c.status, c.rules...)
		})
	}
}

// revoke lists certificates as revoked by the CA.
func (m *mover) revoke(t *testing.T, certificates ...tls.Certificate) {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour)}
	for _, c := range certificates {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: c.Leaf.SerialNumber, RevocationTime: list.ThisUpdate})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, m.ca.cert, m.ca.key)
	require.NoError(t, err)
	m.config.Clients.Trust.CRLs, err = cert.NewCRLs(m.config.Clients.Trust.Authorities[claims.Sandbox], der)
	require.NoError(t, err)
}

// A registration names the certificate that it comes with, whatever else is published.
func TestARegistrationNamesTheCertificateThatItComesWith(t *testing.T) {
	m := newMover(t)
	m.publishNext(t)
	client, _, _ := m.serve(t, m.bank(t))
	statement, err := m.software.SSA(nil)
	require.NoError(t, err)
	request, err := client.Build(statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience, AuthMethod: claims.TLSClientAuth, SubjectDN: nameOf(t, m.next)})
	require.NoError(t, err)
	_, err = client.Register(t.Context(), request)
	requireAnswer(t, err, http.StatusBadRequest, validate.RuleTLSClientAuthSubjectDNMatchesCertificate)
}

// An authorization server may give a client a token over the next certificate before the
// move. Then the client moves over that certificate, whatever subject_dn_from_key_set says.
func TestAClientMovesOverTheCertificateThatItsTokenIsBoundTo(t *testing.T) {
	for _, published := range []bool{true, false} {
		m := newMover(t)
		issued := token.NewMemory(nil, nil)
		m.config.TokenEndpoint, m.config.Tokens = false, issued
		m.config.Discovery.TokenEndpoint = "https://as.example/token"
		m.policy(func(p *validate.Policy) { p.SubjectDNFromKeySet = published })
		old, _, address := m.serve(t, m.bank(t))
		id := m.register(t, old, claims.TLSClientAuth).ClientID
		m.publishNext(t)
		over := m.client(t, m.transport(t, m.next), address)
		for bound, want := range map[string]tls.Certificate{"the old one": m.old, "the next one": m.next} {
			access, err := issued.Issue(t.Context(), id, sha256.Sum256(want.Certificate[0]), nil, time.Hour)
			require.NoError(t, err)
			err = m.move(t, over, id, tpp.BearerToken{Value: access}, m.next)
			if bound == "the next one" {
				require.NoError(t, err)
				continue
			}
			requireAnswer(t, err, http.StatusUnauthorized)
		}
	}
}
