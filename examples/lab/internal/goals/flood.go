package goals

import (
	"context"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
	"github.com/berthpass/registry-auth/examples/lab/internal/clients"
	"github.com/berthpass/registry-auth/examples/lab/internal/target"
)

const (
	guessers = 256
	// A refusal is delayed for a second on purpose, and a login may wait two seconds for its hash.
	// The second within which what is too much is answered begins after that.
	guessWait = 3 * time.Second
	// allGuessesCompared is more than it takes to compare the hundred guesses that an address may
	// make before it is throttled.
	allGuessesCompared = 15 * time.Second
)

// measureFlood is R4. Those who have logged in or need not are asked about alone, and then while
// passwords are guessed from another address. Then others log in for the first time: while guesses
// are still compared, and when most are refused without that.
func measureFlood(ctx context.Context, b *bench) ([]check, error) {
	known, cold := clients.Users("user", 8), clients.Users("newcomer", 1000)
	config := target.Config{Users: append(known, cold...), HashCost: bcrypt.DefaultCost}
	return b.with(ctx, config, func(s *target.Server) ([]check, error) {
		anonymous := pulls(8)
		anonymous.From = []string{"198.51.100.1"}
		logins := anonymous
		logins.Name, logins.Users = "logins", known
		if _, err := s.LogIn(ctx, logins, false); err != nil {
			return nil, err
		}
		guesses := s.Guesses(clients.Crowd{
			Name: "guesses", Clients: guessers, Users: known, From: []string{"192.0.2.1"},
		})
		quiet, err := b.warm(ctx, s.Logins(logins), s.Anonymous(anonymous))
		if err != nil {
			return nil, err
		}
		flooded, err := b.warm(ctx, s.Logins(logins), s.Anonymous(anonymous), guesses)
		if err != nil {
			return nil, err
		}
		var joined [2]attack.GroupReport
		for i, since := range []time.Duration{time.Second, allGuessesCompared} {
			newcomers := s.FirstLogins(clients.Crowd{
				Name: "newcomers", Clients: 4, Users: cold[i*len(cold)/2 : (i+1)*len(cold)/2],
				From:   []string{"203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"},
				Scopes: clients.Scopes(20), // a registry looks at the access of some
			})
			groups, err := b.load(ctx, attack.Plan{
				WarmUp: since, Groups: []attack.Group{newcomers, guesses},
			})
			if err != nil {
				return nil, err
			}
			joined[i] = groups[0]
		}
		return judgeFlood(quiet, flooded, joined), nil
	})
}

func judgeFlood(quiet, flooded []attack.GroupReport, joined [2]attack.GroupReport) []check {
	before := quiet[0].Rate + quiet[1].Rate
	logins, pulls, guesses := &flooded[0], &flooded[1], &flooded[2]
	kept := atLeast("rate of others, as a part of that when it is quiet",
		(logins.Rate+pulls.Rate)/max(before, 1), 0.8)
	kept.Unit = ""
	return []check{
		within("p99 of those who have logged in", p99(logins), 20*time.Millisecond).
			noted("%v when it is quiet", attack.Short(p99(&quiet[0]))),
		within("p99 of anonymous pulls", p99(pulls), 20*time.Millisecond).
			noted("%v when it is quiet", attack.Short(p99(&quiet[1]))),
		kept.noted("%.0f/s", before),
		never("of their requests without a token", logins.Failed()+pulls.Failed()),
		within("p99 of the answers to guesses", p99(guesses), guessWait).
			noted("p50 %v; they are %v", attack.Short(guesses.P50), guesses.Statuses),
		never("guesses without an answer, or with a wrong one", guesses.Wrong+guesses.Unanswered),
		firstLogins("first logins from elsewhere, at the beginning of the flood", joined[0]),
		firstLogins("first logins from elsewhere, later in the flood", joined[1]),
	}
}

// firstLogins is the rate while newcomers asked: guesses that were made then are answered later.
func firstLogins(what string, g attack.GroupReport) check {
	return atLeast(what, g.Rate*float64(g.Tokens)/float64(max(g.Requests, 1)), 5).
		noted("from 4 addresses; %d were refused", g.Failed())
}
