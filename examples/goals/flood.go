package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/berthpass/registry-auth/examples/internal/load"
)

const (
	floodClients = 256
	// Refusals are held back for a second, on purpose: who sends the next guess when the last one is answered can send only so many.
	// And a login waits for two seconds at most until it is compared. So the second within which what is too much is to be answered
	// begins after these two.
	floodWait = 2*time.Second + time.Second
)

// floodFree is more than it takes to check the hundred guesses that an address has for nothing, after the other loads.
const floodFree = 15 * time.Second

// from is where the clients of a group are: at an address of this machine, and for the server, behind a proxy, at another.
func from(g load.Group, own, told string) load.Group {
	g.Sources = []netip.Addr{netip.MustParseAddr(own)}
	g.Header = http.Header{"X-Forwarded-For": {told}}
	return g
}

// A crowd is who asks while passwords are guessed.
type crowd struct {
	logins, pulls, flood load.Group
	newcomers            []load.Group // each from an address of its own
}

const newcomerAddresses = 4

func newCrowd(warm, cold []account) crowd {
	c := crowd{
		logins: from(load.Group{Name: "logins", Kind: load.Login, Clients: 8, Users: usersOf(warm), Scopes: publicScopes()}, "127.0.0.2", "198.51.100.1"),
		pulls:  from(load.Group{Name: "pulls", Kind: load.Anonymous, Clients: 8, Scopes: publicScopes()}, "127.0.0.2", "198.51.100.1"),
		flood:  from(load.Group{Name: "flood", Kind: load.Wrong, Clients: floodClients, Users: usersOf(warm)}, "127.0.0.1", "192.0.2.1"),
	}
	for i := range newcomerAddresses {
		part := cold[i*len(cold)/newcomerAddresses : (i+1)*len(cold)/newcomerAddresses]
		g := load.Group{Name: fmt.Sprintf("newcomers %d", i), Kind: load.Cold, Clients: 1, Users: usersOf(part), Scopes: publicScopes()}
		c.newcomers = append(c.newcomers, from(g, "127.0.0.3", fmt.Sprintf("203.0.113.%d", i+1)))
	}
	return c
}

// measureFlood is R4: those who have logged in, and those who need not, are asked about alone, then while passwords are guessed from
// another address; and then others log in for the first time while the guessing goes on: at first, when guesses are still compared, and
// later, when most are refused without that.
func measureFlood(ctx context.Context, b *bench) (checks []check, err error) {
	warm, err := newAccounts("user", 8, usual)
	if err != nil {
		return nil, err
	}
	cold, err := newAccounts("newcomer", 1000, usual)
	if err != nil {
		return nil, err
	}
	p, err := b.start(ctx, &configuration{users: append(warm, cold...), server: `real_ip_header: "X-Forwarded-For", trusted_proxies: ["127.0.0.0/8"]`})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	c := newCrowd(warm, nil)
	quiet, err := b.load(ctx, p, load.Config{WarmUp: warmUp, Groups: []load.Group{c.logins, c.pulls}})
	if err != nil {
		return nil, err
	}
	flooded, err := b.load(ctx, p, load.Config{WarmUp: warmUp, Groups: []load.Group{c.logins, c.pulls, c.flood}})
	if err != nil {
		return nil, err
	}
	var joined [2]*load.Report
	for i, since := range []time.Duration{warmUp, floodFree} {
		c := newCrowd(warm, cold[i*len(cold)/2:(i+1)*len(cold)/2])
		if joined[i], err = b.load(ctx, p, load.Config{WarmUp: since, Groups: append(c.newcomers, c.flood)}); err != nil {
			return nil, err
		}
	}
	most, err := p.residentMost()
	if err != nil {
		return nil, err
	}
	before := quiet.Groups[0].Rate + quiet.Groups[1].Rate
	logins, pulls, flood := &flooded.Groups[0], &flooded.Groups[1], &flooded.Groups[2]
	kept := check{what: "throughput of others, as a part of that when it is quiet", got: (logins.Rate + pulls.Rate) / before, bound: 0.8, atLeast: true, unit: percent, timed: true}
	return []check{
		within("p99 of those who have logged in", p99(logins), 20*time.Millisecond).noted("%v when it is quiet", p99(&quiet.Groups[0])),
		within("p99 of anonymous pulls", p99(pulls), 20*time.Millisecond).noted("%v when it is quiet", p99(&quiet.Groups[1])),
		kept.noted("%.0f/s", before),
		none("of their requests without a token", failures(logins)+failures(pulls)),
		within("p99 of the answers to guesses", p99(flood), floodWait).noted("p50 %v; they are %v", flood.Latency.P50.Round(time.Millisecond), flood.Statuses),
		none("guesses without an answer, or with a token", flood.Granted+errorsOf(flood)),
		firstLogins("first logins from elsewhere, at the beginning of the flood", joined[0]),
		firstLogins("first logins from elsewhere, later in the flood", joined[1]),
		memory("memory of the server", most, 150<<20),
	}, nil
}

func firstLogins(what string, r *load.Report) check {
	var tokens, others uint64
	for i := range newcomerAddresses {
		tokens += r.Groups[i].Tokens
		others += r.Groups[i].Requests - r.Groups[i].Tokens
	}
	return rate(what, float64(tokens)/r.Elapsed.Seconds(), 5).noted("from %d addresses; %d were refused", newcomerAddresses, others)
}

func errorsOf(g *load.GroupReport) (n uint64) {
	for _, count := range g.Errors {
		n += count
	}
	return n
}
