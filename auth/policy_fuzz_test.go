package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
	"github.com/berthpass/registry-auth/token/refresh"
)

// A policyNode is a random policy: a rule, or a combination of policies. It is evaluated in two
// ways: as an authorizer of the library, and by allows, which shares no code with it.
type policyNode struct {
	combine  string // "first", "any", "all" or "by type"; empty for a rule
	children []policyNode
	rule     policyRule
}

// A policyRule grants its actions to some subjects on some resources, requested or not.
type policyRule struct {
	who, where string
	actions    []string
	elsewhere  authz.Decision // about others, and with NoMatch perhaps actions that must not count
	broken     bool           // for others it cannot decide
}

// policyBytes reads choices from the fuzzer's input, and zeros after its end.
type policyBytes []byte

func (b *policyBytes) choose(n int) int {
	if len(*b) == 0 {
		return 0
	}
	chosen := int((*b)[0]) % n
	*b = (*b)[1:]
	return chosen
}

// oddActions are not requested by any client, since no scope can name them, although some look
// alike.
func oddActions() []string {
	return []string{"", "PULL", "pull ", " pull", "pull,push", "pull\n", "pull\x00", `pull"`, "p*", "\xff", "\u0440ull", "admin"}
}

func (b *policyBytes) policy(depth int) policyNode {
	combinations := []string{"", "", "first", "any", "all", "by type"}
	n := policyNode{combine: combinations[b.choose(len(combinations))]}
	if depth == 0 || n.combine == "" {
		return policyNode{rule: b.rule()}
	}
	for range 1 + b.choose(3) {
		n.children = append(n.children, b.policy(depth-1))
	}
	return n
}

func (b *policyBytes) rule() policyRule {
	who := []string{"anybody", "", "alice", "bob", "robot"}
	where := []string{"everywhere", "alice/", "public/", "bob/app", "catalog", "nowhere"}
	known := []string{"*", "pull", "push", "delete", "scan"}
	r := policyRule{who: who[b.choose(len(who))], where: where[b.choose(len(where))]}
	for range b.choose(8) { // in any order, and more than once
		r.actions = append(r.actions, known[b.choose(len(known))])
	}
	for range b.choose(3) {
		r.actions = append(r.actions, oddActions()[b.choose(len(oddActions()))])
	}
	switch b.choose(5) {
	case 0:
		r.elsewhere.NoMatch = true
	case 1:
		r.elsewhere = authz.Decision{NoMatch: true, Actions: r.actions}
	case 2:
		r.broken = true
	}
	return r
}

func (r policyRule) covers(subject authn.Subject, s scope.Scope) bool {
	return (r.who == "anybody" || r.who == subject.Name) && (r.where == "everywhere" || r.where == s.Name ||
		strings.HasSuffix(r.where, "/") && strings.HasPrefix(s.Name, r.where))
}

var errPolicyBroken = errors.New("the policy's database is down")

func (n policyNode) authorizer() authz.Authorizer {
	var members []authz.Authorizer
	for _, child := range n.children {
		members = append(members, child.authorizer())
	}
	switch n.combine {
	case "first":
		return authz.First(members...)
	case "any":
		return authz.Any(members...)
	case "all":
		return authz.All(members...)
	case "by type":
		return authz.ByType{"repository": members[0], "registry": members[len(members)-1]}
	}
	return authz.Func(func(_ context.Context, r authz.Request) (authz.Decision, error) {
		switch {
		case n.rule.covers(r.Subject, r.Scope):
			return authz.Decision{Actions: n.rule.actions}, nil
		case n.rule.broken:
			return authz.Decision{}, errPolicyBroken
		default:
			return n.rule.elsewhere, nil
		}
	})
}

// A verdict is the result of a policy for one resource: the allowed actions, no match, or a
// failure.
type verdict struct {
	allowed map[string]bool
	silent  bool
	broken  bool
}

func (n policyNode) allows(subject authn.Subject, s scope.Scope) verdict {
	switch n.combine {
	case "":
		return n.rule.allows(subject, s)
	case "by type":
		switch catalog := s.Type == "registry" && s.Name == "catalog" || s.Type == "repository" && s.Name == ""; {
		case catalog || s.Type == "registry":
			return n.children[len(n.children)-1].allows(subject, s)
		case s.Type == "repository":
			return n.children[0].allows(subject, s)
		default:
			return verdict{silent: true}
		}
	}
	result := verdict{silent: n.combine != "all"}
	for i, child := range n.children {
		v := child.allows(subject, s)
		result.broken = result.broken || v.broken
		switch {
		case n.combine == "first" && !v.silent:
			return v
		case n.combine == "any" && !v.silent:
			result = verdict{allowed: union(result.allowed, v.allowed), broken: result.broken}
		case n.combine == "all" && i == 0:
			result.allowed = v.allowed
		case n.combine == "all":
			result.allowed = both(result.allowed, v.allowed)
		}
	}
	return result
}

