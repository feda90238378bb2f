package acl

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
)

type vectorList struct {
	Name     string
	Rules    json.RawMessage
	Requests []vectorRequest
}

type vectorRequest struct {
	Account, Type, Name, Service, IP string
	Labels                           map[string][]string
	Actions, Granted                 []string
	Matched                          bool
}

func (v *vectorRequest) request() authz.Request {
	address, _ := netip.ParseAddr(v.IP) // none is the zero address
	return authz.Request{
		Subject:    authn.Subject{Name: v.Account, Labels: v.Labels},
		Service:    v.Service,
		Scope:      scope.Scope{Type: v.Type, Name: v.Name, Actions: v.Actions},
		RemoteAddr: address,
	}
}

func vectors(tb testing.TB) []vectorList {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "vectors.json"))
	if err != nil {
		tb.Fatal(err)
	}
	var lists []vectorList
	if err := json.Unmarshal(text, &lists); err != nil {
		tb.Fatal(err)
	}
	return lists
}

func TestDecidesAsDockerAuthDoes(t *testing.T) {
	asked := 0
	for _, list := range vectors(t) {
		l := mustCompile(t, mustParse(t, string(list.Rules))...)
		for i, v := range list.Requests {
			asked++
			t.Run(fmt.Sprintf("%s/%d", list.Name, i), func(t *testing.T) {
				r := v.request()
				d := decide(t, l, r)
				want := slices.Sorted(slices.Values(v.Granted))
				if d.NoMatch == v.Matched || !slices.Equal(d.Actions, want) {
					t.Errorf("got %+v, want %q, matched %t\n%s", d, want, v.Matched, l.Explain(r))
				}
			})
		}
	}
	if asked < 42*30 {
		t.Errorf("only %d requests", asked)
	}
}
