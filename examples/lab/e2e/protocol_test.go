package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/examples/internal/testkit"
)

// TestProtocol is the protocol as a checklist: what distribution's token specification and RFC 6749
// say, and what real clients send, one test for each rule, in the order of the specifications.
// Sources: distribution's docs/content/spec/auth (token, oauth, scope, jwt), RFC 6749, 6750, 7515,
// 7517, 7519 and 7638, and requests recorded from clients.
func TestProtocol(t *testing.T) {
	rules := slices.Concat(getRequestRules(), getAnswerRules(), postRequestRules(), postAnswerRules(), errorRules(), scopeRules(), tokenRules())
	for i, rule := range rules {
		if i > 0 && rule.number < rules[i-1].number {
			t.Errorf("rule %q is out of order", rule.number)
		}
		t.Run(rule.number+" "+rule.text, func(t *testing.T) { rule.check(t, newProtocolClient(t)) })
	}
}

// A protocolRule is one line of the checklist. Numbers have two digits, so that they sort.
type protocolRule struct {
	number, text string
	check        func(t *testing.T, c *protocolClient)
}

// A. The GET token request.
func getRequestRules() []protocolRule {
	return []protocolRule{
		{"01", "service is the audience, each scope a resource, repeated or in a list", func(t *testing.T, c *protocolClient) {
			for _, query := range []string{
				"service=registry.test&scope=repository:alice/app:pull&scope=repository:public/base:pull",
				"service=registry.test&scope=repository:alice/app:pull%20repository:public/base:pull",
			} {
				answer := c.get(t, query, alice).want(t, 200)
				if got := answer.claims(t).Audience; got != serviceName {
					t.Errorf("aud is %v", got)
				}
				answer.wantAccess(t, "repository:alice/app:pull repository:public/base:pull")
			}
		}},
		{"02", "scope may be absent or empty", func(t *testing.T, c *protocolClient) {
			c.get(t, "service=registry.test", alice).want(t, 200).wantAccess(t, "")
			c.get(t, "service=registry.test&scope=", alice).want(t, 200).wantAccess(t, "")
		}},
		{"03", "client_id names the software for the audit", func(t *testing.T, c *protocolClient) {
			c.get(t, "service=registry.test&client_id="+url.QueryEscape("regclient/regctl (v0.11.7)"), alice).want(t, 200)
			if records := c.tokens.audit.take(); len(records) != 1 || records[0].ClientID != "regclient/regctl (v0.11.7)" {
				t.Errorf("audited: %s", records)
			}
			c.get(t, "service=registry.test&client_id=a%00b", alice).want(t, 400)
		}},
		{"04", "account repeats the user name, and a different one is 400", func(t *testing.T, c *protocolClient) {
			c.get(t, "service=registry.test&account=alice", alice).want(t, 200)
			c.get(t, "service=registry.test&account=bob", alice).want(t, 400)
		}},
		{"05", "offline_token=true asks for a refresh token, and nothing else does", func(t *testing.T, c *protocolClient) {
			if got := c.get(t, "service=registry.test&offline_token=true", alice).want(t, 200).body.RefreshToken; got == "" {
				t.Error("no refresh token")
			}
			if got := c.get(t, "service=registry.test", alice).want(t, 200).body.RefreshToken; got != "" {
				t.Error("a refresh token that nobody asked for")
			}
		}},
		{"06", "Basic authenticates, none is anonymous, a bad one is 401 and never anonymous", func(t *testing.T, c *protocolClient) {
			const query = "service=registry.test&scope=repository:public/base:pull"
			if got := c.get(t, query, alice).want(t, 200).claims(t).Subject; got != "alice" {
				t.Errorf("sub is %q", got)
			}
			if got := c.get(t, query, nobody).want(t, 200).claims(t).Subject; got != "" {
				t.Errorf("sub of the anonymous subject is %q", got)
			}
			c.get(t, query, user{"alice", "wrong"}).want(t, 401)
			c.get(t, query, user{"nobody", "x"}).want(t, 401)
			r := c.request(t, http.MethodGet, query, "")
			r.Header.Set("Authorization", "Basic !!!!")
			c.do(t, r).want(t, 401)
		}},
		{"07", "what is granted is the intersection, and a subset or nothing is 200", func(t *testing.T, c *protocolClient) {
			c.get(t, "service=registry.test&scope=repository:public/base:pull,push,delete", alice).want(t, 200).wantAccess(t, "repository:public/base:pull,push")
			c.get(t, "service=registry.test&scope=repository:bob/app:pull", alice).want(t, 200).wantAccess(t, "")
		}},
	}
}

