package acl

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
)

// choose picks words by the bytes of a fuzzer's input and consumes them.
type choose struct{ bytes []byte }

func (c *choose) number(n int) int {
	if len(c.bytes) == 0 {
		return 0
	}
	b := c.bytes[0]
	c.bytes = c.bytes[1:]
	return int(b) % n
}

func (c *choose) word(words ...string) string { return words[c.number(len(words))] }

// maybe picks a word, or none.
func (c *choose) maybe(words ...string) *string {
	i := c.number(len(words) + 2)
	if i >= len(words) {
		return nil
	}
	return &words[i]
}

// expression builds an expression whose variables may be optional or repeated.
func (c *choose) expression() string {
	variable := func() string {
		return c.word("${account}", "${labels:group}", "${labels:tier}", "${service}",
			"${account:1}", "")
	}
	group := "(" + c.word("", "", "a|", "devs|", "a", "^", "(?i)") + variable() +
		c.word("", "", `\/`, "|a", "|alice", "|devs|", "-|b", "(?i)") + variable() + ")" +
		c.word("", "?", "*", "+", "{2}", "{0,1}", "*?", "|")
	return "/" + c.word("", "^", "^", "a|", "^a", "(?i)^") + group +
		c.word("", `\/`, `\/.+$`, `app$`, "x$", "$|^a", "|a", "$") + c.word("", variable()) + "/"
}

func (c *choose) rule(extra string) Rule {
	m := &Match{
		Account: c.maybe("", "alice", "bob", "a*", "/^(.+)@(.+)$/", "/.+/",
			"${labels:group}", "/^a/", `al\ice`),
		Type: c.maybe("repository", "registry", "re*"),
		Name: c.maybe("alice/app", "alice/*", "*", "*/*", "${account}/*", "${account}",
			"${labels:group}/*", "${labels:group}-${labels:tier}/*",
			"*${labels:group}*", "${labels:group}/${labels:group}", "/^${account}\\/.+/",
			"/${labels:group}/", "/(?i)^${labels:group}\\//", "/^alice\\/app$/",
			"/^al/", "al*", "[a-b]*/${account}", "team-?/*", "/${labels:group}.*${labels:group}/",
			"${service}/*", "/^${labels:group}-${labels:tier}\\/x$/",
			"alice/${name}", "?${account}?/[^b]*", "/^${account}/", extra),
		Service: c.maybe("registry.test", "registry.*", "other", "/^reg/"),
		IP:      c.maybe("10.0.0.0/8", "2001:db8::1", "10.1.2.3"),
	}
	if group := c.maybe("devs", "a*", "/^d/", "${account}", "*", "a/b", ".*"); group != nil {
		m.Labels = map[string]string{"group": *group}
	}
	if m.Account != nil && strings.HasPrefix(*m.Account, "/^(") && c.number(2) == 0 {
		name := c.word("${account:1}/*", "${account:2}-${account:1}/*",
			"/^${account:1}\\//", "${account:0}/x")
		m.Name = &name
	}
	if c.number(3) == 1 {
		name := c.expression()
		m.Name = &name
	}
	return Rule{Match: m, Actions: []string{"pull"}, RequireAccount: c.number(4) == 0}
}

