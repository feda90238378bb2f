package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// An account is a user of the soak, or a robot. The zero value is nobody.
type account struct {
	name, password string
	robot          bool
	groups         []string
}

// newAccounts makes users and, every fourth, robots.
func newAccounts(count int) []account {
	list := make([]account, count)
	for i := range list {
		list[i] = account{name: fmt.Sprintf("user%d", i), password: fmt.Sprintf("password of %d", i)}
		if i%4 == 3 {
			list[i].name, list[i].robot, list[i].groups = fmt.Sprintf("robot%d", i), true, []string{"ci", fmt.Sprintf("team%d", i%5)}
		}
	}
	return list
}

// A question is a scope to ask for.
type question struct {
	kind, name string
	actions    []string // sorted
}

func (q question) String() string { return q.kind + ":" + q.name + ":" + strings.Join(q.actions, ",") }

// newQuestions are for some resources, each once.
func newQuestions(random *rand.Rand, asker account, all []account) []question {
	other := all[random.IntN(len(all))].name
	names := []string{
		"public/app", "public/base", asker.name + "/app", asker.name + "/deep/app", other + "/app", asker.name + "x/app",
		"ci-shared/app", "team3-shared/app", "team4-shared/tool", "nobody/app",
	}
	sets := [][]string{{"pull"}, {"pull", "push"}, {"delete", "pull", "push"}, {"push"}, {"delete"}}
	var list []question
	for range 1 + random.IntN(3) {
		q := question{"repository", strings.TrimPrefix(names[random.IntN(len(names))], "/"), sets[random.IntN(len(sets))]}
		if random.IntN(20) == 0 {
			q = question{"registry", "catalog", []string{"*"}}
		}
		if !slices.ContainsFunc(list, func(have question) bool { return have.kind == q.kind && have.name == q.name }) {
			list = append(list, q)
		}
	}
	return list
}

// allowed works out what the rules of server.go grant: the first of them that is about the request decides.
func allowed(asker account, q question) []string {
	first, rest, _ := strings.Cut(q.name, "/")
	flat := rest != "" && !strings.Contains(rest, "/") // the rules' asterisk ends at a slash
	group, shared := strings.CutSuffix(first, "-shared")
	switch {
	case flat && first == "public":
		return intersect(q.actions, "pull")
	case q.kind == "registry":
		if q.name == "catalog" && asker.name == "user0" {
			return q.actions
		}
		return nil
	case flat && first == asker.name && !asker.robot:
		return q.actions
	case flat && shared && slices.Contains(asker.groups, group):
		return intersect(q.actions, "pull", "push")
	default:
		return nil
	}
}

func intersect(asked []string, granted ...string) []string {
	var both []string
	for _, action := range asked {
		if slices.Contains(granted, action) {
			both = append(both, action)
		}
	}
	return both
}

// expected is the access that a token has to have.
func expected(asker account, asked []question) []question {
	list := []question{}
	for _, q := range asked {
		if actions := allowed(asker, q); len(actions) > 0 {
			list = append(list, question{q.kind, q.name, actions})
		}
	}
	return list
}
