package auth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/token/refresh"
)

// fuzzSecret is a part of every password and refresh token in a request, and of nothing else.
const fuzzSecret = "7f3a9c-s3cr3t"

// A connection records an answer and, like a real one, takes a deadline.
type connection struct{ *httptest.ResponseRecorder }

func (connection) SetReadDeadline(time.Time) error { return nil }

// reflection is a server that logs to both of slog's handlers.
type reflection struct {
	server     *auth.Server
	issued     string // a refresh token
	json, text bytes.Buffer
}

func newReflection(f *testing.F) *reflection {
	f.Helper()
	r := &reflection{}
	tokens, err := refresh.New(refresh.Config{Store: refresh.NewMemoryStore()})
	if err != nil {
		f.Fatal(err)
	}
	known := users{"alice": fuzzSecret}
	text, _, err := tokens.Issue(f.Context(), known.subject("alice"), service, "")
	if err != nil {
		f.Fatal(err)
	}
	r.issued = string(text)
	all := &slog.HandlerOptions{Level: slog.LevelDebug}
	r.server, err = auth.NewServer(auth.Config{
		Services: auth.ServiceMap{service: newIssuer(f)}, InsecureAnyService: newIssuer(f), Authenticator: known,
		AnonymousAllowed: true, Authorizer: policy(), RefreshTokens: tokens,
		Logger: slog.New(bothHandlers{slog.NewJSONHandler(&r.json, all), slog.NewTextHandler(&r.text, all)}),
	})
	if err != nil {
		f.Fatal(err)
	}
	return r
}

// bothHandlers logs to two handlers, as slog.NewMultiHandler of Go 1.26 does.
type bothHandlers [2]slog.Handler

func (bothHandlers) Enabled(context.Context, slog.Level) bool { return true }
func (b bothHandlers) WithAttrs([]slog.Attr) slog.Handler     { return b }
func (b bothHandlers) WithGroup(string) slog.Handler          { return b }

func (b bothHandlers) Handle(ctx context.Context, r slog.Record) error {
	return errors.Join(b[0].Handle(ctx, r.Clone()), b[1].Handle(ctx, r.Clone()))
}

// reflected holds the texts that a client chooses.
type reflected struct {
	username, password, service, clientID, account, scopes string
	header, tail                                           string // any header's value; and more of the query or the form
}

func (in reflected) request(t *testing.T, way uint8, issued string) *http.Request {
	t.Helper()
	secret := fuzzSecret + in.password
	query := form("service", in.service, "client_id", in.clientID, "scope", in.scopes)
	var r *http.Request
	switch way % 4 {
	case 0:
		r = httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/token", nil)
		r.URL.RawQuery = query + "&" + form("account", in.account) + in.tail
		r.SetBasicAuth(in.username, secret)
	case 1:
		r = httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/token", strings.NewReader(
			query+"&"+form("grant_type", "password", "username", in.username, "password", secret)+in.tail))
	case 2:
		r = httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/token", strings.NewReader(
			query+"&"+form("grant_type", "refresh_token", "refresh_token", secret)+in.tail))
	default:
		r = httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/token", strings.NewReader(
			query+"&"+form("grant_type", "refresh_token", "refresh_token", issued)+in.tail))
	}
	if r.Method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, name := range []string{"User-Agent", "Referer", "Origin", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Request-Id", "Cookie", "Accept"} {
		r.Header[name] = []string{in.header}
	}
	r.Host = in.header
	return r
}