func (c *choose) request(extraName, extraValue string) authz.Request {
	values := func() []string {
		var list []string
		for range c.number(4) {
			list = append(list, c.word("devs", "alice", "a", "b", "", "*", ".*", "a/b",
				"[a-z]", `\`, "team-1", "A", "registry.test", extraValue))
		}
		return list
	}
	r := authz.Request{
		Subject: authn.Subject{
			Name:   c.word("", "alice", "bob", "ann@it", "*", "alice/x", "a", `.*\`, extraValue),
			Labels: map[string][]string{"group": values(), "tier": values()},
		},
		Service: c.word("registry.test", "other", "", extraValue),
		Scope: scope.Scope{
			Type: c.word("repository", "registry", ""),
			Name: c.word("alice/app", "", "catalog", "alice", "bob/app", "devs/app", "devs-a/x",
				"a-b/x", "a/b/app", "team-1/x", "alice/alice/app", "ann/x", "it-ann/x",
				"a/a", "A/x",
				"alice/..", "x*/y", extraName),
		},
	}
	if r.Subject.Name != "" && c.number(5) == 4 {
		r.Subject.Kind = authn.KindServiceAccount
	}
	if address := c.word("", "10.1.2.3", "2001:db8::1", "::ffff:10.9.9.9"); address != "" {
		r.RemoteAddr = netip.MustParseAddr(address)
	}
	return r
}

// FuzzIndex states that a list decides like a plain walk over its rules, and that a rule of which a
// warning says that it can never match does not match.
func FuzzIndex(f *testing.F) {
	f.Add([]byte{}, "", "", "")
	f.Add([]byte("\x03\x01\x02\x04\x05\x06\x00\x01\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13"),
		"team-*/[a-c]?", "team-1/bx", "devs")
	f.Add([]byte(strings.Repeat("0123456789abcdefghijklmnopqrstuvwxyz", 2)), "*a*/b", "xa/b", "a|b")
	f.Fuzz(func(t *testing.T, choices []byte, pattern, name, value string) {
		if len(pattern) > 100 || strings.Contains(pattern, "${") || strings.Contains(value, "${") {
			return // the walk would also replace variables in values
		}
		c := &choose{choices}
		var rules []Rule
		for range 1 + c.number(12) {
			rule := c.rule(pattern)
			if _, _, err := Compile([]Rule{rule}); err == nil {
				rules = append(rules, rule)
			}
		}
		l, warnings, err := Compile(rules)
		if err != nil {
			t.Fatal(err)
		}
		never := make(map[int]bool)
		for _, w := range warnings {
			never[w.Number] = never[w.Number] || strings.Contains(w.Text, "can never match")
		}
		for range 8 {
			r := c.request(name, value)
			got := 0
			if _, decisive := l.decide(newRequest(r), r.Scope); decisive != nil {
				got = decisive.number
			}
			want := plainWalk(rules).first(r)
			if got != want || l.Explain(r).Rule != want {
				text, _ := json.MarshalIndent(rules, "", " ")
				t.Fatalf("got rule %d, want rule %d\nrequest %+v\nrules %s", got, want, r, text)
			}
			if got > 0 && never[got] {
				t.Fatalf("rule %d matches %+v, and there are warnings %v", got, r, warnings)
			}
		}
	})
}

// FuzzGlob states that a glob whose variable has one value matches like path.Match with the value
// quoted.
func FuzzGlob(f *testing.F) {
	f.Add("*", "/[a-c]?", "a*b", "xa*b/ay")
	f.Add("*a", "*c/b", "", "aac/b")
	f.Add("[^a]", "*", "é", "bé\xff")
	f.Fuzz(func(t *testing.T, before, after, value, s string) {
		if strings.Contains(before+after, "${") || value == "" ||
			len(before)+len(after) > 200 || len(s) > maxText || before != "" && before[0] == '/' {
			return
		}
		p, err := parsePattern(before+"${service}"+after, nil)
		if err != nil {
			return
		}
		q := &request{fields: [fieldCount][]string{fieldService: {value}}}
		walk := plainRequest{values: map[string]string{"service": value}}
		got := p.match(s, bindings{request: q})
		if want := walk.matchesPattern(before+plainGlobQuote(value)+after, s); got != want {
			t.Fatalf("%q matches %q: %t, want %t", p.text, s, got, want)
		}
	})
}

// FuzzParse states that a list that compiles decides within a second, grants only requested
// actions, and explains its decisions.
func FuzzParse(f *testing.F) {
	f.Add([]byte(tutorial), "alice", "alice/app")
	f.Add([]byte(`[{"match": {"account": "/^(.*)*$/", "name": "/^${account:1}(a+)+$/",
		"labels": {"x": "[^a]*"}, "ip": "::/0"}, "actions": []}]`), "aaaaaaaa", "aaaaaa")
	f.Add([]byte(`[{"match": {"name": "/^\\x{F0000}${account}/", "account": "/^\\x{F0001}/"},
		"actions": ["*"]}]`), "a", "a")
	f.Add([]byte(`[{"match": {"name": "${labels:group}-${labels:group}"}, "actions": ["*"]},
		{}, null, {"match": {"match": 1}}]`), "x", "x-x")
	f.Fuzz(func(t *testing.T, text []byte, word, name string) {
		rules, err := ParseJSON(text)
		if err != nil || len(rules) > 100 {
			return
		}
		l, _, err := Compile(rules)
		if err != nil {
			return
		}
		r := ask(user(word, groups(word, name, "a")), name, "pull")
		began := time.Now()
		d := decide(t, l, r)
		if took := time.Since(began); took > time.Second {
			t.Errorf("took %v", took)
		}
		for _, action := range d.Actions {
			if action != "pull" {
				t.Errorf("granted %q", action)
			}
		}
		if e := l.Explain(r); e.Decision.NoMatch != d.NoMatch || e.String() == "" {
			t.Errorf("decided %+v and explained %+v", d, e)
		}
	})
}
