package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/berthpass/registry-auth/authz"
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
func Unreached(cfg *config.Config, cases []config.Case) []string {
	reached := make(map[*config.Rules]map[int]bool)
	for _, c := range cases {
		rules := rulesOf(cfg, c.Service)
		if rules.List == nil {
			continue
		}
		if reached[rules] == nil {
			reached[rules] = make(map[int]bool)
		}
		reached[rules][rules.List.Explain(request(c)).Rule] = true
	}
	var lines []string
	list := func(rules *config.Rules, whose string) {
		if rules == nil || rules.List == nil {
			return
		}
		for number := 1; number <= rules.List.Len(); number++ {
			if !reached[rules][number] {
				lines = append(lines, fmt.Sprintf("%s: no case reaches rule %d%s",
					rules.Position(number), number, whose))
			}
		}
	}
	list(&cfg.Rules, "")
	for _, name := range cfg.Token.ServiceNames() {
		list(cfg.Token.Services[name].Rules, fmt.Sprintf(" of the service %q", name))
	}
	return lines
}