// B. The GET answer.
func getAnswerRules() []protocolRule {
	return []protocolRule{
		{"08", "token and access_token are the same", func(t *testing.T, c *protocolClient) {
			body := c.get(t, "service=registry.test", alice).want(t, 200).body
			if body.Token == "" || body.Token != body.AccessToken {
				t.Errorf("%+v", body)
			}
		}},
		{"09", "expires_in is at least 60 seconds", func(t *testing.T, c *protocolClient) {
			if got := c.get(t, "service=registry.test", alice).want(t, 200).body.ExpiresIn; got < 60 {
				t.Errorf("expires_in is %d", got)
			}
		}},
		{"10", "issued_at is RFC 3339 in UTC", func(t *testing.T, c *protocolClient) {
			text := c.get(t, "service=registry.test", alice).want(t, 200).body.IssuedAt
			issued, err := time.Parse("2006-01-02T15:04:05Z", text)
			if age := time.Since(issued); err != nil || age < 0 || age > time.Minute {
				t.Errorf("issued_at is %q, %v", text, err)
			}
		}},
		{"11", "no refresh token for the anonymous subject", func(t *testing.T, c *protocolClient) {
			if got := c.get(t, "service=registry.test&offline_token=true", nobody).want(t, 200).body.RefreshToken; got != "" {
				t.Error("a refresh token for nobody")
			}
		}},
		{"12", "application/json, and no-store", func(t *testing.T, c *protocolClient) {
			for _, answer := range []*protocolAnswer{
				c.get(t, "service=registry.test", alice).want(t, 200),
				c.get(t, "service=registry.test", user{"alice", "wrong"}).want(t, 401),
				c.get(t, "service=unknown", alice).want(t, 400),
			} {
				answer.wantHeader(t, "Content-Type", "application/json").wantHeader(t, "Cache-Control", "no-store")
			}
		}},
	}
}

// C. The POST token request (OAuth2).
func postRequestRules() []protocolRule {
	return []protocolRule{
		{"13", "a form, whose media type may name a charset, and nothing else", func(t *testing.T, c *protocolClient) {
			form := passwordForm(alice, "repository:alice/app:pull")
			for mediaType, status := range map[string]int{
				"application/x-www-form-urlencoded":                200,
				"application/x-www-form-urlencoded; charset=utf-8": 200,
				"application/json":                                 415,
			} {
				r := c.request(t, http.MethodPost, "", form.Encode())
				r.Header.Set("Content-Type", mediaType)
				c.do(t, r).want(t, status)
			}
		}},
		{"14", "grant_type is required: password or refresh_token", func(t *testing.T, c *protocolClient) {
			form := passwordForm(alice, "")
			c.post(t, form).want(t, 200)
			form.Del("grant_type")
			c.post(t, form).want(t, 400).wantError(t, "invalid_request")
			for _, other := range []string{"authorization_code", "client_credentials", "Password"} {
				form.Set("grant_type", other)
				c.post(t, form).want(t, 400).wantError(t, "unsupported_grant_type")
			}
		}},
		{"15", "service is required, and a missing client_id is recorded as empty", func(t *testing.T, c *protocolClient) {
			form := passwordForm(alice, "")
			form.Del("client_id")
			c.post(t, form).want(t, 200)
			if records := c.tokens.audit.take(); len(records) != 1 || records[0].ClientID != "" {
				t.Errorf("audited: %s", records)
			}
			form.Del("service")
			c.post(t, form).want(t, 400).wantError(t, "invalid_request")
		}},
		{"16", "scope is a space-separated list, may be empty, and may be repeated", func(t *testing.T, c *protocolClient) {
			c.post(t, passwordForm(alice, "repository:alice/app:pull repository:public/base:pull")).want(t, 200).wantAccess(t, "repository:alice/app:pull repository:public/base:pull")
			c.post(t, passwordForm(alice, "")).want(t, 200).wantAccess(t, "")
			form := passwordForm(alice, "repository:alice/app:pull")
			form.Add("scope", "repository:public/base:pull")
			c.post(t, form).want(t, 200).wantAccess(t, "repository:alice/app:pull repository:public/base:pull")
		}},
		{"17", "access_type=offline asks for a refresh token, online is the default", func(t *testing.T, c *protocolClient) {
			form := passwordForm(alice, "")
			for accessType, want := range map[string]bool{"": false, "online": false, "offline": true} {
				form.Set("access_type", accessType)
				if got := c.post(t, form).want(t, 200).body.RefreshToken != ""; got != want {
					t.Errorf("access_type=%s: a refresh token is %v", accessType, got)
				}
			}
		}},
		{"18", "a refresh is answered with the same refresh token, and only on request", func(t *testing.T, c *protocolClient) {
			refreshToken := c.refreshToken(t)
			form := refreshForm(refreshToken, "repository:alice/app:pull")
			if got := c.post(t, form).want(t, 200).body.RefreshToken; got != "" {
				t.Error("a refresh token that nobody asked for")
			}
			form.Set("access_type", "offline")
			for range 2 {
				if got := c.post(t, form).want(t, 200).body.RefreshToken; got != refreshToken {
					t.Error("another refresh token")
				}
			}
		}},
		{"19", "the query of a POST is not read, and a single parameter that comes twice is 400", func(t *testing.T, c *protocolClient) {
			r := c.request(t, http.MethodPost, "scope=repository:alice/app:push", passwordForm(alice, "").Encode())
			c.do(t, r).want(t, 200).wantAccess(t, "")
			form := passwordForm(alice, "")
			form.Add("service", serviceName)
			c.post(t, form).want(t, 400).wantError(t, "invalid_request")
			c.get(t, "service=registry.test&service=registry.test", alice).want(t, 400)
		}},
		{"20", "POST is there, so clients need not fall back to GET", func(t *testing.T, c *protocolClient) {
			c.post(t, passwordForm(alice, "repository:alice/app:pull")).want(t, 200)
		}},
	}
}

