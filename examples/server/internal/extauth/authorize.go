package extauth

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"sync"

	"github.com/berthpass/registry-auth/authz"
)

// Authorizer returns an authorizer that asks the program, once for each scope, about as many at once as may run. It always
// decides.
func (p *Program) Authorizer() authz.BatchAuthorizer { return authorizer{p} }

type authorizer struct{ program *Program }

func (a authorizer) Authorize(ctx context.Context, r authz.Request) (authz.Decision, error) {
	return a.program.authorize(ctx, r)
}

// AuthorizeBatch asks with as many workers as may run. The time of a question begins when one takes it up: all at once, the last
// ones would spend theirs waiting for the first.
func (a authorizer) AuthorizeBatch(ctx context.Context, requests []authz.Request) ([]authz.Decision, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	indexes := make(chan int, len(requests))
	for i := range requests {
		indexes <- i
	}
	close(indexes)
	decisions := make([]authz.Decision, len(requests))
	var workers sync.WaitGroup
	for range min(len(requests), cap(a.program.running)) {
		workers.Go(func() {
			for i := range indexes {
				if ctx.Err() != nil {
					return
				}
				var err error
				if decisions[i], err = a.program.authorize(ctx, requests[i]); err != nil {
					stop(err) // the first one counts: without it there is no answer, and the others are given up
				}
			}
		})
	}
	workers.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return decisions, nil
}

// A question is what docker_auth tells its programs.
type question struct {
	Account string
	Type    string
	Name    string
	Service string
	IP      netip.Addr
	Actions []string
	Labels  map[string][]string
}

func (p *Program) authorize(ctx context.Context, r authz.Request) (authz.Decision, error) {
	encoded, err := json.Marshal(question{
		Account: r.Subject.Name, Type: r.Scope.Type, Name: r.Scope.Name, Service: r.Service,
		IP: r.RemoteAddr, Actions: r.Scope.Actions, Labels: r.Subject.Labels,
	})
	if err != nil {
		return authz.Decision{}, fmt.Errorf("ext_authz: %w", err)
	}
	code, _, err := p.run(ctx, string(encoded), "")
	switch {
	case err != nil:
		return authz.Decision{}, fmt.Errorf("ext_authz: %w", err)
	case code == 0:
		return authz.Decision{Actions: r.Scope.Actions, Reason: "ext_authz grants it"}, nil
	case code == 1:
		return authz.Decision{Reason: "ext_authz refuses it"}, nil
	default:
		return authz.Decision{}, fmt.Errorf("ext_authz: run %s: exit code %d", p.path, code)
	}
}