// FuzzReflection states that no answer and no log line repeats client-supplied text unescaped. The
// headers of an answer have values of the server alone. A body is printable ASCII without
// characters that HTML gives a meaning. The record of a request is one line, in JSON and in text,
// without characters that a terminal obeys. Passwords and refresh tokens are in none of them.
func FuzzReflection(f *testing.F) {
	s := newReflection(f)
	f.Add(uint8(0), "alice", "", service, "docker/28.2 (linux)", "alice", "repository:alice/app:pull,push", "curl/8", "&offline_token=true")
	f.Add(uint8(1), "al\x1b[31m\u009b2Jice\r\nlevel=INFO msg=forged", "x", "a\"b\u2028\u202ec\x7f", "a\r\nb", "", "repository:\"<script>\x85:pull \xff:x:y", "a\r\nSet-Cookie: b=c", "")
	f.Add(uint8(2), "", "\r\n", service, "", "", "repository:test/panic:pull registry:catalog:*", "evil.example", "&access_type=offline")
	f.Add(uint8(3), "", "", service, "crane", "", "repository:test/broken:pull", "\x00", "&access_type=offline")
	f.Fuzz(func(t *testing.T, way uint8, username, password, service, clientID, account, scopes, header, tail string) {
		s.json.Reset()
		s.text.Reset()
		in := reflected{username, password, service, clientID, account, scopes, header, tail}
		w := connection{httptest.NewRecorder()}
		s.server.ServeHTTP(w, in.request(t, way, s.issued))
		wantOwnHeaders(t, w.Header())
		secrets := append(s.secretsOf(t, w.Body.Bytes()), fuzzSecret)
		s.wantOwnBody(t, w.ResponseRecorder)
		wantWholeLines(t, s.json.String(), s.text.String(), secrets)
	})
}

// wantOwnHeaders knows every header of the server and all its values.
func wantOwnHeaders(t *testing.T, header http.Header) {
	t.Helper()
	for name, values := range header {
		value := strings.Join(values, "\n")
		switch own := map[string]string{
			"Content-Type": `application/json`, "Cache-Control": `no-store`, "Pragma": `no-cache`, "X-Content-Type-Options": `nosniff`,
			"Content-Length": `[0-9]+`, "Retry-After": `[0-9]+`, "Www-Authenticate": `Basic realm="registry"`, "Connection": `close`,
		}[name]; {
		case own == "":
			t.Fatalf("the header %s: %q", name, value)
		case !regexp.MustCompile(`\A(?:` + own + `)\z`).MatchString(value):
			t.Fatalf("%s: %q", name, value)
		}
	}
}

// secretsOf returns what must not be in the log: the refresh token, and the tokens of the answer.
func (s *reflection) secretsOf(t *testing.T, body []byte) []string {
	t.Helper()
	var answer struct {
		Token        string `json:"token"`
		RefreshToken string `json:"refresh_token"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	secrets := []string{s.issued}
	for _, secret := range []string{answer.Token, answer.RefreshToken} {
		if secret != "" {
			secrets = append(secrets, secret)
		}
	}
	return secrets
}

func (s *reflection) wantOwnBody(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	body := w.Body.String()
	if strings.Contains(body, fuzzSecret) || w.Code != http.StatusOK && strings.Contains(body, s.issued) {
		t.Fatalf("status %d with a secret: %s", w.Code, body)
	}
	// An ellipsis stands where a long scope is cut in a message.
	if i := strings.IndexFunc(body, func(r rune) bool { return (r < ' ' || r > '~') && r != '…' || r == '<' || r == '>' }); i >= 0 {
		t.Fatalf("at %d of the body: %q", i, body)
	}
}

// wantWholeLines checks that both logs have the same number of lines, all of them the server's: the
// record of the request, and its warnings.
func wantWholeLines(t *testing.T, inJSON, inText string, secrets []string) {
	t.Helper()
	own := regexp.MustCompile(`\Atime=\S+ level=(INFO|WARN|ERROR) msg=("token request"|"panic while answering a request"|"the token is larger than .*"|"no refresh token") `)
	records := 0
	for line := range strings.Lines(inJSON) {
		var record struct {
			Message string         `json:"msg"`
			Request map[string]any `json:"request"`
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if record.Message == "token request" && record.Request != nil {
			records++
		}
	}
	if lines := strings.Count(inText, "\n"); records != 1 || lines != strings.Count(inJSON, "\n") || lines > 2 {
		t.Fatalf("%d records, in the lines:\n%s%s", records, inJSON, inText)
	}
	for line := range strings.Lines(inText) {
		if !own.MatchString(line) {
			t.Fatalf("a line that begins as none of the server's: %q", line)
		}
	}
	for line := range strings.Lines(inJSON + inText) {
		line = strings.TrimSuffix(line, "\n")
		if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 || !utf8.ValidString(line) {
			t.Fatalf("at %d there is a character that cannot be seen: %q", i, line)
		}
		for _, secret := range secrets {
			if strings.Contains(line, secret) {
				t.Fatalf("%q is in the log: %s", secret, line)
			}
		}
	}
}
