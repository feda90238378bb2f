package auth_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
)

// A hostileRequest is an entry of testdata/hostile; see the README there.
type hostileRequest struct {
	ID      string
	Why     string
	Request struct {
		Method, Path string
		Query, Body  generated
		Headers      map[string]headerValues
		RawB64       string `json:"raw_b64"`
	}
	Expect struct {
		Status       int
		SafeStatus   []int `json:"safe_status"`
		Granted      []string
		MustGrant    []string `json:"must_grant"`
		Sub          *string
		NoRefresh    bool    `json:"no_refresh"`
		Authenticate bool    `json:"www_authenticate"`
		ContentType  *string `json:"content_type"`
	}
}

// generated is a string, or an instruction to repeat one.
type generated string

func (g *generated) UnmarshalJSON(text []byte) error {
	var plain string
	if json.Unmarshal(text, &plain) == nil {
		*g = generated(plain)
		return nil
	}
	var repeat struct {
		Prefix, Unit, Suffix string
		Count                int
		Gen                  string
	}
	if err := json.Unmarshal(text, &repeat); err != nil {
		return err
	}
	if repeat.Gen == "headers" {
		repeat.Unit = "X-Many: 1\r\n"
	}
	*g = generated(repeat.Prefix + strings.Repeat(repeat.Unit, repeat.Count) + repeat.Suffix)
	return nil
}

type headerValues []generated

func (h *headerValues) UnmarshalJSON(text []byte) error {
	if text[0] == '[' {
		return json.Unmarshal(text, (*[]generated)(h))
	}
	*h = make(headerValues, 1)
	return json.Unmarshal(text, &(*h)[0])
}

// TestHostileRequests sends each request over its own connection. It accepts the safe answers,
// checks what they grant, and wants nearly all answers to be the recommended ones.
func TestHostileRequests(t *testing.T) {
	text, err := os.ReadFile("testdata/hostile/corpus.json")
	if err != nil {
		t.Fatal(err)
	}
	var corpus []hostileRequest
	if err := json.Unmarshal(text, &corpus); err != nil {
		t.Fatal(err)
	}
	f := newHostileFixture(t)
	recommended := 0
	for _, h := range corpus {
		t.Run(h.ID, func(t *testing.T) {
			if status := f.play(t, h); status == h.Expect.Status {
				recommended++
			} else {
				t.Logf("%s: status %d, where %d is recommended", h.Why, status, h.Expect.Status)
			}
		})
	}
	t.Logf("%d of %d answers are the recommended ones", recommended, len(corpus))
	if recommended*100 < len(corpus)*98 {
		t.Errorf("%d of %d answers are the recommended ones, want 98 %%", recommended, len(corpus))
	}
	f.get("service=registry.test&scope=repository:alice/app:pull", "alice:wonderland").wantStatus(200)
	f.wantNoSecretLogged(t, corpus)
}

// wantNoSecretLogged searches the logs of the server and of package net/http for the credentials of
// the requests and the tokens of the answers. It also checks that each line of the server is whole.
func (f *fixture) wantNoSecretLogged(t *testing.T, corpus []hostileRequest) {
	t.Helper()
	logged := f.log.String()
	for secret := range secretsOf(t, corpus) {
		if strings.Contains(logged, secret) {
			t.Errorf("the log has the secret %q", secret)
		}
	}
	lines := 0
	for line := range strings.Lines(logged) {
		if strings.HasPrefix(line, "{") && !json.Valid([]byte(line)) {
			t.Errorf("a line of its own making: %q", line)
		}
		if strings.HasPrefix(line, "{") {
			lines++
		}
		if i := strings.IndexFunc(strings.TrimSuffix(line, "\n"), unicode.IsControl); i >= 0 {
			t.Errorf("at %d, a control character: %q", i, line)
		}
	}
	if lines < len(corpus)/2 {
		t.Errorf("%d lines for %d requests", lines, len(corpus))
	}
}

