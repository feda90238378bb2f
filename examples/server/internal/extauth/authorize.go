package extauth

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"

	"github.com/berthpass/registry-auth/authz"
)

// Authorizer returns an authorizer that asks the program, once for each scope. It always decides.
func (p *Program) Authorizer() authz.Authorizer { return authz.Func(p.authorize) }

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
