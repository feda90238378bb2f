package goals

import (
	"context"
	"time"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
	"github.com/berthpass/registry-auth/examples/lab/internal/clients"
	"github.com/berthpass/registry-auth/examples/lab/internal/target"
)

// pulls are of some images.
func pulls(atOnce int) clients.Crowd {
	return clients.Crowd{Name: "pulls", Clients: atOnce, Scopes: clients.Scopes(20)}
}

// p99 is very long if there was no answer.
func p99(g *attack.GroupReport) time.Duration {
	if len(g.Statuses) == 0 {
		return time.Hour
	}
	return g.P99
}

// allRight says that all requests got tokens, and that a registry took some of these.
func allRight(s *target.Server, groups ...*attack.GroupReport) []check {
	failed := 0
	for _, g := range groups {
		failed += g.Failed()
	}
	return []check{never("requests without a token", failed), {
		What: "tokens verified by distribution", Got: float64(s.Verified.Load()), Bound: 1,
		AtLeast: true,
	}}
}

// measureAnonymous is R1.
func measureAnonymous(ctx context.Context, b *bench) ([]check, error) {
	return b.with(ctx, target.Config{}, func(s *target.Server) ([]check, error) {
		c := pulls(64)
		few, err := b.warm(ctx, s.Anonymous(c))
		if err != nil {
			return nil, err
		}
		c.Clients = 256
		many, err := b.warm(ctx, s.Anonymous(c))
		if err != nil {
			return nil, err
		}
		return append([]check{
			atLeast("anonymous tokens at 64 connections", few[0].Rate, 5000),
			within("their p99", p99(&few[0]), 25*time.Millisecond),
			within("p99 at 256 connections", p99(&many[0]), 150*time.Millisecond).
				noted("%.0f/s", many[0].Rate),
		}, allRight(s, &few[0], &many[0])...), nil
	})
}

// measureRemembered is R2.
func measureRemembered(ctx context.Context, b *bench) ([]check, error) {
	c := pulls(64)
	c.Users = clients.Users("user", 1000)
	return b.with(ctx, target.Config{Users: c.Users}, func(s *target.Server) ([]check, error) {
		if _, err := s.LogIn(ctx, c, false); err != nil {
			return nil, err
		}
		g, err := b.warm(ctx, s.Logins(c))
		if err != nil {
			return nil, err
		}
		return append([]check{
			atLeast("tokens for the passwords of 1000 users", g[0].Rate, 4000),
			within("their p99", p99(&g[0]), 30*time.Millisecond),
		}, allRight(s, &g[0])...), nil
	})
}

// measureRefresh is R3: all users log in for a refresh token and then use it.
func measureRefresh(ctx context.Context, b *bench) ([]check, error) {
	const users = 10_000
	c := pulls(64)
	c.Users = clients.Users("user", users)
	return b.with(ctx, target.Config{Users: c.Users}, func(s *target.Server) ([]check, error) {
		begun := time.Now()
		tokens, err := s.LogIn(ctx, c, true)
		if err != nil {
			return nil, err
		}
		issued := users / time.Since(begun).Seconds()
		g, err := b.warm(ctx, s.Refreshes(c, tokens))
		if err != nil {
			return nil, err
		}
		return append([]check{
			atLeast("refresh tokens issued, of 10000", issued, 300).
				noted("8 clients, with a bcrypt hash of cost %d each", target.CheapHash),
			atLeast("tokens for refresh tokens", g[0].Rate, 2000),
			within("their p99", p99(&g[0]), 50*time.Millisecond),
		}, allRight(s, &g[0])...), nil
	})
}
