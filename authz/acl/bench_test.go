package acl

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authz"
)

// shapes are the ways in which large rule lists are written. Each makes rule i and a request that
// only this rule matches.
func shapes() map[string]func(i int) (Rule, authz.Request) {
	rule := func(m Match, actions ...string) Rule {
		return Rule{Match: &m, Actions: actions, Comment: "one of many", RequireAccount: true}
	}
	return map[string]func(i int) (Rule, authz.Request){
		"accounts": func(i int) (Rule, authz.Request) {
			account, name := fmt.Sprintf("user-%d", i), fmt.Sprintf("home-%d/*", i)
			return rule(Match{Account: &account, Name: &name}, "pull", "push"),
				ask(user(account, nil), fmt.Sprintf("home-%d/app", i), "pull", "push")
		},
		"projects": func(i int) (Rule, authz.Request) {
			name := fmt.Sprintf("project-%d/*", i)
			return rule(Match{Name: &name, Labels: groupLabel("devs")}, "pull", "push"),
				ask(user("alice", groups("devs", "ops")), fmt.Sprintf("project-%d/app", i), "pull")
		},
		"groups": func(i int) (Rule, authz.Request) {
			group, typ := fmt.Sprintf("group-%d", i), "repository"
			return rule(Match{Type: &typ, Labels: groupLabel(group)}, "pull"),
				ask(user("alice", groups("devs", group)), "team/app", "pull")
		},
		"templates": func(i int) (Rule, authz.Request) {
			name := fmt.Sprintf("${labels:group}-shared-%d/*", i)
			asked := fmt.Sprintf("devs-shared-%d/app", i)
			if i%2 == 0 {
				name = fmt.Sprintf("${account}/project-%d/*", i)
				asked = fmt.Sprintf("alice/project-%d/app", i)
			}
			return rule(Match{Name: &name}, "pull"),
				ask(user("alice", groups("dev", "devs", "ops")), asked, "pull")
		},
		"one account": func(i int) (Rule, authz.Request) {
			account, name := "ci", fmt.Sprintf("builds-%d/[a-z]*", i)
			return rule(Match{Account: &account, Name: &name}, "pull"),
				ask(user("ci", nil), fmt.Sprintf("builds-%d/test", i), "pull")
		},
		"mixed with templates": func(i int) (Rule, authz.Request) {
			account, own, shared := "/.+/", "${account}/*", "${labels:group}-shared/*"
			expression, anchored := "/^legacy-[0-9]+$/", fmt.Sprintf("/^archive-%d\\/.+$/", i)
			switch {
			case i == 3:
				return rule(Match{Account: &account, Name: &own}, "*"), authz.Request{}
			case i == 4:
				return rule(Match{Name: &shared}, "pull", "push"), authz.Request{}
			case i == 5:
				return rule(Match{Account: &expression}, "pull"), authz.Request{}
			case i%100 == 6:
				return rule(Match{Name: &anchored}, "pull"), authz.Request{}
			}
			name := fmt.Sprintf("project-%d/*", i)
			return rule(Match{Name: &name}, "pull"),
				ask(user("alice", groups("devs", "ops")), fmt.Sprintf("project-%d/app", i), "pull")
		},
	}
}

func groupLabel(pattern string) map[string]string { return map[string]string{"group": pattern} }

// many makes n rules of a shape and a request that only the last one matches.
func many(n int, shape func(i int) (Rule, authz.Request)) ([]Rule, authz.Request) {
	rules := make([]Rule, n)
	var last authz.Request
	for i := range rules {
		rules[i], last = shape(i)
	}
	return rules, last
}

// BenchmarkLastRule decides by the last of many rules. The time must not grow with their number.
func BenchmarkLastRule(b *testing.B) {
	for name, shape := range shapes() {
		for _, n := range []int{10, 1_000, 10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				rules, r := many(n, shape)
				l := mustCompile(b, rules...)
				b.ReportAllocs()
				for b.Loop() {
					if d, err := l.Authorize(b.Context(), r); err != nil || len(d.Actions) == 0 {
						b.Fatal(d, err)
					}
				}
			})
		}
	}
}

// BenchmarkWithoutIndex tries all of 100 000 rules. It justifies the index.
func BenchmarkWithoutIndex(b *testing.B) {
	rules, r := many(100_000, shapes()["accounts"])
	l := mustCompile(b, rules...)
	l.index = index{rest: l.rules}
	for b.Loop() {
		if d, err := l.Authorize(b.Context(), r); err != nil || len(d.Actions) == 0 {
			b.Fatal(d, err)
		}
	}
}

// BenchmarkEachRule decides by another rule each time, so that the CPU caches do not have the rule.
func BenchmarkEachRule(b *testing.B) {
	for _, n := range []int{10, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			shape := shapes()["accounts"]
			rules := make([]Rule, n)
			requests := make([]authz.Request, n)
			for i := range rules {
				rules[i], requests[i] = shape(i)
			}
			l := mustCompile(b, rules...)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i = (i + 7919) % n
				d, err := l.Authorize(b.Context(), requests[i])
				if err != nil || len(d.Actions) == 0 {
					b.Fatal(d, err)
				}
			}
		})
	}
}

func BenchmarkNoRule(b *testing.B) {
	for name, shape := range shapes() {
		b.Run(name, func(b *testing.B) {
			rules, _ := many(100_000, shape)
			l := mustCompile(b, rules...)
			r := ask(user("mallory", groups("none")), "elsewhere/team/app", "pull")
			b.ReportAllocs()
			for b.Loop() {
				if d, err := l.Authorize(b.Context(), r); err != nil || !d.NoMatch {
					b.Fatal(d, err)
				}
			}
		})
	}
}

// BenchmarkCompile loads 100 000 rules. B/rule is the memory of the list.
func BenchmarkCompile(b *testing.B) {
	for name, shape := range shapes() {
		b.Run(name, func(b *testing.B) {
			rules, _ := many(100_000, shape)
			before := liveBytes()
			var l *List
			for b.Loop() {
				l = mustCompile(b, rules...)
			}
			b.ReportMetric(float64(liveBytes()-before)/float64(l.Len()), "B/rule")
			runtime.KeepAlive(rules)
		})
	}
}

func liveBytes() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// TestLargeListsAreCheap has wide margins for slow machines. The benchmarks measure.
func TestLargeListsAreCheap(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles large lists")
	}
	for name, shape := range shapes() {
		rules, r := many(100_000, shape)
		began := time.Now()
		l := mustCompile(t, rules...)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s: compiled in %v", name, took)
		}
		if tried := rulesTried(l, r); tried > 5 {
			t.Errorf("%s: a decision tries %d rules", name, tried)
		}
	}
}

// rulesTried counts the rules that a decision looks at.
func rulesTried(l *List, r authz.Request) int {
	q := newRequest(r)
	candidates := l.index.candidates(q)
	for tried := 1; ; tried++ {
		if rule := candidates.next(); rule == nil || rule.matches(q) {
			return tried
		}
	}
}
