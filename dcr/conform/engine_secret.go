package conform

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/secret"
	"github.com/obdcr/obdcr/internal/shown"
)

// secrets are all secrets that a run has seen. A report is cleaned of each, wherever it stands.
type secrets struct {
	mutex  sync.Mutex
	all    map[string]bool     // each in each of its spellings
	bytes  int                 // of all, each in one spelling
	sorted []string            // all; nil: it has to be made anew
	begin  map[string][]string // all by their first bytes, the longest first; made with sorted
}

// shortest is the shortest text that is looked for everywhere. A shorter secret is left out of its own
// member alone.
const shortest = 6

func (s *secrets) add(text string) {
	if len(text) > maxShown {
		text = text[:maxShown] // no report has more of it
	}
	for len(text) > 2*piece { // each piece is looked for: a report may have any of them last
		s.addPiece(text[:piece])
		text = text[piece:]
	}
	s.addPiece(text)
}

// piece is the length of the pieces of a long secret.
const piece = 1 << 10

func (s *secrets) addPiece(text string) {
	if len(text) < shortest {
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.all == nil {
		s.all = map[string]bool{}
	}
	if s.all[text] || s.bytes+len(text) > mostBytes {
		return
	}
	s.bytes += len(text)
	for _, form := range forms(strings.Clone(text)) {
		s.all[form] = true
	}
	s.sorted = nil
}

// mostBytes is how much of all secrets is looked for everywhere.
const mostBytes = 8 << 20

// forms are the spellings in which a bank may repeat a secret, by itself or as a part of a longer text, but for those that
// shown.Replace reads.
func forms(text string) []string {
	data := []byte(text)
	all := []string{text, url.QueryEscape(text), url.PathEscape(text), hex.EncodeToString(data), strings.ToUpper(hex.EncodeToString(data))}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 { // how base64 reads depends on how many bytes of another text stand before
			form := encoding.EncodeToString(append(make([]byte, before), data...))
			from, to := 0, len(form)
			if before > 0 {
				from = before + 1 // these hold bits of the other text
			}
			if (before+len(data))%3 != 0 {
				to--
			}
			if to-from >= shortest {
				all = append(all, form[from:to])
			}
		}
	}
	return all
}

// secretNames are the members and parameters that hold a secret.
func secretNames() []string {
	return append(tpp.SecretMembers(), "access_token", "refresh_token", "id_token", "client_assertion", "token")
}

// learn finds the secrets of an exchange.
func (s *secrets) learn(x *Exchange, sent string) {
	for _, h := range x.Sent.Headers {
		if strings.EqualFold(h.Name, "Authorization") {
			s.authorization(h.Value)
		}
	}
	if form, err := url.ParseQuery(sent); err == nil && strings.Contains(sent, "grant_type=") {
		for _, name := range secretNames() {
			s.add(form.Get(name))
		}
	}
	if x.raw != nil {
		left := mostSecrets
		s.members(x.document(), &left)
		s.named(x.raw.Body, left)
	}
}

// mostSecrets is how many secrets of one answer are looked for everywhere. No bank has a reason to send as many; those
// beyond it are left out of their own members alone.
const mostSecrets = 16

// authorization finds the secret of an Authorization header.
func (s *secrets) authorization(value string) {
	scheme, credentials, _ := strings.Cut(value, " ")
	s.add(credentials)
	if strings.EqualFold(scheme, "Basic") {
		q := &http.Request{Header: http.Header{"Authorization": {value}}}
		_, password, _ := q.BasicAuth()
		s.add(password)
		if plain, err := url.QueryUnescape(password); err == nil {
			s.add(plain)
		}
	}
}

// members finds the secrets of a JSON document at any depth, those of the object itself first: the run uses them. It looks
// into strings that hold JSON too.
func (s *secrets) members(document any, left *int) {
	switch d := document.(type) {
	case string:
		var inner map[string]any
		if strings.HasPrefix(strings.TrimSpace(d), "{") && json.Unmarshal([]byte(d), &inner) == nil {
			s.members(inner, left)
		}
	case map[string]any:
		for _, name := range secretNames() {
			if text, is := d[name].(string); is && *left > 0 {
				*left--
				s.add(text)
			}
		}
		for _, value := range d {
			s.members(value, left)
		}
	case []any:
		for _, one := range d {
			s.members(one, left)
		}
	}
}

// named finds the secrets of what is no JSON, such as a document that is broken off, and those of a member that is there twice.
func (s *secrets) named(body string, most int) {
	for _, found := range secretMember().FindAllStringSubmatch(body[:min(len(body), mostRead)], most) {
		var text string
		if json.Unmarshal([]byte(`"`+found[1]+`"`), &text) == nil {
			s.add(text)
		}
	}
}

// clean returns a text without the secrets, however an encoder has escaped them.
func (s *secrets) clean(text string) string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.prepare()
	return shown.Replace(text, s.find)
}

// prepare makes what a search goes by. The caller holds the lock.
func (s *secrets) prepare() {
	if s.sorted != nil {
		return
	}
	s.sorted = slices.Sorted(maps.Keys(s.all))
	s.begin = make(map[string][]string, len(s.sorted))
	for _, one := range slices.Backward(s.sorted) { // a secret may be the beginning of another
		s.begin[one[:shortest]] = append(s.begin[one[:shortest]], one)
	}
}

