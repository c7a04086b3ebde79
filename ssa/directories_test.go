package ssa_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/dn"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// sets answers for addresses as a way out that sees only whole URLs would.
type sets map[string][]byte

func (s sets) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	if set, ok := s[r.URL.String()]; ok {
		answer.Header().Set("Content-Type", "application/json")
		_, _ = answer.Write(set)
	} else {
		answer.WriteHeader(http.StatusNotFound)
	}
	return answer.Result(), nil
}

func TestAnAnchorOfEachKnownDirectoryJudgesAStatement(t *testing.T) {
	for _, known := range ssa.KnownDirectories() {
		t.Run(known.Name, func(t *testing.T) {
			d := newDirectory(t, ssatest.Options{Issuer: known.Issuer, Environment: known.Environment})
			s := newSoftware(t, d)
			base := "https://" + known.Hosts[0] + "/" + s.OrgID
			address := base + "/" + s.SoftwareID + ".jwks"
			keys, err := ssa.NewRemoteKeys(ssa.RemoteConfig{
				Sources: []ssa.RemoteSource{known.Source()}, Clock: time.Now,
				Transport: sets{known.JWKSURL: d.JWKS(), address: s.JWKS()},
			})
			require.NoError(t, err)
			t.Cleanup(keys.Close)
			verifier, err := ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{known.Anchor(keys)}, Clock: clock})
			require.NoError(t, err)
			judge := func(changes map[string]any) (*ssa.Verified, error) {
				token, err := s.SSA(changes)
				require.NoError(t, err)
				statement, err := ssa.Parse(token)
				require.NoError(t, err)
				return verifier.Verify(context.Background(), statement)
			}
			addresses := map[string]any{
				"software_jwks_endpoint":         address,
				"software_jwks_revoked_endpoint": base + "/revoked/" + s.SoftwareID + ".jwks",
				"org_jwks_revoked_endpoint":      base + "/revoked/" + s.OrgID + ".jwks",
			}
			verified, err := judge(addresses)
			require.NoError(t, err)
			require.Equal(t, known.Environment, verified.Environment())
			software, err := verified.SoftwareKeys(keys)
			require.NoError(t, err)
			require.Len(t, software.Revoked, 2)
			found, err := software.ResolveKeys(context.Background(), ssa.KeyRef{KeyID: s.SigningKeyID})
			require.NoError(t, err)
			require.Len(t, found, 1)

			verified, err = judge(nil)
			require.NoError(t, err)
			_, err = verified.SoftwareKeys(keys)
			require.ErrorIs(t, err, ssa.ErrJWKSHost, "a key set elsewhere is not read")

			_, err = judge(map[string]any{"iss": "OpenBanking Limited"})
			require.ErrorIs(t, err, ssa.ErrUnknownIssuer)
		})
	}
}

func TestKnownDirectoriesAreTwoAndApart(t *testing.T) {
	list := ssa.KnownDirectories()
	require.Len(t, list, 2)
	require.ElementsMatch(t, []claims.Environment{claims.Sandbox, claims.Production},
		[]claims.Environment{list[0].Environment, list[1].Environment})
	require.NotEqual(t, list[0].JWKSURL, list[1].JWKSURL)
	require.NotContains(t, list[0].Hosts, list[1].Hosts[0])
	for _, d := range list {
		_, err := time.Parse(time.DateOnly, d.ReadOn)
		require.NoError(t, err)
		require.NotEmpty(t, d.RootSubjects)
		require.NotEmpty(t, d.IssuingSubjects)
		for _, subject := range append(d.RootSubjects, d.IssuingSubjects...) {
			name, err := dn.Parse(subject)
			require.NoError(t, err)
			require.True(t, name.First("CN"))
		}
	}
}

func TestKnownDirectoriesAreChosenByTheirEnvironment(t *testing.T) {
	for _, env := range []claims.Environment{claims.Sandbox, claims.Production} {
		list := ssa.KnownDirectories(env)
		require.Len(t, list, 1)
		require.Equal(t, env, list[0].Environment)
	}
	require.Equal(t, ssa.KnownDirectories(), ssa.KnownDirectories(claims.Sandbox, claims.Production))
	require.Empty(t, ssa.KnownDirectories("test"))
}

func TestAKnownDirectoryMovesWithTheHostOfItsKeySets(t *testing.T) {
	known := ssa.KnownDirectories(claims.Sandbox)[0]
	require.Equal(t, known, known.At(""))
	moved := known.At("https://127.0.0.1:8445/keys.jwks")
	require.Equal(t, "https://127.0.0.1:8445/keys.jwks", moved.JWKSURL)
	require.Equal(t, []string{"127.0.0.1:8445"}, moved.Hosts)
	require.NotContains(t, known.Hosts, "127.0.0.1:8445", "the directory itself stays")
	moved.JWKSURL, moved.Hosts = known.JWKSURL, known.Hosts
	require.Equal(t, known, moved, "nothing else changes")
	for _, unfit := range []string{"keys.jwks", "http://keys.example/keys.jwks", "https:///keys.jwks", "https://a b/", "https://127.0.0.1:0/keys.jwks", "%"} {
		_, err := ssa.NewRemoteKeys(ssa.RemoteConfig{Sources: []ssa.RemoteSource{known.At(unfit).Source()}})
		require.Error(t, err, unfit)
	}
}

func TestRemoteKeysReadAFakeDirectoryOverTLS(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d)
	keys, err := ssa.NewRemoteKeys(ssa.RemoteConfig{Sources: []ssa.RemoteSource{d.RemoteSource()}, Clock: time.Now})
	require.NoError(t, err)
	t.Cleanup(keys.Close)
	found, err := keys.ResolveKeys(context.Background(), ssa.KeyRef{URL: s.JWKSURL(), KeyID: s.SigningKeyID})
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Len(t, found[0].CertificateSHA256, 1)
	revoked, err := keys.ResolveRevokedKeys(context.Background(), d.URL()+"/"+s.OrgID+"/revoked/"+s.OrgID+".jwks")
	require.NoError(t, err)
	require.Empty(t, revoked.Keys)
}
