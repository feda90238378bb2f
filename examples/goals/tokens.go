package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/berthpass/registry-auth/examples/internal/load"
)

// measureAnonymous is R1.
func measureAnonymous(ctx context.Context, b *bench) (checks []check, err error) {
	p, err := b.start(ctx, &configuration{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	var failed, verified uint64
	for _, connections := range []int{64, 256} {
		report, err := b.load(ctx, p, load.Config{WarmUp: warmUp, Groups: []load.Group{
			{Kind: load.Anonymous, Clients: connections, Scopes: publicScopes()},
		}})
		if err != nil {
			return nil, err
		}
		g := &report.Groups[0]
		failed, verified = failed+failures(g), verified+g.Verified
		if connections == 64 {
			checks = append(checks,
				rate("anonymous tokens at 64 connections", g.Rate, 5000),
				within("their p99", p99(g), 25*time.Millisecond))
			continue
		}
		checks = append(checks, within("p99 at 256 connections", p99(g), 150*time.Millisecond).noted("%.0f/s", g.Rate))
	}
	return append(checks, none("requests without a token", failed), some("tokens verified by distribution", verified)), nil
}

// measureWarm is R2.
func measureWarm(ctx context.Context, b *bench) (checks []check, err error) {
	const users, connections = 1000, 64
	accounts, err := newAccounts("user", users, cheap)
	if err != nil {
		return nil, err
	}
	p, err := b.start(ctx, &configuration{users: accounts})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	report, err := b.load(ctx, p, load.Config{WarmUp: warmUp, Groups: []load.Group{
		{Kind: load.Login, Clients: users, Connections: connections, Users: usersOf(accounts), Scopes: publicScopes()},
	}})
	if err != nil {
		return nil, err
	}
	g := &report.Groups[0]
	return []check{
		rate(fmt.Sprintf("tokens for the passwords of %d users", users), g.Rate, 4000),
		within("their p99", p99(g), 30*time.Millisecond),
		none("requests without a token", failures(g)), some("tokens verified by distribution", g.Verified),
	}, nil
}

// measureRefresh is R3. All users log in for a refresh token, and then use it.
func measureRefresh(ctx context.Context, b *bench) (checks []check, err error) {
	const users, connections = 10_000, 64
	accounts, err := newAccounts("user", users, cheap)
	if err != nil {
		return nil, err
	}
	p, err := b.start(ctx, &configuration{users: accounts})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	begun, issued := time.Now(), time.Duration(0)
	report, err := b.load(ctx, p, load.Config{
		WarmUp: warmUp,
		Groups: []load.Group{{Kind: load.Refresh, Clients: users, Connections: connections, Users: usersOf(accounts), Scopes: publicScopes()}},
		Progress: func(p load.Progress) {
			if p.Phase == "prepare" {
				issued = time.Since(begun)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	g := &report.Groups[0]
	return []check{
		rate(fmt.Sprintf("refresh tokens issued, of %d", users), users/issued.Seconds(), 300).
			noted("8 clients, with a bcrypt hash of cost %d each", cheap),
		rate("tokens for refresh tokens", g.Rate, 2000),
		within("their p99", p99(g), 50*time.Millisecond),
		none("requests without a token", failures(g)), some("tokens verified by distribution", g.Verified),
	}, nil
}
