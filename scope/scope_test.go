package scope_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/berthpass/registry-auth/scope"
)

// mustParse reads a space-separated list for a table.
func mustParse(t *testing.T, list string) []scope.Scope {
	t.Helper()
	parsed, malformed := scope.ParseList(list)
	if len(malformed) > 0 {
		t.Fatal(malformed[0])
	}
	return parsed
}

func TestMerge(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"nothing": {"", ""},
		"different resources keep their order": {
			"repository:b:pull repository:a:pull", "repository:b:pull repository:a:pull",
		},
		"one resource twice": {
			"repository:a:push repository:b:pull repository:a:pull",
			"repository:a:pull,push repository:b:pull",
		},
		"the same name of another type": {
			"repository:catalog:pull registry:catalog:*",
			"repository:catalog:pull registry:catalog:*",
		},
		"no actions add nothing": {"repository:a: repository:a:pull", "repository:a:pull"},
	} {
		t.Run(name, func(t *testing.T) {
			in := mustParse(t, test.in)
			before := scope.Format(in)
			if got := scope.Format(scope.Merge(in)); got != test.want {
				t.Errorf("Merge(%s) = %s, want %s", test.in, got, test.want)
			}
			if after := scope.Format(in); after != before {
				t.Errorf("Merge changed its argument from %s to %s", before, after)
			}
		})
	}
}

func TestIntersect(t *testing.T) {
	const pull, both, star = "repository:a:pull", "repository:a:pull,push", "registry:catalog:*"
	for _, test := range []struct {
		name, asked string
		allowed     []string
		want        string
	}{
		{"a subset", both, []string{"pull"}, pull},
		{"never more than asked", pull, []string{"pull", "push", "delete", "*"}, pull},
		{"an allowed star is no pattern", pull, []string{"*"}, "repository:a:"},
		{"a requested star is no pattern", "repository:a:*", []string{"pull"}, "repository:a:"},
		{"a star for a star", star, []string{"*"}, star},
		{"nothing allowed", pull, nil, "repository:a:"},
		{"allowed twice", pull, []string{"pull", "pull"}, pull},
		{"part of an action is not enough", pull, []string{"pul", "pulls"}, "repository:a:"},
		{"case counts", pull, []string{"PULL"}, "repository:a:"},
		{"the order of allowed does not matter", both, []string{"push", "pull"}, both},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := mustParse(t, test.asked)[0].Intersect(test.allowed)
			if got.String() != test.want {
				t.Errorf("%s ∩ %q = %s, want %s", test.asked, test.allowed, got, test.want)
			}
			if got.Actions == nil {
				t.Error("Actions is nil, which is null in JSON")
			}
		})
	}
}

func TestIntersectSharesNoMemory(t *testing.T) {
	asked := scope.Scope{Type: "repository", Name: "a", Actions: []string{"pull", "push"}}
	got := asked.Intersect([]string{"pull", "push"})
	got.Actions[0] = "changed"
	if asked.Actions[0] != "pull" {
		t.Error("changing the intersection changed the scope")
	}
}

func TestIsCatalog(t *testing.T) {
	for text, want := range map[string]bool{
		"registry:catalog:*":        true,
		"repository::pull":          true,
		"repository:catalog:pull":   false,
		"registry:other:*":          false,
		"artifact-repository:a:*":   false,
		"repository:alice/app:pull": false,
	} {
		if got := mustParse(t, text)[0].IsCatalog(); got != want {
			t.Errorf("%s: IsCatalog is %v, want %v", text, got, want)
		}
	}
}

func TestEqual(t *testing.T) {
	a := mustParse(t, "repository:a:push,pull")[0]
	for text, want := range map[string]bool{
		"repository:a:pull,push": true,
		"repository:a:pull":      false,
		"repository:b:pull,push": false,
		"registry:a:pull,push":   false,
	} {
		if got := a.Equal(mustParse(t, text)[0]); got != want {
			t.Errorf("%s equal to %s: %v, want %v", a, text, got, want)
		}
	}
}

// The JSON form is that of the "access" claim in distribution's token specification.
func TestJSONIsTheAccessClaim(t *testing.T) {
	s := mustParse(t, "repository:samalba/my-app:push,pull")[0]
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"type":"repository","name":"samalba/my-app","actions":["pull","push"]}`
	if string(text) != want {
		t.Errorf("got %s, want %s", text, want)
	}
	var back scope.Scope
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, s) {
		t.Errorf("read back as %v, %v", back, err)
	}
}