// secretsOf returns the passwords of the corpus, and how tokens and the Authorization of alice and
// admin begin. Passwords that are short, or are a user name as well, are left out.
func secretsOf(t *testing.T, corpus []hostileRequest) map[string]bool {
	t.Helper()
	secrets := map[string]bool{"rt1_": true, "eyJ": true, "YWxpY2U6": true, "YWRtaW46": true}
	presented := regexp.MustCompile(`\$\{basic:[^:}]*:([^}]*)\}|(?:^|&)(?:password|refresh_token)=([^&]*)`)
	for _, h := range corpus {
		texts := []string{string(h.Request.Body), string(h.Request.Query)}
		for _, values := range h.Request.Headers {
			for _, value := range values {
				texts = append(texts, string(value))
			}
		}
		texts = slices.DeleteFunc(texts, func(text string) bool { return len(text) > 4<<10 }) // nothing as long is logged in full
		for _, match := range presented.FindAllStringSubmatch(strings.Join(texts, "&"), -1) {
			password, err := url.QueryUnescape(match[2])
			if err != nil || match[2] == "" {
				password = match[1]
			}
			if len(password) >= 6 && !strings.Contains(password, "${") {
				secrets[password] = true
			}
		}
	}
	if !secrets["wonderland"] || !secrets["adminpass"] || len(secrets) < 20 {
		t.Errorf("only %d secrets are known: %v", len(secrets), secrets)
	}
	return secrets
}

// newHostileFixture is a fixture with the corpus's policy and the header limit that a server should have.
func newHostileFixture(t *testing.T) *fixture {
	t.Helper()
	var server *auth.Server
	f := newFixture(t, func(cfg *auth.Config) {
		cfg.Authorizer, cfg.Audit = authz.First(adminMayDoAnything(), policy()), nil
		var err error
		if server, err = auth.NewServer(*cfg); err != nil {
			t.Fatal(err)
		}
	})
	mux := http.NewServeMux()
	mux.Handle("/token", server)
	limited := httptest.NewUnstartedServer(mux)
	limited.Config.MaxHeaderBytes = 32 << 10
	limited.Config.ErrorLog = log.New(f.log, "", 0)
	limited.Start()
	t.Cleanup(limited.Close)
	f.url = limited.URL + "/token"
	return f
}

func adminMayDoAnything() authz.Authorizer {
	return authz.Func(func(ctx context.Context, r authz.Request) (authz.Decision, error) {
		if r.Subject.Name == "admin" {
			return authz.AllowAll().Authorize(ctx, r)
		}
		return authz.Decision{NoMatch: true}, nil
	})
}

// play sends the request, checks the answer and returns its status.
func (f *fixture) play(t *testing.T, h hostileRequest) int {
	t.Helper()
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.Split(f.url, "/")[2])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	wire := f.wire(t, h)
	go func() { _, _ = io.WriteString(connection, wire) }() // the server may answer, and close, before it has read it all
	response, err := http.ReadResponse(bufio.NewReader(connection), &http.Request{Method: h.Request.Method})
	if err != nil {
		t.Fatalf("%s: no answer: %v", h.Why, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s: half an answer: %v", h.Why, err)
	}
	f.check(t, h, response, body)
	return response.StatusCode
}

func (f *fixture) check(t *testing.T, h hostileRequest, response *http.Response, body []byte) {
	t.Helper()
	if safe := append(h.Expect.SafeStatus, h.Expect.Status); !slices.Contains(safe, response.StatusCode) {
		t.Errorf("%s: status %d, safe are %v: %s", h.Why, response.StatusCode, safe, body)
	}
	if h.Request.Method == http.MethodHead {
		return // there is no body
	}
	if response.Header.Get("Content-Type") != "application/json" {
		// Package net/http answered, so there is no token.
		if strings.Contains(string(body), "token") || response.StatusCode == http.StatusOK || h.Expect.ContentType != nil {
			t.Errorf("%s: answered with %s", h.Why, body)
		}
		return
	}
	r := &reply{t: t, Response: response, text: string(body)}
	if err := json.Unmarshal(body, &r.body); err != nil {
		t.Fatal(err)
	}
	r.wantStatus(response.StatusCode)
	challenged := response.StatusCode == http.StatusUnauthorized && h.Request.Method == http.MethodGet
	if challenged != (response.Header.Get("WWW-Authenticate") != "") {
		t.Errorf("%s: status %d with the challenge %q", h.Why, response.StatusCode, response.Header.Get("WWW-Authenticate"))
	}
	if response.StatusCode == http.StatusOK {
		f.checkToken(t, h, r)
	}
}

