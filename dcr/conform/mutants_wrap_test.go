package conform_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/obdcr/obdcr/ssa/ssatest"
)

// wrapper puts a behaviour before a bank.
type wrapper = func(*mutantBank, http.Handler) http.Handler

// matcher chooses requests.
type matcher func(*http.Request) bool

func onPath(method, path string) matcher {
	return func(r *http.Request) bool {
		at := r.URL.Path == path || strings.HasSuffix(path, "/") && strings.HasPrefix(r.URL.Path, path)
		return at && (method == "" || r.Method == method)
	}
}

var (
	posted      = onPath(http.MethodPost, "/register")
	read        = onPath(http.MethodGet, "/register/")
	put         = onPath(http.MethodPut, "/register/")
	deleted     = onPath(http.MethodDelete, "/register/")
	managed     = onPath("", "/register/")
	tokened     = onPath(http.MethodPost, "/token")
	anything    = func(*http.Request) bool { return true }
	registering = func(r *http.Request) bool { return posted(r) || put(r) }
)

// answers changes the answers to some requests that have one of the statuses; all statuses where none is named.
func answers(match matcher, edit func(*answer), statuses ...int) wrapper {
	return func(_ *mutantBank, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !match(r) {
				next.ServeHTTP(w, r)
				return
			}
			a := answerOf(next, r)
			for _, s := range statuses {
				if s == a.status {
					edit(a)
				}
			}
			if len(statuses) == 0 {
				edit(a)
			}
			a.send(w)
		})
	}
}

// requests changes some requests before the bank sees them.
func requests(match matcher, edit func(*mutantBank, *http.Request)) wrapper {
	return func(b *mutantBank, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if match(r) {
				edit(b, r)
			}
			next.ServeHTTP(w, r)
		})
	}
}

// replies answers some requests itself.
func replies(match matcher, status int, mediaType, body string) wrapper {
	return func(_ *mutantBank, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !match(r) {
				next.ServeHTTP(w, r)
				return
			}
			if mediaType != "" {
				w.Header().Set("Content-Type", mediaType)
			}
			w.Header().Set("Cache-Control", "no-store")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		})
	}
}

func status(to int) func(*answer)        { return func(a *answer) { a.status = to } }
func noHeader(name string) func(*answer) { return func(a *answer) { a.header.Del(name) } }
func setHeader(name, value string) func(*answer) {
	return func(a *answer) { a.header.Set(name, value) }
}

// edited changes a JSON object.
func edited(document []byte, edit func(map[string]any)) []byte {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var all map[string]any
	if decoder.Decode(&all) != nil {
		return document
	}
	edit(all)
	text, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return text
}

// members changes the object of an answer.
func members(edit func(map[string]any)) func(*answer) {
	return func(a *answer) {
		text := edited(a.body.Bytes(), edit)
		a.body.Reset()
		a.body.Write(text)
	}
}

func member(name string, value any) func(*answer) {
	return members(func(all map[string]any) {
		if value == nil {
			delete(all, name)
			return
		}
		all[name] = value
	})
}

// bodyOf reads the body of a request, and puts it back.
func bodyOf(r *http.Request) string {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return ""
	}
	setBody(r, string(text))
	return string(text)
}

func setBody(r *http.Request, text string) {
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	r.Header.Set("Content-Length", "")
	r.Header.Del("Content-Length")
}

// jws is a compact token, decoded without a look at the signature.
type jws struct {
	head, payload map[string]any
	rawHead       string
	rawPayload    string
}

// loose decodes whatever can be decoded.
func loose(text string) (*jws, bool) {
	part := strings.Split(strings.TrimSpace(text), ".")
	if len(part) < 2 {
		return nil, false
	}
	j := &jws{}
	for i, to := range []struct {
		raw *string
		all *map[string]any
	}{{&j.rawHead, &j.head}, {&j.rawPayload, &j.payload}} {
		data, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.NewReplacer(" ", "", "\n", "", "+", "-", "/", "_").Replace(part[i]), "="))
		if err != nil {
			return nil, false
		}
		*to.raw = string(data)
		decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
		decoder.UseNumber()
		if decoder.Decode(to.all) != nil {
			return nil, false
		}
	}
	return j, true
}

