package extauth

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/berthpass/registry-auth/authn"
)

// Authenticator returns an authenticator that asks the program. It knows nobody without a password, and no name with white
// space, which the program could not tell from the password.
func (p *Program) Authenticator() authn.Authenticator { return authn.Func(p.authenticate) }

func (p *Program) authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	if r.Username == "" || strings.ContainsFunc(r.Username, unicode.IsSpace) {
		return authn.Subject{}, authn.ErrNoMatch
	}
	code, output, err := p.run(ctx, r.Username+" "+string(r.Password), string(r.Password))
	switch {
	case err != nil:
		return authn.Subject{}, fmt.Errorf("ext_auth: %w", err)
	case code == 1:
		return authn.Subject{}, fmt.Errorf("%w: ext_auth refuses %+q", authn.ErrRejected, r.Username)
	case code == 2:
		return authn.Subject{}, fmt.Errorf("%w: ext_auth does not know %+q", authn.ErrNoMatch, r.Username)
	}
	labels, err := parseLabels(output)
	if err != nil {
		return authn.Subject{}, fmt.Errorf("ext_auth: run %s: its output: %w", p.path, err)
	}
	return authn.Subject{Name: r.Username, Labels: labels}, nil
}

// parseLabels reads the output of a program that accepts somebody: nothing, or a JSON object.
func parseLabels(output []byte) (map[string][]string, error) {
	if strings.TrimSpace(string(output)) == "" {
		return nil, nil //nolint:nilnil // there need not be labels
	}
	var answer struct {
		Labels map[string][]string `json:"labels"`
	}
	if err := json.Unmarshal(output, &answer); err != nil {
		return nil, fmt.Errorf("not a JSON object with labels: %w", err)
	}
	return answer.Labels, nil
}