func (r policyRule) allows(subject authn.Subject, s scope.Scope) verdict {
	switch {
	case r.covers(subject, s):
		allowed := make(map[string]bool)
		for _, action := range r.actions {
			allowed[action] = true
		}
		return verdict{allowed: allowed}
	case r.broken:
		return verdict{broken: true}
	default:
		return verdict{silent: r.elsewhere.NoMatch}
	}
}

func union(a, b map[string]bool) map[string]bool {
	result := make(map[string]bool)
	for action := range a {
		result[action] = true
	}
	for action := range b {
		result[action] = true
	}
	return result
}

func both(a, b map[string]bool) map[string]bool {
	result := make(map[string]bool)
	for action := range a {
		if b[action] {
			result[action] = true
		}
	}
	return result
}

// policyUsers are a user, one with another canonical name than is typed, and a service account. The
// password of all is "right".
type policyUsers struct{}

func (policyUsers) Lookup(_ context.Context, name string) (authn.Subject, error) {
	subjects := map[string]authn.Subject{
		"alice": {Name: "alice"}, "BOB": {Name: "bob"}, "bob": {Name: "bob"}, "robot": {Name: "robot", Kind: authn.KindServiceAccount},
	}
	if subject, known := subjects[name]; known {
		subject.Stamp = "stamp of " + subject.Name
		return subject, nil
	}
	return authn.Subject{}, authn.ErrNoMatch
}

func (u policyUsers) Authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	if r.Username != "" && r.Password != "right" {
		return authn.Subject{}, authn.ErrRejected
	}
	return u.Lookup(ctx, r.Username)
}

// policyClient asks a server with a policy, by any of the ways in.
type policyClient struct {
	issuer   *token.Issuer
	verifier *token.Verifier
	refresh  *refresh.Tokens
	issued   map[string]authn.Secret // a refresh token of each subject
}

func newPolicyClient(f *testing.F) *policyClient {
	f.Helper()
	c := &policyClient{issuer: newIssuer(f), issued: make(map[string]authn.Secret)}
	var err error
	if c.verifier, err = c.issuer.Verifier(service); err != nil {
		f.Fatal(err)
	}
	if c.refresh, err = refresh.New(refresh.Config{Store: refresh.NewMemoryStore()}); err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"alice", "bob", "robot"} {
		subject, _ := policyUsers{}.Lookup(f.Context(), name)
		text, _, err := c.refresh.Issue(f.Context(), subject, service, "")
		if err != nil {
			f.Fatal(err)
		}
		c.issued[name] = text
	}
	return c
}

// ask returns the claims of the token, if the status is 200. The way is GET, POST or a refresh
// token.
func (c *policyClient) ask(t *testing.T, policy authz.Authorizer, way int, typed, canonical, scopes string) (int, token.Claims) {
	t.Helper()
	server, err := auth.NewServer(auth.Config{
		Services: auth.ServiceMap{service: c.issuer}, Authenticator: policyUsers{}, AnonymousAllowed: true,
		Authorizer: policy, RefreshTokens: c.refresh, Logger: discardLogger(),
	})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	server.ServeHTTP(w, c.request(t, way, typed, canonical, scopes))
	if w.Code != 200 {
		return w.Code, token.Claims{}
	}
	var body struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	claims, err := c.verifier.Verify(body.Token)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, claims
}

