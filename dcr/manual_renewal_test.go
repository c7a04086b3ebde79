package dcr_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// TestARenewalLeavesAnAlgorithmThatIsOfTheSecretWithIt: nobody can choose another one by hand.
func TestARenewalLeavesAnAlgorithmThatIsOfTheSecretWithIt(t *testing.T) {
	b := newCounter(t, func(p *validate.Policy) {
		p.AuthMethods = append(p.AuthMethods, claims.ClientSecretJWT)
		p.Widenings = []validate.Widening{validate.WidenClientSecretJWT}
	}, nil)
	algorithmAfter := func(sent claims.Algorithm, method claims.AuthMethod) claims.Algorithm {
		client := b.enrol(t, func(c *claims.Request) {
			c.TokenEndpointAuthMethod, c.TokenEndpointAuthSigningAlg = claims.Some(claims.ClientSecretJWT), claims.Some(sent)
		}).Client
		m := b.manual(t, nil)
		m.AuthMethod = method
		registration, err := b.UpdateManual(context.Background(), client.ID, m)
		require.NoError(t, err)
		return registeredMembers(t, registration.Client).TokenEndpointAuthSigningAlg.Or("")
	}
	require.Equal(t, claims.Algorithm("HS256"), algorithmAfter("HS256", ""))
	require.Equal(t, claims.PS256, algorithmAfter("HS256", claims.PrivateKeyJWT))
	require.Equal(t, claims.ES256, algorithmAfter(claims.ES256, claims.PrivateKeyJWT), "what is offered stays")
}

// TestAClientOfAHintIsRenewed: its statement names no software, and its request did.
func TestAClientOfAHintIsRenewed(t *testing.T) {
	b := newCounter(t, func(p *validate.Policy) { p.SoftwareIDFrom = validate.SoftwareIDFromHint }, nil)
	anonymous := b.statement(t, map[string]any{"software_id": nil})
	client := b.enrol(t, func(c *claims.Request) {
		c.SoftwareStatement, c.SoftwareID = claims.Some(anonymous), claims.Some(b.software.SoftwareID)
	}).Client
	for _, statement := range []string{anonymous, b.statement(t, nil)} {
		registration, err := b.UpdateManual(context.Background(), client.ID, dcr.Manual{Statement: statement, Reach: b.own()})
		require.NoError(t, err)
		require.Equal(t, b.software.SoftwareID, registration.Client.SoftwareID)
	}
	_, err := b.UpdateManual(context.Background(), client.ID, dcr.Manual{Statement: anonymous, Reach: b.own()})
	require.Contains(t, ruleIDs(refusalOf(t, err).Report), "software_id.unchanged", "what a statement came to name stays")
}

// TestARegisteredNameIsFoundAmongManyCertificates that come before its own.
func TestARegisteredNameIsFoundAmongManyCertificates(t *testing.T) {
	b := newCounter(t, nil, nil)
	client := b.enrol(t, b.byCertificate).Client
	type keySet struct {
		Keys []json.RawMessage `json:"keys"`
	}
	var all keySet
	for i := range 12 {
		var more keySet
		published := b.software.JWKS()
		if i < 11 {
			published = b.other(t, ssatest.SoftwareOptions{}).JWKS()
		}
		require.NoError(t, json.Unmarshal(published, &more))
		all.Keys = append(all.Keys, more.Keys...)
	}
	set, err := json.Marshal(all)
	require.NoError(t, err)
	b.directory.Publish(b.keysPath(), set)
	_, err = b.UpdateManual(context.Background(), client.ID, b.manual(t, nil))
	require.NoError(t, err)
}
