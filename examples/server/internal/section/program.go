package section

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/examples/server/internal/conf"
	"github.com/berthpass/registry-auth/examples/server/internal/program"
)

// An externalProgram is asked about users or about rights that no other section knows.
type externalProgram struct {
	conf.Place

	key     string
	users   *Users // of ext_auth
	command program.Config
	sum     string
	given   bool
}

const (
	defaultProgramTimeout = 5 * time.Second
	defaultMaxRunning     = 16
	// maxProgramTimeout bounds the wait of a client. Few have more patience.
	maxProgramTimeout = time.Minute
)

func (p *externalProgram) Keys() []string { return []string{p.key} }

func (p *externalProgram) Read(n *conf.Node) {
	if p.Place = n.Place; n.Null() {
		return
	}
	p.given = true
	name, at := "", n.Place
	p.command.Timeout, p.command.MaxRunning = defaultProgramTimeout, defaultMaxRunning
	n.Fields(
		conf.Text("command", &name).At(&at),
		conf.Texts("args", &p.command.Args),
		conf.Duration("timeout", &p.command.Timeout, func(d time.Duration) error {
			if d > maxProgramTimeout {
				return fmt.Errorf("must be at most %v, since a client waits for it, and is %v",
					maxProgramTimeout, d)
			}
			return nil
		}),
		conf.Int("max_running", &p.command.MaxRunning, 1),
	)
	p.sum = n.Sum()
	if name == "" {
		n.Errorf("%s.command is missing", p.key)
		return
	}
	var err error
	p.command.Path, err = exec.LookPath(name)
	if err = errors.Join(err, program.Supported()); err != nil {
		at.Errorf("%s.command: %w", p.key, err)
		if strings.ContainsRune(name, filepath.Separator) {
			n.Watch(name) // a reload finds it later
		}
	}
}

// Build keeps the program, with its breaker and its bound on how many run at once, as long as the
// section is the same.
func (p *externalProgram) Build(s *Site) (Part, error) {
	if !p.given {
		return Part{}, nil
	}
	key := fmt.Sprintf("%s: %s %q %q", p.key, p.sum, p.command.Path, s.Secrets)
	held, err := Hold(s, key, func() (*program.Program, error) {
		p.command.Env = s.environ()
		return program.New(p.command), nil
	})
	if err != nil {
		return Part{}, err
	}
	timeout := p.command.Timeout
	part := Part{Config: func(c *auth.Config) { c.Timeout += timeout }}
	if p.users == nil {
		part.Authorizer = held.Authorizer()
		part.Explain = explainProgram(part.Authorizer)
		return part, nil
	}
	part.Authenticator = held.Authenticator()
	if !p.users.given {
		p.Warnf("the program of ext_auth is not asked about requests without credentials; " +
			`they are refused unless users has an entry ""`)
	}
	return part, nil
}

func explainProgram(
	asked authz.Authorizer,
) func(context.Context, authz.Request) (string, bool, error) {
	return func(ctx context.Context, r authz.Request) (text string, decided bool, err error) {
		d, err := asked.Authorize(ctx, r)
		if err != nil {
			return "", false, err
		}
		granted := strings.Join(r.Scope.Intersect(d.Actions).Actions, ",")
		return fmt.Sprintf("then the program is asked, and grants %q: %s\n", granted, d.Reason),
			true, nil
	}
}
