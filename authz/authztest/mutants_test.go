package authztest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/authz/acl"
)

func first(rules []authz.Authorizer) (authz.Authorizer, error) {
	return authz.First(rules...), nil
}

// unneededOf returns the messages about rules without a Matrix.
func unneededOf[R any](
	t *testing.T, rules []R, build func([]R) (authz.Authorizer, error), cases ...Case,
) []string {
	t.Helper()
	messages, err := unneeded(t.Context(), rules, build, cases, Matrix{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return messages
}

// wantMessages looks for a text in each message.
func wantMessages(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.EqualFunc(got, want, strings.Contains) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// An access rule belongs to a policy in which each refusing rule beats all granting ones.
type accessRule struct {
	User, Namespace string
	Forbid          bool
}

func (rule accessRule) matches(r authz.Request) bool {
	return r.Subject.Name == rule.User && strings.HasPrefix(r.Scope.Name, rule.Namespace+"/")
}

// accessPolicy decides by the first rule of the preferred kind, and then by one of the other.
func accessPolicy(rules []accessRule, forbidWins bool) authz.Authorizer {
	return policyFunc(func(r authz.Request) authz.Decision {
		for _, forbid := range []bool{forbidWins, !forbidWins} {
			for _, rule := range rules {
				switch {
				case rule.Forbid != forbid || !rule.matches(r):
				case forbid:
					return authz.Decision{Reason: "forbidden below " + rule.Namespace}
				default:
					return authz.Decision{Actions: r.Scope.Actions, Reason: "allowed"}
				}
			}
		}
		return authz.Decision{Reason: "no rule"}
	})
}

// A port of a real policy passed all its tests with "forbid wins" turned round, because no case had
// a rule of each kind. Mutants finds that.
func TestMutantsFindAForbiddingRuleThatNoCaseDecides(t *testing.T) {
	rules := []accessRule{
		{User: "alice", Namespace: "team"},
		{User: "alice", Namespace: "team/secret", Forbid: true},
		{User: "bob", Namespace: "bob"},
	}
	forbidWins := func(rules []accessRule) (authz.Authorizer, error) {
		return accessPolicy(rules, true), nil
	}
	cases := []Case{
		As(alice, Grants{"repository:team/app:pull": "pull", "repository:bob/app:pull": ""}),
		As(authn.Subject{Name: "bob"}, Grants{
			"repository:bob/app:pull": "pull", "repository:team/secret/app:pull": "",
		}),
	}
	turnedRound := accessPolicy(rules, false)
	Run(t, turnedRound, cases)
	wantMessages(t, unneededOf(t, rules, forbidWins, cases...),
		"no case and no line of the matrix needs rule 2 of 3: "+
			"{User:alice Namespace:team/secret Forbid:true}")

	cases = append(cases, As(alice, Grants{"repository:team/secret/app:pull": ""}))
	Mutants(t, rules, forbidWins, cases, Matrix{})
	if questions(cases[2:], nil)[0].check(t.Context(), turnedRound) == "" {
		t.Error("no case fails if the other kind wins")
	}
}

// The order of rules is not tested, but a rule that comes too late is not needed.
func TestMutantsNameFunctionsByNumberAndType(t *testing.T) {
	rules := []authz.Authorizer{authz.PublicPull("public"), authz.OwnNamespace("push")}
	wantMessages(t, unneededOf(t, rules, first,
		As(alice, Grants{"repository:public/app:pull": "pull", "repository:alice/app:pull": ""}),
	), "no case and no line of the matrix needs rule 2 of 2: authz.Func")
}

func TestMutantsOfAnACL(t *testing.T) {
	rules, err := acl.ParseJSON([]byte(`[
		{"match": {"name": "public/*"}, "actions": ["pull"], "comment": "open"},
		{"match": {"name": "${account}/*"}, "actions": ["pull", "push"], "comment": "own"},
		{"match": {"account": "admin"}, "actions": ["*"], "comment": "admin"}
	]`))
	if err != nil {
		t.Fatal(err)
	}
	compile := func(rules []acl.Rule) (authz.Authorizer, error) {
		list, _, err := acl.Compile(rules)
		return list, err
	}
	cases := []Case{
		As(authn.Subject{}, Grants{"repository:public/app:pull": "pull"}),
		As(alice, Grants{"repository:alice/app:push": "push"}),
	}
	messages := unneededOf(t, rules, compile, cases...)
	wantMessages(t, messages, "rule 3 of 3: {Match:")
	if len(messages) == 1 && !strings.Contains(messages[0], "Comment:admin") {
		t.Errorf("the message does not show the rule: %s", messages[0])
	}
	// A matrix does as well as a case.
	admin := Matrix{
		Subjects:  []authn.Subject{{Name: "admin"}},
		Resources: []string{"registry:catalog"},
	}
	Mutants(t, rules, compile, cases, admin)
}

// Both members of a pair are reported, since each can be removed as long as the other is there.
func TestMutantsReportDuplicatesAndRulesWithoutACase(t *testing.T) {
	rules := []authz.Authorizer{authz.OwnNamespace(), authz.OwnNamespace()}
	wantMessages(t, unneededOf(t, rules, first,
		As(alice, Grants{"repository:alice/app:push": "push"})),
		"rule 1 of 2: authz.Func", "rule 2 of 2: authz.Func")
	wantMessages(t, unneededOf(t, rules[:1], first), "rule 1 of 1: authz.Func")
}

// A build or a policy that fails without the rule fails its test, too.
func TestMutantsTakeAFailureAsNoticed(t *testing.T) {
	whole := func(failing authz.Authorizer, err error) func([]int) (authz.Authorizer, error) {
		return func(rules []int) (authz.Authorizer, error) {
			if len(rules) == 2 {
				return authz.DenyAll(), nil
			}
			return failing, err
		}
	}
	panicking := policyFunc(func(authz.Request) authz.Decision { panic("a bug") })
	c := As(alice, Grants{"repository:a:pull": ""})
	for name, build := range map[string]func([]int) (authz.Authorizer, error){
		"the build fails":    whole(nil, errors.New("no default rule")),
		"the policy fails":   whole(down(), nil),
		"the policy panics":  whole(panicking, nil),
		"there is no policy": whole(nil, nil),
	} {
		t.Run(name, func(t *testing.T) {
			wantMessages(t, unneededOf(t, []int{1, 2}, build, c))
		})
	}
}

func TestMutantsUseTheOptions(t *testing.T) {
	rules := []authz.Authorizer{authz.ByService{"eu": authz.AllowAll()}}
	cases := []Case{As(alice, Grants{"repository:a:pull": "pull"})}
	Mutants(t, rules, first, cases, Matrix{}, func(r *authz.Request) { r.Service = "eu" })
	matrix := Matrix{Subjects: []authn.Subject{alice}, Resources: []string{"a"}}
	Mutants(t, rules, first, nil, matrix, func(r *authz.Request) { r.Service = "eu" })
}

// The rules belong to the caller.
func TestMutantsDoNotChangeTheRules(t *testing.T) {
	rules := []string{"a", "b", "c"}
	build := func(rules []string) (authz.Authorizer, error) {
		clear(rules)
		return authz.DenyAll(), nil
	}
	_ = unneededOf(t, rules, build)
	if !slices.Equal(rules, []string{"a", "b", "c"}) {
		t.Errorf("the rules are %q", rules)
	}
}

func TestMutantsNeedAPolicyThatPasses(t *testing.T) {
	ask := func(text, granted string) []Case { return []Case{As(alice, Grants{text: granted})} }
	deny := []authz.Authorizer{authz.DenyAll()}
	broken := func([]authz.Authorizer) (authz.Authorizer, error) {
		return nil, errors.New("rule 1 is malformed")
	}
	for name, test := range map[string]struct {
		rules []authz.Authorizer
		build func([]authz.Authorizer) (authz.Authorizer, error)
		cases []Case
		want  string
	}{
		"no rules":         {nil, first, nil, "there are no rules"},
		"a failing build":  {deny, broken, nil, "with all rules: rule 1 is malformed"},
		"a failing case":   {deny, first, ask("repository:a:pull", "pull"), "granted:  (none)"},
		"a malformed case": {deny, first, ask("repository:A:pull", ""), "wrong case: "},
		"a failing policy": {
			[]authz.Authorizer{down()}, first, ask("repository:a:pull", ""), "no decision: down",
		},
	} {
		t.Run(name, func(t *testing.T) {
			messages, err := unneeded(t.Context(), test.rules, test.build, test.cases, Matrix{}, nil)
			if err == nil || !strings.Contains(err.Error(), test.want) || messages != nil {
				t.Errorf("got %q, %v, want %s", messages, err, test.want)
			}
		})
	}
}
