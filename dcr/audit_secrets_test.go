package dcr_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// contacts is what a statement says of persons.
var contacts = map[string]any{
	"org_contacts": []any{
		map[string]any{"name": "Jane Q. Doe", "email": "jane.doe@contact.example", "phone": "+44 20 7946 0958", "type": "Technical"},
		map[string]any{"name": "John Roe", "email": "john.roe@contact.example", "phone": "+44 20 7946 0123", "type": "Business"},
	},
	"software_contact_email": "help@contact.example",
}

// confidential is what must not stand in the trail: of the contacts, and of what the records
// keep of secrets.
func confidential(records []store.Client, secrets ...string) []string {
	never := []string{"Jane Q", "Q. Doe", "John Roe", "contact.example", "7946 0", "79460958", "79460123", `"Jane`, `Doe"`, `Roe"`, "org_contacts"} // no word that an identifier has by chance
	add := func(secret []byte) {
		if len(secret) > 0 {
			never = append(never, string(secret), hex.EncodeToString(secret), base64.StdEncoding.EncodeToString(secret), base64.RawURLEncoding.EncodeToString(secret))
		}
	}
	for _, secret := range secrets {
		sum := sha256.Sum256([]byte(secret))
		add([]byte(secret))
		add(sum[:])
	}
	for _, c := range records {
		add(c.SecretHash)
		add(c.SealedSecret)
		add(c.UpstreamState)
		_, payload, _ := strings.Cut(c.SoftwareStatement, ".")
		never = append(never, payload[:40], "upstream_member")
	}
	return never
}

// TestNoSecretAndNoContactStandsInTheTrail looks through the entries of each operation at a bank
// whose clients have secrets, whose authorization server gives it a token for each of them, and
// whose TPPs name persons everywhere that they can.
func TestNoSecretAndNoContactStandsInTheTrail(t *testing.T) {
	w, _ := newWorld(t, func(p *validate.Policy) { bothPending(p); p.Registrations = validate.RegistrationsMany })
	memory, server := store.NewMemory(w.config.Clock), newChooser()
	server.members = `{"upstream_member":"a secret of the server"}`
	b := openOffice(t, w, memory, func(c *dcr.Config) {
		c.Provisioner, c.SealingKey = server, claims.NewSecret(strings.Repeat("k", 32))
	})
	ctx := dcr.WithActor(context.Background(), dcr.Actor{Name: "jane.doe@contact.example"})
	statement := b.statement(t, contacts)
	var records []store.Client
	var secrets []string
	keep := func(id string) store.Client {
		record, err := memory.Get(context.Background(), id)
		require.NoError(t, err)
		records = append(records, record)
		return record
	}
	for range 2 {
		waiting, err := b.RegisterFromSSA(ctx, statement)
		require.NoError(t, err)
		keep(waiting.Client.ID)
		admitted := b.admitted(t, func(c *claims.Request) { c.SoftwareStatement = claims.Some(statement); secretJWT(c) })
		approved := keep(admitted.ID)
		secret, err := b.OpenSecret(approved)
		require.NoError(t, err)
		by := b.caller(t, approved.ClientID)
		secrets = append(secrets, secret.Reveal(), by.Token.Reveal(), server.clients[approved.ClientID].token)
		_, err = b.Update(ctx, approved.ClientID, b.token(t, func(c *claims.Request) { c.SoftwareStatement = claims.Some(statement) }), by)
		require.NoError(t, err)
		server.fail = down("provision", "deprovision")
		_, err = b.Update(ctx, approved.ClientID, b.token(t, func(c *claims.Request) { c.SoftwareStatement = claims.Some(statement); oneRedirect(c) }), by)
		requireFailed(t, err)
		server.fail = func(string) error { return nil }
		_, err = b.Reconcile(ctx, 0)
		require.NoError(t, err)
		_, err = b.Reprovision(ctxBob, dcr.ReprovisionOptions{})
		require.NoError(t, err)
		keep(approved.ID)
		require.ErrorIs(t, b.Delete(ctx, keep(approved.ID).ClientID, b.caller(t, keep(approved.ID).ClientID)), dcr.ErrPending)
		_, err = b.ApprovePending(ctxBob, approved.ID)
		require.NoError(t, err)
	}
	requireTrail(t, memory, "")
	entries := 0
	for _, history := range wholeTrail(t, memory) {
		for _, e := range history {
			entries++
			written, err := json.Marshal(e)
			require.NoError(t, err)
			require.Less(t, len(written), 4<<10)
			for _, never := range confidential(records, secrets...) {
				require.NotContains(t, string(written), never)
			}
		}
	}
	require.Greater(t, entries, 20)
	require.Contains(t, confidential(records, secrets...), secrets[2])
	require.Contains(t, secrets[2], "token-")
}

// TestWhatAnotherProgramWroteStaysOutOfTheTrail: a member that no request has may be anything.
func TestWhatAnotherProgramWroteStaysOutOfTheTrail(t *testing.T) {
	b := newOffice(t, nil, nil)
	ctx := context.Background()
	c := b.enrol(t, nil).Client
	for _, metadata := range []string{`{"contacts":["jane@contact.example"],"client_secret":"s3cr3t","client_name":"Jane Q. Doe","scope":"openid"}`, `["s3cr3t"`, `"s3cr3t"`} {
		c.Metadata = json.RawMessage(metadata)
		require.NoError(t, b.store.Update(ctx, c, store.Change{}))
		c.Version++
		require.NoError(t, b.Remove(ctxBob, c.ID, "no"))
		entries, err := b.store.History(ctx, c.ID, 0, 100)
		require.NoError(t, err)
		last := entries[len(entries)-1]
		require.True(t, last.Removed())
		written, err := json.Marshal(last)
		require.NoError(t, err)
		for _, never := range []string{"s3cr3t", "contact", "Jane Q", "Q. Doe", `"Jane`, `Doe"`, "jane@", "client_name"} {
			require.NotContains(t, string(written), never)
		}
		c = b.enrol(t, nil).Client
	}
}

func TestLongValuesAndAddressesAreAbridged(t *testing.T) {
	long := `["` + strings.Repeat("https://tpp.example/callback/é", 200) + `"]`
	for _, v := range []struct{ name, value, wanted string }{
		{"redirect_uris", `["https://a@b.example"]`, `["https://a@b.example"]`},
		{"redirect_uris", long, `"begins":"[\"https://tpp.example/callback/é`},
		{"certificate_subject_dn", `"CN=x,O=y"`, `"CN=x,O=y"`},
		{"certificate_subject_dn", `"CN=jane@contact.example"`, `{"bytes":25,"sha256":"`},
		{"certificate_subject_dn", `"CN=x,1.2.840.113549.1.9.1=#160161"`, `{"bytes":35,"sha256":"`},
		{"tls_client_auth_subject_dn", `"EMAILADDRESS=#1601"`, `{"bytes":20,"sha256":"`},
	} {
		got := dcr.AuditValue(v.name, v.value)
		require.Contains(t, string(got), v.wanted)
		require.Less(t, len(got), 1300)
		require.True(t, json.Valid(got))
	}
	require.NotEqual(t, dcr.AuditValue("redirect_uris", long), dcr.AuditValue("redirect_uris", long[:len(long)-2]+`x"]`), "the hash tells them apart")
}
