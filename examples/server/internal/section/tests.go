package section

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/examples/server/internal/conf"
	"github.com/berthpass/registry-auth/scope"
)

// Tests are what the policy has to grant.
type Tests struct {
	Cases []Case
	token *Token
	file  conf.Position
}

// A Case is a question to the policy, with the expected answer.
type Case struct {
	conf.Place

	Account string              // "" for the anonymous subject
	Labels  map[string][]string // nil for those of the account
	Service string              // or else the only one there is
	Addr    netip.Addr
	Scope   scope.Scope
	Granted []string // sorted; empty for nothing
}

// Keys implements [Section].
func (t *Tests) Keys() []string { return []string{"tests"} }

// Read implements [Section].
func (t *Tests) Read(n *conf.Node) {
	t.file = conf.Position{File: n.File}
	n.As("tests").Items(t.read)
}

func (t *Tests) read(n *conf.Node) {
	c, scopeGiven, grantedGiven := Case{Place: n.Place}, false, false
	n.As("a case").Fields(
		conf.Text("account", &c.Account),
		conf.Func("labels", func(n *conf.Node) { c.Labels = labels(n) }),
		conf.Text("service", &c.Service),
		conf.Func("ip", func(n *conf.Node) {
			var err error
			if c.Addr, err = netip.ParseAddr(n.Text()); err != nil {
				n.Errorf("ip: %q is not an address", n.Text())
			}
		}),
		conf.Func("scope", func(n *conf.Node) {
			var err error
			if c.Scope, err = scope.Parse(n.Text()); err != nil {
				n.Errorf("scope: %w", err)
			}
		}).Given(&scopeGiven),
		conf.Func("granted", func(n *conf.Node) { c.Granted = actions(n) }).Given(&grantedGiven),
	)
	if !scopeGiven || !grantedGiven {
		n.Errorf(`a case needs scope and granted; write granted: "" for nothing`)
	}
	for _, action := range c.Granted {
		if scopeGiven && !c.Scope.Has(action) && len(c.Scope.Type) > 0 {
			n.Errorf("the case expects %q, which its scope does not ask for", action)
		}
	}
	t.Cases = append(t.Cases, c)
}

// actions reads "pull,push" or a list.
func actions(n *conf.Node) []string {
	list := []string{}
	if n.IsList() {
		list = n.Texts()
	} else {
		for action := range strings.SplitSeq(n.Text(), ",") {
			if action = strings.TrimSpace(action); action != "" {
				list = append(list, action)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// ReadFile reads the cases in a file: a list, or a list at the key tests.
func (t *Tests) ReadFile(path string) ([]Case, error) {
	more := &Tests{token: t.token}
	noVariables := func(string) string { return "" }
	d := conf.Read(path, "a file of cases", noVariables, func(n *conf.Node) {
		if n.IsList() {
			more.Read(n)
			return
		}
		n.Fields(conf.Func("tests", more.Read))
	})
	more.checkServices()
	return more.Cases, d.Err()
}

// checkServices completes the cases.
func (t *Tests) checkServices() {
	names := t.token.ServiceNames()
	for i := range t.Cases {
		c := &t.Cases[i]
		if c.Service == "" && len(names) == 1 {
			c.Service = names[0]
		}
		switch {
		case len(names) > 1 && c.Service == "":
			c.Errorf("a case needs a service, since there are several")
		case len(names) > 0 && !slices.Contains(names, c.Service):
			c.Errorf("the case is about the service %q, for which no tokens are issued", c.Service)
		}
	}
}

// Build implements [Section].
func (t *Tests) Build(*Site) (Part, error) {
	t.checkServices()
	return Part{Count: Count{Name: "tests", Number: len(t.Cases)}, Accept: t.accept}, nil
}

func (t *Tests) accept(ctx context.Context, policy Policy) error {
	report, err := RunCases(ctx, policy, t.Cases)
	if err != nil {
		return fmt.Errorf("run the tests: %w", err)
	}
	if len(report.Failures) == 0 {
		return nil
	}
	errs := []error{&conf.PositionError{
		Position: t.file, Err: fmt.Errorf("%d of %d tests fail", len(report.Failures), len(t.Cases)),
	}}
	return errors.Join(append(errs, report.Failures...)...)
}

// A Report is the result of some cases.
type Report struct {
	// Requests are those of the cases.
	Requests []authz.Request
	// Failures has a [*conf.PositionError] for each case whose result is not the expected one.
	Failures []error
}

// RunCases asks the policy. The error means that the policy has no answer.
func RunCases(ctx context.Context, policy Policy, cases []Case) (Report, error) {
	var report Report
	for _, c := range cases {
		r := authz.Request{Service: c.Service, Scope: c.Scope, RemoteAddr: c.Addr}
		r.Subject = authn.Subject{Name: c.Account, Labels: c.Labels}
		if c.Labels == nil {
			known, err := policy.Subject(ctx, c.Account)
			switch {
			case err == nil:
				r.Subject = known
			case !errors.Is(err, authn.ErrNoMatch) && !errors.Is(err, authn.ErrRejected):
				return report, fmt.Errorf("%s: %w", c.Position, err)
			}
		}
		d, err := policy.Authorizer.Authorize(ctx, r)
		if err != nil {
			return report, fmt.Errorf("%s: %w", c.Position, err)
		}
		report.Requests = append(report.Requests, r)
		granted := []string{}
		if !d.NoMatch {
			granted = c.Scope.Intersect(d.Actions).Actions
		}
		if !slices.Equal(granted, c.Granted) {
			report.Failures = append(report.Failures, c.failure(granted, d))
		}
	}
	return report, nil
}

func (c Case) failure(granted []string, d authz.Decision) error {
	who, reason := "anonymous", d.Reason
	if c.Account != "" {
		who = fmt.Sprintf("%q", c.Account)
	}
	if d.NoMatch {
		reason = "no rule matches"
	}
	return &conf.PositionError{Position: c.Position, Err: fmt.Errorf(
		"%s asks %s: granted %q, expected %q (%s)", who, c.Scope,
		strings.Join(granted, ","), strings.Join(c.Granted, ","), reason)}
}
