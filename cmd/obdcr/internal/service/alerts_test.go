package service_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/realtest"
)

const (
	alertsFile  = "../../../../deploy/alerts.yml"
	runbookFile = "../../../../docs/runbook.md"
)

type alert struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func alerts(t *testing.T) []alert {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string  `yaml:"name"`
			Rules []alert `yaml:"rules"`
		} `yaml:"groups"`
	}
	data, err := os.ReadFile(alertsFile)
	require.NoError(t, err)
	require.NoError(t, yaml.UnmarshalWithOptions(data, &file, yaml.Strict()))
	require.Len(t, file.Groups, 1)
	return file.Groups[0].Rules
}

// TestEachAlertHasItsRunbook: and the runbook has no section that no alert leads to.
func TestEachAlertHasItsRunbook(t *testing.T) {
	data, err := os.ReadFile(runbookFile)
	require.NoError(t, err)
	var sections []string
	for _, m := range regexp.MustCompile(`(?m)^## (\S+)$`).FindAllStringSubmatch(string(data), -1) {
		sections = append(sections, m[1])
	}
	var named []string
	for _, a := range alerts(t) {
		named = append(named, a.Alert)
		assert.Equal(t, "docs/runbook.md#"+strings.ToLower(a.Alert), a.Annotations["runbook"])
		assert.Contains(t, []string{"page", "ticket"}, a.Labels["severity"], a.Alert)
		assert.NotEmpty(t, a.Annotations["summary"], a.Alert)
	}
	assert.ElementsMatch(t, named, sections)
}

// TestEachAlertReadsAMetricThatIsServed: a metric that was renamed would make an alert that
// never rings.
func TestEachAlertReadsAMetricThatIsServed(t *testing.T) {
	w := newWorld(t)
	s := w.serve(t, w.Config()+"store: {path: clients.db}\ntokens: {own_endpoint: true}\nadmin: {listen: 127.0.0.1:0}\n")
	_, err := w.Register(t, w.Client(t, w.Software, s.address))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status(t, "http://"+s.admin+"/readyz"))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.admin+"/metrics", nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { assert.NoError(t, response.Body.Close()) }()
	served, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	own, err := tls.LoadX509KeyPair(filepath.Join(w.Folder, "bank.pem"), filepath.Join(w.Folder, "bank.key"))
	require.NoError(t, err)
	ends := regexp.MustCompile(`(?m)^obdcr_certificate_expiry_timestamp_seconds\{use="server"\} (.*)$`).FindSubmatch(served)
	require.NotEmpty(t, ends)
	at, err := strconv.ParseFloat(string(ends[1]), 64)
	require.NoError(t, err)
	assert.InDelta(t, own.Leaf.NotAfter.Unix(), at, 0)
	selector := regexp.MustCompile(`\b((?:obdcr|process)_[a-z_]+)(\{[^}]*\})?`)
	label := regexp.MustCompile(`(\w+)(?:=|!=|=~)"`)
	for _, a := range alerts(t) {
		found := selector.FindAllStringSubmatch(a.Expr, -1)
		if len(found) == 0 {
			assert.Equal(t, `up{job="obdcr"} == 0`, a.Expr)
		}
		for _, m := range found {
			series := regexp.MustCompile(`(?m)^` + m[1] + `[ {].*$`).FindString(string(served))
			if !assert.NotEmpty(t, series, "%s: nothing serves %s", a.Alert, m[1]) {
				continue
			}
			for _, l := range label.FindAllStringSubmatch(m[2], -1) {
				if l[1] != "job" { // which Prometheus adds
					assert.Contains(t, series, l[1]+`="`, "%s: %s has no such label", a.Alert, m[1])
				}
			}
		}
	}
}

// TestPrometheusTakesTheAlerts: and rings them when it should, by testdata/alerts.test.yml.
func TestPrometheusTakesTheAlerts(t *testing.T) {
	promtool, ok := realtest.Tool(t, "promtool")
	if !ok {
		return
	}
	for _, args := range [][]string{{"check", "rules", alertsFile}, {"test", "rules", filepath.Join("testdata", "alerts.test.yml")}} {
		out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput()
		assert.NoError(t, err, "%s", out)
	}
}