// sealed signs a token as the software would, with the header that a good one has.
func (b *mutantBank) sealed(j *jws) string {
	for name := range j.head {
		if name != "typ" {
			delete(j.head, name)
		}
	}
	text, err := b.subject.SignWith(j.payload, ssatest.Forgery{})
	if err != nil {
		panic(err)
	}
	return text
}

// believes has the bank take requests of which broken is true: they are signed again before it sees them.
func believes(broken func(text string, j *jws) bool) wrapper {
	return requests(registering, func(b *mutantBank, r *http.Request) {
		text := bodyOf(r)
		if j, ok := loose(text); ok && broken(text, j) {
			setBody(r, b.sealed(j))
		}
	})
}

// mends has the bank take requests that the function makes good; it returns whether it did.
func mends(mend func(b *mutantBank, r *http.Request, j *jws) bool) wrapper {
	return requests(registering, func(b *mutantBank, r *http.Request) {
		if j, ok := loose(bodyOf(r)); ok && mend(b, r, j) {
			setBody(r, b.sealed(j))
		}
	})
}

// trusts has the bank take statements of which broken is true: the directory signs them again.
func trusts(broken func(text string, s *jws) bool, edit func(b *mutantBank, s *jws)) wrapper {
	return mends(func(b *mutantBank, _ *http.Request, j *jws) bool {
		text, _ := j.payload["software_statement"].(string)
		s, ok := loose(text)
		if !ok || !broken(text, s) {
			return false
		}
		if edit != nil {
			edit(b, s)
		}
		again, err := b.directory.SignWith(s.payload, ssatest.Forgery{})
		if err != nil {
			panic(err)
		}
		j.payload["software_statement"] = again
		return true
	})
}

// headHas reports whether the header of a token has a member.
func headHas(names ...string) func(string, *jws) bool {
	return func(_ string, j *jws) bool {
		for _, name := range names {
			if _, has := j.head[name]; has {
				return true
			}
		}
		return false
	}
}

func headIs(name string, values ...any) func(string, *jws) bool {
	return func(_ string, j *jws) bool {
		for _, v := range values {
			if j.head[name] == v {
				return true
			}
		}
		return false
	}
}

// form changes the form of a token request.
func form(edit func(b *mutantBank, r *http.Request, f url.Values)) wrapper {
	return requests(tokened, func(b *mutantBank, r *http.Request) {
		f, err := url.ParseQuery(bodyOf(r))
		if err != nil {
			return
		}
		edit(b, r, f)
		setBody(r, f.Encode())
	})
}

// assertion has the token endpoint take assertions that the function makes good.
func assertion(mend func(b *mutantBank, j *jws) bool) wrapper {
	return form(func(b *mutantBank, _ *http.Request, f url.Values) {
		if j, ok := loose(f.Get("client_assertion")); ok && mend(b, j) {
			f.Set("client_assertion", b.sealed(j))
		}
	})
}

// shows has the bank believe that the software's own certificate was shown, where match says so.
func shows(match func(b *mutantBank, r *http.Request) bool) wrapper {
	return requests(anything, func(b *mutantBank, r *http.Request) {
		if !match(b, r) {
			return
		}
		state := *r.TLS
		state.PeerCertificates = []*x509.Certificate{b.subject.TransportCertificate.Leaf}
		state.VerifiedChains = [][]*x509.Certificate{{b.subject.TransportCertificate.Leaf, b.directory.CA}}
		r.TLS = &state
	})
}

// anyCertificate has the handshake take every certificate.
func anyCertificate(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequestClientCert, nil }

// plainListener answers what is no TLS too.
type plainListener struct {
	net.Listener
	handler http.Handler
}

func plainToo(l net.Listener, h http.Handler) net.Listener { return &plainListener{l, h} }

func (l *plainListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		first := make([]byte, 1)
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.ReadFull(c, first); err != nil {
			_ = c.Close()
			continue
		}
		_ = c.SetReadDeadline(time.Time{})
		if first[0] == 0x16 {
			return &pushedBack{c, first}, nil
		}
		_, _ = io.WriteString(c, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		_ = c.Close()
	}
}

// pushedBack is a connection whose first byte was read.
type pushedBack struct {
	net.Conn
	first []byte
}

func (c *pushedBack) Read(p []byte) (int, error) {
	if len(c.first) > 0 && len(p) > 0 {
		n := copy(p, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}
