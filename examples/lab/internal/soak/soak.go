// Package soak asks examples/server at full rate, judges each answer and looks whether it grows.
package soak

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
	"github.com/berthpass/registry-auth/examples/lab/internal/clients"
	"github.com/berthpass/registry-auth/examples/lab/internal/show"
	"github.com/berthpass/registry-auth/examples/lab/internal/target"
)

// Options are what the command line says.
type Options struct {
	duration       time.Duration
	clients, users int
	output         show.Output
}

// Parse reads the command line.
func Parse(flags *flag.FlagSet, args []string) (*Options, error) {
	o := &Options{}
	flags.DurationVar(&o.duration, "for", time.Minute, "how long; the first quarter is the warm-up")
	flags.IntVar(&o.clients, "clients", 32, "how many clients ask at once")
	flags.IntVar(&o.users, "users", 200, "how many users there are")
	o.output.Flags(flags)
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case flags.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.duration < time.Second || o.duration > 24*time.Hour:
		return nil, errors.New("-for is between 1s and 24h")
	case o.clients < 1 || o.clients > 1000:
		return nil, errors.New("-clients is between 1 and 1000")
	case o.users < 1 || o.users > 2000:
		return nil, errors.New("-users is between 1 and 2000")
	}
	return o, o.output.Check()
}

// Run soaks the server. It reports whether all answers are right and nothing has grown.
func Run(ctx context.Context, o *Options, stdout, stderr io.Writer) (well bool, err error) {
	r, users := &result{}, newUsers(o.users)
	config := target.Config{Users: users, HashCost: target.CheapHash, Rules: rules}
	err = target.Run(ctx, config, func(s *target.Server) error {
		return o.soak(ctx, s, users, r, stderr)
	})
	if err != nil {
		return false, err
	}
	return o.tell(r, stdout)
}

// soak lets the users log in, and the clients ask: first to warm up, and then for the rest of the
// time. Between the two and at the end nobody asks, so that what the server uses can be compared.
func (o *Options) soak(
	ctx context.Context, s *target.Server, users []clients.User, r *result, stderr io.Writer,
) (err error) {
	if r.Idle, err = s.Usage(ctx); err != nil {
		return err
	}
	a := &asker{
		endpoint: &s.Endpoint, users: users, table: oracle(),
		addresses: clients.Addresses(o.clients), verify: s.VerifyAs,
	}
	a.refreshTokens, err = s.LogIn(ctx, clients.Crowd{Users: users, Clients: o.clients}, true)
	if err != nil {
		return err
	}
	plan := attack.Plan{Groups: o.groups(s, a), Counters: new(attack.Counters)}
	defer show.Progress(stderr, plan.Counters, func() string {
		return "server: " + s.Latest().String()
	})()
	measuring := context.WithoutCancel(ctx) // an interrupted soak is judged too
	plan.Duration = o.duration / 4
	r.WarmUp = attack.Run(ctx, plan)
	if r.Warm, err = s.Settled(measuring, r.Idle); err != nil {
		return err
	}
	plan.Duration = o.duration - plan.Duration
	r.Report = attack.Run(ctx, plan)
	r.End, err = s.Settled(measuring, r.Idle)
	r.Verified, r.Server = s.Verified.Load(), s.Samples()
	return err
}

// groups are the clients that ask, and some that guess passwords now and then.
func (o *Options) groups(s *target.Server, a *asker) []attack.Group {
	guesses := s.Guesses(clients.Crowd{
		Name: "guesses", Clients: 8, Rate: 4, Users: a.users,
		From: []string{"192.0.2.1", "192.0.2.2"},
	})
	guesses.Judge = func(_ int, answer attack.Answer) error { return judgeGuess(answer) }
	return []attack.Group{
		{Name: "tokens", Clients: o.clients, Write: a.write, Judge: a.judge}, guesses,
	}
}
