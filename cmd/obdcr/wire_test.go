package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/tpp"
)

// drawn returns what is on a line of a terminal after the text.
func drawn(text string) string {
	var line []rune
	at := 0
	for _, c := range text {
		if c == '\r' {
			at = 0
			continue
		}
		if at == len(line) {
			line = append(line, c)
		}
		line[at] = c
		at++
	}
	return strings.TrimRight(string(line), " ")
}

func TestSpinnerShowsALongWaitAndWipesItselfAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newOutput()
		stop := newSpinner(out).start("bank.example\x1b[31m:8443" + strings.Repeat("x", 100))
		time.Sleep(spinnerDelay - time.Millisecond)
		synctest.Wait()
		require.Empty(t, out.String(), "a short wait would flicker")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		require.Regexp(t, `^. waiting for bank\.example.*, 3 s$`, drawn(out.String()))
		require.LessOrEqual(t, len(drawn(out.String())), 80)
		require.NotContains(t, out.String(), "\x1b")
		stop()
		require.Empty(t, drawn(out.String()))
		length := len(out.String())
		stop()
		require.Len(t, out.String(), length)
	})
	synctest.Test(t, func(t *testing.T) {
		out := newOutput()
		newSpinner(out).start("bank.example")()
		require.Empty(t, out.String())
	})
}

// roundTrip is a transport that is a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// slow is a body that takes a second.
func slow(r *http.Request) (*http.Response, error) {
	time.Sleep(time.Second)
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("{}")), Request: r}, nil
}

func TestSpinnerIsForATerminalAlone(t *testing.T) {
	for name, c := range map[string]struct {
		app     app
		verbose bool
		next    roundTrip
		draws   bool
	}{
		"a terminal":                {app{progress: true}, false, slow, true},
		"a terminal, and no answer": {app{progress: true}, false, func(*http.Request) (*http.Response, error) { time.Sleep(time.Second); return nil, errors.New("none") }, true},
		"a terminal, and verbose":   {app{progress: true}, true, slow, false},
		"a file":                    {app{}, false, slow, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out := newOutput()
				c.app.err = out
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://bank.example/", nil)
				require.NoError(t, err)
				response, err := c.app.observed(&http.Client{Transport: c.next}, c.verbose).Do(r)
				if err == nil {
					require.NoError(t, response.Body.Close())
				}
				require.Equal(t, c.draws, strings.Contains(out.String(), "waiting for"))
				if c.draws {
					require.Empty(t, drawn(out.String()))
				}
			})
		})
	}
}

func TestVerboseShowsWhatBreaksOff(t *testing.T) {
	var out bytes.Buffer
	a := &app{err: &out}
	broken := io.MultiReader(strings.NewReader("<h1>half a p\x1bage"), failing{io.ErrUnexpectedEOF})
	client := a.observed(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{Status: "502 Bad Gateway", Proto: "HTTP/1.1", Body: io.NopCloser(broken), Request: r}, nil
	})}, true)
	response, err := client.Get("https://bank.example/?q=1")
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "the caller sees the same")
	require.Equal(t, "<h1>half a p\x1bage", string(body))
	require.Contains(t, out.String(), "< <h1>half a p\\u001bage\n* the answer broke off")
	require.NotContains(t, out.String(), "\x1b")
}

func TestVerboseCutsALongBody(t *testing.T) {
	var out bytes.Buffer
	a := &app{err: &out}
	client := a.observed(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{Status: "200 OK", Proto: "HTTP/1.1", Body: io.NopCloser(strings.NewReader(strings.Repeat("y", 2*maxShown))), Request: r}, nil
	})}, true)
	response, err := client.Get("https://bank.example/")
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Len(t, body, 2*maxShown, "the caller gets the whole of it")
	require.Less(t, out.Len(), maxShown+1000)
}

func TestSecretsOfABodyAreLeftOutInAnyForm(t *testing.T) {
	for name, body := range map[string]string{
		"a member":            `{"client_secret": "s3cret-1"}`,
		"in another case":     `{"Client_Secret": "s3cret-1"}`,
		"an escaped name":     `{"client\u005fsecret": "s3cret-1"}`,
		"deep inside":         `{"a": [{"access_token": {"value": "s3cret-1"}}]}`,
		"and again elsewhere": `{"note": "your s3cret-1", "client_secret": "s3cret-1"}`,
		"a doubled name":      `{"client_secret": "s3cret-1", "client_secret": "s3cret-1"}`,
		"broken JSON":         `{"client_secret": "s3cret-1`,
		"a form":              `access_token=s3cret-1&token_type=bearer`,
		"in HTML":             `<p>client_secret: s3cret-1</p>`,
	} {
		var out bytes.Buffer
		w := &wire{out: &out, secrets: &secrets{}}
		w.showBody("<", "application/json", body)
		require.NotContains(t, out.String(), "s3cret-1", name)
		require.Contains(t, out.String(), leftOut, name)
	}
}

// TestASecretThatIsEscapedIsLeftOut: as encoders of other languages write it in another member.
func TestASecretThatIsEscapedIsLeftOut(t *testing.T) {
	for _, spelling := range []string{`a\/b=\"\u00e9`, `a/b\u003D\"é`, `a&#47;b&#x3d;&quot;é`, `a%2fb%3d%22%c3%a9`, `{\"inner\":\"a\\/b=\\\"\\u00e9\"}`} {
		var out bytes.Buffer
		w := &wire{out: &out, secrets: &secrets{}}
		w.showBody("<", "application/json", `{"client_secret":"a/b=\"é","clientSecret":"`+spelling+`"}`)
		require.Equal(t, 2, strings.Count(out.String(), leftOut), out.String())
	}
}

func TestATerminalGetsMessagesAtItsWidth(t *testing.T) {
	var out bytes.Buffer
	long := strings.Repeat("a word ", 40)
	(&app{err: &out, progress: true}).note("%s", long)
	for line := range strings.Lines(out.String()) {
		require.LessOrEqual(t, len(strings.TrimSuffix(line, "\n")), columns)
	}
	out.Reset()
	(&app{err: &out}).note("%s", long)
	require.Equal(t, "obdcr: "+strings.TrimSpace(long)+"\n", out.String())
}

func TestASilentServerIsToldWithTheTimeWaited(t *testing.T) {
	silent := &tpp.NoAnswerError{Verb: "discover", Reason: "timed out", Err: context.DeadlineExceeded}
	for _, c := range []struct {
		timeout time.Duration
		want    string
	}{
		{90 * time.Second, "discover: the bank has not answered within 1m30s; --timeout waits longer"},
		{0, "discover: the bank has not answered within 30s"}, // of a command without the flag
	} {
		a := &app{}
		a.bankClient(&http.Client{}, &clientOptions{timeout: c.timeout})
		require.Equal(t, c.want, a.lostDetail(silent))
	}
}
