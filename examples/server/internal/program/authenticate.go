package program

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/berthpass/registry-auth/authn"
)

// Authenticator returns an authenticator that asks the program. It knows no user without a
// password, and no name with white space, which the program could not tell from the password.
func (p *Program) Authenticator() authn.Authenticator { return authn.Func(p.authenticate) }

func (p *Program) authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	if r.Username == "" || strings.ContainsFunc(r.Username, unicode.IsSpace) {
		return authn.Subject{}, authn.ErrNoMatch
	}
	password := string(r.Password)
	code, output, err := p.ask(ctx, r.Username+" "+password, password)
	switch {
	case err != nil:
		return authn.Subject{}, fmt.Errorf("ext_auth: run %s: %w", p.config.Path, err)
	case code == 1:
		return authn.Subject{}, fmt.Errorf(
			"%w: ext_auth refuses %+q", authn.ErrRejected, r.Username)
	case code == 2:
		return authn.Subject{}, fmt.Errorf(
			"%w: ext_auth does not know %+q", authn.ErrNoMatch, r.Username)
	}
	var answer struct {
		Labels map[string][]string `json:"labels"`
	}
	if strings.TrimSpace(string(output)) != "" {
		if err := json.Unmarshal(output, &answer); err != nil {
			return authn.Subject{}, fmt.Errorf("ext_auth: run %s: "+
				"its output: not a JSON object with labels: %w", p.config.Path, err)
		}
	}
	return authn.Subject{Name: r.Username, Labels: answer.Labels}, nil
}