// D. The POST answer.
func postAnswerRules() []protocolRule {
	return []protocolRule{
		{"21", "access_token, scope and expires_in are there, the scope also when it is empty", func(t *testing.T, c *protocolClient) {
			for asked, granted := range map[string]string{
				"repository:alice/app:push,pull repository:bob/app:pull": "repository:alice/app:pull,push",
				"": "",
			} {
				body := c.post(t, passwordForm(alice, asked)).want(t, 200).body
				if body.AccessToken == "" || body.AccessToken != body.Token || body.ExpiresIn < 60 || body.IssuedAt == "" {
					t.Errorf("%+v", body)
				}
				if body.Scope == nil || *body.Scope != granted {
					t.Errorf("asked %q: the scope is not %q in %+v", asked, granted, body)
				}
			}
		}},
		{"22", "errors are those of RFC 6749, 5.2, and a wrong password or refresh token is 401", func(t *testing.T, c *protocolClient) {
			c.post(t, passwordForm(user{"alice", "wrong"}, "")).want(t, 401).wantError(t, "invalid_grant")
			c.post(t, refreshForm("rt1_unknown", "")).want(t, 401).wantError(t, "invalid_grant")
			c.post(t, passwordForm(alice, "garbage")).want(t, 400).wantError(t, "invalid_scope")
		}},
	}
}

// E. The error body.
func errorRules() []protocolRule {
	return []protocolRule{
		{"23", "one object for all clients, under 8 KiB", func(t *testing.T, c *protocolClient) {
			answer := c.get(t, "service=registry.test&scope=repository:"+strings.Repeat("A", 20_000)+":pull", alice).want(t, 400)
			body := answer.body
			if len(body.Errors) != 1 || body.Errors[0].Code == "" || body.Errors[0].Message == "" || body.Error == "" || body.Description == "" {
				t.Errorf("%s", answer.text)
			}
			if len(answer.text) > 8<<10 {
				t.Errorf("%d bytes", len(answer.text))
			}
		}},
		{"24", "401 has a Basic challenge, 405 has Allow", func(t *testing.T, c *protocolClient) {
			c.get(t, "service=registry.test", user{"alice", "wrong"}).want(t, 401).wantHeader(t, "WWW-Authenticate", `Basic realm="registry"`)
			c.do(t, c.request(t, http.MethodDelete, "service=registry.test", "")).want(t, 405).wantHeader(t, "Allow", "GET, POST")
		}},
	}
}

