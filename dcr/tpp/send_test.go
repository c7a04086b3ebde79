package tpp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
)

// picky is a bank that takes one content type, and refuses the others with a status. It
// records what was sent to it.
type picky struct {
	takes  string
	status int
	types  []string
	bodies []string
}

func (p *picky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.types, p.bodies = append(p.types, r.Header.Get("Content-Type")), append(p.bodies, string(body))
	if r.Header.Get("Content-Type") != p.takes {
		w.WriteHeader(p.status)
		return
	}
	if r.Method == http.MethodPost {
		w.WriteHeader(http.StatusCreated)
	}
	fmt.Fprint(w, `{"client_id": "id"}`)
}

// TestTheOtherContentTypeIsTriedOnceAfter415: the bank refused the type before it judged.
func TestTheOtherContentTypeIsTriedOnceAfter415(t *testing.T) {
	w := newWorld(t)
	const jwt, jose = "application/jwt", "application/jose"
	for name, c := range map[string]struct {
		asked tpp.ContentType
		bank  picky
		types []string
		sent  tpp.ContentType // "": refused
	}{
		"the default":                {"", picky{takes: jwt}, []string{jwt}, tpp.ContentTypeJWT},
		"asked for":                  {tpp.ContentTypeJOSE, picky{takes: jose}, []string{jose}, tpp.ContentTypeJOSE},
		"the bank wants jose":        {"", picky{takes: jose, status: 415}, []string{jwt, jose}, tpp.ContentTypeJOSE},
		"the bank wants jwt":         {tpp.ContentTypeJOSE, picky{takes: jwt, status: 415}, []string{jose, jwt}, tpp.ContentTypeJWT},
		"the bank wants neither":     {"", picky{takes: "application/json", status: 415}, []string{jwt, jose}, ""},
		"another status":             {"", picky{takes: jose, status: 400}, []string{jwt}, ""},
		"not acceptable":             {"", picky{takes: jose, status: 406}, []string{jwt}, ""},
		"a fault of something else":  {"", picky{takes: jose, status: 500}, []string{jwt}, ""},
		"a bank that knows no JOSE ": {"", picky{takes: jose, status: 422}, []string{jwt}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			bank := c.bank
			client, err := tpp.NewClient(tpp.Config{HTTP: handled(&bank), Metadata: metadataOf(t, "https://bank.example"), ContentType: c.asked,
				Clock: w.clock})
			require.NoError(t, err)
			for _, call := range []func() (*tpp.ClientInformation, error){
				func() (*tpp.ClientInformation, error) { return client.Register(t.Context(), "a.b.c") },
				func() (*tpp.ClientInformation, error) { return client.Update(t.Context(), "id", "a.b.c", goodToken) },
			} {
				bank.types, bank.bodies = nil, nil
				information, err := call()
				assert.Equal(t, c.types, bank.types)
				for _, body := range bank.bodies {
					assert.Equal(t, "a.b.c", body)
				}
				if c.sent == "" {
					var refused *tpp.ResponseError
					require.ErrorAs(t, err, &refused)
					assert.Equal(t, c.bank.status, refused.Status)
					assert.Equal(t, c.types[len(c.types)-1], string(refused.SentAs))
					continue
				}
				require.NoError(t, err)
				assert.Equal(t, c.sent, information.SentAs)
			}
		})
	}
	_, err := tpp.NewClient(tpp.Config{HTTP: w.http, Metadata: bankMetadata(t, nil), ContentType: "application/json"})
	require.Error(t, err)
}

// handled returns an HTTP client whose requests a handler answers, without a network.
func handled(h http.Handler) *http.Client {
	return &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		return answer.Result(), nil
	})}
}

func TestTheTokenIsOfTheScopeOfTheConfiguration(t *testing.T) {
	w := newWorld(t)
	var asked []string
	bank := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.PostFormValue("scope"))
		fmt.Fprint(w, `{"access_token": "x", "token_type": "Bearer"}`)
	})
	by := tpp.Credentials{ClientID: "id", Method: claims.TLSClientAuth}
	for _, scopes := range [][]string{nil, {"registration", "openid"}} {
		client, err := tpp.NewClient(tpp.Config{HTTP: handled(bank), Metadata: bankMetadata(t, nil), TokenScopes: scopes, Clock: w.clock})
		require.NoError(t, err)
		_, err = client.AccessToken(t.Context(), by)
		require.NoError(t, err)
		_, err = client.AccessToken(t.Context(), by, "accounts")
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"", "accounts", "registration openid", "accounts"}, asked)
}

func TestALifetimeIsAnyNumberOfJSON(t *testing.T) {
	const unknown = -2 // the token is good all the same
	w := newWorld(t)
	for literal, want := range map[string]int64{`3600`: 3600, `3600.0`: 3600, `3.6e3`: 3600, `36E+2`: 3600, `"3600"`: 3600, `"3.6e3"`: 3600, `3599.9`: 3599,
		`0`: 0, `-1`: unknown, `1e300`: unknown, `1e999`: unknown, `"-5"`: unknown, `null`: unknown, `"soon"`: -1, `""`: -1, `"0x10"`: -1, `"Inf"`: -1, `"1_000"`: -1, `true`: -1, `[3600]`: -1} {
		bank := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"access_token": "x", "token_type": "Bearer", "expires_in": %s}`, literal)
		})
		client, err := tpp.NewClient(tpp.Config{HTTP: handled(bank), Metadata: bankMetadata(t, nil), Clock: w.clock})
		require.NoError(t, err)
		token, err := client.AccessToken(t.Context(), tpp.Credentials{ClientID: "id", Method: claims.TLSClientAuth})
		if want == unknown {
			require.NoError(t, err, literal)
			assert.True(t, token.Expires.IsZero(), literal)
			continue
		}
		if want < 0 {
			var lost *tpp.NoAnswerError
			require.ErrorAs(t, err, &lost, literal)
			continue
		}
		require.NoError(t, err, literal)
		assert.Equal(t, want, int64(token.Expires.Sub(w.now).Seconds()), literal)
	}
}
