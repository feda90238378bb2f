package program

import (
	"context"
	"encoding/json"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/berthpass/registry-auth/authz"
)

// Authorizer returns an authorizer that asks the program, once for each scope, as many at once as
// may run. It always decides.
func (p *Program) Authorizer() authz.BatchAuthorizer { return authorizer{p} }

type authorizer struct{ program *Program }

func (a authorizer) Authorize(ctx context.Context, r authz.Request) (authz.Decision, error) {
	question, err := json.Marshal(map[string]any{ // as docker_auth does
		"Account": r.Subject.Name, "Labels": r.Subject.Labels,
		"IP": r.RemoteAddr, "Service": r.Service,
		"Type": r.Scope.Type, "Name": r.Scope.Name, "Actions": r.Scope.Actions,
	})
	if err != nil {
		return authz.Decision{}, fmt.Errorf("ext_authz: %w", err)
	}
	path := a.program.config.Path
	code, _, err := a.program.ask(ctx, string(question), "")
	switch {
	case err != nil:
		return authz.Decision{}, fmt.Errorf("ext_authz: run %s: %w", path, err)
	case code == 0:
		return authz.Decision{Actions: r.Scope.Actions, Reason: "ext_authz grants it"}, nil
	case code == 1:
		return authz.Decision{Reason: "ext_authz refuses it"}, nil
	default:
		return authz.Decision{}, fmt.Errorf("ext_authz: run %s: exit code %d", path, code)
	}
}

// AuthorizeBatch does not start more questions than may run. If all started at once, the last would
// spend their timeout waiting. The first error ends all others.
func (a authorizer) AuthorizeBatch(
	ctx context.Context, requests []authz.Request,
) ([]authz.Decision, error) {
	decisions := make([]authz.Decision, len(requests))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(a.program.config.MaxRunning)
	for i, r := range requests {
		group.Go(func() (err error) {
			decisions[i], err = a.Authorize(ctx, r)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return decisions, nil
}
