package server_test

import (
	"net/http"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/validate"
)

// spoil overwrites all that a value leads to.
func spoil(v reflect.Value) {
	switch v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			spoil(v.Index(i))
		}
	case reflect.Map:
		v.Clear()
	case reflect.Pointer:
		if !v.IsNil() {
			spoil(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				spoil(v.Field(i))
			}
		}
	default:
		if v.CanSet() {
			v.SetZero()
		}
	}
}

// A caller may write to what a bank was made from, and to what it returns.
func TestABankSharesNothingWithItsCaller(t *testing.T) {
	w := newWorld(t)
	policy := validate.DefaultPolicy(validate.OBIE33)
	policy.Audiences = w.config.Audiences
	w.config.Policy, w.config.Methods = &policy, []string{http.MethodPost, http.MethodGet}
	w.config.Clients.Trust.Bindings = append(w.config.Clients.Trust.Bindings, "public_key")
	b := w.bank(t)
	before, document := b.Policy(), string(b.Discovery())
	served := b.HTTPServer().TLSConfig.Certificates
	client, _, _ := w.serve(t, b)

	spoil(reflect.ValueOf(&policy))
	handed := b.Policy()
	spoil(reflect.ValueOf(&handed))
	clear(b.Discovery())
	clear(w.config.Methods)
	clear(w.config.Audiences)
	clear(w.config.Anchors)
	clear(w.config.Clients.Trust.Bindings)
	clear(b.HTTPServer().TLSConfig.Certificates)

	require.Equal(t, before, b.Policy())
	require.NotEmpty(t, before.SigningAlgorithms)
	require.Equal(t, document, string(b.Discovery()))
	require.Equal(t, served, b.HTTPServer().TLSConfig.Certificates)
	made := w.register(t, client, claims.PrivateKeyJWT)
	access, err := client.AccessToken(t.Context(), made.Credentials())
	require.NoError(t, err)
	_, err = client.Get(t.Context(), made.ClientID, access)
	require.NoError(t, err)
}