// F. The scope grammar.
func scopeRules() []protocolRule {
	grants := func(asked, granted string) func(*testing.T, *protocolClient) {
		return func(t *testing.T, c *protocolClient) {
			t.Helper()
			c.get(t, "service=registry.test&scope="+url.QueryEscape(asked), alice).want(t, 200).wantAccess(t, granted)
		}
	}
	refuses := func(t *testing.T, c *protocolClient, scopes ...string) {
		t.Helper()
		for _, asked := range scopes {
			c.get(t, "service=registry.test&scope="+url.QueryEscape(asked), alice).want(t, 400).wantError(t, "invalid_scope")
		}
	}
	return []protocolRule{
		{"25", "a class of resource is read and never returned", grants("repository(plugin):alice/app:pull", "repository:alice/app:pull")},
		{"26", "a host may have a port, and is part of the name", grants("repository:localhost:5000/alice/app:pull", "")},
		{"27", "components are lower case with separators, 255 characters in all", func(t *testing.T, c *protocolClient) {
			grants("repository:alice/a.b_c__d---e:pull", "repository:alice/a.b_c__d---e:pull")(t, c)
			longest := "alice/" + strings.Repeat("a", 249)
			grants("repository:"+longest+":pull", "repository:"+longest+":pull")(t, c)
			refuses(t, c, "repository:"+longest+"a:pull", "repository:alice/App:pull", "repository:alice/../bob:pull", "repository:alice//app:pull", "repository:alice/a..b:pull")
		}},
		{"28", "actions are lower case, or a star", func(t *testing.T, c *protocolClient) {
			grants("repository:alice/app:push,pull,delete", "repository:alice/app:delete,pull,push")(t, c)
			c.get(t, "service=registry.test&scope=registry:catalog:*", carol).want(t, 200).wantAccess(t, "registry:catalog:*")
			refuses(t, c, "repository:alice/app:PULL", "repository:alice/app:pull*")
		}},
		{"29", "zot's catalog has an empty name", func(t *testing.T, c *protocolClient) {
			const query = "service=registry.test&scope=repository::pull&scope=registry:catalog:*"
			c.get(t, query, carol).want(t, 200).wantAccess(t, "repository::pull registry:catalog:*")
			c.get(t, query, alice).want(t, 200).wantAccess(t, "")
		}},
		{"30", "a type may have a hyphen, and what nobody knows is granted nothing", grants("artifact-repository:alice/charts:pull", "")},
		{"31", "actions come in any order, and a resource more than once", func(t *testing.T, c *protocolClient) {
			grants("repository:alice/b:push,pull repository:alice/a:pull", "repository:alice/b:pull,push repository:alice/a:pull")(t, c)
			grants("repository:alice/a:push repository:alice/a:pull", "repository:alice/a:pull,push")(t, c)
		}},
	}
}

// G. The access token.
func tokenRules() []protocolRule {
	return []protocolRule{
		{"32", "typ, alg, kid and x5c, and no other key", func(t *testing.T, c *protocolClient) {
			header := c.get(t, "service=registry.test", alice).want(t, 200).header(t)
			for name, want := range map[string]bool{"alg": true, "kid": true, "x5c": true, "jwk": false, "jku": false, "x5u": false} {
				if _, present := header[name]; present != want {
					t.Errorf("%s: present is %v, want %v", name, present, want)
				}
			}
			if header["typ"] != "JWT" {
				t.Errorf("typ is %v", header["typ"])
			}
		}},
		{"33", "iss, sub, aud, exp, nbf, iat, a unique jti, and access, never null", func(t *testing.T, c *protocolClient) {
			first, second := c.get(t, "service=registry.test", nobody).want(t, 200), c.get(t, "service=registry.test", nobody).want(t, 200)
			claims := first.claims(t)
			if claims.Issuer != issuerName || claims.Audience != serviceName || claims.Subject != "" {
				t.Errorf("%+v", claims)
			}
			if now := time.Now().Unix(); claims.IssuedAt > now || claims.NotBefore > now || claims.ExpiresAt < now+60 {
				t.Errorf("at %d: %+v", now, claims)
			}
			if claims.ID == "" || claims.ID == second.claims(t).ID {
				t.Errorf("jti %q", claims.ID)
			}
			if !bytes.Contains(first.payload(t), []byte(`"access":[]`)) || !bytes.Contains(first.payload(t), []byte(`"sub":""`)) {
				t.Errorf("%s", first.payload(t))
			}
		}},
		{"34", "a resource is in access once, its actions sorted, and not without any", func(t *testing.T, c *protocolClient) {
			c.get(t, "service=registry.test&scope=repository:alice/app:push&scope=repository:bob/app:pull&scope=repository:alice/app:pull,delete", alice).
				want(t, 200).wantAccess(t, "repository:alice/app:delete,pull,push")
		}},
		{"35", "the token of an ordinary request is under 4 KiB", func(t *testing.T, c *protocolClient) {
			text := c.get(t, "service=registry.test&scope=repository:alice/app:pull,push&scope=repository:public/base:pull", alice).want(t, 200).body.Token
			if len(text) >= 4<<10 {
				t.Errorf("%d bytes", len(text))
			}
		}},
	}
}

func passwordForm(u user, scopes string) url.Values {
	return url.Values{
		"grant_type": {"password"}, "service": {serviceName}, "client_id": {"e2e"},
		"username": {u.name}, "password": {u.password}, "scope": {scopes},
	}
}

