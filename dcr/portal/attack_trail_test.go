package portal_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/obdcr/obdcr/dcr/portal"
)

// kept keeps a log.
type kept struct {
	mu  sync.Mutex
	log bytes.Buffer
}

func (k *kept) Write(line []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.log.Write(line)
}

// lines are those since the last call.
func (k *kept) lines() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.log.Reset()
	return k.log.String()
}

// TestTheLogTellsWhoReachesForWhatIsOthers by a hash, and who is led into a form of another site.
// What anybody can do without a session leaves no line.
func TestTheLogTellsWhoReachesForWhatIsOthers(t *testing.T) {
	t.Parallel()
	var log kept
	w := newWorld(t, options{portal: func(c *portal.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) }})
	w.contact("ada", orgOne)
	c, software := w.victim(t, orgTwo)
	ada, visitor := w.as(t, "ada"), w.visitor(t)
	sum := sha256.Sum256([]byte("ada@tpp.example"))
	actor := "actor_name=" + hex.EncodeToString(sum[:])
	log.lines()

	ada.get("/applications/" + c.ID)
	line := log.lines()
	assert.Contains(t, line, "level=WARN msg=\"a person asked for an application of others\" id="+c.ID)
	assert.Contains(t, line, actor)
	assert.NotContains(t, line, "ada@")
	ada.get("/applications/none")
	assert.Empty(t, log.lines(), "an old link")

	body, header := formOf(fieldsFor(c, ssaOf(t, software, nil)))
	header["Sec-Fetch-Site"], header["Origin"] = []string{"cross-site"}, []string{"https://evil.example"}
	ada.sends(http.MethodPost, "/applications/add", body, header)
	line = log.lines()
	assert.Contains(t, line, "a form of another site was refused")
	assert.Contains(t, line, "evil.example")
	assert.Contains(t, line, actor)
	visitor.sends(http.MethodPost, "/applications/add", strings.NewReader(""), header)
	visitor.get("/applications/" + c.ID)
	assert.Empty(t, log.lines())
}
