package dcr_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
)

func TestNoSecretIsPrintedOrLogged(t *testing.T) {
	const secret = "4f1cc1b1a9b84f77"
	w, _ := newWorld(t, nil)
	config := w.config
	config.SealingKey = []byte(secret + secret)
	introspection := dcr.IntrospectionConfig{IntrospectionURL: "https://as.example/i", RevocationURL: "https://as.example/r", ClientID: "bank", ClientSecret: secret}
	tokens, err := dcr.NewIntrospection(introspection)
	require.NoError(t, err)
	leaf := w.certificate(t, w.software)
	for shown, value := range map[string]any{
		"client a": dcr.Registration{Client: store.Client{ID: "a"}, Secret: secret},
		"client b": &dcr.Registration{Client: store.Client{ID: "b"}, Secret: secret},
		"caller":   dcr.Caller{Token: secret, Certificate: leaf},
		"without":  dcr.Caller{Token: secret},
		"request":  dcr.RegisterInput{Token: secret, Certificate: leaf},
		"bank":     introspection, `"bank"`: tokens, "registrar": config,
	} {
		hex, decimal := fmt.Sprintf("%x", secret), fmt.Sprintf("%d", []byte(secret))
		decimal = decimal[1 : len(decimal)-1]
		inside := struct{ V any }{value}
		var log bytes.Buffer
		for _, logger := range []*slog.Logger{slog.New(slog.NewTextHandler(&log, nil)), slog.New(slog.NewJSONHandler(&log, nil))} {
			logger.Info("x", "value", value)
			require.Contains(t, log.String(), "value", shown)
			if _, marshals := value.(dcr.Config); !marshals { // which JSON cannot hold
				logger.Info("x", "list", []any{value})
			}
		}
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c", "%08b"} {
			fmt.Fprintf(&log, format, value)
			fmt.Fprintf(&log, format, []any{value})
			fmt.Fprintf(&log, format, inside)
		}
		require.Contains(t, fmt.Sprint(value), shown)
		for _, form := range []string{secret, hex, decimal} {
			require.NotContains(t, log.String(), form, shown)
		}
	}
	text, err := json.Marshal(dcr.Registration{Secret: secret})
	require.NoError(t, err)
	require.NotContains(t, string(text), secret)
	require.Equal(t, secret, dcr.Caller{Token: secret}.Token, "the field is as usable as before")
}