func refreshForm(refreshToken, scopes string) url.Values {
	return url.Values{
		"grant_type": {"refresh_token"}, "service": {serviceName}, "client_id": {"e2e"},
		"refresh_token": {refreshToken}, "scope": {scopes},
	}
}

// A protocolClient sends what no client of the journeys would.
type protocolClient struct {
	tokens *tokenServer
}

func newProtocolClient(t *testing.T) *protocolClient {
	t.Helper()
	return &protocolClient{tokens: startTokenServer(t)}
}

func (c *protocolClient) request(t *testing.T, method, query, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, c.tokens.realm+"?"+query, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

func (c *protocolClient) get(t *testing.T, query string, u user) *protocolAnswer {
	t.Helper()
	r := c.request(t, http.MethodGet, query, "")
	if u != nobody {
		r.SetBasicAuth(u.name, u.password)
	}
	return c.do(t, r)
}

func (c *protocolClient) post(t *testing.T, form url.Values) *protocolAnswer {
	t.Helper()
	return c.do(t, c.request(t, http.MethodPost, "", form.Encode()))
}

func (c *protocolClient) refreshToken(t *testing.T) string {
	t.Helper()
	return c.get(t, "service=registry.test&account=alice&client_id=docker&offline_token=true", alice).want(t, 200).body.RefreshToken
}

func (c *protocolClient) do(t *testing.T, r *http.Request) *protocolAnswer {
	t.Helper()
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	answer := &protocolAnswer{response: response, text: string(text)}
	if err := json.Unmarshal(text, &answer.body); err != nil {
		t.Fatalf("status %d: %q is not JSON", response.StatusCode, text)
	}
	return answer
}

type protocolAnswer struct {
	response *http.Response
	text     string
	body     struct {
		Token        string  `json:"token"`
		AccessToken  string  `json:"access_token"`
		Scope        *string `json:"scope"`
		ExpiresIn    int     `json:"expires_in"`
		IssuedAt     string  `json:"issued_at"`
		RefreshToken string  `json:"refresh_token"`
		Errors       []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
}

func (a *protocolAnswer) want(t *testing.T, status int) *protocolAnswer {
	t.Helper()
	if a.response.StatusCode != status {
		t.Fatalf("status %d, want %d: %s", a.response.StatusCode, status, a.text)
	}
	return a
}

func (a *protocolAnswer) wantHeader(t *testing.T, name, want string) *protocolAnswer {
	t.Helper()
	if got := a.response.Header.Get(name); got != want {
		t.Errorf("%s: %q, want %q", name, got, want)
	}
	return a
}

func (a *protocolAnswer) wantError(t *testing.T, want string) {
	t.Helper()
	if a.body.Error != want {
		t.Errorf("error %q, want %q: %s", a.body.Error, want, a.text)
	}
}

// wantAccess compares what the token grants, as a list of scopes.
func (a *protocolAnswer) wantAccess(t *testing.T, want string) {
	t.Helper()
	var list []string
	for _, entry := range a.claims(t).Access {
		list = append(list, entry.Type+":"+entry.Name+":"+strings.Join(entry.Actions, ","))
	}
	if got := strings.Join(list, " "); got != want {
		t.Errorf("access is %q, want %q", got, want)
	}
}

// jwtClaims is the payload of a token, read without this project's own code.
type jwtClaims struct {
	Issuer    string `json:"iss"`
	Subject   string `json:"sub"`
	Audience  string `json:"aud"` // not an array
	ExpiresAt int64  `json:"exp"`
	NotBefore int64  `json:"nbf"`
	IssuedAt  int64  `json:"iat"`
	ID        string `json:"jti"`
	Access    []struct {
		Type, Name string
		Actions    []string
	} `json:"access"`
}

func (a *protocolAnswer) claims(t *testing.T) jwtClaims {
	t.Helper()
	var claims jwtClaims
	if err := json.Unmarshal(a.payload(t), &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func (a *protocolAnswer) payload(t *testing.T) []byte { t.Helper(); return a.part(t, 1) }

func (a *protocolAnswer) header(t *testing.T) map[string]any {
	t.Helper()
	var header map[string]any
	if err := json.Unmarshal(a.part(t, 0), &header); err != nil {
		t.Fatal(err)
	}
	return header
}

func (a *protocolAnswer) part(t *testing.T, i int) []byte {
	t.Helper()
	parts := strings.Split(a.body.Token, ".")
	if len(parts) != 3 {
		t.Fatalf("the token has %d parts", len(parts))
	}
	return testkit.Must(base64.RawURLEncoding.DecodeString(parts[i]))(t)
}
