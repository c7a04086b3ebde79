package secret_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/secret"
)

const plain = "s3cr3t-s3cr3t"

// holder has a secret where package fmt can call its methods, and where it cannot.
type holder struct {
	Shown  secret.Text
	List   []secret.Text
	Map    map[string]secret.Text
	Ptr    *secret.Text
	buried secret.Text
}

// encoded is what all three encodings can hold.
type encoded struct {
	S secret.Text
	L []secret.Text
	O secret.Text `json:",omitzero"`
}

func held() holder {
	s := secret.New(plain)
	return holder{Shown: s, List: []secret.Text{s}, Map: map[string]secret.Text{"k": s}, Ptr: &s, buried: s}
}

func TestNoVerbPrintsASecret(t *testing.T) {
	s := secret.New(plain)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%t", "%p", "%e", "%g", "% x", "%-40s"} {
		for _, value := range []any{s, &s, []secret.Text{s}, held(), new(held()), []any{held()}, map[string]any{"k": held()}} {
			printed := fmt.Sprintf(verb, value)
			assert.NotContains(t, printed, plain, verb)
			assert.NotContains(t, printed, fmt.Sprintf("%x", plain), verb)
			assert.NotContains(t, printed, fmt.Sprintf("%d", []byte(plain)), verb)
		}
	}
	assert.Equal(t, secret.Hidden, fmt.Sprint(s))
	assert.Equal(t, secret.Hidden, s.String())
}

func TestNoLogHoldsASecret(t *testing.T) {
	var out bytes.Buffer
	for _, log := range []*slog.Logger{slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))} {
		s := secret.New(plain)
		log.Info("one", "secret", s, "pointer", &s, "list", []secret.Text{s}, "map", map[string]secret.Text{"k": s},
			"struct", held(), "structs", []holder{held()}, slog.Group("g", "secret", s))
	}
	assert.NotContains(t, out.String(), plain)
	assert.Contains(t, out.String(), secret.Hidden)
}

func TestNoEncodingHoldsASecret(t *testing.T) {
	in := encoded{S: secret.New(plain), L: []secret.Text{secret.New(plain)}}
	asJSON, err := json.Marshal(in)
	require.NoError(t, err)
	assert.JSONEq(t, `{"S":"[hidden]","L":["[hidden]"]}`, string(asJSON))
	asXML, err := xml.Marshal(in)
	require.NoError(t, err)
	assert.NotContains(t, string(asXML), plain)
	assert.Contains(t, string(asXML), secret.Hidden)
	var asGob bytes.Buffer
	require.NoError(t, gob.NewEncoder(&asGob).Encode(in))
	assert.NotContains(t, asGob.String(), plain)
	assert.Contains(t, asGob.String(), secret.Hidden)
	asKey, err := json.Marshal(held().Map)
	require.NoError(t, err)
	assert.NotContains(t, string(asKey), plain)
}

func TestRevealGivesTheSecret(t *testing.T) {
	assert.Equal(t, plain, secret.New(plain).Reveal())
	assert.Empty(t, secret.Text{}.Reveal())
	assert.True(t, secret.New("").IsZero())
	assert.False(t, secret.New(plain).IsZero())
	assert.True(t, secret.New(plain).Equal(secret.New(plain)))
	assert.False(t, secret.New(plain).Equal(secret.New("another")))
	assert.True(t, secret.Text{}.Equal(secret.New("")))
}
