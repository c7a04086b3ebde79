package conform

import (
	"encoding/json"
	"io"

	"github.com/obdcr/obdcr/claims"
)

// journal writes what a later run needs to delete the clients of one that was killed. It holds secrets.
type journal struct {
	to io.Writer
}

// entry is a line of a journal.
type entry struct {
	Registration string            `json:"registration_endpoint,omitempty"`
	Made         string            `json:"made,omitempty"` // client_id
	Gone         string            `json:"gone,omitempty"` // client_id
	Method       claims.AuthMethod `json:"method,omitempty"`
	Secret       string            `json:"client_secret,omitempty"`
	AccessToken  string            `json:"registration_access_token,omitempty"`
	Second       bool              `json:"second,omitempty"` // of the second software
	Case         string            `json:"case,omitempty"`
}

func (j *journal) made(r *run, c *client) {
	j.write(entry{Registration: r.config.Metadata.RegistrationEndpoint, Made: c.id, Method: c.method, Secret: c.secret, AccessToken: c.accessToken,
		Second: c.as == r.config.Second, Case: c.kase})
}

func (j *journal) gone(c *client) { j.write(entry{Gone: c.id}) }

func (j *journal) write(e entry) {
	if j.to == nil {
		return
	}
	if line, err := json.Marshal(e); err == nil {
		_, _ = j.to.Write(append(line, '\n'))
	}
}
