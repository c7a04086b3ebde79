package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// read judges an answer by its header, and reads the body of a good one alone.
func (c *Client) read(ctx context.Context, answer *http.Response, s *source) (*Response, *Error) {
	r := &Response{Status: answer.StatusCode}
	r.MaxAge, r.HasMaxAge = freshness(answer.Header)
	switch {
	case r.Status == http.StatusNotFound || r.Status == http.StatusGone:
		return r, nil
	case r.Status >= 300 && r.Status < 400:
		return nil, refuse(ErrAnswer, fmt.Sprintf("its status is %d, not 200; redirects are not followed", r.Status))
	case r.Status != http.StatusOK:
		return nil, refuse(ErrAnswer, fmt.Sprintf("its status is %d, not 200", r.Status))
	case encoded(answer.Header):
		return nil, refuse(ErrAnswer, "it is compressed or otherwise encoded, which was not asked for")
	case !s.admits(answer.Header.Values("Content-Type")):
		return nil, refuse(ErrAnswer, "it is not of one Content-Type that is JSON or admitted")
	case answer.ContentLength > c.maxBytes:
		return nil, c.tooLong()
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, c.maxBytes+1))
	switch {
	case int64(len(body)) > c.maxBytes:
		return nil, c.tooLong()
	case err != nil:
		return nil, failure(Late(ctx, err))
	}
	r.Body = body
	return r, nil
}

func (c *Client) tooLong() *Error {
	return refuse(ErrAnswer, fmt.Sprintf("it is longer than %d bytes", c.maxBytes))
}

func encoded(h http.Header) bool {
	return slices.ContainsFunc(directives(h.Values("Content-Encoding")), func(coding string) bool {
		return !strings.EqualFold(coding, "identity")
	})
}

// admits reports whether there is exactly one Content-Type, and whether it is one of JSON
// or of the source's own.
func (s *source) admits(contentType []string) bool {
	if len(contentType) != 1 {
		return false
	}
	name := mediaType(contentType[0])
	return name == "application/json" || strings.HasSuffix(name, "+json") || slices.Contains(s.mediaTypes, name)
}

// mediaType is the type and subtype in lower case, "" for what has none. It ignores
// parameters: JSON is UTF-8 (RFC 8259 section 8.1) whatever a charset says.
func mediaType(text string) string {
	name, _, err := mime.ParseMediaType(text)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) || !strings.Contains(name, "/") {
		return ""
	}
	return name
}

// freshness reads max-age, no-store and no-cache of Cache-Control, and Age (RFC 9111
// sections 5.1 and 5.2). A value that is invalid or contradicts another counts as stale
// (section 4.2.1). Of several max-age the least counts.
func freshness(h http.Header) (maxAge time.Duration, said bool) {
	const never = -1
	seconds := int64(never)
	for _, d := range directives(h.Values("Cache-Control")) {
		name, value, _ := strings.Cut(d, "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "no-store", "no-cache":
			return 0, true
		case "max-age":
			n := max(delta(strings.Trim(strings.TrimSpace(value), `"`)), 0)
			if seconds == never || n < seconds {
				seconds = n
			}
		}
	}
	if seconds == never {
		return 0, false
	}
	if v := h.Get("Age"); v != "" {
		seconds -= max(delta(strings.TrimSpace(v)), 0)
	}
	return time.Duration(max(seconds, 0)) * time.Second, true
}

// delta parses delta-seconds (RFC 9111 section 1.2.2). Greater values become 2^31. Anything
// that is not such a number becomes -1.
func delta(text string) int64 {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return -1
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 1 << 31
	}
	return n
}

// directives splits the values of a header at the commas outside quoted strings. It
// leaves out empty directives.
func directives(values []string) []string {
	var all []string
	for _, v := range values {
		start, quoted := 0, false
		for i := 0; i <= len(v); i++ {
			switch {
			case i == len(v) || v[i] == ',' && !quoted:
				if d := strings.TrimSpace(v[start:i]); d != "" {
					all = append(all, d)
				}
				start = i + 1
			case v[i] == '"':
				quoted = !quoted
			case v[i] == '\\' && quoted && i+1 < len(v):
				i++
			}
		}
	}
	return all
}
