package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/authz/acl"
	"github.com/berthpass/registry-auth/examples/server/internal/config"
)

// A Report is what came of some cases.
type Report struct {
	// Cases is how many there were.
	Cases int
	// Failures has an error for each case that came out otherwise than expected.
	Failures []*config.PositionError
}

// Test asks what is expected of each case. The error is that of a program that is asked.
func Test(ctx context.Context, cfg *config.Config, cases []config.Case) (Report, error) {
	report := Report{Cases: len(cases)}
	policy := Authorizer(cfg)
	for _, c := range cases {
		d, err := policy.Authorize(ctx, request(c))
		if err != nil {
			return report, fmt.Errorf("%s: %w", c.Position, err)
		}
		granted := []string{}
		if !d.NoMatch {
			granted = c.Scope.Intersect(d.Actions).Actions
		}
		if !slices.Equal(granted, c.Granted) {
			report.Failures = append(report.Failures, failure(c, granted, d))
		}
	}
	return report, nil
}

func request(c config.Case) authz.Request {
	return authz.Request{Subject: c.Subject, Service: c.Service, Scope: c.Scope, RemoteAddr: c.Addr}
}

func failure(c config.Case, granted []string, d authz.Decision) *config.PositionError {
	who, reason := "anonymous", d.Reason
	if !c.Subject.Anonymous() {
		who = fmt.Sprintf("%q", c.Subject.Name)
	}
	if d.NoMatch {
		reason = "no rule matches"
	}
	return &config.PositionError{Position: c.Position, Err: fmt.Errorf("%s asks %s: granted %q, expected %q (%s)",
		who, c.Scope, strings.Join(granted, ","), strings.Join(c.Granted, ","), reason)}
}

// Unreached has a line for each rule that decides no case.
func Unreached(ctx context.Context, cfg *config.Config, cases []config.Case) []string {
	coverages := make(map[*config.Rules]*acl.Coverage)
	cover := func(of *config.Rules) {
		if of != nil && of.List != nil {
			coverages[of] = acl.NewCoverage(of.List)
		}
	}
	cover(&cfg.Rules)
	for _, service := range cfg.Token.Services {
		cover(service.Rules)
	}
	for _, c := range cases {
		if coverage := coverages[rulesOf(cfg, c.Service)]; coverage != nil {
			_, _ = coverage.Authorize(ctx, request(c)) // never fails
		}
	}
	var lines []string
	list := func(of *config.Rules, whose string) {
		if coverage := coverages[of]; coverage != nil {
			for _, number := range coverage.Unreached() {
				lines = append(lines, fmt.Sprintf("%s: no case reaches rule %d%s", of.Position(number), number, whose))
			}
		}
	}
	list(&cfg.Rules, "")
	for _, name := range cfg.Token.ServiceNames() {
		list(cfg.Token.Services[name].Rules, fmt.Sprintf(" of the service %q", name))
	}
	return lines
}
