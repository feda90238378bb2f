package goals

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
	"github.com/berthpass/registry-auth/examples/lab/internal/clients"
	"github.com/berthpass/registry-auth/examples/lab/internal/target"
)

const (
	images  = 20
	withFew = 64 // connections
)

// withServer starts a server for measure, and ends it.
func (b *bench) withServer(
	ctx context.Context, c target.Config, measure func(*target.Server) ([]check, error),
) (checks []check, err error) {
	if c.Rules == "" {
		c.Rules = target.PublicRules
	}
	s, err := b.program.Start(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	return measure(s)
}

// measureAnonymous is R1.
func measureAnonymous(ctx context.Context, b *bench) ([]check, error) {
	return b.withServer(ctx, target.Config{}, func(s *target.Server) ([]check, error) {
		var reports []*attack.GroupReport
		for _, connections := range []int{withFew, 256} {
			crowd := clients.Crowd{Name: "pulls", Clients: connections, Scopes: clients.Scopes(images)}
			r, err := b.load(ctx, attack.Plan{
				WarmUp: warmUp, Groups: []attack.Group{s.Anonymous(crowd)},
			})
			if err != nil {
				return nil, err
			}
			reports = append(reports, &r.Groups[0])
		}
		few, many := reports[0], reports[1]
		return []check{
			atLeast("anonymous tokens at 64 connections", few.Rate, 5000),
			within("their p99", p99(few), 25*time.Millisecond),
			within("p99 at 256 connections", p99(many), 150*time.Millisecond).
				noted("%.0f/s", many.Rate),
			never("requests without a token", few.Failed()+many.Failed()),
			verified(s.Verified.Load()),
		}, nil
	})
}

// p99 is very long if there was no answer.
func p99(g *attack.GroupReport) time.Duration {
	if len(g.Statuses) == 0 {
		return time.Hour
	}
	return g.P99
}

// measureRemembered is R2.
func measureRemembered(ctx context.Context, b *bench) ([]check, error) {
	crowd := clients.Crowd{
		Name: "logins", Clients: withFew, Users: clients.Users("user", 1000),
		Scopes: clients.Scopes(images),
	}
	config := target.Config{Users: crowd.Users, HashCost: target.CheapHash}
	return b.withServer(ctx, config, func(s *target.Server) ([]check, error) {
		if err := s.LogIn(ctx, crowd); err != nil {
			return nil, err
		}
		r, err := b.load(ctx, attack.Plan{WarmUp: warmUp, Groups: []attack.Group{s.Logins(crowd)}})
		if err != nil {
			return nil, err
		}
		g := &r.Groups[0]
		return []check{
			atLeast("tokens for the passwords of 1000 users", g.Rate, 4000),
			within("their p99", p99(g), 30*time.Millisecond),
			never("requests without a token", g.Failed()),
			verified(s.Verified.Load()),
		}, nil
	})
}

// measureRefresh is R3: all users log in for a refresh token and then use it.
func measureRefresh(ctx context.Context, b *bench) ([]check, error) {
	const users = 10_000
	crowd := clients.Crowd{
		Name: "refreshes", Clients: withFew, Users: clients.Users("user", users),
		Scopes: clients.Scopes(images),
	}
	config := target.Config{Users: crowd.Users, HashCost: target.CheapHash}
	return b.withServer(ctx, config, func(s *target.Server) ([]check, error) {
		begun := time.Now()
		tokens, err := s.RefreshTokens(ctx, crowd)
		if err != nil {
			return nil, err
		}
		issued := time.Since(begun)
		r, err := b.load(ctx, attack.Plan{
			WarmUp: warmUp, Groups: []attack.Group{s.Refreshes(crowd, tokens)},
		})
		if err != nil {
			return nil, err
		}
		g := &r.Groups[0]
		return []check{
			atLeast(fmt.Sprintf("refresh tokens issued, of %d", users), users/issued.Seconds(), 300).
				noted("8 clients, with a bcrypt hash of cost %d each", target.CheapHash),
			atLeast("tokens for refresh tokens", g.Rate, 2000),
			within("their p99", p99(g), 50*time.Millisecond),
			never("requests without a token", g.Failed()),
			verified(s.Verified.Load()),
		}, nil
	})
}
