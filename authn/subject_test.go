package authn_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/scope"
)

func TestKindInJSON(t *testing.T) {
	for kind, want := range map[authn.Kind]string{
		authn.KindUser:           `"user"`,
		authn.KindServiceAccount: `"service_account"`,
	} {
		text, err := json.Marshal(kind)
		if err != nil || string(text) != want {
			t.Errorf("%v is %s in JSON, %v, want %s", kind, text, err, want)
		}
		var back authn.Kind
		if err := json.Unmarshal(text, &back); err != nil || back != kind {
			t.Errorf("%s is read as %v, %v", text, back, err)
		}
	}
	if text, err := json.Marshal(authn.Kind(7)); err == nil {
		t.Errorf("an unknown kind is %s in JSON", text)
	}
	for _, text := range []string{`"robot"`, `""`, `1`, `"service account"`} {
		kind := authn.KindServiceAccount
		if err := json.Unmarshal([]byte(text), &kind); err == nil {
			t.Errorf("%s is read as %v", text, kind)
		} else if kind != authn.KindServiceAccount {
			t.Errorf("%s is an error, but changes the kind", text)
		}
	}
}

func pullFrom(name string) *authn.Limit {
	return &authn.Limit{Scopes: []scope.Scope{
		{Type: "repository", Name: name, Actions: []string{"pull"}},
	}}
}

func TestLimitAllow(t *testing.T) {
	limit := &authn.Limit{Scopes: []scope.Scope{
		{Type: "repository", Name: "team/*", Actions: []string{"pull"}},
		{Type: "repository", Name: "team/app", Actions: []string{"push"}},
		{Type: "repository", Name: "alice", Actions: []string{"pull", "push"}},
		{Type: "repository", Name: "te*", Actions: []string{"pull"}},
		{Type: "repository", Name: "star", Actions: []string{"*"}},
		{Type: "*", Name: "typed", Actions: []string{"pull"}},
		{Type: "tag", Name: "*", Actions: []string{"pull"}},
		{Type: "slash", Name: "/*", Actions: []string{"pull"}},
	}}
	all, catalog := pullFrom("*"), pullFrom("")
	for name, test := range map[string]struct {
		limit *authn.Limit
		scope string
		want  string
	}{
		"below the path":                {limit, "repository:team/web:pull,push", "pull"},
		"far below the path":            {limit, "repository:team/a/b:pull", "pull"},
		"the path itself":               {limit, "repository:team:pull", ""},
		"a name that begins like it":    {limit, "repository:teams/app:pull", ""},
		"covered twice":                 {limit, "repository:team/app:delete,pull,push", "pull,push"},
		"an exact name":                 {limit, "repository:alice:delete,pull", "pull"},
		"another name":                  {limit, "repository:bob:pull", ""},
		"a star that is not after a /":  {limit, "repository:test:pull", ""},
		"a star alone":                  {limit, "tag:a/b:pull,push", "pull"},
		"a star and the empty name":     {all, "repository::pull", ""},
		"a star and a name":             {all, "repository:a:pull,push", "pull"},
		"a star and another type":       {all, "registry:catalog:pull", ""},
		"a slash and a star":            {limit, "slash:a/b:pull", ""},
		"the empty name":                {catalog, "repository::pull", "pull"},
		"an empty name is no pattern":   {catalog, "repository:a:pull", ""},
		"another type":                  {limit, "registry:alice:pull", ""},
		"a star as the type":            {limit, "repository:typed:pull", ""},
		"a star as the action":          {limit, "repository:star:*,pull", "*"},
		"the limit that allows nothing": {&authn.Limit{}, "repository:alice:pull", ""},
		"no limit":                      {nil, "repository:alice:delete,pull", "delete,pull"},
	} {
		t.Run(name, func(t *testing.T) {
			asked, err := scope.Parse(test.scope)
			if err != nil {
				t.Fatal(err)
			}
			want := asked
			want.Actions = nil
			if test.want != "" {
				if want, err = scope.Parse(asked.Type + ":" + asked.Name + ":" + test.want); err != nil {
					t.Fatal(err)
				}
			}
			if got := test.limit.Allow(asked); !got.Equal(want) {
				t.Errorf("allows %v, want %v", got, want)
			}
		})
	}
}

func TestSubjectEqual(t *testing.T) {
	now := time.Now()
	subject := func() authn.Subject {
		return authn.Subject{
			Name: "alice", Labels: map[string][]string{"group": {"devs", "ops"}}, Stamp: "1",
			Limit: &authn.Limit{}, ValidUntil: now, Data: 1,
		}
	}
	for name, test := range map[string]struct {
		change func(s *authn.Subject)
		want   bool
	}{
		"nothing":              {func(*authn.Subject) {}, true},
		"the data":             {func(s *authn.Subject) { s.Data = []int{2} }, true},
		"the time zone":        {func(s *authn.Subject) { s.ValidUntil = now.UTC().Round(0) }, true},
		"the name":             {func(s *authn.Subject) { s.Name = "Alice" }, false},
		"the kind":             {func(s *authn.Subject) { s.Kind = authn.KindServiceAccount }, false},
		"a label":              {func(s *authn.Subject) { s.Labels["group"][1] = "admins" }, false},
		"one label more":       {func(s *authn.Subject) { s.Labels["team"] = nil }, false},
		"one label less":       {func(s *authn.Subject) { s.Labels = nil }, false},
		"the order of a label": {func(s *authn.Subject) { slices.Reverse(s.Labels["group"]) }, false},
		"the stamp":            {func(s *authn.Subject) { s.Stamp = "2" }, false},
		"the limit":            {func(s *authn.Subject) { s.Limit = nil }, false},
		"the end":              {func(s *authn.Subject) { s.ValidUntil = now.Add(1) }, false},
	} {
		changed := subject()
		test.change(&changed)
		if got, back := subject().Equal(changed), changed.Equal(subject()); got != test.want || back != got {
			t.Errorf("with a change of %s: equal is %v, and %v the other way", name, got, back)
		}
	}
	none, empty := authn.Subject{}, authn.Subject{Labels: map[string][]string{}}
	if !none.Equal(empty) {
		t.Error("no labels are not equal to none")
	}
}

func TestLimitEqual(t *testing.T) {
	pull := &authn.Limit{Scopes: []scope.Scope{{Type: "repository", Name: "a", Actions: []string{"pull"}}}}
	again := &authn.Limit{Scopes: []scope.Scope{{Type: "repository", Name: "a", Actions: []string{"pull"}}}}
	for name, test := range map[string]struct {
		a, b *authn.Limit
		want bool
	}{
		"both nil":            {nil, nil, true},
		"nil and empty":       {nil, &authn.Limit{}, false},
		"empty and nil":       {&authn.Limit{}, nil, false},
		"the same scopes":     {pull, again, true},
		"one scope and none":  {pull, &authn.Limit{}, false},
		"one scope and twice": {pull, &authn.Limit{Scopes: append(again.Scopes, again.Scopes...)}, false},
	} {
		if got := test.a.Equal(test.b); got != test.want {
			t.Errorf("%s: equal is %v", name, got)
		}
	}
}