// find finds the secrets in a text. The caller holds the lock.
func (s *secrets) find(text string) (found []shown.Span) {
	for i := 0; i+shortest <= len(text); i++ {
		for _, one := range s.begin[text[i:i+shortest]] {
			if strings.HasPrefix(text[i:], one) {
				found = append(found, shown.Span{From: i, To: i + len(one), Instead: secret.Hidden})
				i += len(one) - 1
				break
			}
		}
	}
	return found
}

// cleanClipped is clean for a text that was clipped somewhere: it takes out beginnings of secrets too, at the end of
// each word.
func (s *secrets) cleanClipped(text string) string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.prepare()
	text = shown.Replace(text, s.find)
	return shown.Replace(text, s.findClipped)
}

// findClipped finds the beginnings of secrets at the ends of words. The caller holds the lock.
func (s *secrets) findClipped(text string) (found []shown.Span) {
	for _, at := range word.FindAllStringIndex(text, -1) {
		w := text[at[0]:at[1]]
		i := s.beginning(w)
		if end := clippedEnd.FindStringIndex(w)[0]; end < len(w) {
			i = min(i, s.beginning(w[:end]))
		}
		if i < len(w) {
			found = append(found, shown.Span{From: at[0] + i, To: at[1], Instead: secret.Hidden})
		}
	}
	return found
}

// beginning is where the beginning of a secret begins with which a word ends; the length of the word and more for none.
func (s *secrets) beginning(w string) int {
	for i := max(0, len(w)-maxClipped); i <= len(w)-shortest; i++ {
		if n, _ := slices.BinarySearch(s.sorted, w[i:]); n < len(s.sorted) && strings.HasPrefix(s.sorted[n], w[i:]) {
			return i
		}
	}
	return math.MaxInt
}

// clippedEnd is what a clipped word may end with: dots, and the beginning of an escape before them.
var clippedEnd = regexp.MustCompile(`(?:\\(?:u[0-9A-Fa-f]{0,3})?|%[0-9A-Fa-f]?|&#?[0-9A-Za-z]{0,8})?\.*$`)

// word is a text that may be a part of a secret.
var word = regexp.MustCompile(`[^\s"'\x60<>…,;()\[\]{}]{6,}`)

// maxClipped is how many bytes of a word are looked at from its end.
const maxClipped = 2 << 10

// cleanResult takes the secrets out of a result.
func (s *secrets) cleanResult(r *CaseResult) {
	for _, text := range []*string{&r.Reason, &r.Expected} {
		*text = shown.WithoutSignatures(s.cleanClipped(*text))
	}
	for i := range r.Exchanges {
		s.cleanExchange(&r.Exchanges[i])
	}
}

func (s *secrets) cleanExchange(x *Exchange) {
	x.Error, x.Note, x.Sent.URL, x.Sent.Body = s.cleanClipped(x.Error), s.cleanClipped(x.Note), s.clean(x.Sent.URL), s.clean(x.Sent.Body)
	s.cleanHeaders(x.Sent.Headers)
	for i := range x.Differs {
		x.Differs[i] = s.cleanClipped(x.Differs[i])
	}
	if j := x.Sent.JWS; j != nil {
		for _, part := range []*string{&j.Header, &j.Claims, &j.SSAHeader, &j.SSA} {
			*part = s.clean(*part)
		}
	}
	if x.Received != nil {
		s.cleanHeaders(x.Received.Headers)
		if x.Received.Body = hideMembers(x.Received.Body); x.Received.Cut != "" {
			x.Received.Body = s.cleanClipped(x.Received.Body)
		} else {
			x.Received.Body = s.clean(x.Received.Body)
		}
		x.Received.Cut = s.clean(x.Received.Cut)
	}
}

func (s *secrets) cleanHeaders(all []HeaderField) {
	for i, h := range all {
		switch strings.ToLower(h.Name) {
		case "authorization":
			scheme, _, _ := strings.Cut(h.Value, " ")
			all[i].Value = scheme + " " + secret.Hidden
		case "set-cookie", "cookie":
			all[i].Value = secret.Hidden
		default:
			all[i].Value = s.clean(h.Value)
		}
	}
}

// secretMember finds a secret by the name of its member or parameter, however short it is, also in JSON that is
// broken off.
var secretMember = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`"(?:` + spellings(secretNames()) + `)"\s*:\s*"((?:[^"\\]|\\.)*)`)
})

// spellings match names in JSON, which may escape any letter.
func spellings(names []string) string {
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteByte('|')
		}
		for _, c := range []byte(name) {
			fmt.Fprintf(&b, `(?:%c|\\u00(?i:%02x))`, c, c)
		}
	}
	return b.String()
}

// hideMembers takes the secrets out of their members, also of JSON within a string.
func hideMembers(body string) string {
	return shown.Replace(body, func(said string) (found []shown.Span) {
		for _, at := range secretMember().FindAllStringSubmatchIndex(said, -1) {
			found = append(found, shown.Span{From: at[2], To: at[3], Instead: secret.Hidden})
		}
		return found
	})
}