func (f *fixture) checkToken(t *testing.T, h hostileRequest, r *reply) {
	t.Helper()
	claims := r.claims(f.issuer)
	most, least := parseAll(t, h.Expect.Granted), parseAll(t, h.Expect.MustGrant)
	for _, granted := range claims.Access {
		if !coveredBy(granted, most) {
			t.Errorf("%s: granted %s, at most %v", h.Why, granted, most)
		}
	}
	for _, required := range least {
		if !coveredBy(required, claims.Access) {
			t.Errorf("%s: granted %v, at least %v", h.Why, claims.Access, least)
		}
	}
	if h.Expect.Sub != nil && claims.Subject != *h.Expect.Sub {
		t.Errorf("%s: sub is %q, want %q", h.Why, claims.Subject, *h.Expect.Sub)
	}
	if h.Expect.NoRefresh && r.body.RefreshToken != "" {
		t.Errorf("%s: a refresh token", h.Why)
	}
}

func parseAll(t *testing.T, texts []string) []scope.Scope {
	t.Helper()
	list, malformed := scope.ParseList(texts...)
	if len(malformed) > 0 {
		t.Fatal(malformed[0])
	}
	return list
}

// coveredBy reports whether one of the scopes has all that s has.
func coveredBy(s scope.Scope, scopes []scope.Scope) bool {
	return slices.ContainsFunc(scopes, func(other scope.Scope) bool {
		return s.SameResource(other) && s.Intersect(other.Actions).Equal(s)
	})
}

// wire returns the request as bytes, since package net/http refuses to send much of the corpus.
func (f *fixture) wire(t *testing.T, h hostileRequest) string {
	t.Helper()
	if h.Request.RawB64 != "" {
		raw, err := base64.StdEncoding.DecodeString(h.Request.RawB64)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	body := f.expand(t, string(h.Request.Body))
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", h.Request.Method, h.Request.Path)
	if h.Request.Query != "" {
		b.WriteString("?" + f.expand(t, string(h.Request.Query)))
	}
	b.WriteString(" HTTP/1.1\r\nConnection: close\r\n")
	if h.Request.Headers["Host"] == nil {
		b.WriteString("Host: auth.test\r\n")
	}
	if body != "" || h.Request.Method == http.MethodPost {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	for name, values := range h.Request.Headers {
		for _, value := range values {
			if name == "_many" {
				b.WriteString(string(value))
				continue
			}
			fmt.Fprintf(&b, "%s: %s\r\n", name, f.expand(t, string(value)))
		}
	}
	return b.String() + "\r\n" + body
}

// expand replaces the placeholders of the corpus, the inner ones first.
func (f *fixture) expand(t *testing.T, text string) string {
	t.Helper()
	placeholder := regexp.MustCompile(`\$\{(refresh|basic|forge):([^{}]*)\}`)
	for placeholder.MatchString(text) {
		text = placeholder.ReplaceAllStringFunc(text, func(match string) string {
			parts := placeholder.FindStringSubmatch(match)
			switch parts[1] {
			case "refresh":
				return damage(f.login(), parts[2])
			case "basic":
				return "Basic " + base64.StdEncoding.EncodeToString([]byte(parts[2]))
			default:
				return f.forge(t, parts[2])
			}
		})
	}
	return text
}

func damage(refreshToken, how string) string {
	last := len(refreshToken) - 1
	switch _, change, _ := strings.Cut(how, "|"); change {
	case "drop1":
		return refreshToken[:last]
	case "flip1":
		return refreshToken[:last] + string(refreshToken[last]^1)
	default:
		return refreshToken
	}
}

// forge makes a token as an attacker with the public key would.
func (f *fixture) forge(t *testing.T, how string) string {
	t.Helper()
	key := f.issuer.KeySet().Signing()
	var signing jose.SigningKey
	switch how {
	case "hs256:pubkey_pem":
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		signing = jose.SigningKey{Algorithm: jose.HS256, Key: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})}
	default:
		attacker, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		signing = jose.SigningKey{Algorithm: jose.ES256, Key: attacker}
	}
	signer, err := jose.NewSigner(signing, (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", key.ID()))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(`{"iss":"auth.test","aud":"registry.test","sub":"admin","exp":4102444800,"access":[{"type":"repository","name":"bob/app","actions":["pull"]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}
