package jsonscan_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/jsonscan"
)

func TestAStringIsWrittenAsEncodingJSONDoes(t *testing.T) {
	texts := []string{"", "plain text ~", `"`, `\`, "<a>&", "caf\u00e9", "\u2028", "\x7f", "\x00", "a\xffb"}
	for c := range 256 {
		texts = append(texts, string([]byte{byte(c)}))
	}
	for _, text := range texts {
		want, err := json.Marshal(text)
		require.NoError(t, err)
		require.Equal(t, "before"+string(want), string(jsonscan.AppendString([]byte("before"), text)), "%q", text)
	}
}
