package dcr

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// insufficientScope is the error code for a token whose scope is too small (RFC 6750
// section 3.1).
const insufficientScope = "insufficient_scope"

// The causes of refusals of tokens that are valid, for logs. All wrap token.ErrInvalid: the
// sender sees no difference.
var (
	errForeignGrant = wrongToken("its subject is not the client itself: a customer granted it, or Config.ClientToken does not know it")
	errAudience     = wrongToken("its audience lacks management_audience of the policy")
	errScope        = wrongToken("its scope lacks a word of management_scope of the policy")
)

func wrongToken(why string) error { return fmt.Errorf("%w: %s", token.ErrInvalid, why) }

// manages reports whether a client got the token for itself. The token that a customer
// granted to the client opens the customer's data, and not the client's registration.
func (r *Registrar) manages(client store.Client, access token.AccessToken) bool {
	if r.clientToken != nil {
		own := false
		if err := r.guarded(func() error { own = r.clientToken(access); return nil }); err != nil {
			r.log.Error("Config.ClientToken failed, and the token is refused", "error", err)
			return false
		}
		return own
	}
	return access.Subject == "" || access.Subject == client.ClientID || access.Subject == client.OwnSubject
}

// checkScope refuses a token that lacks a word of the policy's management_scope.
func (r *Registrar) checkScope(access token.AccessToken) error {
	for word := range strings.FieldsSeq(r.policy.ManagementScope) {
		if !slices.Contains(access.Scope, word) {
			return &Error{Status: http.StatusForbidden, BearerError: insufficientScope, Scope: r.policy.ManagementScope, Err: errScope,
				Description: "the access token lacks the scope that is needed here: " + text.Echo(r.policy.ManagementScope)}
		}
	}
	return nil
}
