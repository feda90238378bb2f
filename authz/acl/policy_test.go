package acl

import (
	"sync"
	"testing"

	"github.com/berthpass/registry-auth/authz"
)

func TestTheZeroPolicyMatchesNothing(t *testing.T) {
	var p Policy
	r := ask(user("alice", nil), "app", "pull")
	if d := decide(t, &p, r); !d.NoMatch || len(d.Actions) > 0 {
		t.Errorf("got %+v", d)
	}
	malformed := ask(user("alice", nil), "a//b", "pull")
	if d := decide(t, &p, malformed); d.NoMatch || len(d.Actions) > 0 {
		t.Errorf("got %+v for a malformed name", d)
	}
	p.Replace(mustCompile(t, Rule{Match: &Match{}, Actions: []string{"pull"}}))
	if d := decide(t, &p, r); len(d.Actions) != 1 || p.List().Len() != 1 {
		t.Errorf("got %+v of %d rules", d, p.List().Len())
	}
	p.Replace(nil)
	if d := decide(t, &p, r); !d.NoMatch {
		t.Errorf("got %+v without a list", d)
	}
}

// TestABatchSeesOneList replaces the list while batches run. One list must decide a whole batch.
func TestABatchSeesOneList(t *testing.T) {
	lists := []*List{
		mustCompile(t, Rule{Match: &Match{}, Actions: []string{"pull"}, Comment: "old"}),
		mustCompile(t, Rule{Match: &Match{}, Actions: []string{"push"}, Comment: "new"}),
	}
	p := &Policy{}
	p.Replace(lists[0])
	done := make(chan struct{})
	var replacing sync.WaitGroup
	replacing.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				p.Replace(lists[i%2])
			}
		}
	})
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			var requests []authz.Request
			for range 20 {
				requests = append(requests, ask(user("alice", nil), "app", "pull", "push"))
			}
			for range 200 {
				decisions, err := authz.AuthorizeBatch(t.Context(), p, requests)
				if err != nil {
					t.Error(err)
					return
				}
				for _, d := range decisions {
					if d.Reason != decisions[0].Reason || len(d.Actions) != 1 {
						t.Errorf("a batch got %+v and %+v", decisions[0], d)
						return
					}
				}
			}
		})
	}
	asking.Wait()
	close(done)
	replacing.Wait()
}

func TestListIsSafeForConcurrentUse(t *testing.T) {
	pattern := "/^${account}/.+$/"
	l := mustCompile(t, Rule{Match: &Match{Name: &pattern}, Actions: []string{"pull"}})
	var asking sync.WaitGroup
	for _, name := range []string{"alice", "bob", "carol", "dave"} {
		asking.Go(func() {
			for range 100 {
				d := decide(t, l, ask(user(name, nil), name+"/app", "pull"))
				if len(d.Actions) != 1 {
					t.Errorf("%s got %+v", name, d)
				}
			}
		})
	}
	asking.Wait()
}
