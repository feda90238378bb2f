package soak

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/berthpass/registry-auth/examples/lab/internal/clients"
	"github.com/berthpass/registry-auth/scope"
)

// rules are what the server is given. oracle says the same in another way.
const rules = `[
	{"match": {"name": "public/*"}, "actions": ["pull"]},
	{"match": {"type": "registry", "name": "catalog", "account": "user0"}, "actions": ["*"]},
	{"match": {"account": "/^user[0-9]+$/", "name": "${account}/*", "type": "repository"},
		"actions": ["*"]},
	{"match": {"labels": {"group": "?*"}, "name": "${labels:group}-shared/*"},
		"actions": ["pull", "push"]}
]`

// An entry grants actions where it applies. The first entry that applies decides.
type entry struct {
	applies func(asker clients.User, s scope.Scope) bool
	actions []string // nil is all that is asked for
}

// oracle is the rules' independent twin.
func oracle() []entry {
	return []entry{
		{func(_ clients.User, s scope.Scope) bool { return isIn(s, "public") }, []string{"pull"}},
		{func(asker clients.User, s scope.Scope) bool {
			return s.Type == "registry" && s.Name == "catalog" && asker.Name == "user0"
		}, nil},
		{func(asker clients.User, s scope.Scope) bool {
			own := strings.HasPrefix(asker.Name, "user") && isIn(s, asker.Name)
			return own && s.Type == "repository"
		}, nil},
		{func(asker clients.User, s scope.Scope) bool {
			group, shared := strings.CutSuffix(strings.Split(s.Name, "/")[0], "-shared")
			return shared && slices.Contains(asker.Groups, group) && isIn(s, group+"-shared")
		}, []string{"pull", "push"}},
	}
}

// isIn reports whether a resource is directly below a folder: a rule's asterisk ends at a slash.
func isIn(s scope.Scope, folder string) bool {
	first, rest, _ := strings.Cut(s.Name, "/")
	return first == folder && rest != "" && !strings.Contains(rest, "/")
}

// expected is the access that a token has to have.
func expected(table []entry, asker clients.User, asked []scope.Scope) []scope.Scope {
	granted := []scope.Scope{}
	for _, s := range asked {
		i := slices.IndexFunc(table, func(e entry) bool { return e.applies(asker, s) })
		if i < 0 {
			continue
		}
		if table[i].actions != nil {
			s = s.Intersect(table[i].actions)
		}
		if len(s.Actions) > 0 {
			granted = append(granted, s)
		}
	}
	return granted
}

// newUsers makes users and, as every fourth of them, robots in two groups.
func newUsers(count int) []clients.User {
	users := clients.Users("user", count)
	for i := 3; i < count; i += 4 {
		users[i].Name = fmt.Sprintf("robot%d", i)
		users[i].Groups = []string{"ci", fmt.Sprintf("team%d", i%5)}
	}
	return users
}

// newScopes asks for one to three resources, each once: public ones, the asker's, others', those of
// groups, and the catalog.
func newScopes(random *rand.Rand, asker clients.User, all []clients.User) []scope.Scope {
	other := all[random.IntN(len(all))].Name
	names := []string{
		"public/app", "public/base", "public/deep/app", asker.Name + "/app",
		asker.Name + "/deep/app", asker.Name + "x/app", other + "/app", "ci-shared/app",
		"team3-shared/app", "team4-shared/tool", "nobody/app",
	}
	sets := [][]string{{"pull"}, {"pull", "push"}, {"delete", "pull", "push"}, {"push"}, {"delete"}}
	var list []scope.Scope
	for range 1 + random.IntN(3) {
		s := scope.Scope{
			Type: "repository", Name: strings.TrimPrefix(names[random.IntN(len(names))], "/"),
			Actions: sets[random.IntN(len(sets))],
		}
		if random.IntN(20) == 0 {
			s = scope.Scope{Type: "registry", Name: "catalog", Actions: []string{"*"}}
		}
		same := func(asked scope.Scope) bool { return asked.Name == s.Name }
		if !slices.ContainsFunc(list, same) {
			list = append(list, s)
		}
	}
	return list
}