func (c *policyClient) request(t *testing.T, way int, typed, canonical, scopes string) *http.Request {
	t.Helper()
	if way == 0 || typed == "" {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/token?"+form("service", service, "scope", scopes), nil)
		if typed != "" {
			r.SetBasicAuth(typed, "right")
		}
		return r
	}
	fields := form("grant_type", "password", "service", service, "username", typed, "password", "right", "scope", scopes)
	if way == 1 {
		fields = refreshForm(string(c.issued[canonical]), "scope", scopes)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/token", strings.NewReader(fields))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// FuzzPolicies states what a token grants, for any policy, subject, request and way in: exactly the
// actions that were requested and that the policy allows. The token verifies, and its subject has
// the canonical name. The policy may return actions that were not requested, in any order,
// repeated, or malformed. A broken policy yields no token.
func FuzzPolicies(f *testing.F) {
	c := newPolicyClient(f)
	all := "repository:alice/app:pull,push,delete repository:public/x:pull repository:bob/app:*,pull registry:catalog:* repository::pull"
	f.Add([]byte{0, 0, 0, 7, 4, 3, 2, 1, 1, 0, 3, 2, 1, 5, 1}, uint8(1), all)           // anybody, everything and more, in disorder
	f.Add([]byte{2, 2, 0, 2, 1, 2, 1, 1, 0, 1, 0, 0, 0, 3, 1, 2, 0, 0}, uint8(3), all)  // the first of some
	f.Add([]byte{4, 2, 0, 0, 0, 2, 1, 1, 0, 3, 0, 3, 3, 3, 1, 2, 0, 4}, uint8(8), all)  // what several agree on
	f.Add([]byte{3, 1, 5, 1, 0, 1, 1, 1, 1, 1, 0, 2, 0, 0, 2, 0, 0, 0}, uint8(10), all) // what one of them allows
	f.Add([]byte{0, 2, 1, 1, 1, 0, 1}, uint8(1), all)                                   // nothing to say, beside actions
	f.Add([]byte{0, 2, 1, 1, 1, 0, 2}, uint8(1), all)                                   // broken
	f.Fuzz(func(t *testing.T, choices []byte, who uint8, scopes string) {
		if len(form("scope", scopes)) > 30_000 {
			t.Skip("more than is read")
		}
		chosen := policyBytes(choices)
		policy := chosen.policy(3)
		typed := []string{"", "alice", "BOB", "robot"}[who%4]
		canonical := strings.ToLower(typed)
		status, claims := c.ask(t, policy.authorizer(), int(who/4%3), typed, canonical, scopes)
		subject, _ := policyUsers{}.Lookup(t.Context(), canonical)
		asked, malformed := scope.ParseList(scopes)
		want, broken := expectedGrants(policy, subject, scope.Merge(asked))
		tooMany := strings.Count(scopes, " ") >= 100 // spaces count, even if there are too many
		nothing := !slices.ContainsFunc(asked, func(s scope.Scope) bool { return len(s.Actions) > 0 })
		notStar := func(m *scope.ParseError) bool { return m.Input != "*" }
		refused := nothing && slices.ContainsFunc(malformed, notStar) || tooMany
		switch {
		case status == 200 && (broken || refused), status != 200 && !broken && !refused:
			t.Fatalf("status %d, policy broken %v, request refused %v", status, broken, refused)
		case status != 200:
			return
		case claims.Subject != canonical || claims.Audience != service:
			t.Fatalf("a token for %q at %q, asked by %q", claims.Subject, claims.Audience, typed)
		}
		if got := scope.Format(claims.Access); got != scope.Format(want) {
			t.Fatalf("%q asks for %q and is granted %q, want %q by %+v", typed, scopes, got, scope.Format(want), policy)
		}
		wantAsked(t, claims.Access, scopes)
	})
}

// expectedGrants returns what a request should be granted, in the order of the request.
func expectedGrants(policy policyNode, subject authn.Subject, asked []scope.Scope) (granted []scope.Scope, broken bool) {
	for _, s := range asked {
		v := policy.allows(subject, s)
		broken = broken || v.broken
		kept := slices.DeleteFunc(slices.Clone(s.Actions), func(action string) bool { return !v.allowed[action] })
		if len(kept) > 0 {
			granted = append(granted, scope.Scope{Type: s.Type, Name: s.Name, Actions: kept})
		}
	}
	return granted, broken
}

// wantAsked searches the text of the request for each granted action, without package scope.
func wantAsked(t *testing.T, granted []scope.Scope, request string) {
	t.Helper()
	asked := make(map[string]bool)
	for text := range strings.SplitSeq(request, " ") {
		typ, rest, _ := strings.Cut(text, ":")
		typ, _, _ = strings.Cut(typ, "(")
		i := max(strings.LastIndex(rest, ":"), 0)
		for action := range strings.SplitSeq(strings.TrimPrefix(rest[i:], ":"), ",") {
			asked[typ+":"+rest[:i]+":"+action] = true
		}
	}
	for _, s := range granted {
		for _, action := range s.Actions {
			if !asked[s.Type+":"+s.Name+":"+action] {
				t.Fatalf("granted %s on %s:%s, which %q does not ask for", action, s.Type, s.Name, url.QueryEscape(request))
			}
		}
	}
}
