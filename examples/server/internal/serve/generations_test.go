package serve

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/scope"
)

// generationText is a configuration of which everything that a token shows says which generation it
// is of: the key, the issuer, the lifetime, the user's labels and the rules.
const generationText = `server: {addr: "127.0.0.1:0", path_prefix: "/auth"}
token: {issuer: "NAME", expiration: LIFETIME, certificate: "@DIR@/KEY.crt", key: "@DIR@/KEY.key",
	services: ["registry.test"]}
users: {"alice": {password: "@HASH@", labels: {generation: "NAME"}}}
acl: [{match: {labels: {generation: "NAME"}, name: "app"}, actions: ["NAME"]}]
`

func generationOf(name, lifetime, key string) string {
	return strings.NewReplacer("NAME", name, "LIFETIME", lifetime, "KEY", key).Replace(generationText)
}

// TestThousandReloads, a tenth of which are of something that must not be taken over, with clients
// that never notice: none of them is refused, and each token is of one generation.
func TestThousandReloads(t *testing.T) {
	f := prepare(t, base)
	f.cheapPassword() // each generation checks it anew
	signers := map[string]string{
		f.newKeyNamed("a").LibtrustID(): "a",
		f.newKeyNamed("b").LibtrustID(): "b",
	}
	f.write(generationOf("a", "600", "a"))
	if err := f.start(); err != nil {
		t.Fatal(err)
	}
	good := []string{generationOf("b", "700", "b"), generationOf("a", "600", "a")}
	bad := []string{
		generationOf(
			"c",
			"800",
			"a",
		) + "tests: [{service: registry.test, account: alice, scope: \"repository:app:c\", granted: " +
			"\"\"}]\n",
		strings.Replace(generationOf("c", "800", "a"), "a.crt", "b.crt", 1), // not of that key
		generationOf("c", "800", "a") + "more: 1\n",
	}
	// Each client asks so often during each reload, so that the clients do not starve it.
	const reloads, asksEach = 1000, 2
	var group sync.WaitGroup
	var seen [2]atomic.Int64
	refresh := f.login()
	var turns [2]chan struct{}
	for i := range turns {
		turns[i] = make(chan struct{}, asksEach)
		group.Go(func() {
			for range turns[i] {
				w := f.ask(refresh)
				if i%2 == 0 {
					w = f.get("/auth/auth?service=registry.test&scope=repository:app:a,b,c", asAlice)
				}
				switch got := shownBy(w, signers); got {
				case "200 a a 600 a":
					seen[0].Add(1)
				case "200 b b 700 b":
					seen[1].Add(1)
				default:
					t.Errorf("a token of %q", got)
				}
			}
		})
	}
	for i := range reloads {
		broken := i%10 == 9
		f.write(good[i%2])
		if broken {
			f.write(bad[i/10%len(bad)])
		}
		for n := range asksEach * len(turns) {
			turns[n%len(turns)] <- struct{}{}
		}
		if _, err := f.reload(t.Context()); (err != nil) != broken {
			t.Errorf("reload %d: %v", i, err)
		}
	}
	for _, turn := range turns {
		close(turn)
	}
	group.Wait()
	if seen[0].Load() == 0 || seen[1].Load() == 0 {
		t.Errorf("%d and %d tokens of the generations", seen[0].Load(), seen[1].Load())
	}
}

// cheapPassword makes the hash of the password one that takes a millisecond to check.
func (f *fixture) cheapPassword() {
	f.t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("wonderland"), 5)
	if err != nil {
		f.t.Fatal(err)
	}
	text, err := os.ReadFile(f.path())
	if err != nil {
		f.t.Fatal(err)
	}
	f.file("config.yml", strings.ReplaceAll(string(text), f.hash, string(hash)))
	f.hash = string(hash)
}

// login returns a request with a refresh token, as a form.
func (f *fixture) login() url.Values {
	f.t.Helper()
	w := f.ask(
		url.Values{
			"grant_type":  {"password"},
			"service":     {"registry.test"},
			"username":    {"alice"},
			"password":    {"wonderland"},
			"access_type": {"offline"},
		},
	)
	var answer struct {
		RefreshToken string `json:"refresh_token"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.RefreshToken == "" {
		f.t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return url.Values{
		"grant_type":    {"refresh_token"},
		"service":       {"registry.test"},
		"refresh_token": {answer.RefreshToken},
		"scope":         {"repository:app:a,b,c"},
	}
}

// ask posts a form.
func (f *fixture) ask(form url.Values) *httptest.ResponseRecorder {
	f.t.Helper()
	r := httptest.NewRequestWithContext(
		f.t.Context(),
		http.MethodPost,
		"/auth/auth",
		strings.NewReader(form.Encode()),
	)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

// shownBy is what an answer says of its generation: status, key, issuer, lifetime and what was
// granted.
func shownBy(w *httptest.ResponseRecorder, signers map[string]string) string {
	var answer struct {
		Token     string `json:"token"`
		ExpiresIn int    `json:"expires_in"`
	}
	var header struct {
		KeyID string `json:"kid"`
	}
	var claims struct {
		Issuer string        `json:"iss"`
		Access []scope.Scope `json:"access"`
	}
	_ = json.Unmarshal(w.Body.Bytes(), &answer)
	parts := strings.Split(answer.Token, ".")
	for i, part := range parts[:min(len(parts), 2)] {
		text, _ := base64.RawURLEncoding.DecodeString(part)
		_ = json.Unmarshal(text, []any{&header, &claims}[i])
	}
	granted := []string{}
	for _, each := range claims.Access {
		granted = append(granted, each.Actions...)
	}
	return fmt.Sprintf(
		"%d %s %s %d %s",
		w.Code,
		signers[header.KeyID],
		claims.Issuer,
		answer.ExpiresIn,
		strings.Join(granted, ","),
	)
}
