package dcrtest_test

import (
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/validate"
)

// TestManyAtOnceAreToldApart: each call gets what the bank found of its own request.
func TestManyAtOnceAreToldApart(t *testing.T) {
	t.Parallel()
	p := dcrtest.NewBank(t).NewTPP(t)
	client := p.MustRegister()
	mutations := []dcrtest.Mutation{dcrtest.Remove("/aud"), dcrtest.Remove("/iss"), dcrtest.Remove("/jti"), dcrtest.Remove("/scope"), {}}
	rules := []string{validate.RuleAudRequired, validate.RuleIssRequired, validate.RuleJTIRequired, validate.RuleScopeRequired, ""}
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			_, err := p.Register(mutations[i%5])
			if rules[i%5] == "" {
				assert.NoError(t, err)
				_, err = client.Get()
				assert.NoError(t, err)
				return
			}
			refusal, ok := errors.AsType[*dcrtest.Refusal](err)
			if assert.True(t, ok, strconv.Itoa(i)) {
				assert.Equal(t, []string{rules[i%5]}, refusal.Rules)
			}
		})
	}
	all.Wait()
}
